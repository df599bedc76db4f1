"""Trims: collars, fronts, pockets, cuffs, prints and seams, drawn on a garment's layer before it is shaded."""

import numpy as np

from .body import BUST, CROTCH, HIP, SIDES, WAIST
from .fabrics import COLOURS, darker, ink, lighter, luminance
from .pencil import closed, mirrored, rounded, smooth, tube

_LIGHT, _DARK, _METAL = (238, 234, 226), (34, 32, 36), (206, 190, 140)


def _lay(canvas, layer, body, worn, **relief):
    layer.relief(**{**worn.fabric.relief, "edge": 42, **relief}, soft=0.16 * body.unit)
    canvas.lay(layer, worn.label, worn.owner)


def _button(worn):
    return worn.accent or (_LIGHT if luminance(worn.fabric.rgb) < 120 else _DARK)


# Around the neck -------------------------------------------------------------------------------------------------


def inside(canvas, body, cut, worn):
    """The inside of the back, seen through the neckline of a garment that nobody wears."""
    wide, base = cut.neckline(body)[-1]
    low = cut.hem - 0.02 if cut.front == "open" else cut.neckline(body)[0][1] + 0.1
    reach = wide if cut.front != "open" else cut.half(body, BUST) * 0.8
    shape = mirrored([(0, base + 0.05), (wide, base - 0.01), (reach, base + 0.3), (reach, low), (0, low)])
    layer = canvas.layer([body.at(shape)], worn.fabric)
    layer.pixels = (layer.pixels.astype(np.uint16) * 150 >> 8).astype(np.uint8)
    layer.line(
        body.at([(-wide, base + 0.1), (0, base + 0.16), (wide, base + 0.1)]),
        darker(worn.fabric.rgb, 0.55),
        0.03 * body.unit,
    )
    _lay(canvas, layer, body, worn)


def straps(canvas, body, cut, worn):
    if cut.straps == "none":
        return
    width = {"thin": 0.028, "wide": 0.085, "halter": 0.06}[cut.straps]
    top = cut.bare_top(body)[-1]
    foot = (min(0.38, top[0]), top[1] + 0.12)
    end = (0.16, 1.28) if cut.straps == "halter" else (0.36, 1.43)
    lines = []
    for side in SIDES:
        line = body.at(np.array([foot, ((foot[0] + end[0]) / 2 + 0.02, (foot[1] + end[1]) / 2), end]) * (side, 1))
        lines.append(closed(tube(line, np.full(3, max(0.7, width * body.unit)))))
    _lay(canvas, canvas.layer(lines, worn.fabric), body, worn, edge=20)


def neck_edge(layer, body, cut, worn):
    """Binding or rib along the neckline."""
    if cut.neck in ("lapel", "shawl", "collar", "mandarin", "hood", "turtle", "off"):
        return
    half = np.array(cut.neckline(body))
    line = np.concatenate([half[::-1] * (-1, 1), half[1:]]) + (0, 0.045)
    line = smooth(line) if cut.neck not in ("v", "square") else line
    colour = worn.accent if worn.accent and worn.contrast else worn.fabric.seam
    layer.line(body.at(line), colour, (0.09 if worn.contrast else 0.04) * body.unit)


def collar(canvas, body, cut, worn):
    kind = cut.neck
    if kind not in _COLLARS:
        return
    cloth = worn.fabric
    if worn.contrast and worn.accent and kind in ("collar", "mandarin", "turtle"):
        cloth = worn.accent
    layer = canvas.layer([body.at(polygon) for polygon in _COLLARS[kind](body, cut)], cloth)
    for polygon in _COLLARS[kind](body, cut):
        layer.line(body.at(polygon), ink(worn.fabric.rgb, 0.3), 0.03 * body.unit, closed=True)
    if kind == "turtle":
        for k in range(-3, 4):
            layer.line(body.at([(k * 0.065, 1.1), (k * 0.075, 1.45)]), ink(worn.fabric.rgb, 0.22), 1)
    _lay(canvas, layer, body, worn)


