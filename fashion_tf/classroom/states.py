"""The state of a lesson: what a run of it stands for, which anybody with the same release computes again.

A run's `fingerprint` also holds where its data lay, and serves `--resume` on one machine; the state holds
nothing of the machine.
"""

import hashlib
import json

from fashion_tf.classroom.notebooks import read_notebook
from fashion_tf.errors import CourseError
from fashion_tf.files import json_value


def lesson_state(notebook, lesson, profile, parameters):
    """A fingerprint of a lesson's code, its parameters but for DATA, and the records it promises.

    Prose, floors and baselines are left out: they change nothing of what a run measured.

    Args:
        notebook: The lesson, as `fashion_tf.classroom.notebooks.read_notebook` gives it.
        lesson: Its `fashion_tf.classroom.course.Lesson`.
        profile: The name of the profile.
        parameters: What replaces the defaults of its parameters cell.

    Returns:
        16 hexadecimal digits.
    """
    code = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    promised = sorted(name for name, promise in lesson.records.items() if promise.promised_in(profile))
    facts = [lesson.id, profile, code, promised,
             {name: recorded_form(value) for name, value in parameters.items() if name != "DATA"}]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def state_of_course(course, lesson, profile):
    """The state in which a lesson stands in this course, run with nothing set otherwise.

    Raises:
        CourseError: Its notebook cannot be read.
    """
    try:
        notebook = read_notebook(course.notebook_path(lesson))
    except OSError as error:
        raise CourseError(f"{lesson.notebook}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CourseError(f"{lesson.notebook}: {error}") from None
    return lesson_state(notebook, lesson, profile, lesson.profiles[profile].parameters)


def recorded_form(value):
    """A parameter as a record holds it: as JSON, or else as its text."""
    try:
        return json_value(value)
    except ValueError:
        return repr(value)
