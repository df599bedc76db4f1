"""Product photographs: one article on white with a soft shadow, as a shop's catalogue shows it.

Article types and their two upper levels are those of the Kaggle Fashion Product Images data.
"""

import numpy as np

from .articles import PARSING_LABELS, Worn
from .body import Body
from .drawing import finish
from .fabrics import COLOUR_NAMES, Fabric, darker, ink, lighter, luminance, mix
from .pencil import between, chance, closed, disc, mirrored, pick, rounded, smooth, tube, whole
from .people import draw_figure, frame, silhouettes
from .scenes import background

_METALS = ((214, 182, 104), (200, 200, 204), (160, 162, 168), (190, 130, 98))
_STEEL = (150, 152, 158)

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


class _Product:
    """An article that is not worn: its place on the page, its cloth, and how it lays pieces down.

    Shapes are given in a square from (-1, -1) to (1, 1), y downwards.
    """

    type, owner = None, 1

    def __init__(self, rng, article, label, colour, height, width):
        self.rng, self.article, self.label = rng, article, PARSING_LABELS.index(label)
        self.unit = 0.5 * min(height, width) * between(rng, 0.74, 0.94)
        self.centre = np.array((width * between(rng, 0.48, 0.52), height * between(rng, 0.47, 0.53)))
        self.slant = between(rng, -0.06, 0.06)
        self.fabric = Fabric(
            rng, colour, pick(rng, ("plain", "plain", "plain", "plain", "melange", "corduroy")), unit=self.unit
        )
        self.metal = pick(rng, _METALS)

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


def _scaled(points, x, y):
    return np.asarray(points, np.float64) * (x, y)


# Footwear, from the side, pointing left -------------------------------------------------------------------------


def _sneaker(self, canvas, sport):
    rng, rgb = self.rng, self.fabric.rgb
    ankle = between(rng, -0.34, -0.2) if not chance(rng, 0.2) else -0.6
    upper = [(-0.98, 0.34), (-0.98, 0.2), (-0.86, 0.06), (-0.5, -0.02), (-0.12, -0.24), (0.08, ankle - 0.08), (0.24, ankle - 0.06), (0.4, ankle + 0.08), (0.7, ankle + 0.02),
             (0.88, ankle - 0.06), (0.9, 0.0), (0.94, 0.34), (0.94, 0.34)]  # fmt: skip
    second = self.fabric.accents[0] if sport else darker(rgb, 0.15)
    lines = [
        (
            [(-0.14 + 0.1 * k, -0.2 - 0.05 * k), (-0.02 + 0.1 * k, -0.06 - 0.05 * k)],
            (244, 244, 242) if luminance(rgb) < 170 else (70, 70, 76),
            0.045,
        )
        for k in range(4)
    ]
    lines.append((smooth([(-0.86, 0.3), (-0.5, 0.02), (-0.4, 0.32)]), ink(rgb, 0.3), 0.02))
    layer_lines = lines + (
        [(smooth([(-0.1, 0.34), (0.1, 0.04), (0.4, -0.02), (0.9, -0.1)]), second, 0.09)]
        if sport
        else [([(0.56, 0.34), (0.62, ankle)], ink(rgb, 0.3), 0.02)]
    )
    if sport:
        layer_lines += [([(0.0 + 0.14 * k, 0.3), (0.1 + 0.14 * k, 0.0)], second, 0.05) for k in range(whole(rng, 0, 3))]
    self.ground(canvas, 0.55)
    self.lay(canvas, [rounded(upper)], layer_lines)
    sole = (244, 243, 238) if chance(rng, 0.65) else second
    thick = 0.2 if sport else 0.14
    bottom = [
        (-1.0, 0.3),
        (-0.9, 0.27),
        (0, 0.31),
        (0.96, 0.25),
        (1.0, 0.3),
        (0.97, 0.3 + thick),
        (0.9, 0.34 + thick),
        (-0.8, 0.34 + thick),
        (-0.98, 0.24 + thick),
    ]
    self.lay(
        canvas,
        [rounded(bottom, 1)],
        [([(-0.98, 0.31 + thick * 0.5), (0.98, 0.3 + thick * 0.5)], darker(sole, 0.18), 0.02)],
        cloth=sole,
    )


def _casual_shoe(self, canvas):
    _sneaker(self, canvas, False)


def _sports_shoe(self, canvas):
    _sneaker(self, canvas, True)


