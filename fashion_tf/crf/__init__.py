"""The dense conditional random field: approximated on a lattice, local by convolution, and tuned at random."""

from .local import local_crf
from .mean_field import DenseCRF, dense_crf, from_labels
from .tuning import photo_accuracies, resampled_gains, tune_crf

__all__ = [
    "DenseCRF", "dense_crf", "from_labels", "local_crf", "photo_accuracies", "resampled_gains", "tune_crf",
]
