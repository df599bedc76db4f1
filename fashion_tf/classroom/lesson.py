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
        A pandas table with the columns ``paper`` and ``here``; its caption says where in the paper
        the numbers stand. A value that the paper does not give is shown as a dash.

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
    rows = [(table, row) for table in entry.tables for row in table.rows
            if titles is None or table.title in titles]
    here, missing = [], {}
    for _, row in rows:
        try:
            here.append(row.value_among(measured))
        except KeyError:
            missing[row.record if row.entry is None else f"{row.record}[{row.entry!r}]"] = None
    if missing:
        raise CourseError(f"Lesson {lesson}: no measured value for {', '.join(sorted(missing))}.")
    index = pd.MultiIndex.from_tuples([(table.title, row.row) for table, row in rows])
    table = pd.DataFrame({"paper": [row.paper for _, row in rows], "here": here}, index=index)
    places = ", ".join(dict.fromkeys(table.where for table, _ in rows))
    title = course.papers[entry.paper]["title"]
    return table.style.format("{:.3f}", na_rep="–").set_caption(f"{title}, {places}")