def _formal_shoe(self, canvas):
    rng, rgb = self.rng, self.fabric.rgb
    upper = [
        (-0.98, 0.34),
        (-0.98, 0.24),
        (-0.84, 0.12),
        (-0.4, 0.04),
        (-0.1, -0.14),
        (0.06, -0.22),
        (0.34, -0.16),
        (0.66, -0.2),
        (0.9, -0.24),
        (0.92, 0.34),
        (0.92, 0.34),
    ]
    lines = [
        (smooth([(-0.62, 0.34), (-0.54, 0.18), (-0.5, 0.06)]), ink(rgb, 0.4), 0.025),
        (smooth([(0.0, 0.34), (0.04, 0.06), (-0.14, -0.12)]), ink(rgb, 0.4), 0.025),
    ]
    lines += [
        ([(-0.1 + 0.09 * k, -0.1 - 0.03 * k), (0.04 + 0.09 * k, 0.02 - 0.03 * k)], ink(rgb, 0.5), 0.03)
        for k in range(whole(rng, 0, 3))
    ]
    self.ground(canvas, 0.5)
    self.lay(canvas, [rounded(upper)], lines, light=70)
    self.lay(
        canvas,
        [np.array([(-0.98, 0.32), (0.94, 0.32), (0.94, 0.52), (0.5, 0.52), (0.44, 0.4), (-0.92, 0.4)])],
        cloth=darker(rgb, 0.6),
    )


def _heel(self, canvas):
    rng = self.rng
    lift = between(rng, 0.5, 0.95)
    arch = 0.6 - lift
    platform = 0.0 if chance(rng, 0.7) else 0.1
    self.ground(canvas, 0.66, -0.9, 0.8)
    thin = between(rng, 0.025, 0.07) if chance(rng, 0.7) else 0.15
    self.lay(
        canvas,
        [
            np.array(
                [
                    (0.5, arch + 0.08),
                    (0.82, arch - 0.02),
                    (0.76, 0.62),
                    (0.76 - 2 * thin, 0.62),
                    (0.66 - thin, arch + 0.3),
                ]
            )
        ],
        light=60,
    )
    vamp = [(-0.9, 0.6), (-0.96, 0.52), (-0.84, 0.4), (-0.5, 0.3), (-0.3, 0.2)]
    throat = (
        [(-0.26, 0.3), (0.1, 0.32 * (1 - lift) + 0.1), (0.5, arch - 0.06)]
        if chance(rng, 0.75)
        else [(-0.1, 0.0), (0.3, arch - 0.2), (0.5, arch - 0.26)]
    )
    upper = [
        *vamp,
        *throat,
        (0.74, arch - 0.26),
        (0.84, arch - 0.24),
        (0.84, arch + 0.1),
        (0.56, arch + 0.16),
        (0.1, 0.46 - 0.2 * lift),
        (-0.2, 0.6),
        (-0.2, 0.6),
    ]
    self.lay(canvas, [rounded(upper)], light=70)
    if platform:
        self.lay(
            canvas,
            [np.array([(-0.92, 0.56), (-0.2, 0.56), (-0.16, 0.68), (-0.88, 0.68)])],
            cloth=darker(self.fabric.rgb, 0.3),
        )
    if chance(rng, 0.3):
        self.rope(
            canvas,
            smooth([(0.82, arch - 0.2), (0.6, arch - 0.42), (0.4, arch - 0.3), (0.56, arch - 0.2), (0.82, arch - 0.2)]),
            0.03,
        )


def _flat(self, canvas):
    rng = self.rng
    upper = [
        (-0.96, 0.3),
        (-0.98, 0.2),
        (-0.8, 0.08),
        (-0.5, 0.06),
        (-0.36, 0.16),
        (0.0, 0.2),
        (0.5, 0.14),
        (0.84, -0.06),
        (0.94, -0.04),
        (0.94, 0.3),
        (0.94, 0.3),
    ]
    self.ground(canvas, 0.42)
    self.lay(
        canvas,
        [rounded(upper)],
        [
            (
                smooth([(-0.84, 0.12), (-0.5, 0.09), (-0.36, 0.19), (0.0, 0.23), (0.5, 0.17), (0.88, 0.0)]),
                ink(self.fabric.rgb, 0.3),
                0.02,
            )
        ],
        light=60,
    )
    self.lay(
        canvas,
        [np.array([(-0.94, 0.29), (0.95, 0.29), (0.95, 0.38), (0.6, 0.38), (0.56, 0.34), (-0.9, 0.35)])],
        cloth=darker(self.fabric.rgb, 0.5),
    )
    if chance(rng, 0.5):
        for side in (-1, 1):
            self.lay(
                canvas,
                [np.array([(-0.62, 0.08), (-0.62 + side * 0.16, 0.0), (-0.62 + side * 0.16, 0.16)])],
                cloth=self.fabric.accents[0] if chance(rng, 0.5) else None,
            )


