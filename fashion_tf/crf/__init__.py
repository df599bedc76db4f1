"""The dense conditional random field: exact on a lattice, local by convolution, and tuned at random."""

from .mean_field import DenseCRF, dense_crf, from_labels

__all__ = ["DenseCRF", "dense_crf", "from_labels"]