def _shirt_collar(body, cut):
    low = cut.neckline(body)[0][1]
    wing = np.array([(0.02, low - 0.02), (0.17, 1.24), (0.23, 1.25), (0.31, 1.42), (0.2, low + 0.14)])
    return [wing, wing * (-1, 1)]


def _mandarin(body, cut):
    low = cut.neckline(body)[0][1]
    band = np.array([(0.015, low + 0.02), (0.19, 1.34), (0.2, 1.2), (0.23, 1.22), (0.25, 1.4), (0.03, low + 0.12)])
    return [band, band * (-1, 1)]


def _turtle(body, cut):
    return [rounded(mirrored([(0, 1.12), (0.21, 1.08), (0.21, 1.08), (0.24, 1.38), (0.27, 1.44), (0, 1.52)]))]


def _hood(body, cut):
    low = cut.neckline(body)[0][1]
    flap = np.array(
        [(0.02, low + 0.02), (0.2, 1.3), (0.3, 1.12), (0.44, 1.2), (0.46, 1.46), (0.28, 1.62), (0.06, low + 0.16)]
    )
    return [rounded(flap, 1), rounded(flap * (-1, 1), 1)]


def _lapel(body, cut):
    low = cut.neckline(body)[0][1] + 0.02
    notch = min(1.86, low - 0.3)
    left = np.array(
        [
            (0.0, low),
            (0.2, 1.36),
            (0.26, 1.3),
            (0.36, 1.44),
            (0.46, notch - 0.12),
            (0.36, notch - 0.08),
            (0.47, notch + 0.04),
            (0.3, notch + 0.3),
        ]
    )
    return [left, left * (-1, 1)]


def _shawl(body, cut):
    low = cut.neckline(body)[0][1] + 0.05
    left = np.array([(0.0, low), (0.19, 1.36), (0.25, 1.28), (0.38, 1.46), (0.4, 1.75), (0.24, low - 0.22)])
    return [rounded(left, 1), rounded(left * (-1, 1), 1)]


_COLLARS = {
    "collar": _shirt_collar,
    "mandarin": _mandarin,
    "turtle": _turtle,
    "hood": _hood,
    "lapel": _lapel,
    "shawl": _shawl,
}


# Front closures --------------------------------------------------------------------------------------------------


def front(layer, body, cut, worn):
    at, unit, seam = body.at, body.unit, worn.fabric.seam
    low = cut.neckline(body)[0][1]
    if cut.front in ("buttons", "placket", "double"):
        end = cut.hem + 0.3 if cut.front != "placket" else low + 0.75
        layer.line(at([(0.06, low), (0.06, end)]), seam, 0.025 * unit)
        if cut.front != "double":
            layer.line(at([(-0.06, low), (-0.06, end)]), ink(worn.fabric.rgb, 0.2), 0.02 * unit)
        colour = _button(worn)
        step = 0.34 if cut.front != "placket" else 0.22
        y = low + 0.14
        while y < min(end, cut.hem - 0.1):
            if cut.front == "double":
                for x in (-0.2, 0.22):
                    layer.dot(at((x, y)), 0.05 * unit, colour)
            else:
                layer.dot(at((0.0, y)), 0.036 * unit, colour)
            y += step
    elif cut.front == "zip":
        layer.line(at([(0, low), (0, cut.hem + 0.2)]), ink(worn.fabric.rgb, 0.5), 0.06 * unit)
        layer.line(at([(0, low), (0, cut.hem + 0.2)]), (176, 174, 172), 0.02 * unit)
    elif cut.front == "open":
        for side in SIDES:
            gap = 0.13 + 0.16 * worn.spread
            layer.line(at([(side * gap, 1.95), (side * gap * 1.4, cut.hem)]), seam, 0.03 * unit)


# Sleeves ---------------------------------------------------------------------------------------------------------


