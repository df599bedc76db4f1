"""Compiling and fitting: by names, as the trial that a search repeats, and so that it can be stopped."""

from fashion_tf.models.device import has_gpu

from .compiling import (
    INITIALIZERS,
    OPTIMIZERS,
    REGULARIZERS,
    WEIGHT_DECAYS,
    build_state,
    default_learning_rate,
    make_initializer,
    make_optimizer,
    make_regularizer,
)
from .resumable import fit_resumable
from .trial import START, train_classifier

__all__ = [
    "INITIALIZERS", "OPTIMIZERS", "REGULARIZERS", "START", "WEIGHT_DECAYS", "build_state", "default_learning_rate",
    "fit_resumable", "has_gpu", "make_initializer", "make_optimizer", "make_regularizer", "train_classifier",
]
