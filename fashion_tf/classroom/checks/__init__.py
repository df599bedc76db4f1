"""The exercises of the lessons, one module a lesson: what is drawn for a student, and how an answer is judged.

No solution lies here: a check computes the right answer from the student's data, or looks at a property.
`exercise` finds one by its id, `EXERCISES` lists all ids. An exercise's `judge` is given plain JSON.
"""

from importlib import import_module

from fashion_tf.errors import CourseError

from .forms import Exercise, Wrong

__all__ = ["EXERCISES", "Exercise", "Wrong", "exercise"]

EXERCISES = (
    "00.1",
    "11.1", "11.2",
    "12.1", "12.2",
    "13.1", "13.2", "13.3",
    "14.1", "14.2", "14.3",
    "21.1", "21.2", "21.3",
    "22.1", "22.2",
    "23.1", "23.2",
    "31.1", "31.2",
    "32.1", "32.2",
    "33.1", "33.2", "33.3",
    "34.1", "34.2", "34.3",
    "35.1", "35.2", "35.3",
    "36.1", "36.2", "36.3",
    "37.1", "37.2", "37.3",
    "38.1", "38.2", "38.3",
    "41.1", "41.2", "41.3",
    "42.1", "42.2",
    "43.1", "43.2", "43.3",
    "51.1", "51.2",
    "52.1", "52.2",
)


def exercise(exercise_id):
    """The `Exercise` of an id such as ``"22.1"``.

    Raises:
        CourseError: There is none; says which there are.
    """
    if not isinstance(exercise_id, str) or exercise_id not in EXERCISES:
        raise CourseError(f"There is no exercise {str(exercise_id)[:100]!r}; there are {', '.join(EXERCISES)}.")
    lesson, _, number = exercise_id.partition(".")
    return import_module(f"{__name__}.lesson_{lesson}").EXERCISES[int(number) - 1]