def sleeve(layer, body, cut, worn, edges):
    outer, inner = edges
    unit = body.unit
    if worn.stripe_sleeve and worn.accent:
        middle = outer * 0.72 + inner * 0.28
        layer.line(middle, worn.accent, 0.05 * unit)
        layer.line(outer * 0.58 + inner * 0.42, worn.accent, 0.05 * unit)
    if cut.cuff:
        end = (outer[-1] + inner[-1]) / 2
        back = (outer[-3] + inner[-3]) / 2
        ahead = (end - back) / np.sqrt(((end - back) ** 2).sum() + 1e-9) * cut.cuff * unit
        band = [outer[-1], inner[-1], inner[-1] - ahead, outer[-1] - ahead]
        colour = worn.accent if worn.contrast and worn.accent else darker(worn.fabric.rgb, 0.12)
        if worn.contrast:
            layer.patch(band, colour)
        layer.line([inner[-1] - ahead, outer[-1] - ahead], worn.fabric.seam, 0.03 * unit)
    else:
        ahead = (outer[-1] - outer[-2]) * 0.35
        layer.line([outer[-1] - ahead, inner[-1] - ahead], ink(worn.fabric.rgb, 0.24), 0.025 * unit)


# On the trunk ----------------------------------------------------------------------------------------------------


def _second(worn):
    """A colour for a print or border: the garment's accent, or one that stands out."""
    return worn.accent or (_LIGHT if luminance(worn.fabric.rgb) < 128 else _DARK)


def _chest_pocket(layer, body, cut, worn):
    box = [(0.2, 1.98), (0.48, 1.98), (0.48, 2.26), (0.34, 2.32), (0.2, 2.26)]
    layer.line(body.at(box), worn.fabric.seam, 0.025 * body.unit, closed=True)


def _two_chest_pockets(layer, body, cut, worn):
    for side in SIDES:
        box = np.array([(0.2, 1.96), (0.5, 1.96), (0.5, 2.3), (0.2, 2.3)]) * (side, 1)
        layer.line(body.at(box), worn.fabric.seam, 0.025 * body.unit, closed=True)
        layer.line(body.at([(side * 0.2, 2.06), (side * 0.5, 2.06)]), worn.fabric.seam, 0.03 * body.unit)


def _flap_pockets(layer, body, cut, worn):
    y = min(cut.hem - 0.35, 3.2)
    for side in SIDES:
        flap = np.array([(0.24, y), (0.58, y + 0.02), (0.58, y + 0.13), (0.24, y + 0.12)]) * (side, 1)
        layer.patch(body.at(flap), darker(worn.fabric.rgb, 0.1))
        layer.line(body.at(flap), worn.fabric.seam, 0.025 * body.unit, closed=True)


def _slant_pockets(layer, body, cut, worn):
    y = min(cut.hem - 0.45, 3.05)
    for side in SIDES:
        layer.line(body.at([(side * 0.3, y), (side * 0.46, y + 0.36)]), worn.fabric.seam, 0.05 * body.unit)


def _kangaroo(layer, body, cut, worn):
    y = min(cut.hem - 0.62, 2.85)
    pocket = mirrored([(0, y), (0.26, y), (0.46, y + 0.3), (0.44, y + 0.46), (0, y + 0.46)])
    layer.line(body.at(pocket), worn.fabric.seam, 0.03 * body.unit, closed=True)


def _drawstrings(layer, body, cut, worn):
    low = cut.neckline(body)[0][1]
    for side in SIDES:
        layer.line(
            body.at([(side * 0.09, low + 0.1), (side * 0.1, low + 0.55)]),
            _LIGHT if luminance(worn.fabric.rgb) < 150 else _DARK,
            0.035 * body.unit,
        )


