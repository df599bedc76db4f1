"""What is worn besides garments: shoes, legwear, bags, hats, glasses, jewellery, scarves, ties, gloves, belts."""

import numpy as np

from .articles import PARSING_LABELS
from .body import SIDES, WAIST
from .fabrics import Fabric, darker, ink, lighter, luminance
from .pencil import between, chance, closed, disc, mirrored, part_of, pick, rounded, smooth, tube, whole

_METALS = ((214, 182, 104), (198, 198, 202), (188, 128, 96))
_LEATHER = ("black", "brown", "tan", "maroon", "white", "navy blue", "beige", "red", "grey")


class Accessory:
    """One accessory, or a pair, with its colour and its number on the canvas.

    Args:
        rng: Source of all randomness.
        article: A name of `ACCESSORIES`.
        owner: Its number on the canvas, from 1 up.
        colour, pattern: Names, or None to choose.
    """

    type = None

    def __init__(self, rng, article, owner, colour=None, pattern=None):
        label, self._draw, cloths = ACCESSORIES[article]
        self.rng, self.article, self.owner, self.label = rng, article, owner, PARSING_LABELS.index(label)
        if colour is None:
            colour = pick(rng, _LEATHER) if "leather" in cloths else None
        pattern = pattern or pick(rng, [name for name in cloths if name != "leather"] or ["plain"])
        self.fabric = Fabric(rng, colour, pattern)
        self.side = whole(rng, 0, 1)
        self.size = between(rng, 0.8, 1.25)
        self.metal = pick(rng, _METALS)

    def draw(self, canvas, body):
        self._draw(self, canvas, body)

    def landmarks(self, body):
        return np.zeros((0, 2))

    def lay(self, canvas, body, polygons, lines=(), cloth=None, soft=0.12, label=True, **relief):
        """Lays polygons in the accessory's cloth, with `lines` of (points, colour, heads of thickness) on them."""
        layer = canvas.layer(polygons, cloth or self.fabric)
        for points, colour, thickness in lines:
            layer.line(points, colour, max(1, thickness * body.unit))
        layer.relief(**{**self.fabric.relief, "edge": 40, "folds": 10, "crumple": 4, **relief}, soft=soft * body.unit)
        canvas.lay(layer, self.label if label else None, self.owner)


# Shoes and legwear -----------------------------------------------------------------------------------------------


def _feet(body):
    """For each foot: ankle, the way down to the toes and the way outwards, in pixels."""
    for index, side in enumerate(SIDES):
        _, knee, ankle = body.legs[index]
        yield index, side, knee, ankle, body.unit


def _foot(ankle, side, unit, wide=0.13, long=0.34, out=0.13):
    line = [
        ankle + (0, 0.02 * unit),
        ankle + (side * 0.05 * unit, 0.17 * unit),
        ankle + (side * out * unit, long * unit),
    ]
    return tube(line, np.array([0.11, wide, wide * 0.92]) * unit)


def _toe_cap(edges):
    """Rounds the toe of a foot."""
    tip = (edges[0][-1] + edges[1][-1]) / 2
    return disc(tip, np.sqrt(((edges[0][-1] - edges[1][-1]) ** 2).sum()) / 2, 0.72)


def _sneakers(self, canvas, body):
    sole = (236, 234, 228) if chance(self.rng, 0.7) else darker(self.fabric.rgb, 0.4)
    lace = (244, 244, 240) if luminance(self.fabric.rgb) < 150 else (60, 60, 66)
    high = 0.12 if self.size > 1.05 else 0.02
    for _, side, _, ankle, unit in _feet(body):
        edges = _foot(ankle - (0, high * unit), side, unit, 0.145, 0.36 + high)
        shape = closed(edges)
        self.lay(canvas, body, [shape + (0, 0.05 * unit), _toe_cap(edges) + (0, 0.05 * unit)], cloth=sole)
        middle = (edges[0] + edges[1]) / 2
        laces = [
            ([middle[k] - (0.06 * unit, 0), middle[k] + (0.06 * unit, 0.01 * unit)], lace, 0.025)
            for k in range(2, len(middle) - 3, 2)
        ]
        self.lay(canvas, body, [shape, _toe_cap(edges)], laces)


