"""Trials that run in parallel, each kept in a journal at once: a search's settings, a cross-validation's folds."""

from .engine import COLUMNS, Engine, name_of, plain
from .journal import FINISHED, trial_key
from .progress import as_table

__all__ = ["COLUMNS", "FINISHED", "Engine", "as_table", "name_of", "plain", "trial_key"]
