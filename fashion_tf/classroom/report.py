"""The reproduction report: what the papers say beside what a run measured, as Markdown and HTML.

Reads results.json and the executed notebooks as JSON: runs nothing, needs no TensorFlow. Both may
come from anybody, so all their text is data that is tidied and escaped, and only what is a PNG
picture is shown as one.
"""

import base64
import html
import json
import os
import re
import struct
from datetime import UTC, datetime
from pathlib import Path

from fashion_tf.classroom.course import PROFILES
from fashion_tf.classroom.notebooks import KEY_FIGURE_TAG, cell_tags, read_notebook
from fashion_tf.classroom.results import FAILED, NOT_RUN, PASSED, RESULTS, read_results
from fashion_tf.errors import RecordError, RunError
from fashion_tf.files import json_value, write_atomically
from fashion_tf.terminal import count_of

MARKDOWN, PAGE, FIGURES = "report.md", "report.html", "figures"
# A figure at Colab's width has some 50 kilobytes; these bounds keep the page one that opens.
MAXIMUM_FIGURE_BYTES = 5 * 1024 * 1024
MAXIMUM_FIGURE_SIDE = 10_000  # pixels: a small file can hold a picture that fills the memory
MAXIMUM_FIGURES = 20  # of one lesson
MAXIMUM_REPORT_BYTES = 10 * 1024 * 1024

TITLE = "What the papers say, and what this run measured"
SAMPLE_MEANS = "these figures show that the code runs, not that the paper is right"
NONE = "–"


def write_report(folder, course):
    """Writes report.md (with figures/ beside it) and report.html into a run's folder.

    Args:
        folder: A folder that `fashion_tf.classroom.runner.run_course` wrote.
        course: The `fashion_tf.classroom.course.Course` that it ran.

    Returns:
        (path of report.md, path of report.html). The page is self-contained.

    Raises:
        RunError: results.json is absent or damaged (names the field), a file cannot be written, or it
            would replace one that no report wrote. Links are refused.
        RecordError: A value in results.json cannot be a record (names the record).
    """
    folder = Path(folder)
    report = _build(folder, course)
    markdown, page = _as_markdown(report), _as_html(report)
    figures = {figure["file"]: figure["png"]
               for lesson in report["lessons"] for figure in lesson["figures"]}
    old = _figures_of_earlier_report(folder)
    _refuse_what_is_not_ours(folder, figures.keys() - old)
    try:
        if figures:
            (folder / FIGURES).mkdir(exist_ok=True)
        for name, png in figures.items():
            write_atomically(folder / name, png)
        write_atomically(folder / MARKDOWN, markdown)
        write_atomically(folder / PAGE, page)
        for name in old - figures.keys():
            if not (folder / name).is_symlink():
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: the report cannot be written: {error.strerror}.") from None
    return folder / MARKDOWN, folder / PAGE


def _figures_of_earlier_report(folder):
    """The figures that the report.md there shows: those that a report wrote, and no other file."""
    if (folder / MARKDOWN).is_symlink() or not (folder / MARKDOWN).is_file():
        return set()
    text = (folder / MARKDOWN).read_bytes()[:MAXIMUM_REPORT_BYTES].decode("utf-8", "replace")
    found = re.findall(rf"^!\[[^\n]*\]\(({FIGURES}/\d\d-\d+\.png)\)$", text, re.MULTILINE)
    return set(found) if text.startswith(f"# {TITLE}\n") else set()


def _refuse_what_is_not_ours(folder, new_figures):
    """A report replaces an earlier report, and nothing else."""
    def refuse(path, what):
        raise RunError(f"{path}: {what}, which no report wrote; remove it or report on another folder.")

    for name in (FIGURES, MARKDOWN, PAGE):
        if (folder / name).is_symlink():
            refuse(folder / name, "a link")
    if (folder / FIGURES).exists() and not (folder / FIGURES).is_dir():
        refuse(folder / FIGURES, "a file")
    for name, mark in ((MARKDOWN, f"# {TITLE}\n"), (PAGE, f"<title>{TITLE}</title>")):
        path = folder / name
        if path.exists():
            if not path.is_file():
                refuse(path, "a folder")
            with path.open("rb") as file:
                if mark not in file.read(4096).decode("utf-8", "replace"):
                    refuse(path, "a file")
    for name in new_figures:
        if os.path.lexists(folder / name):
            refuse(folder / name, "a file")