def _boots(self, canvas, body, height=0.42, heel=False):
    for _, side, knee, ankle, unit in _feet(body):
        shaft = part_of([ankle, knee], 0.0, height)[::-1]
        calf = np.interp(np.linspace(height, 0, len(shaft)), (0, 0.5, 1), (0.13, 0.21, 0.22))
        foot = _foot(ankle, side, unit, 0.125, 0.36)
        leg = closed(tube(shaft, calf * unit * body.girth))
        top = shaft[0]
        lines = [([top + (-0.3 * unit, 0.07 * unit), top + (0.3 * unit, 0.07 * unit)], ink(self.fabric.rgb, 0.3), 0.03)]
        self.lay(canvas, body, [leg, closed(foot), _toe_cap(foot)], lines, light=44, folds=18)


def _ankle_boots(self, canvas, body):
    _boots(self, canvas, body, 0.16)


def _heels(self, canvas, body):
    for _, side, _, ankle, unit in _feet(body):
        heel = [
            ankle + (-side * 0.05 * unit, 0.1 * unit),
            ankle + (-side * 0.09 * unit, 0.12 * unit),
            ankle + (-side * 0.085 * unit, 0.38 * unit),
            ankle + (-side * 0.06 * unit, 0.38 * unit),
        ]
        line = [
            ankle + (side * 0.02 * unit, 0.16 * unit),
            ankle + (side * 0.07 * unit, 0.27 * unit),
            ankle + (side * 0.1 * unit, 0.4 * unit),
        ]
        edges = tube(line, np.array([0.1, 0.105, 0.05]) * unit)
        self.lay(canvas, body, [np.array(heel), closed(edges)], light=50)


def _flats(self, canvas, body):
    for _, side, _, ankle, unit in _feet(body):
        line = [ankle + (side * 0.05 * unit, 0.18 * unit), ankle + (side * 0.13 * unit, 0.33 * unit)]
        edges = tube(line, np.array([0.125, 0.115]) * unit)
        self.lay(canvas, body, [closed(edges), _toe_cap(edges)], light=44)


def _loafers(self, canvas, body):
    for _, side, _, ankle, unit in _feet(body):
        edges = _foot(ankle + (0, 0.08 * unit), side, unit, 0.135, 0.27)
        across = (edges[0][4] + edges[1][4]) / 2
        strap = [([across - (0.14 * unit, 0), across + (0.14 * unit, 0.02 * unit)], ink(self.fabric.rgb, 0.34), 0.04)]
        self.lay(canvas, body, [closed(edges), _toe_cap(edges)], strap, light=44)


def _sandals(self, canvas, body, ankle_strap=True):
    for _, side, _, ankle, unit in _feet(body):
        toe = ankle + (side * 0.12 * unit, 0.34 * unit)
        bands = [
            ([toe + (-0.13 * unit, -0.05 * unit), toe + (0.13 * unit, -0.05 * unit)], 0.04),
            ([ankle + (-0.11 * unit, 0.17 * unit), ankle + (0.15 * unit, 0.2 * unit)], 0.03),
        ]
        if ankle_strap:
            bands.append(([ankle + (-0.1 * unit, 0), ankle + (0.1 * unit, 0)], 0.03))
        sole = disc(toe + (0, 0.05 * unit), 0.14 * unit, 0.35)
        self.lay(canvas, body, [sole], cloth=darker(self.fabric.rgb, 0.3))
        self.lay(canvas, body, [closed(tube(points, np.full(2, max(0.8, radius * unit)))) for points, radius in bands])


