"""The papers' tables in course.yml: each value of a paper, the record that stands beside it, and what others
published on the same data."""

import math
import reprlib
from dataclasses import dataclass

from fashion_tf.classroom.fields import Fields, is_number
from fashion_tf.errors import CourseError

# What a number measures, and between what bounds it lies.
METRICS = {
    "share": (0.0, 1.0),  # accuracy, precision, F1, IoU, Dice, a correlation's size
    "gain": (-1.0, 1.0),  # one share less another
    "cosine": (-1.0, 1.0),
    "score": (-math.inf, 1.0),  # 1 less an error, which may be large
    "amount": (0.0, math.inf),  # a count, seconds, a loss, pictures a second
}


@dataclass(frozen=True)
class Source:
    """Whoever published numbers on data of the course: where, and how they were measured."""

    name: str
    source: str
    protocol: str


@dataclass(frozen=True)
class PaperRow:
    """One value of a paper's table (None: the paper has none) and our record.

    `sides` is what the table calls it: its row, or its row and its column where the table has two sides.
    `entry` is the key of this row's value where the record is a dict: a whole table in one record.
    `metric` is one of `METRICS`, or None. `published` holds (`Source`, value) of others.
    """

    sides: tuple[str, ...]
    paper: float | None
    record: str
    entry: str | None = None
    metric: str | None = None
    published: tuple[tuple[Source, float], ...] = ()

    @property
    def row(self):
        """The row's name in one text."""
        return ", ".join(self.sides)

    def value_among(self, values):
        """This row's value, given record names and their values.

        Raises:
            KeyError: It is not among them.
        """
        value = values[self.record]
        if self.entry is None:
            return value
        if not isinstance(value, dict):
            raise KeyError(self.entry)
        return value[self.entry]


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper. `sides` names its two sides where it is printed in two dimensions, else it is
    empty. `baseline` is the record of a naive baseline that stands beside rows which promise none."""

    title: str
    where: str
    rows: tuple[PaperRow, ...]
    sides: tuple[str, ...] = ()
    baseline: str | None = None

    def grid(self):
        """The rows and the columns of a table of two sides, as the paper has them.

        Returns:
            (names of the rows, names of the columns, (row, column) -> `PaperRow`).
        """
        cells = {row.sides: row for row in self.rows}
        rows, columns = (list(dict.fromkeys(row.sides[side] for row in self.rows)) for side in (0, 1))
        return rows, columns, cells


def check_metric(metric, where):
    """Raises CourseError where it is neither None nor one of `METRICS`."""
    if metric is not None and metric not in METRICS:
        raise CourseError(f"{where}: unknown metric {reprlib.repr(metric)}; choose {', '.join(METRICS)}.")
    return metric


def read_source(name, entry, where):
    """One entry of course.yml's `published`, as a `Source`."""
    fields = Fields(entry, where)
    source = Source(name, fields.take("source", str), fields.take("protocol", str))
    fields.done()
    for field in ("source", "protocol"):
        if not getattr(source, field).strip():
            raise CourseError(f"{where}: the field {field!r} is empty; say where the numbers stand, and how they "
                              "were measured.")
    return source


def read_table(entry, where, records, sources):
    """One of a lesson's tables, as a `PaperTable`.

    Args:
        entry: What course.yml says.
        where: The beginning of an error's sentence.
        records: The lesson's promised records, by name.
        sources: Name to `Source`.

    Raises:
        CourseError: A field is missing, unknown or wrong. Names it.
    """
    fields = Fields(entry, where)
    title, source = fields.take("title", str), fields.take("where", str)
    sides = fields.take("sides", list, [])
    if sides and (len(sides) != 2 or not all(isinstance(side, str) and side for side in sides)):
        raise CourseError(f"{where}: 'sides' is {reprlib.repr(sides)}; name what stands at the table's left and what "
                          "at its top, two texts.")
    baseline = fields.take("baseline", str, None)
    if baseline is not None and (baseline not in records or records[baseline].kind != "baseline"):
        raise CourseError(f"{where}: 'baseline' is {reprlib.repr(baseline)}; it must be a promised record of kind "
                          "baseline.")
    rows = tuple(_row(row, f"{where}, row {number}", sides, records, sources)
                 for number, row in enumerate(fields.take("rows", list), 1))
    fields.done()
    if not rows:
        raise CourseError(f"{where}: a table has at least one row.")
    seen = set()
    for number, row in enumerate(rows, 1):
        if row.sides in seen:
            raise CourseError(f"{where}, row {number}: {row.row!r} stands there a second time.")
        seen.add(row.sides)
    return PaperTable(title, source, rows, tuple(sides), baseline)


def _row(entry, where, sides, records, sources):
    fields = Fields(entry, where)
    names = fields.take("row", list if sides else str)
    if sides and (len(names) != 2 or not all(isinstance(name, str) and name for name in names)):
        raise CourseError(f"{where}: 'row' is {reprlib.repr(names)}; expected two texts, its {sides[0]} and its "
                          f"{sides[1]}.")
    paper, record = fields.take("paper", (int, float), None), fields.take("record", str)
    entry, metric = fields.take("entry", str, None), check_metric(fields.take("metric", str, None), where)
    published = fields.take("published", dict, {})
    fields.done()
    if record not in records:
        raise CourseError(f"{where}: no record {record!r} is promised.")
    for name, value in published.items():
        if name not in sources:
            raise CourseError(f"{where}: unknown source {reprlib.repr(name)}; 'published' has "
                              f"{', '.join(sources) or 'none'}.")
        if not is_number(value):
            raise CourseError(f"{where}: what {name} published is {reprlib.repr(value)}; expected a number.")
    return PaperRow(tuple(names) if sides else (names,), paper, record, entry,
                    metric or records[record].metric,
                    tuple((sources[name], value) for name, value in published.items()))