def format_value(value):
    """A recorded value as the report shows it: 0.913, 70,000, yes, or text on one line; a dict as
    its entries, "L1: 0.730; L2: 0.800"."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return tidy(f"{value:,}".replace("-", "−"), 60)
    if isinstance(value, float):
        fits = value == 0 or 0.0005 <= abs(value) < 1e9  # else it reads 0.000, or has no end
        return (f"{value:,.3f}" if fits else f"{value:.3g}").replace("-", "−")
    if isinstance(value, dict) and not any(isinstance(entry, (dict, list)) for entry in value.values()):
        return tidy("; ".join(f"{key}: {format_value(entry)}" for key, entry in value.items()), 400)
    return tidy(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 200)


# --- what stands in the report, in words -------------------------------------------------------


def _build(folder, course):
    """The report as plain lists, dicts and texts, which both formats show in the same words.

    A table is ``{"columns": [(name, kind)], "rows": [[text]]}``; the kind (text, number or verdict)
    says how a column looks.
    """
    content, results = _read(folder, course)
    results = {result.lesson: result for result in results}
    drawn = {name for name, result in results.items() if result.status != NOT_RUN
             and str(result.parameters.get("DATA", content["data"])).partition(":")[0] == "sample"}
    taught = {lesson.paper for lesson in course.lessons}
    return {
        "title": TITLE,
        "headline": _headline(results.values()),
        "facts": _facts(content, results.values(), course),
        "note": _sample_note(drawn, results),
        "papers": [_paper(paper, name, course, results, drawn)
                   for name, paper in course.papers.items() if name in taught],
        "not_yet": [tidy(paper["title"]) for name, paper in course.papers.items()
                    if name not in taught],
        "lessons": [_lesson(course.lesson(name), result, content["profile"], name in drawn, folder)
                    for name, result in results.items()],
    }


def _headline(results):
    counts = {status: sum(result.status == status for result in results)
              for status in (PASSED, FAILED, NOT_RUN)}
    others = [f"{counts[status]} {word}" for status, word in ((FAILED, "failed"),
                                                              (NOT_RUN, "did not run"))
              if counts[status]]
    return f"{counts[PASSED]} of {count_of(len(results), 'lesson')} passed" + "".join(f"; {o}" for o in others)


def _facts(content, results, course):
    machine = content["machine"]
    found = {}  # package -> its versions; more than one where a run was resumed after an upgrade
    for result in results:
        for entry in result.records.values():
            for package, version in entry.get("versions", {}).items():
                found.setdefault(tidy(package, 60), {})[tidy(version, 60)] = None
    found.setdefault("fashion_tf", {})[tidy(content["fashion_tf"], 60)] = None
    versions = [f"Python {tidy(machine.get('python', 'unknown'), 60)}"]
    versions += [f"{package} {' and '.join(each)}" for package, each in found.items()]
    data = dict.fromkeys(_data_in_words(result.parameters.get("DATA", content["data"])) for result in results
                         if result.status != NOT_RUN) or [_data_in_words(content["data"])]
    return [
        ("Profile", content["profile"]),
        ("Data", "; ".join(data)),
        ("Lessons", f"{len(results)} of the {len(course.lessons)} in the course"),
        ("When", f"{_utc(content['started'])}, {_duration(content['seconds'])}"),
        ("Machine", tidy(f"{machine.get('system', 'unknown system')}, "
                          f"{machine.get('cores', 'unknown number of')} cores")),
        ("Versions", ", ".join(versions)),
    ]


def _data_in_words(name):
    if name in (None, "sample"):
        return "sample (drawn)" if name else "no folder given"
    return f"folder {tidy(name).rstrip('/')}"


def _sample_note(drawn, results):
    if not drawn:
        return None
    ran = {name for name, result in results.items() if result.status != NOT_RUN}
    where = "" if drawn == ran else f" in {_lessons_in_words(sorted(drawn))}"
    return f"Sample data{where}: {SAMPLE_MEANS}."


def _lessons_in_words(names):
    return f"lesson{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _paper(paper, name, course, results, drawn):
    lessons = [lesson for lesson in course.lessons if lesson.paper == name]
    left_out = [lesson.id for lesson in lessons if lesson.id not in results]
    return {
        "title": tidy(paper["title"]),
        "authors": tidy(paper.get("authors", "")),
        "tables": [_paper_table(table, lesson, results[lesson.id], lesson.id in drawn)
                   for lesson in lessons if lesson.id in results for table in lesson.tables],
        "left_out": f"Not in this run: {_lessons_in_words(left_out)}." if left_out else None,
    }


def _paper_table(table, lesson, result, drawn):
    rows = []
    for row in table.rows:
        paper = "not reported" if row.paper is None else format_value(row.paper)
        try:
            value = row.value_among({name: entry["value"] for name, entry in result.records.items()})
            here = _recorded(result, value)
            difference = NONE if row.paper is None else _difference(value, row.paper)
        except KeyError:
            here, difference = _not_recorded(result), NONE
        baseline = lesson.records[row.record].baseline
        rows.append([tidy(row.row), paper, here, difference,
                     NONE if baseline is None else format_value(baseline)])
    return {"title": tidy(table.title),
            "source": f"In the paper: {tidy(table.where)}. Here: lesson {lesson.id}, "
                      f"{tidy(lesson.title)}.",
            "columns": [("row", "text"), ("paper", "number"),
                        ("here (sample data)" if drawn else "here", "number"),
                        ("here − paper", "number"), ("naive baseline", "number")],
            "rows": rows}


def _recorded(result, value):
    return format_value(value) + (" (the lesson failed)" if result.status == FAILED else "")


def _not_recorded(result):
    return {PASSED: "not recorded", FAILED: "not recorded: the lesson failed",
            NOT_RUN: "lesson not run"}[result.status]


def _difference(here, paper):
    if not _is_number(here):
        return NONE
    difference = here - paper
    if isinstance(difference, float):
        difference = round(difference, 3)  # 0.1 + 0.2 - 0.3 is no difference
    return ("+" if difference > 0 else "") + format_value(difference or abs(difference))


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def _lesson(lesson, result, profile, drawn, folder):
    names = list(lesson.records) + [name for name in result.records if name not in lesson.records]
    figures, notes = _key_figures(folder, result)
    words = [] if result.status == NOT_RUN else [_duration(result.seconds)]
    words += ["on sample data"] if drawn else []
    return {
        "id": lesson.id,
        "title": tidy(lesson.title),
        "status": result.status,
        "summary": ", ".join(words),
        "reasons": [tidy(reason) for reason in result.reasons],
        "columns": [("record", "text"), ("meaning", "text"), ("value", "number"),
                    ("naive baseline", "number"), (f"floor ({profile})", "number"),
                    ("floor met", "verdict")],
        "rows": [_record_row(name, lesson.records.get(name), result, profile) for name in names],
        "figures": figures,
        "notes": [tidy(note) for note in notes],
    }


def _record_row(name, promise, result, profile):
    value = result.records[name]["value"] if name in result.records else None
    baseline, floor = (promise.baseline, promise.floors.get(profile)) if promise else (None, None)
    if floor is None or name not in result.records:
        met = NONE
    else:
        met = "met" if _is_number(value) and value >= floor else "missed"
    return [tidy(name, 100), tidy(promise.meaning) if promise else "not promised in course.yml",
            format_value(value) if name in result.records else _not_recorded(result),
            *(NONE if bound is None else format_value(bound) for bound in (baseline, floor)), met]


def _duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if minutes else f"{seconds:.1f} s"


def tidy(text, limit=500):
    """One line of printable text, at most `limit` characters long."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", str(text)[:20 * limit])  # a terminal's colours
    # Half a surrogate pair cannot be written as UTF-8; a direction mark turns what follows around.
    text = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return text if len(text) <= limit else text[:limit - 1] + "…"