def _flip_flops(self, canvas, body):
    for _, side, _, ankle, unit in _feet(body):
        toe = ankle + (side * 0.12 * unit, 0.33 * unit)
        self.lay(canvas, body, [disc(toe + (0, 0.06 * unit), 0.15 * unit, 0.35)], cloth=darker(self.fabric.rgb, 0.2))
        straps = [
            closed(tube([toe, toe + (dx * unit, -0.14 * unit)], np.full(2, max(0.8, 0.028 * unit))))
            for dx in (-0.11, 0.11)
        ]
        self.lay(canvas, body, straps)


def _socks(self, canvas, body):
    height = pick(self.rng, (0.14, 0.3, 0.62, 0.86), (35, 30, 15, 20))
    for _, side, knee, ankle, unit in _feet(body):
        shaft = part_of([ankle, knee], 0.0, height)[::-1]
        calf = np.interp(np.linspace(height, 0, len(shaft)), (0, 0.5, 1), (0.112, 0.2, 0.205))
        self.lay(
            canvas, body, [closed(tube(shaft, calf * unit * body.girth)), closed(_foot(ankle, side, unit, 0.115, 0.3))]
        )


def _tights(self, canvas, body):
    opacity = pick(self.rng, (1.0, 0.8, 0.6))
    for index in (1 - body.front_leg, body.front_leg):
        hip, knee, ankle = body.legs[index]
        calf = knee + (ankle - knee) * 0.35 + (SIDES[index] * body.px(0.02), 0)
        radii = np.array([0.365, 0.205, 0.205, 0.105]) * body.unit * body.girth
        layer = canvas.layer(
            [closed(tube([hip, knee, calf, ankle], radii)), closed(_foot(ankle, SIDES[index], body.unit, 0.115, 0.3))],
            self.fabric,
        )
        layer.relief(edge=50, light=30, folds=0, crumple=4, grain=8, soft=0.2 * body.unit)
        canvas.lay(layer, self.label, self.owner, opacity)


# Around the waist and the neck -----------------------------------------------------------------------------------


def _belt(self, canvas, body, height=None):
    y = getattr(self, "height", None) or WAIST + 0.12
    x = body.half(y) + 0.06
    deep = 0.06 * self.size
    band = [(-x, y - deep), (0, y - deep + 0.03), (x, y - deep), (x, y + deep), (0, y + deep + 0.03), (-x, y + deep)]
    self.lay(canvas, body, [body.at(band)], soft=0.05)
    frame = np.array([(-0.09, -0.09), (0.09, -0.09), (0.09, 0.09), (-0.09, 0.09)]) * self.size + (0, y + 0.03)
    self.lay(
        canvas,
        body,
        [body.at(frame)],
        [(body.at(frame * (0.5, 1) + (0, 0)), darker(self.metal, 0.4), 0.03)],
        cloth=self.metal,
    )


def _necklace(self, canvas, body):
    drop = between(self.rng, 0.18, 0.75)
    wide = 0.2 + 0.1 * self.rng.random()
    line = smooth(
        [
            (-wide, 1.42),
            (-wide * 0.95, 1.42 + drop * 0.4),
            (-wide * 0.4, 1.42 + drop * 0.92),
            (0, 1.44 + drop),
            (wide * 0.4, 1.42 + drop * 0.92),
            (wide * 0.95, 1.42 + drop * 0.4),
            (wide, 1.42),
        ]
    )
    if chance(self.rng, 0.4):
        beads = [disc(body.at(point), 0.055 * body.unit * self.size) for point in line]
        self.lay(canvas, body, beads, cloth=(238, 232, 220) if chance(self.rng, 0.5) else self.fabric.rgb, soft=0.05)
    else:
        chain = closed(tube(body.at(line), np.full(len(line), max(0.8, 0.022 * body.unit)), 0))
        pendant = disc(body.at((0, 1.5 + drop)), 0.08 * body.unit * self.size)
        self.lay(canvas, body, [chain, pendant], cloth=self.metal, soft=0.05)