def _sandal(self, canvas):
    rng = self.rng
    lift = pick(rng, (0.0, 0.0, 0.18, 0.3))
    self.ground(canvas, 0.58)
    heel = 0.36 - lift
    sole = [
        (-0.96, 0.36),
        (-0.3, 0.38),
        (0.3, 0.38 - 0.7 * lift),
        (0.94, heel),
        (0.96, heel + 0.1),
        (0.9, 0.52),
        (-0.9, 0.5),
    ]
    self.lay(canvas, [rounded(sole, 1)], cloth=mix((178, 140, 100), self.fabric.rgb, 0.3 if chance(rng, 0.6) else 0.9))
    for k in range(whole(rng, 1, 3)):
        x = -0.8 + 0.3 * k
        self.rope(
            canvas,
            smooth([(x, 0.4), (x + 0.14, 0.06 - 0.06 * k), (x + 0.36, 0.0 - 0.06 * k), (x + 0.5, 0.36 - 0.3 * lift)]),
            between(rng, 0.035, 0.08),
        )
    if chance(rng, 0.75):
        self.rope(
            canvas,
            smooth(
                [
                    (0.9, heel + 0.02),
                    (0.88, heel - 0.4),
                    (0.6, heel - 0.5),
                    (0.36, heel - 0.36),
                    (0.56, heel - 0.3),
                    (0.88, heel - 0.34),
                ]
            ),
            0.04,
        )
        self.rope(canvas, smooth([(0.38, heel - 0.36), (0.2, heel - 0.2), (-0.1, 0.36)]), 0.04)


def _flip_flop(self, canvas):
    """Seen from above, a pair."""
    rng = self.rng
    second = self.fabric.accents[0]
    for side in (-1, 1):
        sole = np.array(
            [
                (0.1, -0.9),
                (0.3, -0.96),
                (0.62, -0.86),
                (0.7, -0.4),
                (0.58, 0.1),
                (0.64, 0.6),
                (0.56, 0.92),
                (0.3, 0.98),
                (0.12, 0.86),
                (0.14, 0.2),
                (0.06, -0.4),
            ]
        ) * (side, 1)
        canvas.shadow([self.at(rounded(sole) + (0.03, 0.05))], 0.3, soft=6)
        self.lay(
            canvas,
            [rounded(sole)],
            [(rounded(sole * (0.9, 0.94) + (side * 0.034, 0.01)), ink(self.fabric.rgb, 0.2), 0.02)],
        )
        for x in (0.1, 0.66):
            strap = smooth(
                np.array([(0.36, -0.62), ((0.36 + x) / 2 + (0.05 if x > 0.3 else -0.04), -0.35), (x, 0.14)]) * (side, 1)
            )
            self.rope(canvas, strap, 0.05, cloth=second if chance(rng, 0.8) else darker(self.fabric.rgb, 0.4))


# Accessories -----------------------------------------------------------------------------------------------------


def _watch(self, canvas):
    rng = self.rng
    band = self.fabric.rgb if chance(rng, 0.6) else self.metal
    wide = between(rng, 0.16, 0.24)
    strap = [
        (-wide * 0.8, -0.98),
        (wide * 0.8, -0.98),
        (wide, -0.3),
        (wide, 0.3),
        (wide * 0.8, 0.98),
        (-wide * 0.8, 0.98),
        (-wide, 0.3),
        (-wide, -0.3),
    ]
    links = (
        [([(-wide, y), (wide, y)], ink(band, 0.3), 0.02) for y in np.arange(-0.9, 0.95, 0.11)]
        if band is self.metal
        else [([(0, 0.56 + 0.1 * k), (0.01, 0.56 + 0.1 * k)], ink(band, 0.5), 0.04) for k in range(4)]
    )
    canvas.shadow([self.at(np.array(strap) + (0.04, 0.03))], 0.25, soft=8)
    self.lay(canvas, [np.array(strap)], links, cloth=band, light=50)
    radius = between(rng, 0.32, 0.44)
    case = (
        disc((0, 0), radius)
        if chance(rng, 0.75)
        else rounded(_scaled([(-1, -1.1), (1, -1.1), (1, 1.1), (-1, 1.1)], radius * 0.9, radius * 0.95), 1)
    )
    self.lay(canvas, [case, disc((radius + 0.03, 0), 0.05)], cloth=self.metal, light=70)
    dial = pick(rng, ((246, 246, 242), (34, 34, 38), (40, 52, 92), self.fabric.rgb))
    hand = (30, 30, 34) if luminance(dial) > 120 else (238, 236, 228)
    marks = [(_scaled([_RAYS[k] * 0.72, _RAYS[k] * 0.86], radius, radius), hand, 0.03) for k in range(12)]
    first, second = _RAYS[whole(rng, 0, 11)], _RAYS[whole(rng, 0, 11)]
    hands = [
        (_scaled([(0, 0), first * 0.45], radius, radius), hand, 0.035),
        (_scaled([(0, 0), second * 0.66], radius, radius), hand, 0.025),
    ]
    self.lay(canvas, [case * 0.84], [*marks, *hands], cloth=dial, light=10, edge=20)