# --- results.json ------------------------------------------------------------------------------


def _read(folder, course):
    """results.json, with each field that the report shows checked."""
    path = folder / RESULTS
    try:
        content, results = read_results(folder)
        _check_fields(content, results, path, [lesson.id for lesson in course.lessons])
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}.") from None
    except RecursionError:
        raise RunError(f"{path}: damaged (nested too deeply).") from None
    return content, results


def _check_fields(content, results, path, known):
    def check(good, field, value, expected):
        if not good:
            raise RunError(f"{path}: {field} is {tidy(repr(value), 100)}; expected {expected}. "
                           "Run the lessons again without --resume.")

    def is_duration(value):
        return _is_number(value) and value >= 0

    for field in ("fashion_tf", "profile", "started", "seconds", "machine", "data"):
        if field not in content:
            raise RunError(f"{path}: the field {field!r} is missing. Run the lessons again.")
    check(content["profile"] in PROFILES, "profile", content["profile"], ", ".join(PROFILES))
    for field in ("fashion_tf", "started"):
        check(isinstance(content[field], str), field, content[field], "text")
    check(isinstance(content["data"], (str, type(None))), "data", content["data"], "text")
    check(is_duration(content["seconds"]), "seconds", content["seconds"], "seconds")
    check(isinstance(content["machine"], dict), "machine", content["machine"], "named fields")
    check(_utc(content["started"]) is not None, "started", content["started"], "a date and time")

    seen = set()
    for number, result in enumerate(results, 1):
        here = f"lesson {number} of the list: "
        check(result.lesson in known, here + "lesson", result.lesson,
              f"one of course.yml's, {', '.join(known)}")
        check(result.lesson not in seen, here + "lesson", result.lesson, "each lesson once")
        seen.add(result.lesson)
        here = f"lesson {result.lesson}: "
        check(result.status in (PASSED, FAILED, NOT_RUN), here + "status", result.status,
              f"{PASSED}, {FAILED} or {NOT_RUN}")
        check(isinstance(result.reasons, list) and all(isinstance(r, str) for r in result.reasons),
              here + "reasons", result.reasons, "a list of texts")
        check(is_duration(result.seconds), here + "seconds", result.seconds, "seconds")
        check(isinstance(result.parameters, dict), here + "parameters", result.parameters,
              "named fields")
        # A name alone, no path: the report reads nothing outside the run's folder.
        check(result.executed is None or (isinstance(result.executed, str) and re.fullmatch(
            r"\w[\w.-]*\.ipynb", result.executed)), here + "executed", result.executed,
            "an .ipynb file's name")
        check(isinstance(result.records, dict), here + "records", result.records, "named records")
        for name, entry in result.records.items():
            field = f"{here}record {tidy(name, 100)}"
            check(isinstance(entry, dict) and "value" in entry, field, entry, "a value")
            check(isinstance(entry.get("versions", {}), dict), f"{field}: versions",
                  entry.get("versions"), "named versions")
            try:
                json_value(entry["value"])
            except ValueError as error:
                raise RecordError(f"{path}: lesson {result.lesson}: record {tidy(name, 100)}: "
                                  f"{tidy(error)}") from None