def _scarf(self, canvas, body):
    low = between(self.rng, 2.3, 3.3)
    side = 1 if self.side else -1
    tail = np.array([(0.06, 1.5), (0.34, 1.5), (0.4, 2.0), (0.36, low), (0.08, low + 0.03), (0.1, 2.0)]) * (side, 1)
    self.lay(canvas, body, [body.at(tail)], folds=30, crumple=20)
    loop = mirrored([(0, 1.12), (0.27, 1.14), (0.42, 1.32), (0.36, 1.56), (0, 1.68)])
    folds = [
        (body.at(smooth([(-0.34, y), (0, y + 0.12), (0.34, y)])), ink(self.fabric.rgb, 0.24), 0.03)
        for y in (1.26, 1.38, 1.5)
    ]
    self.lay(canvas, body, [body.at(rounded(loop))], folds, folds=30, crumple=20)


def _tie(self, canvas, body):
    low = between(self.rng, 2.5, 2.95)
    knot = [(-0.08, 1.46), (0.08, 1.46), (0.055, 1.62), (-0.055, 1.62)]
    blade = [(-0.05, 1.6), (0.05, 1.6), (0.115, low - 0.1), (0, low), (-0.115, low - 0.1)]
    self.lay(canvas, body, [body.at(blade)], soft=0.06)
    self.lay(canvas, body, [body.at(knot)], soft=0.06)


def _bow_tie(self, canvas, body):
    wing = np.array([(0, 1.56), (0.2, 1.46), (0.2, 1.68), (0, 1.58)])
    self.lay(
        canvas, body, [body.at(wing), body.at(wing * (-1, 1)), disc(body.at((0, 1.57)), 0.05 * body.unit)], soft=0.06
    )


# On the head -----------------------------------------------------------------------------------------------------


def _cap(self, canvas, body):
    crown = [
        (-0.42, 0.3),
        (-0.4, 0.02),
        (-0.22, -0.14),
        (0, -0.17),
        (0.22, -0.14),
        (0.4, 0.02),
        (0.42, 0.3),
        (0.2, 0.26),
        (-0.2, 0.26),
    ]
    brim = [(-0.36, 0.25), (0, 0.2), (0.36, 0.25), (0.44, 0.36), (0.2, 0.34), (0, 0.36), (-0.2, 0.34), (-0.44, 0.36)]
    seams = [(body.at([(x, -0.14), (x * 1.4, 0.26)]), self.fabric.seam, 0.02) for x in (-0.15, 0.0, 0.15)]
    self.lay(canvas, body, [body.at(rounded(crown, 1))], seams)
    self.lay(canvas, body, [body.at(rounded(brim))], cloth=darker(self.fabric.rgb, 0.2))


def _beanie(self, canvas, body):
    dome = [(-0.43, 0.3), (-0.44, 0.05), (-0.28, -0.22), (0, -0.3), (0.28, -0.22), (0.44, 0.05), (0.43, 0.3)]
    cuff = [(-0.45, 0.1), (0, 0.13), (0.45, 0.1), (0.45, 0.34), (0, 0.36), (-0.45, 0.34)]
    ribs = [(body.at([(k * 0.075, 0.1), (k * 0.075, 0.36)]), ink(self.fabric.rgb, 0.24), 0.015) for k in range(-5, 6)]
    self.lay(canvas, body, [body.at(rounded(dome))])
    self.lay(canvas, body, [body.at(cuff)], ribs)
    if self.size > 1.1:
        self.lay(canvas, body, [disc(body.at((0, -0.34)), 0.12 * body.unit)], crumple=40)


