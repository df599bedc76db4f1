"""An instructor's own word: overrides.csv in the folder of grades, which no run ever changes."""

import csv
import io
from dataclasses import dataclass

from fashion_tf.errors import RunError
from fashion_tf.files import read_whole, write_atomically

OVERRIDES = "overrides.csv"
COLUMNS = ["student", "lesson", "item", "points", "comment"]
MAXIMUM_BYTES = 10 * 2**20


@dataclass
class Override:
    """One line. `item`: an item's name, or empty for the whole lesson."""

    line: int
    student: str
    lesson: str
    item: str
    points: float
    comment: str
    used: bool = False

    @property
    def what(self):
        return f"{self.item or 'grade'} of {self.student} in lesson {self.lesson}"


def read_overrides(out):
    """Reads overrides.csv; writes one with the column names alone where there is none.

    Returns:
        A list of `Override`.

    Raises:
        RunError: A line is wrong; names it.
    """
    path = out / OVERRIDES
    try:
        text = read_whole(path, MAXIMUM_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        write_atomically(path, ",".join(COLUMNS) + "\n")
        return []
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:  # too large, or not UTF-8
        raise RunError(f"{path}: {error}.") from None
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    found = []
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if not set(COLUMNS[:4]) <= set(names):
            raise RunError(f"{path}, line 1: the columns are {','.join(COLUMNS)}.")
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            cells = {name: cell.strip().removeprefix("'") for name, cell in zip(names, row)}
            line = reader.line_num
            try:
                points = float(cells.get("points", "").replace(",", "."))
                if not -1e6 < points < 1e6:
                    raise ValueError
            except ValueError:
                raise RunError(f"{path}, line {line}: the points are {cells.get('points', '')!r}; expected a number."
                               ) from None
            if not cells.get("student") or not cells.get("lesson"):
                raise RunError(f"{path}, line {line}: a student and a lesson must stand there.")
            lesson = cells["lesson"].zfill(2)  # spreadsheets take the 0 from "00"
            found.append(Override(line, cells["student"], lesson, cells.get("item", ""), points,
                                  cells.get("comment", "")))
    except csv.Error as error:
        raise RunError(f"{path}, line {reader.line_num}: no CSV ({error}).") from None
    return found


def apply_overrides(rows, overrides, rules):
    """Sets what the instructor set; the last line on one thing counts."""
    from fashion_tf.classroom.grading.tables import harmless

    for override in overrides:
        for row in rows:
            if override.student not in (row.student, harmless(row.student).removeprefix("'")):
                continue
            if row.lesson != override.lesson and not (row.lesson == "" and override.item == ""):
                continue
            if not override.item:
                row.overridden, row.comment, override.used = override.points, override.comment, True
                row.lesson = row.lesson or override.lesson
                if row.lesson in rules.lessons:
                    row.maximum = rules.lessons[row.lesson].maximum
            for item in row.items:
                if item["name"] == override.item:
                    item.update(points=override.points, comment=override.comment or "Set by the instructor.")
                    override.used = True
