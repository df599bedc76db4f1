"""How alike the students' own code is, for a person to judge; and what is equal that no two runs share.

The lesson's lines are taken away first. There is no threshold: each pair is shown where it lies among all
pairs of the class. Likeness is the share of the shorter one's runs of five tokens that the other has too, with
names and numbers kept (Schleimer, Wilkerson and Aiken 2003, "Winnowing", call such runs k-grams).
"""

import html
import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

RUN = 5  # tokens
FEWEST = 30  # runs of tokens: with less of their own there is nothing to compare
SHOWN_PAIRS = 12
MEASURED = re.compile(r"(^|_)(second|seconds|minutes|time|per_second|a_second)(_|$)")


@dataclass
class Pair:
    """Two students in one lesson. `above`: the share of the class's pairs that are less alike."""

    one: object
    two: object
    likeness: float
    above: float = 0.0
    sides: list = field(default_factory=list)


@dataclass
class Copies:
    """For each lesson: all likenesses, the pairs most alike, and the facts."""

    lesson: str
    likenesses: list
    pairs: list
    facts: list
    compared: int


def find_copies(rows):
    """Compares every two students of each lesson.

    Args:
        rows: The class's `Row`s.

    Returns:
        A list of `Copies`, one for each lesson that two students handed in.
    """
    found = []
    for lesson in sorted({row.lesson for row in rows if row.lesson}):
        graded = [row for row in rows if row.lesson == lesson and row.grade and row.items]
        if len(graded) > 1:
            found.append(_compare(lesson, graded))
    return found


def _compare(lesson, rows):
    grams = [_grams(row.grade.own_code) for row in rows]
    with_own = [number for number, own in enumerate(grams) if len(own) >= FEWEST]
    holders = defaultdict(list)
    for number in with_own:
        for gram in grams[number]:
            holders[gram].append(number)
    shared = defaultdict(int)
    for numbers in holders.values():
        if len(numbers) > max(4, len(with_own) / 2):
            continue  # most of the class has it: a hint of the teacher's, not of each other
        for place, one in enumerate(numbers):
            for two in numbers[place + 1:]:
                shared[one, two] += 1
    pairs = [Pair(rows[one], rows[two], shared.get((one, two), 0) / min(len(grams[one]), len(grams[two])))
             for place, one in enumerate(with_own) for two in with_own[place + 1:]]
    pairs.sort(key=lambda pair: -pair.likeness)
    ascending = [pair.likeness for pair in reversed(pairs)]
    for pair in pairs[:SHOWN_PAIRS]:
        pair.above = bisect_left(ascending, pair.likeness) / len(pairs)
    likenesses = [pair.likeness for pair in pairs]
    top = [pair for pair in pairs[:SHOWN_PAIRS] if pair.likeness > 0]
    for pair in top:
        pair.sides = side_by_side(pair.one.grade.own_code, pair.two.grade.own_code)
    return Copies(lesson, likenesses, top, _facts(rows), len(with_own))


def _grams(own_code):
    tokens = re.findall(r"\w+|[^\w\s]", re.sub(r"#[^\n]*", "", "\n".join(text for _, text in own_code)))
    return {hash(tuple(tokens[place:place + RUN])) for place in range(len(tokens) - RUN + 1)}


def side_by_side(one, two):
    """Both students' own lines, each as (text, whether the other has it too), as two lists."""
    lines = [[line for _, text in own for line in text.splitlines()][:120] for own in (one, two)]
    plain = [{" ".join(line.split()) for line in side} for side in lines]
    return [[(line, " ".join(line.split()) in other) for line in side]
            for side, other in zip(lines, reversed(plain))]


def _facts(rows):
    """Sentences: the same file, another's id, equal measured times, cells run at the same moment."""
    same = _groups(rows, lambda grade: grade.content)
    facts = [f"{_listed(group)} handed in the same file, byte for byte." for group in same if len(group) > 1]
    facts += [f"{row.name}'s notebook carries the id of {row.grade.owner}." for row in rows
              if row.grade.owner and row.grade.owner != row.student]
    different = [group[0] for group in same]  # of one file, all else is equal too
    for key, what in ((lambda grade: tuple(grade.times) if len(grade.times) > 3 else None,
                       "ran cells at the same moments"),
                      (_measured, "recorded equal times, which no two runs share")):
        facts += [f"{_listed(group)} {what}." for group in _groups(different, key) if len(group) > 1]
    facts += [f"{_listed(group)} recorded equal results to the last digit; so do two honest runs on machines of one "
              "kind with one seed." for group in _groups(different, _exact) if 1 < len(group) <= len(rows) / 2]
    return facts


def _groups(rows, key):
    """Lists of rows for whose grades `key` gives the same; those for which it gives nothing are left out."""
    groups = defaultdict(list)
    for row in rows:
        if value := key(row.grade):
            groups[value].append(row)
    return list(groups.values())


def _measured(grade):
    """The times that a notebook recorded, of so many digits that chance makes no two equal."""
    return tuple(sorted((name, value) for name, value in grade.records
                        if MEASURED.search(name) and re.search(r"\d\.\d{3}", value)))


def _exact(grade):
    return tuple(sorted((name, value) for name, value in grade.records
                        if not MEASURED.search(name) and re.search(r"\d\.\d{5}", value)))


def _listed(rows):
    names = list(dict.fromkeys(row.name for row in rows))
    return f"{', '.join(names[:8])}{' and others' if len(names) > 8 else ''}"


def histogram(values, low=0.0, high=1.0, bins=20, label=""):
    """An SVG histogram with its numbers as text, without a script."""
    counts = [0] * bins
    for value in values:
        counts[max(0, min(bins - 1, int((value - low) / (high - low) * bins)))] += 1
    most = max(counts) or 1
    bars = "".join(f'<rect x="{place * 20 + 1}" y="{100 - 96 * count / most:.1f}" width="18" '
                   f'height="{96 * count / most:.1f}"><title>{low + place * (high - low) / bins:.3g} to '
                   f'{low + (place + 1) * (high - low) / bins:.3g}: {count}</title></rect>'
                   for place, count in enumerate(counts))
    described = html.escape(f"{label}: " + ", ".join(
        f"{low + place * (high - low) / bins:.3g} to {low + (place + 1) * (high - low) / bins:.3g}: {count}"
        for place, count in enumerate(counts) if count))
    return (f'<svg viewBox="0 0 {bins * 20} 122" role="img" aria-label="{described}">{bars}'
            f'<line x1="0" y1="100" x2="{bins * 20}" y2="100"/><text x="0" y="118">{low:.4g}</text>'
            f'<text x="{bins * 10}" y="118" text-anchor="middle">{html.escape(label)}</text>'
            f'<text x="{bins * 20}" y="118" text-anchor="end">{high:.4g}</text></svg>')
