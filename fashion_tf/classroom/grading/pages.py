"""The class as one page, and a page for each student that can be handed back. No scripts, nothing loaded from
anywhere; all text of a submission is tidied and escaped."""

import hashlib
import re
from collections import Counter
from pathlib import Path

from fashion_tf.classroom.exercises import NOT_ATTEMPTED
from fashion_tf.classroom.grading.copies import histogram
from fashion_tf.classroom.grading.items import ALTERED, FAIL, MISSING, NOT_RUN, OUTCOMES, PASS
from fashion_tf.classroom.report import tidy
from fashion_tf.files import write_atomically

PAGE, STUDENTS = "class.html", "students"
SIGNS = {PASS: "✓", FAIL: "✗", NOT_ATTEMPTED: "○", NOT_RUN: "◌", ALTERED: "≠", MISSING: "–"}
WRONG_ANSWERS = 8  # of an exercise


def write_pages(out, rows, rules, copies, course, notes):
    """Writes class.html and students/*.html.

    Args:
        out: The folder of grades.
        rows: The class's `Row`s.
        rules: The `Rubric`.
        copies: What `find_copies` returned.
        course: The `Course`.
        notes: Sentences on what was passed over.
    """
    environment = _environment()
    (out / STUDENTS).mkdir(exist_ok=True)
    files = {row.student: _file_name(row) for row in rows}
    titles = {lesson.id: lesson.title for lesson in course.lessons}
    page = environment.get_template("class.html.j2").render(
        lessons=[_lesson(lesson, titles, rows, rules, copies) for lesson in sorted(
            {row.lesson for row in rows if row.lesson})],
        rows=rows, files=files, problems=[row for row in rows if row.problem], notes=notes, signs=SIGNS,
        students=len(files), outcomes=OUTCOMES)
    write_atomically(out / PAGE, page.encode("utf-8", "replace"))
    template = environment.get_template("student.html.j2")
    for student, name in files.items():
        own = [row for row in rows if row.student == student]
        text = template.render(name=own[0].name, rows=own, titles=titles, signs=SIGNS)
        write_atomically(out / STUDENTS / name, text.encode("utf-8", "replace"))
    for old in (out / STUDENTS).glob("*.html"):
        if old.name not in files.values():
            old.unlink()


def _environment():
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = Path(__file__).parent
    environment = Environment(loader=FileSystemLoader([here, here.parent]), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value: f"{value:.4g}"
    environment.filters["tidy"] = tidy
    environment.filters["code"] = _code
    return environment


def _file_name(row):
    plain = re.sub(r"[^a-z0-9]+", "-", row.name.lower()).strip("-")[:40] or "student"
    return f"{plain}-{hashlib.sha256(row.student.encode('utf-8', 'replace')).hexdigest()[:8]}.html"


def _code(line):
    """A line of code with its blanks, and nothing that does not print."""
    return "".join(letter if letter.isprintable() else " " for letter in line.expandtabs(4))[:300]


def _lesson(lesson, titles, rows, rules, copies):
    own = [row for row in rows if row.lesson == lesson]
    graded = [row for row in own if row.items]
    checks = []
    for rule in rules.lessons[lesson].rules:
        items = [item for row in graded for item in row.items if item["name"] == rule.name]
        counts = Counter(item["outcome"] for item in items)
        checks.append({"name": rule.name, "title": rule.title, "counts": counts,
                       "rate": counts[PASS] / len(items) if items else 0.0, "of": len(items)})
    alike = next((one for one in copies if one.lesson == lesson), None)
    return {
        "id": lesson, "title": titles[lesson], "rows": own, "graded": len(graded), "checks": checks,
        "names": [rule.name for rule in rules.lessons[lesson].rules],
        "points": histogram([row.percent for row in graded], 0, 100, 20, "per cent of the points"),
        "results": [{"name": rule.name, "picture": histogram(values, *_range(values), label=rule.name)}
                    for rule in rules.lessons[lesson].rules if rule.kind == "record"
                    and len(values := _values(graded, rule.name)) > 1],
        "wrong": [wrong for rule in rules.lessons[lesson].rules if rule.kind == "exercise"
                  if (wrong := _wrong(graded, rule))],
        "copies": alike,
        "likeness": histogram(alike.likenesses, label="share in common") if alike and alike.likenesses else None,
    }


def _values(rows, name):
    found = []
    for row in rows:
        for record, text in row.grade.records:
            if record == name and re.fullmatch(r"-?\d{1,12}(\.\d+)?(e-\d+)?", text):
                found.append(float(text))
    return found


def _range(values):
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _wrong(rows, rule):
    """The commonest wrong answers to an exercise: what was said of them, how often, and some of them as given."""
    groups = {}
    for row in rows:
        for item in row.items:
            if item["name"] == rule.name and item["outcome"] == FAIL and item["answer"]:
                # What is said names numbers of the student's own; without them it is the same mistake.
                kind = re.sub(r"-?\d+(\.\d+)?%?", "…", item["reason"])
                groups.setdefault(kind, []).append((item["answer"], item["reason"], row.name))
    most = sorted(groups.values(), key=len, reverse=True)[:WRONG_ANSWERS]
    return {"title": rule.title, "groups": [
        {"count": len(group), "reason": group[0][1], "answers": [answer for answer, _ in Counter(
            one[0] for one in group).most_common(4)]} for group in most]} if most else None
