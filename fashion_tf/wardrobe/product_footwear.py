"""Shoes as a catalogue shows them: from the side, pointing left.

Each function draws a `products.Product` on a canvas.
"""

import numpy as np

from .fabrics import darker, ink, luminance, mix
from .pencil import between, chance, pick, rounded, smooth, whole


def _sneaker(product, canvas, sport):
    rng, rgb = product.rng, product.fabric.rgb
    ankle = between(rng, -0.34, -0.2) if not chance(rng, 0.2) else -0.6
    upper = [(-0.98, 0.34), (-0.98, 0.2), (-0.86, 0.06), (-0.5, -0.02), (-0.12, -0.24), (0.08, ankle - 0.08), (0.24, ankle - 0.06), (0.4, ankle + 0.08), (0.7, ankle + 0.02),
             (0.88, ankle - 0.06), (0.9, 0.0), (0.94, 0.34), (0.94, 0.34)]  # fmt: skip
    second = product.fabric.accents[0] if sport else darker(rgb, 0.15)
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
    product.ground(canvas, 0.55)
    product.lay(canvas, [rounded(upper)], layer_lines)
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
    product.lay(
        canvas,
        [rounded(bottom, 1)],
        [([(-0.98, 0.31 + thick * 0.5), (0.98, 0.3 + thick * 0.5)], darker(sole, 0.18), 0.02)],
        cloth=sole,
    )


def _casual_shoe(product, canvas):
    _sneaker(product, canvas, False)


def _sports_shoe(product, canvas):
    _sneaker(product, canvas, True)


def _formal_shoe(product, canvas):
    rng, rgb = product.rng, product.fabric.rgb
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
    product.ground(canvas, 0.5)
    product.lay(canvas, [rounded(upper)], lines, light=70)
    product.lay(
        canvas,
        [np.array([(-0.98, 0.32), (0.94, 0.32), (0.94, 0.52), (0.5, 0.52), (0.44, 0.4), (-0.92, 0.4)])],
        cloth=darker(rgb, 0.6),
    )


def _heel(product, canvas):
    rng = product.rng
    lift = between(rng, 0.5, 0.95)
    arch = 0.6 - lift
    platform = 0.0 if chance(rng, 0.7) else 0.1
    product.ground(canvas, 0.66, -0.9, 0.8)
    thin = between(rng, 0.025, 0.07) if chance(rng, 0.7) else 0.15
    product.lay(
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
    product.lay(canvas, [rounded(upper)], light=70)
    if platform:
        product.lay(
            canvas,
            [np.array([(-0.92, 0.56), (-0.2, 0.56), (-0.16, 0.68), (-0.88, 0.68)])],
            cloth=darker(product.fabric.rgb, 0.3),
        )
    if chance(rng, 0.3):
        product.rope(
            canvas,
            smooth([(0.82, arch - 0.2), (0.6, arch - 0.42), (0.4, arch - 0.3), (0.56, arch - 0.2), (0.82, arch - 0.2)]),
            0.03,
        )


def _flat(product, canvas):
    rng = product.rng
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
    product.ground(canvas, 0.42)
    product.lay(
        canvas,
        [rounded(upper)],
        [
            (
                smooth([(-0.84, 0.12), (-0.5, 0.09), (-0.36, 0.19), (0.0, 0.23), (0.5, 0.17), (0.88, 0.0)]),
                ink(product.fabric.rgb, 0.3),
                0.02,
            )
        ],
        light=60,
    )
    product.lay(
        canvas,
        [np.array([(-0.94, 0.29), (0.95, 0.29), (0.95, 0.38), (0.6, 0.38), (0.56, 0.34), (-0.9, 0.35)])],
        cloth=darker(product.fabric.rgb, 0.5),
    )
    if chance(rng, 0.5):
        for side in (-1, 1):
            product.lay(
                canvas,
                [np.array([(-0.62, 0.08), (-0.62 + side * 0.16, 0.0), (-0.62 + side * 0.16, 0.16)])],
                cloth=product.fabric.accents[0] if chance(rng, 0.5) else None,
            )


def _sandal(product, canvas):
    rng = product.rng
    lift = pick(rng, (0.0, 0.0, 0.18, 0.3))
    product.ground(canvas, 0.58)
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
    product.lay(canvas, [rounded(sole, 1)], cloth=mix((178, 140, 100), product.fabric.rgb, 0.3 if chance(rng, 0.6) else 0.9))
    for k in range(whole(rng, 1, 3)):
        x = -0.8 + 0.3 * k
        product.rope(
            canvas,
            smooth([(x, 0.4), (x + 0.14, 0.06 - 0.06 * k), (x + 0.36, 0.0 - 0.06 * k), (x + 0.5, 0.36 - 0.3 * lift)]),
            between(rng, 0.035, 0.08),
        )
    if chance(rng, 0.75):
        product.rope(
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
        product.rope(canvas, smooth([(0.38, heel - 0.36), (0.2, heel - 0.2), (-0.1, 0.36)]), 0.04)


def _flip_flop(product, canvas):
    """Seen from above, a pair."""
    rng = product.rng
    second = product.fabric.accents[0]
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
        canvas.shadow([product.at(rounded(sole) + (0.03, 0.05))], 0.3, soft=6)
        product.lay(
            canvas,
            [rounded(sole)],
            [(rounded(sole * (0.9, 0.94) + (side * 0.034, 0.01)), ink(product.fabric.rgb, 0.2), 0.02)],
        )
        for x in (0.1, 0.66):
            strap = smooth(
                np.array([(0.36, -0.62), ((0.36 + x) / 2 + (0.05 if x > 0.3 else -0.04), -0.35), (x, 0.14)]) * (side, 1)
            )
            product.rope(canvas, strap, 0.05, cloth=second if chance(rng, 0.8) else darker(product.fabric.rgb, 0.4))


# article type: (its drawing, the parsing label that it bears)
FOOTWEAR = {
    "Casual Shoes": (_casual_shoe, "shoes"), "Sports Shoes": (_sports_shoe, "shoes"),
    "Formal Shoes": (_formal_shoe, "shoes"), "Heels": (_heel, "shoes"), "Flats": (_flat, "shoes"),
    "Sandals": (_sandal, "shoes"), "Flip Flops": (_flip_flop, "shoes"),
}  # fmt: skip