def _brimmed(self, canvas, body, wide, tall):
    brim = [
        (wide * np.sign(x), y) if abs(x) == 1 else (x * wide, y)
        for x, y in ((-1, 0.22), (-0.6, 0.12), (0, 0.08), (0.6, 0.12), (1, 0.22), (0.6, 0.33), (0, 0.36), (-0.6, 0.33))
    ]
    crown = [
        (-0.36, 0.22),
        (-0.35, -0.02),
        (-0.28, -tall),
        (0, -tall + 0.05),
        (0.28, -tall),
        (0.35, -0.02),
        (0.36, 0.22),
    ]
    self.lay(canvas, body, [body.at(rounded(brim))])
    band = [
        (
            body.at([(-0.4, 0.12), (0, 0.16), (0.4, 0.12)]),
            darker(self.fabric.rgb, 0.55) if luminance(self.fabric.rgb) > 70 else lighter(self.fabric.rgb, 0.4),
            0.1,
        )
    ]
    self.lay(canvas, body, [body.at(rounded(crown))], band)


def _fedora(self, canvas, body):
    _brimmed(self, canvas, body, 0.62, 0.26)


def _sun_hat(self, canvas, body):
    _brimmed(self, canvas, body, 0.95, 0.2)


def _beret(self, canvas, body):
    side = 1 if self.side else -1
    shape = np.array(
        [(-0.42, 0.16), (-0.5, 0.0), (-0.4, -0.2), (0.1, -0.26), (0.46, -0.1), (0.5, 0.1), (0.38, 0.2), (0, 0.12)]
    ) * (side, 1)
    self.lay(canvas, body, [body.at(rounded(shape))])


def _headband(self, canvas, body):
    band = [
        (-0.44, 0.34),
        (-0.36, 0.02),
        (0, -0.1),
        (0.36, 0.02),
        (0.44, 0.34),
        (0.39, 0.34),
        (0.31, 0.08),
        (0, -0.01),
        (-0.31, 0.08),
        (-0.39, 0.34),
    ]
    pieces = [body.at(rounded(band, 1))]
    if self.size > 1.0:
        wing = np.array([(0.18, -0.04), (0.44, -0.22), (0.46, 0.06), (0.2, 0.0)])
        pieces += [body.at(wing), body.at(wing * (-1, 1) + (0.36, 0))]
    for piece in pieces:
        self.lay(canvas, body, [piece], soft=0.06)


def _flower_crown(self, canvas, body):
    for k in range(-4, 5):
        centre = (k * 0.1, 0.06 + 0.018 * k * k - 0.12)
        colour = self.fabric.accents[k % 2] if k % 3 else self.fabric.rgb
        self.lay(canvas, body, [disc(body.at(centre), 0.085 * body.unit)], cloth=colour, soft=0.05)


def _glasses(self, canvas, body):
    dark = self.article == "sunglasses"
    radius = 0.125 * self.size if dark else 0.11
    for side in SIDES:
        lens = rounded(
            np.array([(-1, -0.7), (1, -0.75), (0.9, 0.7), (-0.75, 0.75)]) * (radius * side, radius * 0.86)
            + (side * 0.155, 0.51)
        )
        if dark:
            tint = darker(self.fabric.rgb, 0.55)
            self.lay(
                canvas,
                body,
                [body.at(lens)],
                [(body.at([(side * 0.1, 0.46), (side * 0.2, 0.44)]), lighter(tint, 0.5), 0.03)],
                cloth=tint,
                soft=0.05,
            )
        else:
            frame = closed(
                tube(body.at(np.concatenate([lens, lens[:1]])), np.full(len(lens) + 1, max(0.7, 0.017 * body.unit)), 0)
            )
            self.lay(canvas, body, [frame], cloth=darker(self.fabric.rgb, 0.35), soft=0.05)
    bridge = closed(tube(body.at([(-0.05, 0.48), (0.05, 0.48)]), np.full(2, max(0.7, 0.02 * body.unit))))
    temples = [
        closed(tube(body.at([(side * 0.25, 0.48), (side * 0.37, 0.5)]), np.full(2, max(0.7, 0.02 * body.unit))))
        for side in SIDES
    ]
    self.lay(canvas, body, [bridge, *temples], cloth=darker(self.fabric.rgb, 0.45), soft=0.05)


