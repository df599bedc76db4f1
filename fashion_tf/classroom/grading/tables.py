"""The grades as tables: grades.csv, and what Canvas and Moodle import.

Canvas (lib/gradebook_importer.rb; "How do I import grades in the Gradebook?"): the columns Student, ID, SIS User
ID, SIS Login ID and Section in this order, then one for each assignment; a second line "Points Possible". A
student is found by the ID, else by the SIS ids, else by the name.
Moodle (mod/assign/feedback/offline/importgradeslib.php, "Upload grading worksheet"): the columns Identifier
("Participant 123", the number that stands in the files' names), Grade and "Last modified (grade)"; Feedback
comments is HTML. The gradebook's own import (docs.moodle.org, Grade import) maps Email address or ID number by
hand and takes the same file. Column names are those of an English site.
"""

import csv
import html
import io
import re

from fashion_tf.classroom.grading.rubric import EXERCISE
from fashion_tf.files import write_atomically
from fashion_tf.terminal import count_of

GRADES_TABLE, CANVAS, MOODLE = "grades.csv", "canvas.csv", "moodle-{}.csv"
CANVAS_COLUMNS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
MOODLE_COLUMNS = ["Identifier", "Full name", "Email address", "ID number", "Grade", "Maximum Grade",
                  "Last modified (grade)", "Feedback comments"]


def harmless(value):
    """A value as a spreadsheet takes it for text: what would be a formula begins with an apostrophe.

    Numbers are kept, also negative ones. https://owasp.org/www-community/attacks/CSV_Injection
    """
    if isinstance(value, float):
        return f"{value:.10g}"
    text = str(value)
    # An unquoted ";" or line end may begin a new cell in another program; csv quotes the comma alone.
    text = " ".join(text.replace("\0", "").split())
    begins = text.lstrip("\"' \u00a0").replace("＝", "=").replace("＋", "+").replace("－", "-").replace("＠", "@")
    return f"'{text}" if begins[:1] in ("=", "+", "-", "@", "|", "%") and not re.fullmatch(
        r"[-+]?\d+(\.\d+)?", text) else text


def write_grades(out, rows):
    """Writes grades.csv: a line for each student and lesson."""
    names = list(dict.fromkeys(item["name"] for row in rows for item in row.items))
    names.sort(key=lambda name: name.startswith(EXERCISE))
    lines = [["student", "name", "lesson", "points", "maximum", "percent", "days_late", "file", "problem", "override",
              *names]]
    for row in rows:
        outcomes = {item["name"]: item["outcome"] for item in row.items}
        comments = [row.comment or "set by the instructor"] if row.overridden is not None else []
        comments += [f"{item['name']}: {item['comment']}" for item in row.items if "comment" in item]
        lines.append([row.student, row.name, row.lesson, row.points, row.maximum, round(row.percent, 2), row.days_late,
                      " and ".join(grade.shown for grade in row.grades), row.problem, "; ".join(comments),
                      *(outcomes.get(name, "") for name in names)])
    _write(out / GRADES_TABLE, lines)


def write_all(out, rows, rules, people):
    """Writes all tables; a Moodle table for each lesson."""
    write_grades(out, rows)
    lessons = sorted({row.lesson for row in rows if row.lesson})
    _write(out / CANVAS, _canvas(rows, lessons, rules))
    for old in out.glob(MOODLE.format("*")):
        if old.name not in [MOODLE.format(lesson) for lesson in lessons]:
            old.unlink()
    for lesson in lessons:
        _write(out / MOODLE.format(lesson), _moodle([row for row in rows if row.lesson == lesson]))


def _canvas(rows, lessons, rules):
    lines = [CANVAS_COLUMNS + [f"Lesson {lesson}" for lesson in lessons],
             ["    Points Possible", "", "", "", "", *(rules.lessons[lesson].maximum for lesson in lessons)]]
    students = {}
    for row in rows:
        students.setdefault(row.student, {})[row.lesson] = row
    for own in students.values():
        first = next(iter(own.values()))
        person, grade = first.person, first.grade
        if person:
            who = [person.canvas, person.sis or person.id, person.login, person.section]
        else:
            system = grade.system if grade else ""
            who = [first.student if system == "canvas" else "", "",
                   "" if system in ("canvas", "moodle") else first.student, ""]
        lines.append([first.name, *who,
                      *(own[lesson].points if lesson in own else "" for lesson in lessons)])
    return lines


def _moodle(rows):
    lines = [MOODLE_COLUMNS]
    for row in rows:
        person, grade = row.person, row.grade
        number = person.participant if person and person.participant else (
            row.student if not person and grade and grade.system == "moodle" else "")
        lines.append([f"Participant {number}" if number else "", row.name, person.email if person else "",
                      person.id if person else "", row.points, row.maximum, "-", feedback(row)])
    return lines


def feedback(row):
    """What a student reads in Moodle, as HTML: each item that was not passed, and why."""
    if row.problem and row.overridden is None:
        return f"<p>{html.escape(row.problem)}</p>"
    lines = [f"{item['title']}: {item['outcome']}. " + ("" if item["hidden"] else item.get("comment") or item["reason"])
             for item in row.items if item["outcome"] != "pass" or "comment" in item]
    lines += [row.comment] if row.comment else []
    if row.deduction:
        lines.append(f"{count_of(row.days_late, 'day')} late: {row.deduction:.0%} of the points are taken off.")
    if not lines:
        return "<p>All passed.</p>"
    return "<ul>" + "".join(f"<li>{html.escape(line.strip())}</li>" for line in lines) + "</ul>"


def _write(path, lines):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for number, line in enumerate(lines):
        raw = number < 2 and str(line[0]).strip() == "Points Possible"
        writer.writerow(line[:1] + [harmless(cell) for cell in line[1:]] if raw else
                        [cell if cell == "-" else harmless(cell) for cell in line])
    write_atomically(path, text.getvalue().encode("utf-8", "replace"))