def _graphic(layer, body, cut, worn):
    rng, at = worn.rng, body.at
    x, y, colour = 0.0, 2.2 + 0.15 * rng.random(), _second(worn)
    size = 0.22 + 0.16 * rng.random()
    kind = int(rng.random() * 5)
    if kind == 0:
        layer.dot(at((x, y)), size * body.unit, colour)
        layer.dot(at((x + 0.05, y)), size * 0.6 * body.unit, worn.fabric.rgb)
    elif kind == 1:
        for row in range(1 + int(rng.random() * 3)):
            start = -size
            while start < size:
                wide = 0.05 + 0.1 * rng.random()
                top = y + row * 0.19
                layer.patch(
                    at([(start, top), (start + wide, top), (start + wide, top + 0.12), (start, top + 0.12)]), colour
                )
                start += wide + 0.04
    elif kind == 2:
        star = [
            (0, -1),
            (0.26, -0.32),
            (1, -0.32),
            (0.42, 0.12),
            (0.62, 0.84),
            (0, 0.4),
            (-0.62, 0.84),
            (-0.42, 0.12),
            (-1, -0.32),
            (-0.26, -0.32),
        ]
        layer.patch(at(np.array(star) * size + (x, y)), colour)
    elif kind == 3:
        box = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * size + (x, y)
        layer.patch(at(box), colour)
        layer.patch(
            at(np.array([(-0.8, 0.8), (-0.2, -0.3), (0.15, 0.3), (0.4, 0), (0.8, 0.8)]) * size + (x, y)),
            worn.fabric.rgb,
        )
        layer.dot(at((x + 0.4 * size, y - 0.45 * size)), 0.2 * size * body.unit, worn.fabric.rgb)
    else:
        heart = [
            (0, 0.9),
            (-0.95, -0.1),
            (-0.8, -0.75),
            (-0.35, -0.85),
            (0, -0.45),
            (0.35, -0.85),
            (0.8, -0.75),
            (0.95, -0.1),
        ]
        layer.patch(at(rounded(np.array(heart) * size + (x, y))), colour)


def _number(layer, body, cut, worn):
    colour = _second(worn)
    for x in (-0.16, 0.16):
        layer.line(
            body.at(
                [
                    (x - 0.09, 2.0),
                    (x + 0.09, 2.0),
                    (x + 0.09, 2.22),
                    (x - 0.09, 2.22),
                    (x - 0.09, 2.48),
                    (x + 0.09, 2.48),
                ]
            ),
            colour,
            0.08 * body.unit,
        )


def _band(layer, body, cut, worn):
    y = 2.05 + 0.3 * worn.rng.random()
    deep = 0.16 + 0.35 * worn.rng.random()
    layer.patch(body.at([(-1.5, y), (1.5, y), (1.5, y + deep), (-1.5, y + deep)]), _second(worn))


def _yoke(layer, body, cut, worn):
    layer.patch(body.at([(-1.4, 1.0), (1.4, 1.0), (1.4, 1.92), (0, 2.0), (-1.4, 1.92)]), _second(worn))


def _yoke_seam(layer, body, cut, worn):
    layer.line(body.at([(-1.0, 1.8), (0, 1.84), (1.0, 1.8)]), worn.fabric.seam, 0.03 * body.unit)


def _hem_rib(layer, body, cut, worn):
    top = cut.hem - 0.17
    x = cut.half(body, top) + 0.3
    if worn.contrast and worn.accent:
        layer.patch(body.at([(-x, top), (x, top), (x, cut.hem + 0.3), (-x, cut.hem + 0.3)]), worn.accent)
    layer.line(body.at([(-x, top), (0, top + cut.curve), (x, top)]), worn.fabric.seam, 0.035 * body.unit)
    for k in range(-9, 10):
        layer.line(body.at([(k * x / 9, top), (k * x / 9, cut.hem + 0.1)]), ink(worn.fabric.rgb, 0.2), 1)


def _hem_seam(layer, body, cut, worn):
    y = cut.hem - 0.08
    x = cut.half(body, y) + 0.3
    layer.line(
        body.at([(-x, y), (-x * 0.4, y + cut.curve), (x * 0.4, y + cut.curve), (x, y)]),
        ink(worn.fabric.rgb, 0.26),
        0.025 * body.unit,
    )


