"""Procedurally drawn fashion images: the course's sample data."""

from .silhouettes import draw_fashion_mnist

__all__ = ["draw_fashion_mnist"]
