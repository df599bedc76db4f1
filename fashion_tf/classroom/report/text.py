"""Values and foreign texts as a page shows them."""

import json
import re
from datetime import UTC, datetime

NONE = "–"


def format_value(value):
    """A recorded value as the report shows it: 0.913, 70,000, yes, or text on one line; a dict as
    its entries, "L1: 0.730; L2: 0.800"."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return tidy(f"{value:,}".replace("-", "−"), 60)
    if isinstance(value, float):
        fits = value == 0 or 0.0005 <= abs(value) < 1e9  # else it reads 0.000, or has no end
        return (f"{value or 0.0:,.3f}" if fits else f"{value:.3g}").replace("-", "−")  # -0.0 has no sign
    if isinstance(value, dict) and not any(isinstance(entry, (dict, list)) for entry in value.values()):
        return tidy("; ".join(f"{key}: {format_value(entry)}" for key, entry in value.items()), 400)
    return tidy(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 200)


def tidy(text, limit=500):
    """One line of printable text, at most `limit` characters long."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", str(text)[:20 * limit])  # a terminal's colours
    # Half a surrogate pair cannot be written as UTF-8; a direction mark turns what follows around.
    text = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return text if len(text) <= limit else text[:limit - 1] + "…"


def is_number(value):
    """Whether it is a number that can be compared with another: no truth value, and not without end."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def difference(here, paper):
    """One number less another with its sign: +0.034, −0.050, 0.000."""
    found = here - paper
    if isinstance(found, float):
        found = round(found, 3)  # 0.1 + 0.2 - 0.3 is no difference
    return ("+" if found > 0 else "") + format_value(found or abs(found))


def duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if minutes else f"{seconds:.1f} s"


def moment(text):
    """A time from ISO 8601; None where it is no such text. One that names no zone is of UTC, as runs write theirs:
    the reader's own zone would tell another story on another machine."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None


def several(names, word="lesson"):
    """lesson 11; lessons 11, 12"""
    return f"{word}{'' if len(names) == 1 else 's'} {', '.join(names)}"
