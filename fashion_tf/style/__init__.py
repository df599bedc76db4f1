"""Style transfer, laid on one garment and nothing else."""

from .composition import compose, feather_inward, recolour, upsample_mask

__all__ = ["compose", "feather_inward", "recolour", "upsample_mask"]