def _border(layer, body, cut, worn):
    """A woven border along hem, front and neckline."""
    colour, y = _second(worn), cut.hem - 0.22
    x = cut.half(body, cut.hem) + 0.3
    low = cut.neckline(body)[0][1]
    layer.patch(body.at([(-x, y), (x, y), (x, y + 0.5), (-x, y + 0.5)]), colour)
    for k in range(-8, 9):
        layer.dot(body.at((k * x / 8, y + 0.11)), 0.04 * body.unit, worn.fabric.rgb)
    layer.patch(body.at([(-0.1, low), (0.1, low), (0.07, low + 0.7), (-0.07, low + 0.7)]), colour)


def _embroidery(layer, body, cut, worn):
    colour = _second(worn)
    half = np.array(cut.neckline(body))
    for scale in (1.18, 1.5):
        line = smooth(np.concatenate([half[::-1] * (-1, 1), half[1:]]) * (scale, 1.0) + (0, 0.16 * scale), 1)
        for x, y in line:
            layer.dot(body.at((x, y)), 0.035 * body.unit, colour)


def _waist_seam(layer, body, cut, worn):
    x = cut.half(body, WAIST) + 0.1
    layer.line(body.at([(-x, WAIST), (0, WAIST + 0.04), (x, WAIST)]), worn.fabric.seam, 0.035 * body.unit)


def _sash(layer, body, cut, worn):
    """A belt of cloth at the waist, with a knot or a buckle."""
    x = cut.half(body, WAIST) + 0.15
    colour = worn.accent if worn.contrast and worn.accent else darker(worn.fabric.rgb, 0.22)
    layer.patch(
        body.at(
            [
                (-x, WAIST - 0.09),
                (0, WAIST - 0.06),
                (x, WAIST - 0.09),
                (x, WAIST + 0.09),
                (0, WAIST + 0.12),
                (-x, WAIST + 0.09),
            ]
        ),
        colour,
    )
    for end in ((0.16, WAIST + 0.6), (0.02, WAIST + 0.52)):
        layer.line(body.at([(0.06, WAIST), end]), colour, 0.08 * body.unit)
    layer.patch(
        body.at(rounded([(-0.02, WAIST - 0.1), (0.14, WAIST - 0.1), (0.14, WAIST + 0.12), (-0.02, WAIST + 0.12)])),
        ink(colour, 0.3),
    )


def _tiers(layer, body, cut, worn):
    start = WAIST if cut.hem > 4 else BUST + 0.3
    for k in (1, 2, 3):
        y = start + (cut.hem - start) * k / 4 if k < 3 else cut.hem - 0.12
        x = cut.half(body, y) + 0.2
        line = smooth([(-x + 2 * x * i / 10, y + (0.05 if i % 2 else 0.0)) for i in range(11)])
        layer.line(body.at(line), ink(worn.fabric.rgb, 0.34), 0.045 * body.unit)


def _lace_trim(layer, body, cut, worn):
    """A pale scalloped trim along hem and bodice."""
    colour = _LIGHT if luminance(worn.fabric.rgb) < 200 else darker(worn.fabric.rgb, 0.18)
    x = cut.half(body, cut.hem) + 0.1
    for k in range(-7, 8):
        layer.dot(body.at((k * x / 7, cut.hem - 0.02)), 0.11 * body.unit, colour)
    for side in SIDES:
        layer.line(body.at([(side * 0.18, 1.7), (side * 0.16, WAIST)]), colour, 0.06 * body.unit)


def _bow(layer, body, cut, worn):
    y = cut.neckline(body)[0][1] + 0.12 if not cut.straps else cut.bare_top(body)[0][1] + 0.1
    colour = _second(worn)
    for side in SIDES:
        layer.patch(body.at(np.array([(0, y), (side * 0.24, y - 0.11), (side * 0.24, y + 0.11)])), colour)
        layer.line(body.at([(0, y), (side * 0.1, y + 0.34)]), colour, 0.06 * body.unit)
    layer.dot(body.at((0, y)), 0.06 * body.unit, darker(colour, 0.25))


