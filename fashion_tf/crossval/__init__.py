"""Cross-validation: folds that part what must not be parted from itself, run in parallel and kept in a journal."""

from .folds import Fold, make_folds, seen_in_training
from .network import Restarted
from .noise import self_confidence
from .validation import CrossValidation, cross_validate

__all__ = ["CrossValidation", "Fold", "Restarted", "cross_validate", "make_folds", "seen_in_training",
           "self_confidence"]
