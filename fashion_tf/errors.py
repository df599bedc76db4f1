"""Errors that a user of the kit meets. Each message names the file, line or field, and what to do."""


class FashionError(Exception):
    """Base of every error the kit raises on purpose; the command line prints it without a traceback."""


class DataError(FashionError):
    """A dataset's files are missing, damaged or not what they should be."""


class CourseError(FashionError):
    """course.yml and the notebooks disagree, or course.yml itself is wrong."""


class RecordError(FashionError):
    """A result cannot be recorded, or a notebook's records cannot be read."""


class AnswerError(FashionError):
    """An answer does not pass. Raised under nbgrader only, which tells right from wrong by errors alone."""


class RunError(FashionError):
    """A run cannot start: an unknown lesson, a missing dataset or device, a bad option."""


class TrainingError(FashionError):
    """A training cannot start or go on: an unknown optimizer, a value out of range, another model."""


class TrialError(FashionError):
    """Trials cannot start or go on: an empty grid, a journal of other trials, not one that finished."""


class ServiceError(FashionError):
    """A service cannot start, or cannot answer: nothing to serve, a port that is taken, too many requests."""