# On the arms and in the hands ------------------------------------------------------------------------------------


def _at_wrist(body, side, start, end):
    _, elbow, wrist = body.arms[side]
    return [elbow + (wrist - elbow) * start, elbow + (wrist - elbow) * end]


def _watch(self, canvas, body):
    radius = max(1.2, 0.1 * body.unit)
    self.lay(canvas, body, [closed(tube(_at_wrist(body, self.side, 0.88, 0.97), np.full(2, radius)))], soft=0.05)
    face = disc(_at_wrist(body, self.side, 0.9, 0.925)[1], 0.075 * body.unit)
    self.lay(canvas, body, [face], cloth=self.metal, soft=0.05)


def _bracelet(self, canvas, body):
    for step in range(whole(self.rng, 1, 3)):
        start = 0.96 - 0.06 * step
        self.lay(
            canvas,
            body,
            [closed(tube(_at_wrist(body, self.side, start - 0.03, start), np.full(2, max(1.2, 0.105 * body.unit))))],
            cloth=self.metal,
            soft=0.05,
        )


def _gloves(self, canvas, body):
    for side in (0, 1):
        arm = _at_wrist(body, side, 0.8, 1.0)
        self.lay(canvas, body, [closed(tube(arm, np.array([0.13, 0.11]) * body.unit)), *body._hand(side)])


def _bag_shape(kind, size):
    """Outline of a bag around (0, 0) at the middle of its top edge, in heads."""
    wide, tall = {
        "handbag": (0.42, 0.56),
        "tote": (0.46, 0.8),
        "clutch": (0.4, 0.32),
        "shoulder bag": (0.38, 0.5),
        "backpack": (0.5, 0.95),
    }[kind]
    wide, tall = wide * size, tall * size
    taper = {"handbag": 0.84, "tote": 0.94}.get(kind, 1.0)
    return np.array(
        [
            (-wide * taper, 0),
            (wide * taper, 0),
            (wide * taper, 0),
            (wide, tall * 0.85),
            (wide * 0.95, tall),
            (-wide * 0.95, tall),
            (-wide, tall * 0.85),
            (-wide * taper, 0),
        ]
    )


def _bag(self, canvas, body):
    unit, kind = body.unit, self.article
    hand, hip = body.hand(self.side), body.at((SIDES[self.side] * (body.hips + 0.12), 3.2))
    shape = _bag_shape(kind, self.size)
    strap = self.fabric.seam if luminance(self.fabric.rgb) > 70 else lighter(self.fabric.rgb, 0.2)
    if kind in ("handbag", "tote"):
        low = hand[1] < body.at((0, 2.4))[1]
        place = hip if low else hand + (0, 0.3 * unit)
        tall = 0.34 if not low else 1.5
        arch = smooth([(-0.22, 0.02), (-0.2, -tall), (0.2, -tall), (0.22, 0.02)]) * unit + place
        self.lay(canvas, body, [closed(tube(arch, np.full(len(arch), max(0.9, 0.035 * unit)), 0))], cloth=strap)
    elif kind == "shoulder bag":
        place = hip
        across = self.size > 1.02
        start = (
            body.at((-SIDES[self.side] * 0.42, 1.46))
            if across
            else body.at((SIDES[self.side] * (body.shoulders - 0.22), 1.47))
        )
        line = [start, (start + place) / 2 + (SIDES[self.side] * 0.06 * unit, 0), place + (0, 0.04 * unit)]
        self.lay(canvas, body, [closed(tube(line, np.full(3, max(0.9, 0.035 * unit))))], cloth=strap)
    else:
        place = hand + (0, -0.1 * unit)
    outline = rounded(shape, 1) * unit + place
    top = shape[:2] * unit + place
    tall = (shape[4, 1]) * unit
    lines = [
        (
            [top[0] + (0, 0.34 * tall), (top[0] + top[1]) / 2 + (0, 0.46 * tall), top[1] + (0, 0.34 * tall)],
            ink(self.fabric.rgb, 0.34),
            0.035,
        )
    ]
    self.lay(canvas, body, [outline], lines, light=44, folds=14, crumple=8, soft=0.2)
    clasp = disc((top[0] + top[1]) / 2 + (0, 0.45 * tall), 0.055 * unit)
    self.lay(canvas, body, [clasp], cloth=self.metal, soft=0.04)


