"""Product photographs: one article on white with a soft shadow, as a shop's catalogue shows it.

Article types and their two upper levels are those of the Kaggle Fashion Product Images data.
"""

import numpy as np

from .articles import PARSING_LABELS, Worn
from .body import Body
from .drawing import finish
from .fabrics import COLOUR_NAMES, Fabric
from .pencil import between, closed, disc, pick, tube
from .people import draw_figure, frame, silhouettes
from .product_accessories import ACCESSORIES
from .product_footwear import FOOTWEAR
from .scenes import background

_METALS = ((214, 182, 104), (200, 200, 204), (160, 162, 168), (190, 130, 98))

# articleType: (masterCategory, subCategory, articles of the wardrobe that it is drawn from; () for its own drawing)
PRODUCT_ARTICLES = {
    "Tshirts": ("Apparel", "Topwear", ("t-shirt", "t-shirt", "long sleeve t-shirt", "polo shirt", "henley")),
    "Shirts": ("Apparel", "Topwear", ("shirt", "shirt", "flannel shirt")), "Tops": ("Apparel", "Topwear", ("top", "blouse", "camisole", "tank top")),
    "Kurtas": ("Apparel", "Topwear", ("kurta",)), "Tunics": ("Apparel", "Topwear", ("tunic",)), "Sweaters": ("Apparel", "Topwear", ("sweater", "cardigan", "turtleneck")),
    "Sweatshirts": ("Apparel", "Topwear", ("sweatshirt", "hoodie")), "Jackets": ("Apparel", "Topwear", ("jacket", "bomber", "leather jacket", "denim jacket", "puffer jacket")),
    "Blazers": ("Apparel", "Topwear", ("blazer",)), "Jeans": ("Apparel", "Bottomwear", ("jeans",)), "Trousers": ("Apparel", "Bottomwear", ("trousers", "chinos")),
    "Track Pants": ("Apparel", "Bottomwear", ("joggers", "sweatpants")), "Shorts": ("Apparel", "Bottomwear", ("shorts", "sweatshorts", "denim shorts")),
    "Skirts": ("Apparel", "Bottomwear", ("skirt", "mini skirt", "pleated skirt")), "Leggings": ("Apparel", "Bottomwear", ("leggings",)),
    "Capris": ("Apparel", "Bottomwear", ("capris",)), "Dresses": ("Apparel", "Dress", ("dress", "sundress", "shirtdress")), "Jumpsuit": ("Apparel", "Dress", ("jumpsuit",)),
    "Watches": ("Accessories", "Watches", ()), "Handbags": ("Accessories", "Bags", ()), "Backpacks": ("Accessories", "Bags", ()), "Clutches": ("Accessories", "Bags", ()),
    "Belts": ("Accessories", "Belts", ()), "Sunglasses": ("Accessories", "Eyewear", ()), "Wallets": ("Accessories", "Wallets", ()), "Caps": ("Accessories", "Headwear", ()),
    "Ties": ("Accessories", "Ties", ()), "Scarves": ("Accessories", "Scarves", ()), "Socks": ("Accessories", "Socks", ()), "Earrings": ("Accessories", "Jewellery", ()),
    "Necklace and Chains": ("Accessories", "Jewellery", ()), "Bracelet": ("Accessories", "Jewellery", ()), "Ring": ("Accessories", "Jewellery", ()),
    "Casual Shoes": ("Footwear", "Shoes", ()), "Sports Shoes": ("Footwear", "Shoes", ()), "Formal Shoes": ("Footwear", "Shoes", ()), "Heels": ("Footwear", "Shoes", ()),
    "Flats": ("Footwear", "Shoes", ()), "Sandals": ("Footwear", "Sandal", ()), "Flip Flops": ("Footwear", "Flip Flops", ()),
}  # fmt: skip