def _ruffles(layer, body, cut, worn):
    colour = lighter(worn.fabric.rgb, 0.25) if luminance(worn.fabric.rgb) < 200 else darker(worn.fabric.rgb, 0.1)
    low = cut.neckline(body)[0][1]
    for x in (-0.09, 0.09):
        line = smooth([(x + (0.05 if k % 2 else -0.05), low + 0.1 * k) for k in range(9)])
        layer.line(body.at(line), colour, 0.07 * body.unit)


def _biker(layer, body, cut, worn):
    """The slanted zip, buckles and shoulder tabs of a leather jacket."""
    layer.line(body.at([(0.34, 1.75), (0.12, 2.3), (0.1, cut.hem)]), (196, 194, 190), 0.04 * body.unit)
    for side in SIDES:
        layer.line(body.at([(side * 0.3, 2.75), (side * 0.5, 2.62)]), (196, 194, 190), 0.035 * body.unit)
        layer.line(body.at([(side * 0.5, 1.45), (side * 0.75, 1.52)]), worn.fabric.seam, 0.05 * body.unit)


def _studs(layer, body, cut, worn):
    for side in SIDES:
        for k in range(5):
            layer.dot(body.at((side * (0.42 + 0.07 * k), 1.54 + 0.02 * k)), 0.03 * body.unit, (214, 212, 206))


def _quilting(layer, body, cut, worn):
    y = 1.75
    while y < cut.hem:
        layer.line(body.at([(-1.2, y), (0, y + 0.05), (1.2, y)]), worn.fabric.seam, 0.03 * body.unit)
        layer.fold(body.at([(-1.0, y + 0.14), (1.0, y + 0.14)]), 16, 0.1 * body.unit)
        y += 0.3


def _bib(layer, body, cut, worn):
    """The buckles of dungarees and their chest pocket."""
    for side in SIDES:
        layer.dot(body.at((side * 0.34, 1.92)), 0.05 * body.unit, _METAL)
    _chest = [(-0.18, 2.05), (0.18, 2.05), (0.18, 2.35), (-0.18, 2.35)]
    layer.line(body.at(_chest), worn.fabric.seam, 0.03 * body.unit, closed=True)


def _fringe(layer, body, cut, worn):
    x = cut.half(body, cut.hem) + 0.1
    for k in range(-12, 13):
        layer.line(body.at([(k * x / 12, cut.hem - 0.28), (k * x / 12 + 0.02, cut.hem + 0.1)]), worn.fabric.seam, 1)


def _wrap(layer, body, cut, worn):
    low = cut.neckline(body)[0][1]
    layer.line(body.at([(0.0, low), (-0.5, WAIST), (-0.3, cut.hem)]), worn.fabric.seam, 0.04 * body.unit)


def _shine(layer, body, cut, worn):
    """Streaks of light on satin."""
    for x in (-0.35, 0.1, 0.4):
        layer.fold(body.at([(x, 2.0), (x * 1.3, max(3.0, cut.hem * 0.8))]), 34, 0.12 * body.unit)


TRIMS = {
    "chest pocket": _chest_pocket, "two chest pockets": _two_chest_pockets, "flap pockets": _flap_pockets,
    "slant pockets": _slant_pockets, "kangaroo": _kangaroo, "drawstrings": _drawstrings, "graphic": _graphic,
    "number": _number, "band": _band, "yoke": _yoke, "yoke seam": _yoke_seam, "hem rib": _hem_rib, "hem seam": _hem_seam,
    "border": _border, "embroidery": _embroidery, "waist seam": _waist_seam, "sash": _sash, "tiers": _tiers,
    "lace trim": _lace_trim, "bow": _bow, "ruffles": _ruffles, "biker": _biker, "studs": _studs, "quilting": _quilting,
    "bib": _bib, "fringe": _fringe, "wrap": _wrap, "shine": _shine,
}  # fmt: skip


# On legs ---------------------------------------------------------------------------------------------------------