def _utc(text):
    """2026-11-20 10:00 UTC, from ISO 8601; None where it is no such text."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return None


# --- key figures -------------------------------------------------------------------------------


def _key_figures(folder, result):
    """The key figures of a lesson's executed notebook, and notes on those that cannot be shown."""
    if result.executed is None:
        return [], [] if result.status == NOT_RUN else ["No key figures: no executed notebook."]
    path = folder / result.executed
    try:
        notebook = read_notebook(path, links=False)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return [], [f"No key figures: {result.executed} cannot be read ({reason})."]
    figures, notes, heading = [], [], None
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "markdown":
            heading = _last_heading(cell["source"]) or heading
            continue
        if KEY_FIGURE_TAG not in cell_tags(cell):
            continue
        pictures = list(_pictures(cell))
        if not pictures:
            notes.append(f"Cell {number} is a key figure and shows no picture.")
        for picture in pictures:
            try:
                if len(figures) == MAXIMUM_FIGURES:
                    raise ValueError(f"a report shows {MAXIMUM_FIGURES} of a lesson at most")
                png, width, height = _decode_png(picture)
            except ValueError as error:
                notes.append(f"A key figure of cell {number} is left out: {error}.")
                continue
            place = len(figures) + 1
            caption = heading or f"Figure {place}"
            figures.append({"file": f"{FIGURES}/{result.lesson}-{place}.png", "png": png,
                            "width": width, "height": height, "caption": caption,
                            "alt": f"Key figure {place} of lesson {result.lesson}: {caption}"})
    return figures, notes