_RAYS = [
    np.array(point)
    for point in (
        (0, -1),
        (0.5, -0.866),
        (0.866, -0.5),
        (1, 0),
        (0.866, 0.5),
        (0.5, 0.866),
        (0, 1),
        (-0.5, 0.866),
        (-0.866, 0.5),
        (-1, 0),
        (-0.866, -0.5),
        (-0.5, -0.866),
    )
]


def _handbag(self, canvas):
    rng, rgb = self.rng, self.fabric.rgb
    wide, top = between(rng, 0.62, 0.92), between(rng, -0.3, -0.05)
    taper = between(rng, 0.7, 1.0)
    self.ground(canvas, 0.86, -wide, wide)
    rise = between(rng, 0.4, 0.62)
    for shift in (0.05, -0.03) if chance(rng, 0.5) else (0.0,):
        arch = smooth(
            [(-wide * 0.5, top + 0.15), (-wide * 0.48, top - rise), (wide * 0.48, top - rise), (wide * 0.5, top + 0.15)]
        ) + (shift, shift)
        self.rope(canvas, arch, between(rng, 0.03, 0.055), cloth=darker(rgb, 0.2))
    body = [
        (-wide * taper, top),
        (wide * taper, top),
        (wide * taper, top),
        (wide, 0.7),
        (wide * 0.96, 0.84),
        (-wide * 0.96, 0.84),
        (-wide, 0.7),
        (-wide * taper, top),
    ]
    lines = (
        [(smooth([(-wide, top + 0.32), (0, top + 0.5), (wide, top + 0.32)]), ink(rgb, 0.36), 0.03)]
        if chance(rng, 0.6)
        else [([(-wide, top + 0.1), (wide, top + 0.1)], ink(rgb, 0.4), 0.03)]
    )
    lines += [([(side * wide * 0.5, top), (side * wide * 0.52, top + 0.3)], ink(rgb, 0.3), 0.06) for side in (-1, 1)]
    self.lay(canvas, [rounded(body)], lines, light=60, folds=20, crumple=14, soft=0.3)
    self.lay(canvas, [disc((0, top + 0.46), 0.06)], cloth=self.metal)


def _backpack(self, canvas):
    rng, rgb = self.rng, self.fabric.rgb
    self.ground(canvas, 0.94, -0.6, 0.6)
    self.rope(
        canvas, smooth([(-0.14, -0.82), (-0.12, -0.98), (0.12, -0.98), (0.14, -0.82)]), 0.035, cloth=darker(rgb, 0.4)
    )
    for side in (-1, 1):
        self.rope(
            canvas,
            smooth(np.array([(0.4, -0.7), (0.8, -0.3), (0.78, 0.4), (0.56, 0.74)]) * (side, 1)),
            0.05,
            cloth=darker(rgb, 0.35),
        )
    body = mirrored([(0, -0.88), (0.4, -0.86), (0.6, -0.6), (0.64, 0.3), (0.62, 0.86), (0.5, 0.93), (0, 0.93)])
    zip_line = (smooth([(-0.6, -0.1), (-0.5, -0.64), (0, -0.76), (0.5, -0.64), (0.6, -0.1)]), ink(rgb, 0.5), 0.03)
    self.lay(canvas, [rounded(body)], [zip_line], folds=20, crumple=16, soft=0.3)
    second = self.fabric.accents[0] if chance(rng, 0.4) else darker(rgb, 0.12)
    pocket = mirrored([(0, 0.16), (0.44, 0.16), (0.48, 0.3), (0.46, 0.8), (0.36, 0.86), (0, 0.86)])
    self.lay(canvas, [rounded(pocket)], [([(-0.4, 0.3), (0.4, 0.3)], ink(rgb, 0.5), 0.03)], cloth=second, soft=0.2)


