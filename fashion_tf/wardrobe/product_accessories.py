"""Bags, watches, jewellery and the other things of a catalogue that are not worn in its pictures.

Each function draws a `products.Product` on a canvas.
"""

import numpy as np

from .fabrics import darker, ink, lighter, luminance
from .pencil import between, chance, disc, mirrored, pick, rounded, smooth, whole


def _scaled(points, x, y):
    return np.asarray(points, np.float64) * (x, y)


def _watch(product, canvas):
    rng = product.rng
    band = product.fabric.rgb if chance(rng, 0.6) else product.metal
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
        if band is product.metal
        else [([(0, 0.56 + 0.1 * k), (0.01, 0.56 + 0.1 * k)], ink(band, 0.5), 0.04) for k in range(4)]
    )
    canvas.shadow([product.at(np.array(strap) + (0.04, 0.03))], 0.25, soft=8)
    product.lay(canvas, [np.array(strap)], links, cloth=band, light=50)
    radius = between(rng, 0.32, 0.44)
    case = (
        disc((0, 0), radius)
        if chance(rng, 0.75)
        else rounded(_scaled([(-1, -1.1), (1, -1.1), (1, 1.1), (-1, 1.1)], radius * 0.9, radius * 0.95), 1)
    )
    product.lay(canvas, [case, disc((radius + 0.03, 0), 0.05)], cloth=product.metal, light=70)
    dial = pick(rng, ((246, 246, 242), (34, 34, 38), (40, 52, 92), product.fabric.rgb))
    hand = (30, 30, 34) if luminance(dial) > 120 else (238, 236, 228)
    marks = [(_scaled([_RAYS[k] * 0.72, _RAYS[k] * 0.86], radius, radius), hand, 0.03) for k in range(12)]
    first, second = _RAYS[whole(rng, 0, 11)], _RAYS[whole(rng, 0, 11)]
    hands = [
        (_scaled([(0, 0), first * 0.45], radius, radius), hand, 0.035),
        (_scaled([(0, 0), second * 0.66], radius, radius), hand, 0.025),
    ]
    product.lay(canvas, [case * 0.84], [*marks, *hands], cloth=dial, light=10, edge=20)


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


def _handbag(product, canvas):
    rng, rgb = product.rng, product.fabric.rgb
    wide, top = between(rng, 0.62, 0.92), between(rng, -0.3, -0.05)
    taper = between(rng, 0.7, 1.0)
    product.ground(canvas, 0.86, -wide, wide)
    rise = between(rng, 0.4, 0.62)
    for shift in (0.05, -0.03) if chance(rng, 0.5) else (0.0,):
        arch = smooth(
            [(-wide * 0.5, top + 0.15), (-wide * 0.48, top - rise), (wide * 0.48, top - rise), (wide * 0.5, top + 0.15)]
        ) + (shift, shift)
        product.rope(canvas, arch, between(rng, 0.03, 0.055), cloth=darker(rgb, 0.2))
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
    product.lay(canvas, [rounded(body)], lines, light=60, folds=20, crumple=14, soft=0.3)
    product.lay(canvas, [disc((0, top + 0.46), 0.06)], cloth=product.metal)


def _backpack(product, canvas):
    rng, rgb = product.rng, product.fabric.rgb
    product.ground(canvas, 0.94, -0.6, 0.6)
    product.rope(
        canvas, smooth([(-0.14, -0.82), (-0.12, -0.98), (0.12, -0.98), (0.14, -0.82)]), 0.035, cloth=darker(rgb, 0.4)
    )
    for side in (-1, 1):
        product.rope(
            canvas,
            smooth(np.array([(0.4, -0.7), (0.8, -0.3), (0.78, 0.4), (0.56, 0.74)]) * (side, 1)),
            0.05,
            cloth=darker(rgb, 0.35),
        )
    body = mirrored([(0, -0.88), (0.4, -0.86), (0.6, -0.6), (0.64, 0.3), (0.62, 0.86), (0.5, 0.93), (0, 0.93)])
    zip_line = (smooth([(-0.6, -0.1), (-0.5, -0.64), (0, -0.76), (0.5, -0.64), (0.6, -0.1)]), ink(rgb, 0.5), 0.03)
    product.lay(canvas, [rounded(body)], [zip_line], folds=20, crumple=16, soft=0.3)
    second = product.fabric.accents[0] if chance(rng, 0.4) else darker(rgb, 0.12)
    pocket = mirrored([(0, 0.16), (0.44, 0.16), (0.48, 0.3), (0.46, 0.8), (0.36, 0.86), (0, 0.86)])
    product.lay(canvas, [rounded(pocket)], [([(-0.4, 0.3), (0.4, 0.3)], ink(rgb, 0.5), 0.03)], cloth=second, soft=0.2)


