"""What every lesson calls: its beginning, the device, and the paper's values beside its own."""

import os
import platform

from fashion_tf.classroom.records import begin_lesson
from fashion_tf.files import versions
from fashion_tf.terminal import import_tensorflow, native_messages_hidden


def start_lesson(lesson):
    """Begins a lesson: its records start afresh, and the versions it runs on are printed.

    Call it before `import keras`: TensorFlow is imported here with its start-up notes hidden, which
    would otherwise fill the lesson's first output.

    Args:
        lesson: The lesson's id, e.g. ``"11"``.

    Taught in: 00_start_here.ipynb
    """
    import_tensorflow()
    begin_lesson(lesson)
    print(f"Lesson {lesson} on Python {platform.python_version()}, "
          + ", ".join(f"{package} {version}" for package, version in versions().items()))


def prepare_device(seed, mixed_precision=False, memory_growth=True):
    """Sets every seed and how the device is used; prints the device. Call it before any model.

    Args:
        seed: For Python, NumPy and TensorFlow.
        mixed_precision: Compute in float16 on a GPU, keep variables in float32. Refused on a CPU,
            where it is slower and changes results.
        memory_growth: Take GPU memory as it is needed, so that several lessons share one GPU.

    Raises:
        RunError: `mixed_precision` without a GPU.

    Taught in: 00_start_here.ipynb
    """
    import keras
    import tensorflow as tf

    from fashion_tf.errors import RunError

    with native_messages_hidden():
        gpus = tf.config.list_physical_devices("GPU")
    if mixed_precision and not gpus:
        raise RunError("MIXED_PRECISION is on and there is no GPU. Turn it off, or choose a GPU "
                       "runtime (in Colab: Runtime, Change runtime type).")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, memory_growth)
    keras.mixed_precision.set_global_policy("mixed_float16" if mixed_precision else "float32")
    keras.utils.set_random_seed(seed)
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
             for gpu in gpus]
    print(f"Device: {', '.join(names) or f'CPU with {os.cpu_count()} cores'}; seed {seed}; "
          f"{keras.mixed_precision.global_policy().name}.")


def paper_beside_here(lesson, measured, titles=None):
    """The paper's tables for this lesson, each with what this run measured.

    Args:
        lesson: The lesson's id.
        measured: Record name to measured value.
        titles: Only the tables with these titles; None: all.

    Returns:
        A `PaperBesideHere`, which a notebook shows as the paper prints its tables; its caption says where in
        the paper the numbers stand. A value that the paper does not give is shown as a dash.

    Raises:
        CourseError: A row's value is not in `measured`; no table has one of the `titles`.

    Taught in: 11_fashion_mnist_cnn.ipynb
    """
    import pandas as pd

    from fashion_tf.classroom.course import load_course
    from fashion_tf.errors import CourseError

    course = load_course()
    entry = course.lesson(lesson)
    known = [table.title for table in entry.tables]
    unknown = [title for title in titles or () if title not in known]
    if unknown:
        raise CourseError(f"Lesson {lesson} has no table {unknown[0]!r}; it has {', '.join(known)}.")
    tables = [table for table in entry.tables if titles is None or table.title in titles]
    rows = [(table, row) for table in tables for row in table.rows]
    here, missing = [], {}
    for _, row in rows:
        try:
            here.append(row.value_among(measured))
        except KeyError:
            missing[row.record if row.entry is None else f"{row.record}[{row.entry!r}]"] = None
    if missing:
        raise CourseError(f"Lesson {lesson}: no measured value for {', '.join(sorted(missing))}.")
    index = pd.MultiIndex.from_tuples([(table.title, row.row) for table, row in rows])
    data = pd.DataFrame({"paper": [row.paper for _, row in rows], "here": here}, index=index)
    return PaperBesideHere(data, tables, course.papers[entry.paper]["title"])


class PaperBesideHere:
    """A paper's tables beside what a run measured.

    Attributes:
        data: A pandas table with the columns ``paper`` and ``here``, a line for each value; its index is
            (title of the table, row).
    """

    def __init__(self, data, tables, paper):
        self.data, self._tables, self._paper = data, tables, paper

    def __repr__(self):
        return self.data.to_string(na_rep="–", float_format="{:.3f}".format)

    def _repr_html_(self):
        parts, plain = [], []
        for table in self._tables:  # those of one side that follow one another make one table
            if table.sides:
                parts += [self._list(plain), self._grid(table)]
                plain = []
            else:
                plain.append(table)
        return "".join([*parts, self._list(plain)])

    def _list(self, tables):
        return self._styled(self.data.loc[[table.title for table in tables]], tables) if tables else ""

    def _grid(self, table):
        """A table of two sides as the paper prints it, with what was measured below each of its rows."""
        import pandas as pd

        left, top, cells = table.grid()
        values = self.data.loc[table.title]
        rows = {(name, source): [values[source].get(cells[name, column].row) if (name, column) in cells else None
                                 for column in top] for name in left for source in ("paper", "here")}
        index = pd.MultiIndex.from_tuples(rows, names=[table.sides[0], ""])
        columns = pd.Index(top, name=table.sides[1])
        return self._styled(pd.DataFrame(list(rows.values()), index, columns, dtype=float), [table],
                            f"{table.title}. ")

    def _styled(self, data, tables, title=""):
        places = ", ".join(dict.fromkeys(table.where for table in tables))
        return data.style.format("{:.3f}", na_rep="–").set_caption(f"{title}{self._paper}, {places}").to_html()