def _last_heading(source):
    heading, fenced = None, False
    for line in source.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and re.match(r" {0,3}#{1,6}[ \t]", line):
            heading = tidy(re.sub(r"[*`]", "", line.strip().strip("#")), 200) or heading
    return heading


def _pictures(cell):
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        data = output.get("data") if isinstance(output, dict) else None
        if isinstance(data, dict) and "image/png" in data:
            yield data["image/png"]


def _decode_png(text):
    """A notebook's image/png text as (bytes, width, height). ValueError: it is no such picture."""
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        text = "".join(text)
    if not isinstance(text, str):
        raise ValueError("it is not text in base64")
    if len(text) > 1.5 * MAXIMUM_FIGURE_BYTES:
        raise ValueError(f"it is larger than {MAXIMUM_FIGURE_BYTES:,} bytes")
    try:
        png = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise ValueError("it is not valid base64") from None
    if len(png) > MAXIMUM_FIGURE_BYTES:
        raise ValueError(f"it is larger than {MAXIMUM_FIGURE_BYTES:,} bytes")
    if not png.startswith(b"\x89PNG\r\n\x1a\n") or png[12:16] != b"IHDR" or len(png) < 45:
        raise ValueError("it is not a PNG picture")
    if png[-8:-4] != b"IEND":
        raise ValueError("the PNG picture is cut off")
    width, height = struct.unpack(">II", png[16:24])
    if not (0 < width <= MAXIMUM_FIGURE_SIDE and 0 < height <= MAXIMUM_FIGURE_SIDE):
        raise ValueError(f"it has {width:,} x {height:,} pixels")
    return png, width, height


# --- the two formats ---------------------------------------------------------------------------


def _as_html(report):
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True,
                              undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["base64"] = lambda png: base64.b64encode(png).decode("ascii")
    return environment.get_template("report.html.j2").render(report)


def _as_markdown(report):
    text = _markdown_text
    blocks = [f"# {text(report['title'])}", f"**{text(report['headline'])}.**"]
    blocks += [text(report["note"])] if report["note"] else []
    blocks += ["\n".join(f"- {text(name)}: {text(fact)}" for name, fact in report["facts"])]
    blocks += ["## Paper and here"]
    for paper in report["papers"]:
        blocks += [f"### {text(paper['title'])}"]
        blocks += [text(paper["authors"])] if paper["authors"] else []
        for table in paper["tables"]:
            blocks += [f"#### {text(table['title'])}", text(table["source"])]
            blocks += [_markdown_table(table)]
        blocks += [text(paper["left_out"])] if paper["left_out"] else []
    if report["not_yet"]:
        blocks += [f"Not reproduced yet: {text('; '.join(report['not_yet']))}."]
    blocks += ["## Lessons"]
    for lesson in report["lessons"]:
        blocks += [f"### {lesson['id']} · {text(lesson['title'])}"]
        blocks += [", ".join(filter(None, [f"**{lesson['status']}**", lesson["summary"]]))]
        if lesson["reasons"]:
            blocks += ["\n".join(f"- {text(reason)}" for reason in lesson["reasons"])]
        blocks += [_markdown_table(lesson)]
        for figure in lesson["figures"]:
            blocks += [f"{text(figure['caption'])}", f"![{text(figure['alt'])}]({figure['file']})"]
        blocks += [text(note) for note in lesson["notes"]]
    return "\n\n".join(blocks) + "\n"


def _markdown_table(table):
    rules = {"text": "---", "number": "---:", "verdict": "---"}
    lines = [[_markdown_text(name) for name, _ in table["columns"]],
             [rules[kind] for _, kind in table["columns"]],
             *([_markdown_text(cell) for cell in row] for row in table["rows"])]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _markdown_text(text):
    """Text that Markdown shows as it is: no markup, no HTML, no end of a table's cell, and nothing that
    becomes a link or calls somebody by name where it is published (a space without width prevents it)."""
    text = html.escape(text, quote=False)
    text = re.sub(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))", r"\\\1", text)
    text = re.sub(r"@|#(?=\d)|:(?=/)|\b[wW]{3}\.|(?i:mailto|xmpp):", r"\g<0>&#8203;", text)
    return re.sub(r"\A([-+#])(?!\d)", r"\\\1", text)