def _clutch(product, canvas):
    rng, rgb = product.rng, product.fabric.rgb
    tall = between(rng, 0.34, 0.52)
    product.ground(canvas, tall + 0.04)
    body = rounded([(-0.92, -tall), (0.92, -tall), (0.95, 0), (0.92, tall), (-0.92, tall), (-0.95, 0)], 1)
    flap = pick(
        rng,
        (
            [(-0.95, -tall * 0.1), (0, tall * 0.5), (0.95, -tall * 0.1)],
            [(-0.95, 0.0), (0.95, 0.0)],
            [(-0.95, -tall * 0.8), (0.95, -tall * 0.8)],
        ),
    )
    product.lay(canvas, [body], [(np.array(flap), ink(rgb, 0.4), 0.03)], light=60, folds=16, crumple=14, soft=0.24)
    product.lay(canvas, [disc((0, flap[len(flap) // 2][1] if len(flap) > 2 else flap[0][1]), 0.06)], cloth=product.metal)


def _belt(product, canvas):
    """Coiled, the buckle in front."""
    rng, rgb = product.rng, product.fabric.rgb
    deep = between(rng, 0.13, 0.2)
    product.ground(canvas, 0.44)
    back = rounded([(-0.9, -0.2), (0, -0.44), (0.9, -0.2), (0.9, -0.2 + deep), (0, -0.44 + deep), (-0.9, -0.2 + deep)])
    product.lay(canvas, [back], cloth=darker(rgb, 0.45))
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
    product.lay(
        canvas,
        [strap],
        [*holes, (smooth([(-0.92, -0.02), (-0.5, 0.14), (0, 0.19), (0.5, 0.14), (0.92, -0.02)]), ink(rgb, 0.2), 0.015)],
        light=60,
    )
    frame = np.array([(-0.22, 0.06), (0.2, 0.06), (0.2, 0.34 + deep * 0.6), (-0.22, 0.34 + deep * 0.6)])
    middle = frame.mean(0)
    product.lay(
        canvas,
        [rounded(frame, 1)],
        [([middle - (0.2, 0), middle + (0.2, 0)], darker(product.metal, 0.3), 0.03)],
        cloth=product.metal,
        holes=[(frame - middle) * 0.62 + middle - (0.02, 0)] if chance(rng, 0.7) else (),
    )


def _sunglasses(product, canvas):
    rng = product.rng
    frame = darker(product.fabric.rgb, 0.25)
    tint = pick(rng, ((36, 36, 40), (70, 52, 40), (52, 60, 84), darker(product.fabric.rgb, 0.5)))
    wide, tall = between(rng, 0.36, 0.43), between(rng, 0.24, 0.34)
    shape = pick(
        rng,
        (
            [(-1, -0.8), (1, -0.9), (1, 0.1), (0.6, 0.9), (-0.5, 0.95), (-1, 0.3)],
            [(-1, -0.7), (1, -0.7), (1, 0.7), (-1, 0.7)],
            [(-0.8, -0.9), (0.8, -0.9), (1.0, 0.0), (0.7, 0.9), (-0.7, 0.9), (-1.0, 0.0)],
        ),
    )
    product.ground(canvas, tall + 0.16)
    for side in (-1, 1):
        product.rope(
            canvas,
            smooth(np.array([(0.86, -tall * 0.6), (0.98, -tall * 0.5), (0.78, -0.62)]) * (side, 1)),
            0.035,
            cloth=darker(frame, 0.2),
        )
    for side in (-1, 1):
        lens = rounded(_scaled(shape, wide * side, tall) + (side * 0.48, 0))
        product.lay(canvas, [lens], cloth=frame, light=50)
        product.lay(
            canvas,
            [(lens - (side * 0.48, 0)) * 0.85 + (side * 0.48, 0)],
            [([(side * 0.36, -tall * 0.5), (side * 0.5, -tall * 0.2)], lighter(tint, 0.4), 0.04)],
            cloth=tint,
            light=50,
        )
    product.rope(canvas, smooth([(-0.16, -tall * 0.3), (0, -tall * 0.5), (0.16, -tall * 0.3)]), 0.035, cloth=frame)


def _wallet(product, canvas):
    rng, rgb = product.rng, product.fabric.rgb
    tall, wide = between(rng, 0.5, 0.68), between(rng, 0.72, 0.88)
    box = rounded(_scaled([(-1, -1), (1, -1), (1, -1), (1, 1), (1, 1), (-1, 1), (-1, 1), (-1, -1)], wide, tall), 1)
    canvas.shadow([product.at(box + (0.03, 0.05))], 0.35, soft=8)
    stitch = (box * 0.93, lighter(rgb, 0.25) if luminance(rgb) < 120 else darker(rgb, 0.25), 0.014)
    lines = [(np.concatenate([stitch[0], stitch[0][:1]]), stitch[1], 0.014)]
    if chance(rng, 0.5):
        lines.append(([(-wide, -0.1), (wide, -0.1)], ink(rgb, 0.4), 0.03))
    product.lay(canvas, [box], lines, light=50, crumple=18, soft=0.2)
    if chance(rng, 0.5):
        product.lay(
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
            cloth=product.metal,
        )


def _cap(product, canvas):
    rng, rgb = product.rng, product.fabric.rgb
    brim_colour = product.fabric.accents[0] if chance(rng, 0.35) else darker(rgb, 0.12)
    product.ground(canvas, 0.56)
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
    product.lay(canvas, [rounded(crown), disc((0.2, -0.52), 0.05)], seams, soft=0.3)
    brim = [(-0.52, 0.22), (-0.2, 0.34), (0.1, 0.38), (-0.1, 0.5), (-0.6, 0.54), (-0.96, 0.44), (-0.9, 0.32)]
    product.lay(
        canvas,
        [rounded(brim)],
        [(smooth([(-0.86, 0.42), (-0.5, 0.44), (0.0, 0.42)]), ink(brim_colour, 0.2), 0.015)],
        cloth=brim_colour,
    )
    if chance(rng, 0.5):
        product.lay(canvas, [disc((-0.12, 0.02), 0.1)], cloth=product.fabric.accents[1])


def _tie(product, canvas):
    """Rolled half open: knot on top, blade below."""
    product.take_cloth(product.fabric.colour, ("plain", "stripes", "dots", "pinstripe", "paisley", "windowpane"))
    wide = between(product.rng, 0.2, 0.3)
    canvas.shadow(
        [product.at([(-0.1, -0.9), (0.14, -0.9), (wide + 0.06, 0.75), (0.05, 1.0), (-wide + 0.04, 0.75)])], 0.3, soft=8
    )
    product.lay(
        canvas,
        [np.array([(-0.22, -0.98), (0.22, -0.98), (0.14, -0.78), (-0.14, -0.78)])],
        cloth=darker(product.fabric.rgb, 0.3),
    )
    product.lay(
        canvas, [np.array([(-0.1, -0.66), (0.1, -0.66), (wide, 0.72), (0, 0.97), (-wide, 0.72)])], light=50, folds=14
    )
    product.lay(
        canvas,
        [rounded([(-0.17, -0.94), (0.17, -0.94), (0.17, -0.94), (0.11, -0.62), (-0.11, -0.62), (-0.17, -0.94)], 1)],
        light=50,
    )


def _scarf(product, canvas):
    product.take_cloth(product.fabric.colour, ("plain", "tartan", "stripes", "floral", "dots", "zigzag", "paisley", "melange"))
    loop = rounded([(-0.5, -0.9), (0.5, -0.9), (0.66, -0.4), (0.4, 0.0), (-0.4, 0.0), (-0.66, -0.4)])
    hole = rounded([(-0.26, -0.66), (0.26, -0.66), (0.3, -0.44), (0, -0.26), (-0.3, -0.44)])
    for x, low in ((-0.26, between(product.rng, 0.7, 0.96)), (0.24, between(product.rng, 0.7, 0.96))):
        tail = np.array([(x - 0.16, -0.2), (x + 0.18, -0.2), (x + 0.24, low), (x - 0.2, low)])
        canvas.shadow([product.at(tail + (0.04, 0.04))], 0.3, soft=8)
        fringe = [
            ([(x - 0.18 + 0.06 * k, low - 0.12), (x - 0.18 + 0.06 * k, low)], product.fabric.seam, 0.015) for k in range(8)
        ]
        product.lay(canvas, [tail], fringe, folds=34, crumple=20, soft=0.2)
    folds = [
        (
            smooth([(-0.56, -0.5 + 0.14 * k), (0, -0.2 + 0.14 * k), (0.56, -0.5 + 0.14 * k)]),
            ink(product.fabric.rgb, 0.26),
            0.025,
        )
        for k in range(3)
    ]
    product.lay(canvas, [loop], folds, holes=[hole], folds=34, crumple=20, soft=0.2)


def _socks(product, canvas):
    product.take_cloth(product.fabric.colour, ("plain", "stripes", "argyle", "dots", "two stripes", "melange"))
    tall = between(product.rng, -0.96, -0.5)
    second = product.fabric.accents[0]
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
        canvas.shadow([product.at(rounded(sock) + (0.03, 0.04))], 0.25, soft=6)
        cuff = [(0.08 + shift, tall + 0.07 + shift * 0.3), (0.56 + shift, tall + 0.07 + shift * 0.3)]
        product.lay(
            canvas,
            [rounded(sock)],
            [(cuff, second, 0.14)] if chance(product.rng, 0.5) else [(cuff, ink(product.fabric.rgb, 0.3), 0.02)],
            folds=16,
            crumple=14,
        )


def _earrings(product, canvas):
    rng = product.rng
    kind, size = whole(rng, 0, 2), between(rng, 0.2, 0.34)
    gem = product.fabric.rgb
    for side in (-1, 1):
        x = side * 0.44
        product.rope(
            canvas, smooth([(x, -0.5), (x - 0.08, -0.72), (x + 0.06, -0.82), (x + 0.1, -0.66)]), 0.022, cloth=product.metal
        )
        if kind == 0:
            product.lay(canvas, [disc((x, -0.1), size + 0.06)], cloth=product.metal, holes=[disc((x, -0.1), size)], light=60)
        elif kind == 1:
            product.rope(canvas, [(x, -0.5), (x, -0.1)], 0.02, cloth=product.metal)
            product.lay(
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
                product.lay(
                    canvas, [disc((x, -0.36 + 0.3 * k), 0.1 + 0.035 * k)], cloth=gem if k % 2 else product.metal, light=70
                )


def _necklace(product, canvas):
    rng = product.rng
    low = between(rng, 0.3, 0.62)
    line = smooth(
        [(-0.42, -0.9), (-0.78, -0.2), (-0.5, low * 0.8), (0, low), (0.5, low * 0.8), (0.78, -0.2), (0.42, -0.9)], 3
    )
    if chance(rng, 0.45):
        radius = between(rng, 0.035, 0.06)
        product.lay(
            canvas,
            [disc(point, radius) for point in line],
            cloth=product.fabric.rgb if chance(rng, 0.6) else (240, 234, 224),
            light=70,
            soft=0.05,
        )
    else:
        product.rope(canvas, line, 0.018, cloth=product.metal)
    shape = (
        disc((0, low + 0.16), 0.15)
        if chance(rng, 0.5)
        else np.array([(0, low), (0.15, low + 0.18), (0, low + 0.36), (-0.15, low + 0.18)])
    )
    product.lay(canvas, [shape], cloth=product.metal, light=70)
    product.lay(canvas, [(shape - shape.mean(0)) * 0.55 + shape.mean(0)], cloth=product.fabric.rgb, light=80)


def _bracelet(product, canvas):
    rng = product.rng
    outer = between(rng, 0.62, 0.85)
    thick = between(rng, 0.06, 0.2)
    product.ground(canvas, 0.62, -outer, outer)
    cloth = product.metal if chance(rng, 0.65) else product.fabric
    product.lay(canvas, [disc((0, 0), outer, 0.72)], cloth=cloth, holes=[disc((0, -0.02), outer - thick, 0.68)], light=80)
    if chance(rng, 0.6):
        for k in range(-3, 4):
            product.lay(
                canvas,
                [disc((k * outer * 0.25, (0.72 * outer - thick / 2) * (1 - 0.07 * k * k)), thick * 0.4 + 0.02)],
                cloth=product.fabric.accents[k % 2],
                light=70,
            )


def _ring(product, canvas):
    rng = product.rng
    thick = between(rng, 0.07, 0.13)
    product.ground(canvas, 0.86, -0.4, 0.4)
    product.lay(canvas, [disc((0, 0.28), 0.56)], cloth=product.metal, holes=[disc((0, 0.3), 0.56 - thick)], light=80)
    size = between(rng, 0.16, 0.3)
    gem = _scaled([(-0.6, -1), (0.6, -1), (1, -0.3), (0, 1), (-1, -0.3)], size, size) + (0, -0.32 - size * 0.6)
    facets = [
        (np.array([gem[4], gem[2]]), lighter(product.fabric.rgb, 0.5), 0.02),
        (np.array([gem[0], gem[3], gem[1]]), lighter(product.fabric.rgb, 0.4), 0.02),
    ]
    product.lay(canvas, [gem], facets, cloth=product.fabric.rgb, light=80)


# article type: (its drawing, the parsing label that it bears)
ACCESSORIES = {
    "Watches": (_watch, "watch/bracelet"), "Handbags": (_handbag, "bag"), "Backpacks": (_backpack, "bag"),
    "Clutches": (_clutch, "bag"), "Belts": (_belt, "belt"), "Sunglasses": (_sunglasses, "glasses"),
    "Wallets": (_wallet, "bag"), "Caps": (_cap, "hat/headband"), "Ties": (_tie, "scarf/tie"),
    "Scarves": (_scarf, "scarf/tie"), "Socks": (_socks, "socks"), "Earrings": (_earrings, "necklace"),
    "Necklace and Chains": (_necklace, "necklace"), "Bracelet": (_bracelet, "watch/bracelet"),
    "Ring": (_ring, "necklace"),
}  # fmt: skip
