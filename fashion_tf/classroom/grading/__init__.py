"""Executed notebooks of a class, graded: read as data, nothing of them is run unless `rerun` is asked to.

`collect` finds the files and whose they are; `evidence` reads one, `cells` and `origins` hold it beside the
lesson, `items` judges; `grader` keeps the grade of a file, `gradebook` makes a class of them; `copies`, `tables`
and `pages` say what came out. No Jupyter, no TensorFlow.
"""

from .gradebook import grade_class
from .rerun import Rerun

__all__ = ["Rerun", "grade_class"]