def _fly(layer, body, cut, worn, edges):
    layer.line(body.at([(0, cut.rise), (0.01, CROTCH)]), worn.fabric.seam, 0.03 * body.unit)
    layer.line(
        body.at(smooth([(0.1, cut.rise + 0.16), (0.11, 3.4), (0.01, 3.6)])),
        ink(worn.fabric.rgb, 0.26),
        0.02 * body.unit,
    )
    layer.dot(body.at((0, cut.rise + 0.08)), 0.04 * body.unit, _METAL)


def _pockets(layer, body, cut, worn, edges):
    for side in SIDES:
        x = cut.half(body, cut.rise + 0.2)
        layer.line(
            body.at(
                smooth(
                    [
                        (side * (x - 0.22), cut.rise + 0.17),
                        (side * (x - 0.14), cut.rise + 0.36),
                        (side * (x + 0.04), cut.rise + 0.44),
                    ]
                )
            ),
            worn.fabric.seam,
            0.035 * body.unit,
        )


def _stitch(layer, body, cut, worn, edges):
    """Jeans' pale stitching along the outer seams and the hem."""
    thread = COLOURS["mustard"] if luminance(worn.fabric.rgb) < 150 else worn.fabric.seam
    for index, (left, right) in enumerate(edges):
        outer, inner = (left, right) if index == 0 else (right, left)
        layer.line(outer * 0.9 + inner * 0.1, thread, 1)
        layer.line([outer[-1] - (0, 0.08 * body.unit), inner[-1] - (0, 0.08 * body.unit)], thread, 1)


def _turn_up(layer, body, cut, worn, edges):
    for outer, inner in edges:
        up = (0, 0.16 * body.unit)
        layer.patch([outer[-1], inner[-1], inner[-1] - up, outer[-1] - up], lighter(worn.fabric.rgb, 0.3))
        layer.line([inner[-1] - up, outer[-1] - up], worn.fabric.seam, 0.03 * body.unit)


def _ankle_rib(layer, body, cut, worn, edges):
    for outer, inner in edges:
        up = (0, 0.15 * body.unit)
        layer.line([inner[-1] - up, outer[-1] - up], worn.fabric.seam, 0.05 * body.unit)


def _side_stripe(layer, body, cut, worn, edges):
    for index, (left, right) in enumerate(edges):
        outer, inner = (left, right) if index == 0 else (right, left)
        layer.line(outer * 0.86 + inner * 0.14, _second(worn), 0.07 * body.unit)


def _press_crease(layer, body, cut, worn, edges):
    for outer, inner in edges:
        layer.line((outer + inner)[1:] / 2, lighter(worn.fabric.rgb, 0.14), 0.03 * body.unit)
        layer.line((outer + inner)[1:] / 2 + (0.04 * body.unit, 0), ink(worn.fabric.rgb, 0.2), 0.02 * body.unit)


def _rips(layer, body, cut, worn, edges):
    for outer, inner in edges:
        k = min(len(outer) - 1, int(len(outer) * (0.42 + 0.2 * worn.rng.random())))
        across = inner[k] - outer[k]
        hole = [
            outer[k] + across * 0.2,
            outer[k] + across * 0.8 + (0, 2),
            outer[k] + across * 0.7 + (0, 0.14 * body.unit),
            outer[k] + across * 0.25 + (0, 0.1 * body.unit),
        ]
        layer.patch(hole, body.skin)
        layer.line(hole, _LIGHT, 1, closed=True)


def _cargo(layer, body, cut, worn, edges):
    for index, (left, right) in enumerate(edges):
        outer, inner = (left, right) if index == 0 else (right, left)
        k = int(len(outer) * 0.45)
        across, tall = inner[k] - outer[k], np.array((0, 0.42 * body.unit))
        box = [
            outer[k] + across * 0.06,
            outer[k] + across * 0.5,
            outer[k] + across * 0.5 + tall,
            outer[k] + across * 0.06 + tall,
        ]
        layer.line(box, worn.fabric.seam, 0.03 * body.unit, closed=True)
        layer.line([box[0] + tall * 0.3, box[1] + tall * 0.3], worn.fabric.seam, 0.03 * body.unit)