class Product:
    """An article that is not worn: its place on the page, its cloth, and how it lays pieces down.

    Shapes are given in a square from (-1, -1) to (1, 1), y downwards.
    """

    type, owner = None, 1

    def __init__(self, rng, article, label, colour, height, width):
        self.rng, self.article, self.label = rng, article, PARSING_LABELS.index(label)
        self.unit = 0.5 * min(height, width) * between(rng, 0.74, 0.94)
        self.centre = np.array((width * between(rng, 0.48, 0.52), height * between(rng, 0.47, 0.53)))
        self.slant = between(rng, -0.06, 0.06)
        self.take_cloth(colour, ("plain", "plain", "plain", "plain", "melange", "corduroy"))
        self.metal = pick(rng, _METALS)

    def take_cloth(self, colour, patterns):
        """A cloth of a colour (None: any) with one of some patterns."""
        self.fabric = Fabric(self.rng, colour, pick(self.rng, patterns), unit=self.unit)

    def at(self, points):
        points = np.asarray(points, np.float64)
        turned = points + points[..., ::-1] * (-self.slant, self.slant)
        return turned * self.unit + self.centre

    def landmarks(self, body):
        return np.zeros((0, 2))

    def lay(self, canvas, polygons, lines=(), cloth=None, holes=(), soft=0.12, **relief):
        """Lays polygons in a cloth, with `lines` of (points, colour, thickness), less `holes`."""
        layer = canvas.layer([self.at(polygon) for polygon in polygons], cloth or self.fabric)
        for points, colour, thickness in lines:
            layer.line(self.at(points), colour, max(1, thickness * self.unit))
        for hole in holes:
            layer.cut(self.at(hole))
        layer.relief(
            **{**self.fabric.relief, "edge": 40, "light": 36, "folds": 8, "crumple": 4, **relief}, soft=soft * self.unit
        )
        canvas.lay(layer, self.label, self.owner)

    def rope(self, canvas, points, radius, cloth=None, **relief):
        points = np.asarray(points, np.float64)
        self.lay(canvas, [closed(tube(points, np.full(len(points), radius), 0))], cloth=cloth, **relief)

    def ground(self, canvas, y, left=-0.9, right=0.9):
        middle = self.at(((left + right) / 2, y))
        canvas.shadow([disc(middle, (right - left) / 2 * self.unit, 0.1)], 0.3, soft=8)


_DRAW = FOOTWEAR | ACCESSORIES


def draw_product(article, rng, size=256, colour=None):
    """Draws one product on white with a soft shadow, as a catalogue shows it.

    Args:
        article: An article type of the Kaggle product data: a key of `PRODUCT_ARTICLES`.
        rng: `numpy.random.Generator`; all randomness comes from it.
        size: Side in pixels, or (height, width).
        colour: A name of `COLOURS`, or None for any.

    Returns:
        A `Drawing` with one garment. Garments keep their everyday `article` name ("polo shirt"), other products the
        article type in lower case. Jewellery without a parsing label of its own counts as necklace, wallets as bag.

    Raises:
        ValueError: For an unknown article type or colour.
    """
    if article not in PRODUCT_ARTICLES:
        raise ValueError(f"unknown product {article!r}; one of {', '.join(PRODUCT_ARTICLES)}")
    if colour is not None and colour not in COLOUR_NAMES:
        raise ValueError(f"unknown colour {colour!r}; one of {', '.join(COLOUR_NAMES)}")
    height, width = (size, size) if isinstance(size, int) else size
    canvas = background(rng, height, width, place="white")
    body = Body(rng, flat=True)
    names = PRODUCT_ARTICLES[article][2]
    if not names:
        draw, label = _DRAW[article]
        product = Product(rng, article.lower(), label, colour, height, width)
        body.unit = product.unit
        draw(product, canvas)
        return finish(canvas, body, [product])
    worn = Worn(rng, pick(rng, names), 1, colour or pick(rng, COLOUR_NAMES))
    frame(rng, body, [worn], height, width, between(rng, 0.8, 0.97))
    worn.fabric.scale(body.unit)
    canvas.shadow([polygon + (0.05 * body.unit, 0.08 * body.unit) for polygon in silhouettes(worn, body)], 0.22, soft=8)
    draw_figure(canvas, body, None, [worn], [])
    return finish(canvas, body, [worn])