def _backpack(self, canvas, body):
    """Only its straps are seen from the front; the bag behind is drawn by `draw_behind`."""
    for side in SIDES:
        line = body.at(np.array([(0.42, 1.46), (0.5, 1.8), (0.52, 2.3), (0.6, 2.6)]) * (side, 1))
        self.lay(canvas, body, [closed(tube(line, np.full(4, 0.075 * body.unit)))], soft=0.06)


def draw_behind(accessory, canvas, body):
    """The part of a backpack that shows on both sides of the trunk."""
    if accessory.article == "backpack":
        shape = mirrored([(0, 1.35), (0.62, 1.4), (0.86, 1.7), (0.9, 2.6), (0.7, 2.9), (0, 2.9)])
        accessory.lay(canvas, body, [body.at(rounded(shape))])


# article: (parsing label, how to draw it, usual patterns; "leather" keeps to leather's colours)
ACCESSORIES = {
    "sneakers": ("shoes", _sneakers, ("plain",)), "boots": ("boots", _boots, ("leather",)),
    "ankle boots": ("boots", _ankle_boots, ("leather",)), "heels": ("shoes", _heels, ("plain",)),
    "flats": ("shoes", _flats, ("plain", "leopard")), "loafers": ("shoes", _loafers, ("leather",)),
    "sandals": ("shoes", _sandals, ("leather",)), "flip flops": ("shoes", _flip_flops, ("plain",)),
    "socks": ("socks", _socks, ("plain", "plain", "stripes", "dots")), "tights": ("tights/leggings", _tights, ("plain", "plain", "lace")),
    "belt": ("belt", _belt, ("leather",)), "necklace": ("necklace", _necklace, ("plain",)),
    "scarf": ("scarf/tie", _scarf, ("plain", "tartan", "stripes", "melange", "dots", "floral")),
    "tie": ("scarf/tie", _tie, ("plain", "stripes", "dots", "pinstripe")), "bow tie": ("scarf/tie", _bow_tie, ("plain", "dots")),
    "cap": ("hat/headband", _cap, ("plain", "denim")), "beanie": ("hat/headband", _beanie, ("plain", "rib", "stripes")),
    "fedora": ("hat/headband", _fedora, ("plain", "melange")), "sun hat": ("hat/headband", _sun_hat, ("plain", "melange")),
    "beret": ("hat/headband", _beret, ("plain",)), "headband": ("hat/headband", _headband, ("plain", "dots", "floral")),
    "flower crown": ("hat/headband", _flower_crown, ("floral",)), "glasses": ("glasses", _glasses, ("plain",)),
    "sunglasses": ("glasses", _glasses, ("plain",)), "watch": ("watch/bracelet", _watch, ("leather",)),
    "bracelet": ("watch/bracelet", _bracelet, ("plain",)), "gloves": ("gloves", _gloves, ("leather",)),
    "handbag": ("bag", _bag, ("leather",)), "tote": ("bag", _bag, ("plain", "stripes", "floral")),
    "shoulder bag": ("bag", _bag, ("leather",)), "clutch": ("bag", _bag, ("leather", "plain")),
    "backpack": ("bag", _backpack, ("plain", "camouflage", "denim")),
}  # fmt: skip