def _cords(layer, body, cut, worn, edges):
    for side in SIDES:
        layer.line(
            body.at([(side * 0.04, cut.rise + 0.1), (side * 0.09, cut.rise + 0.5)]),
            _LIGHT if luminance(worn.fabric.rgb) < 150 else _DARK,
            0.04 * body.unit,
        )


LEG_TRIMS = {
    "fly": _fly, "pockets": _pockets, "stitch": _stitch, "turn-up": _turn_up, "ankle rib": _ankle_rib,
    "side stripe": _side_stripe, "press crease": _press_crease, "rips": _rips, "cargo": _cargo, "cords": _cords,
}  # fmt: skip


# On skirts -------------------------------------------------------------------------------------------------------


def _pleats(layer, body, cut, worn):
    top, hem = cut.half(body, cut.rise), cut.half(body, cut.hem)
    count = 9 + int(5 * worn.spread)
    for k in range(-count, count + 1):
        share = k / (count + 0.5)
        line = body.at(
            [
                (share * top, cut.rise + 0.16),
                (share * cut.half(body, HIP), HIP),
                (share * hem + cut.sway, cut.hem + 0.1),
            ]
        )
        layer.line(line, ink(worn.fabric.rgb, 0.34), 0.02 * body.unit)
        layer.fold(line + (0.04 * body.unit, 0), 22, 0.05 * body.unit)


def _skirt_tiers(layer, body, cut, worn):
    count = 2 + int(3 * worn.spread)
    for k in range(1, count + 1):
        y = cut.rise + (cut.hem - cut.rise) * k / (count + 0.6)
        x = cut.half(body, y) + 0.3
        line = smooth([(-x + 2 * x * i / 12, y + (0.06 if i % 2 else 0.0)) for i in range(13)])
        layer.line(body.at(line), ink(worn.fabric.rgb, 0.36), 0.05 * body.unit)


def _skirt_lace(layer, body, cut, worn):
    colour = _LIGHT if luminance(worn.fabric.rgb) < 200 else darker(worn.fabric.rgb, 0.2)
    x = cut.half(body, cut.hem)
    for k in range(-9, 10):
        layer.dot(body.at((k * x / 9 + cut.sway, cut.hem - 0.02)), 0.1 * body.unit, colour)


def _skirt_buttons(layer, body, cut, worn):
    layer.line(body.at([(0.07, cut.rise), (0.07 + cut.sway, cut.hem + 0.1)]), worn.fabric.seam, 0.025 * body.unit)
    y = cut.rise + 0.1
    while y < cut.hem - 0.1:
        layer.dot(body.at((0, y)), 0.05 * body.unit, _button(worn))
        y += 0.3


def _slit(layer, body, cut, worn):
    x = cut.half(body, cut.hem)
    layer.cut(body.at([(0.42 * x, cut.hem + 0.2), (0.5 * x, max(HIP + 0.5, cut.hem - 1.2)), (0.66 * x, cut.hem + 0.2)]))


def _skirt_wrap(layer, body, cut, worn):
    layer.line(
        body.at(smooth([(0.3, cut.rise), (0.2, HIP), (-0.4 * cut.half(body, cut.hem), cut.hem + 0.1)])),
        worn.fabric.seam,
        0.05 * body.unit,
    )


def _skirt_border(layer, body, cut, worn):
    x = cut.half(body, cut.hem) + 0.3
    for y, deep in ((cut.hem - 0.3, 0.1), (cut.hem - 0.14, 0.3)):
        layer.patch(body.at([(-x, y), (x, y), (x, y + deep), (-x, y + deep)]), _second(worn))


def _skirt_pockets(layer, body, cut, worn):
    _pockets(layer, body, cut, worn, ())


SKIRT_TRIMS = {
    "pleats": _pleats, "tiers": _skirt_tiers, "lace trim": _skirt_lace, "buttons": _skirt_buttons, "slit": _slit,
    "wrap": _skirt_wrap, "border": _skirt_border, "pockets": _skirt_pockets,
}  # fmt: skip