def _clutch(self, canvas):
    rng, rgb = self.rng, self.fabric.rgb
    tall = between(rng, 0.34, 0.52)
    self.ground(canvas, tall + 0.04)
    body = rounded([(-0.92, -tall), (0.92, -tall), (0.95, 0), (0.92, tall), (-0.92, tall), (-0.95, 0)], 1)
    flap = pick(
        rng,
        (
            [(-0.95, -tall * 0.1), (0, tall * 0.5), (0.95, -tall * 0.1)],
            [(-0.95, 0.0), (0.95, 0.0)],
            [(-0.95, -tall * 0.8), (0.95, -tall * 0.8)],
        ),
    )
    self.lay(canvas, [body], [(np.array(flap), ink(rgb, 0.4), 0.03)], light=60, folds=16, crumple=14, soft=0.24)
    self.lay(canvas, [disc((0, flap[len(flap) // 2][1] if len(flap) > 2 else flap[0][1]), 0.06)], cloth=self.metal)


def _belt(self, canvas):
    """Coiled, the buckle in front."""
    rng, rgb = self.rng, self.fabric.rgb
    deep = between(rng, 0.13, 0.2)
    self.ground(canvas, 0.44)
    back = rounded([(-0.9, -0.2), (0, -0.44), (0.9, -0.2), (0.9, -0.2 + deep), (0, -0.44 + deep), (-0.9, -0.2 + deep)])
    self.lay(canvas, [back], cloth=darker(rgb, 0.45))
    strap = rounded(
        [
            (-0.96, -0.14),
            (-0.5, 0.1),
            (0, 0.15),
            (0.5, 0.1),
            (0.96, -0.14),
            (0.96, 0.02 + deep),
            (0.5, 0.2 + deep),
            (0, 0.26 + deep),
            (-0.5, 0.2 + deep),
            (-0.96, 0.02 + deep),
        ]
    )
    holes = [
        ([(0.42 + 0.1 * k, 0.2 - 0.02 * k), (0.43 + 0.1 * k, 0.2 - 0.02 * k)], ink(rgb, 0.6), 0.035) for k in range(4)
    ]
    self.lay(
        canvas,
        [strap],
        [*holes, (smooth([(-0.92, -0.02), (-0.5, 0.14), (0, 0.19), (0.5, 0.14), (0.92, -0.02)]), ink(rgb, 0.2), 0.015)],
        light=60,
    )
    frame = np.array([(-0.22, 0.06), (0.2, 0.06), (0.2, 0.34 + deep * 0.6), (-0.22, 0.34 + deep * 0.6)])
    middle = frame.mean(0)
    self.lay(
        canvas,
        [rounded(frame, 1)],
        [([middle - (0.2, 0), middle + (0.2, 0)], darker(self.metal, 0.3), 0.03)],
        cloth=self.metal,
        holes=[(frame - middle) * 0.62 + middle - (0.02, 0)] if chance(rng, 0.7) else (),
    )


def _sunglasses(self, canvas):
    rng = self.rng
    frame = darker(self.fabric.rgb, 0.25)
    tint = pick(rng, ((36, 36, 40), (70, 52, 40), (52, 60, 84), darker(self.fabric.rgb, 0.5)))
    wide, tall = between(rng, 0.36, 0.43), between(rng, 0.24, 0.34)
    shape = pick(
        rng,
        (
            [(-1, -0.8), (1, -0.9), (1, 0.1), (0.6, 0.9), (-0.5, 0.95), (-1, 0.3)],
            [(-1, -0.7), (1, -0.7), (1, 0.7), (-1, 0.7)],
            [(-0.8, -0.9), (0.8, -0.9), (1.0, 0.0), (0.7, 0.9), (-0.7, 0.9), (-1.0, 0.0)],
        ),
    )
    self.ground(canvas, tall + 0.16)
    for side in (-1, 1):
        self.rope(
            canvas,
            smooth(np.array([(0.86, -tall * 0.6), (0.98, -tall * 0.5), (0.78, -0.62)]) * (side, 1)),
            0.035,
            cloth=darker(frame, 0.2),
        )
    for side in (-1, 1):
        lens = rounded(_scaled(shape, wide * side, tall) + (side * 0.48, 0))
        self.lay(canvas, [lens], cloth=frame, light=50)
        self.lay(
            canvas,
            [(lens - (side * 0.48, 0)) * 0.85 + (side * 0.48, 0)],
            [([(side * 0.36, -tall * 0.5), (side * 0.5, -tall * 0.2)], lighter(tint, 0.4), 0.04)],
            cloth=tint,
            light=50,
        )
    self.rope(canvas, smooth([(-0.16, -tall * 0.3), (0, -tall * 0.5), (0.16, -tall * 0.3)]), 0.035, cloth=frame)


def _wallet(self, canvas):
    rng, rgb = self.rng, self.fabric.rgb
    tall, wide = between(rng, 0.5, 0.68), between(rng, 0.72, 0.88)
    box = rounded(_scaled([(-1, -1), (1, -1), (1, -1), (1, 1), (1, 1), (-1, 1), (-1, 1), (-1, -1)], wide, tall), 1)
    canvas.shadow([self.at(box + (0.03, 0.05))], 0.35, soft=8)
    stitch = (box * 0.93, lighter(rgb, 0.25) if luminance(rgb) < 120 else darker(rgb, 0.25), 0.014)
    lines = [(np.concatenate([stitch[0], stitch[0][:1]]), stitch[1], 0.014)]
    if chance(rng, 0.5):
        lines.append(([(-wide, -0.1), (wide, -0.1)], ink(rgb, 0.4), 0.03))
    self.lay(canvas, [box], lines, light=50, crumple=18, soft=0.2)
    if chance(rng, 0.5):
        self.lay(
            canvas,
            [
                np.array(
                    [
                        (wide * 0.5, tall * 0.5),
                        (wide * 0.8, tall * 0.5),
                        (wide * 0.8, tall * 0.68),
                        (wide * 0.5, tall * 0.68),
                    ]
                )
            ],
            cloth=self.metal,
        )


def _cap(self, canvas):
    rng, rgb = self.rng, self.fabric.rgb
    brim_colour = self.fabric.accents[0] if chance(rng, 0.35) else darker(rgb, 0.12)
    self.ground(canvas, 0.56)
    crown = [
        (-0.5, 0.3),
        (-0.46, -0.1),
        (-0.2, -0.46),
        (0.2, -0.54),
        (0.62, -0.38),
        (0.84, 0.0),
        (0.86, 0.36),
        (0.4, 0.42),
        (-0.2, 0.4),
    ]
    seams = [(smooth([(0.2, -0.54), (x, -0.1), (x * 1.1, 0.4)]), ink(rgb, 0.3), 0.02) for x in (-0.22, 0.2, 0.56)]
    self.lay(canvas, [rounded(crown), disc((0.2, -0.52), 0.05)], seams, soft=0.3)
    brim = [(-0.52, 0.22), (-0.2, 0.34), (0.1, 0.38), (-0.1, 0.5), (-0.6, 0.54), (-0.96, 0.44), (-0.9, 0.32)]
    self.lay(
        canvas,
        [rounded(brim)],
        [(smooth([(-0.86, 0.42), (-0.5, 0.44), (0.0, 0.42)]), ink(brim_colour, 0.2), 0.015)],
        cloth=brim_colour,
    )
    if chance(rng, 0.5):
        self.lay(canvas, [disc((-0.12, 0.02), 0.1)], cloth=self.fabric.accents[1])


def _tie(self, canvas):
    """Rolled half open: knot on top, blade below."""
    self.fabric = Fabric(
        self.rng,
        self.fabric.colour,
        pick(self.rng, ("plain", "stripes", "dots", "pinstripe", "paisley", "windowpane")),
        unit=self.unit,
    )
    wide = between(self.rng, 0.2, 0.3)
    canvas.shadow(
        [self.at([(-0.1, -0.9), (0.14, -0.9), (wide + 0.06, 0.75), (0.05, 1.0), (-wide + 0.04, 0.75)])], 0.3, soft=8
    )
    self.lay(
        canvas,
        [np.array([(-0.22, -0.98), (0.22, -0.98), (0.14, -0.78), (-0.14, -0.78)])],
        cloth=darker(self.fabric.rgb, 0.3),
    )
    self.lay(
        canvas, [np.array([(-0.1, -0.66), (0.1, -0.66), (wide, 0.72), (0, 0.97), (-wide, 0.72)])], light=50, folds=14
    )
    self.lay(
        canvas,
        [rounded([(-0.17, -0.94), (0.17, -0.94), (0.17, -0.94), (0.11, -0.62), (-0.11, -0.62), (-0.17, -0.94)], 1)],
        light=50,
    )


def _scarf(self, canvas):
    self.fabric = Fabric(
        self.rng,
        self.fabric.colour,
        pick(self.rng, ("plain", "tartan", "stripes", "floral", "dots", "zigzag", "paisley", "melange")),
        unit=self.unit,
    )
    loop = rounded([(-0.5, -0.9), (0.5, -0.9), (0.66, -0.4), (0.4, 0.0), (-0.4, 0.0), (-0.66, -0.4)])
    hole = rounded([(-0.26, -0.66), (0.26, -0.66), (0.3, -0.44), (0, -0.26), (-0.3, -0.44)])
    for x, low in ((-0.26, between(self.rng, 0.7, 0.96)), (0.24, between(self.rng, 0.7, 0.96))):
        tail = np.array([(x - 0.16, -0.2), (x + 0.18, -0.2), (x + 0.24, low), (x - 0.2, low)])
        canvas.shadow([self.at(tail + (0.04, 0.04))], 0.3, soft=8)
        fringe = [
            ([(x - 0.18 + 0.06 * k, low - 0.12), (x - 0.18 + 0.06 * k, low)], self.fabric.seam, 0.015) for k in range(8)
        ]
        self.lay(canvas, [tail], fringe, folds=34, crumple=20, soft=0.2)
    folds = [
        (
            smooth([(-0.56, -0.5 + 0.14 * k), (0, -0.2 + 0.14 * k), (0.56, -0.5 + 0.14 * k)]),
            ink(self.fabric.rgb, 0.26),
            0.025,
        )
        for k in range(3)
    ]
    self.lay(canvas, [loop], folds, holes=[hole], folds=34, crumple=20, soft=0.2)


def _socks(self, canvas):
    self.fabric = Fabric(
        self.rng,
        self.fabric.colour,
        pick(self.rng, ("plain", "stripes", "argyle", "dots", "two stripes", "melange")),
        unit=self.unit,
    )
    tall = between(self.rng, -0.96, -0.5)
    second = self.fabric.accents[0]
    for shift in (0.2, -0.12):
        sock = np.array(
            [
                (0.1, tall),
                (0.52, tall),
                (0.52, tall),
                (0.5, 0.4),
                (0.5, 0.66),
                (0.34, 0.82),
                (-0.5, 0.86),
                (-0.72, 0.74),
                (-0.66, 0.52),
                (-0.2, 0.44),
                (0.08, 0.2),
                (0.1, tall),
            ]
        ) + (shift, shift * 0.3)
        canvas.shadow([self.at(rounded(sock) + (0.03, 0.04))], 0.25, soft=6)
        cuff = [(0.08 + shift, tall + 0.07 + shift * 0.3), (0.56 + shift, tall + 0.07 + shift * 0.3)]
        self.lay(
            canvas,
            [rounded(sock)],
            [(cuff, second, 0.14)] if chance(self.rng, 0.5) else [(cuff, ink(self.fabric.rgb, 0.3), 0.02)],
            folds=16,
            crumple=14,
        )


def _earrings(self, canvas):
    rng = self.rng
    kind, size = whole(rng, 0, 2), between(rng, 0.2, 0.34)
    gem = self.fabric.rgb
    for side in (-1, 1):
        x = side * 0.44
        self.rope(
            canvas, smooth([(x, -0.5), (x - 0.08, -0.72), (x + 0.06, -0.82), (x + 0.1, -0.66)]), 0.022, cloth=self.metal
        )
        if kind == 0:
            self.lay(canvas, [disc((x, -0.1), size + 0.06)], cloth=self.metal, holes=[disc((x, -0.1), size)], light=60)
        elif kind == 1:
            self.rope(canvas, [(x, -0.5), (x, -0.1)], 0.02, cloth=self.metal)
            self.lay(
                canvas,
                [
                    rounded(
                        _scaled([(0, -1.4), (0.7, 0.2), (0.5, 0.9), (-0.5, 0.9), (-0.7, 0.2)], size, size) + (x, 0.3)
                    )
                ],
                cloth=gem,
                light=80,
            )
        else:
            for k in range(whole(rng, 2, 4)):
                self.lay(
                    canvas, [disc((x, -0.36 + 0.3 * k), 0.1 + 0.035 * k)], cloth=gem if k % 2 else self.metal, light=70
                )


def _necklace(self, canvas):
    rng = self.rng
    low = between(rng, 0.3, 0.62)
    line = smooth(
        [(-0.42, -0.9), (-0.78, -0.2), (-0.5, low * 0.8), (0, low), (0.5, low * 0.8), (0.78, -0.2), (0.42, -0.9)], 3
    )
    if chance(rng, 0.45):
        radius = between(rng, 0.035, 0.06)
        self.lay(
            canvas,
            [disc(point, radius) for point in line],
            cloth=self.fabric.rgb if chance(rng, 0.6) else (240, 234, 224),
            light=70,
            soft=0.05,
        )
    else:
        self.rope(canvas, line, 0.018, cloth=self.metal)
    shape = (
        disc((0, low + 0.16), 0.15)
        if chance(rng, 0.5)
        else np.array([(0, low), (0.15, low + 0.18), (0, low + 0.36), (-0.15, low + 0.18)])
    )
    self.lay(canvas, [shape], cloth=self.metal, light=70)
    self.lay(canvas, [(shape - shape.mean(0)) * 0.55 + shape.mean(0)], cloth=self.fabric.rgb, light=80)


def _bracelet(self, canvas):
    rng = self.rng
    outer = between(rng, 0.62, 0.85)
    thick = between(rng, 0.06, 0.2)
    self.ground(canvas, 0.62, -outer, outer)
    cloth = self.metal if chance(rng, 0.65) else self.fabric
    self.lay(canvas, [disc((0, 0), outer, 0.72)], cloth=cloth, holes=[disc((0, -0.02), outer - thick, 0.68)], light=80)
    if chance(rng, 0.6):
        for k in range(-3, 4):
            self.lay(
                canvas,
                [disc((k * outer * 0.25, (0.72 * outer - thick / 2) * (1 - 0.07 * k * k)), thick * 0.4 + 0.02)],
                cloth=self.fabric.accents[k % 2],
                light=70,
            )


def _ring(self, canvas):
    rng = self.rng
    thick = between(rng, 0.07, 0.13)
    self.ground(canvas, 0.86, -0.4, 0.4)
    self.lay(canvas, [disc((0, 0.28), 0.56)], cloth=self.metal, holes=[disc((0, 0.3), 0.56 - thick)], light=80)
    size = between(rng, 0.16, 0.3)
    gem = _scaled([(-0.6, -1), (0.6, -1), (1, -0.3), (0, 1), (-1, -0.3)], size, size) + (0, -0.32 - size * 0.6)
    facets = [
        (np.array([gem[4], gem[2]]), lighter(self.fabric.rgb, 0.5), 0.02),
        (np.array([gem[0], gem[3], gem[1]]), lighter(self.fabric.rgb, 0.4), 0.02),
    ]
    self.lay(canvas, [gem], facets, cloth=self.fabric.rgb, light=80)


_DRAW = {
    "Casual Shoes": (_casual_shoe, "shoes"), "Sports Shoes": (_sports_shoe, "shoes"), "Formal Shoes": (_formal_shoe, "shoes"), "Heels": (_heel, "shoes"),
    "Flats": (_flat, "shoes"), "Sandals": (_sandal, "shoes"), "Flip Flops": (_flip_flop, "shoes"), "Watches": (_watch, "watch/bracelet"), "Handbags": (_handbag, "bag"),
    "Backpacks": (_backpack, "bag"), "Clutches": (_clutch, "bag"), "Belts": (_belt, "belt"), "Sunglasses": (_sunglasses, "glasses"), "Wallets": (_wallet, "bag"),
    "Caps": (_cap, "hat/headband"), "Ties": (_tie, "scarf/tie"), "Scarves": (_scarf, "scarf/tie"), "Socks": (_socks, "socks"), "Earrings": (_earrings, "necklace"),
    "Necklace and Chains": (_necklace, "necklace"), "Bracelet": (_bracelet, "watch/bracelet"), "Ring": (_ring, "necklace"),
}  # fmt: skip


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
        product = _Product(rng, article.lower(), label, colour, height, width)
        body.unit = product.unit
        draw(product, canvas)
        return finish(canvas, body, [product])
    worn = Worn(rng, pick(rng, names), 1, colour or pick(rng, COLOUR_NAMES))
    frame(rng, body, [worn], height, width, between(rng, 0.8, 0.97))
    worn.fabric.scale(body.unit)
    canvas.shadow([polygon + (0.05 * body.unit, 0.08 * body.unit) for polygon in silhouettes(worn, body)], 0.22, soft=8)
    draw_figure(canvas, body, None, [worn], [])
    return finish(canvas, body, [worn])
