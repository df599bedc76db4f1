"""The wardrobe: procedurally drawn people, garments and products, the course's sample data.

Everything is drawn from a `numpy.random.Generator`; the same state gives the same bytes on any machine.

>>> import numpy as np
>>> drawing = draw_garment("dress", np.random.default_rng(0))
>>> drawing.image.shape, drawing.garments[0].article
((256, 256, 3), 'dress')
"""

from .accessories import ACCESSORIES
from .articles import ARTICLES, CATEGORIES, GARMENT_TYPES, PARSING_LABELS, TYPE_ARTICLES
from .clips import Clip, draw_clip
from .drawing import LANDMARK_COUNTS, Drawing, Garment
from .fabrics import COLOURS, PATTERNS
from .paintings import PAINTINGS, draw_painting
from .people import close_up, draw_garment, draw_person
from .products import PRODUCT_ARTICLES, draw_product
from .silhouettes import draw_fashion_mnist
from .styles import STYLES

__all__ = [
    "ACCESSORIES", "ARTICLES", "CATEGORIES", "COLOURS", "GARMENT_TYPES", "LANDMARK_COUNTS", "PAINTINGS",
    "PARSING_LABELS", "PATTERNS", "PRODUCT_ARTICLES", "STYLES", "TYPE_ARTICLES", "Clip", "Drawing", "Garment", "close_up",
    "draw_clip", "draw_fashion_mnist", "draw_garment", "draw_painting", "draw_person", "draw_product",
]  # fmt: skip
