"""The house rules for notebooks, numbered, each a small function; some mend what they find.

`lint` checks, `lint(..., fix=True)` also mends, `RULES` lists the rules. Nothing is executed, and
neither TensorFlow nor Jupyter is needed.
"""

from fashion_tf.classroom.lint import cells  # noqa: F401 - its rules register themselves, as those of the others do
from fashion_tf.classroom.lint.anatomy import badge, setup_cell
from fashion_tf.classroom.lint.exercises import nbgrader_metadata
from fashion_tf.classroom.lint.notebooks import README_MARKS, lesson_table, lint
from fashion_tf.classroom.lint.rules import RULES, Problem, rules_table
from fashion_tf.classroom.lint.stored import canonical

# In the order of their numbers, in which a page is checked: first its form, then what stands in it.
RULES.sort(key=lambda rule: rule.code)

__all__ = ["README_MARKS", "RULES", "Problem", "badge", "canonical", "lesson_table", "lint", "nbgrader_metadata",
           "rules_table", "setup_cell"]
