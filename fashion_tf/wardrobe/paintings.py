"""Drawn paintings: strong strokes and few colours, so that it can be seen whether a style was taken over."""

import cv2
import numpy as np

from .pencil import whole

# name: (ground, colours of the strokes, the commonest first)
PALETTES = {
    "swirls": ((24, 40, 96), ((38, 84, 168), (96, 150, 208), (20, 28, 66), (240, 206, 92), (222, 232, 236))),
    "embers": ((92, 20, 24), ((204, 52, 34), (240, 136, 40), (138, 26, 44), (250, 214, 120), (44, 14, 26))),
    "mosaic": ((34, 34, 36), ((40, 142, 128), (226, 178, 60), (206, 222, 214), (176, 74, 52), (20, 84, 110))),
    "ink": ((240, 232, 214), ((26, 24, 30), (26, 24, 30), (26, 24, 30), (190, 40, 48), (88, 110, 150))),
}
PAINTINGS = tuple(PALETTES)


def draw_painting(name, rng, size=(256, 256)):
    """A painting that nobody has painted.

    Args:
        name: ``"swirls"``: strokes around centres; ``"embers"``: slanting flames; ``"mosaic"``: stones with dark
            joints; ``"ink"``: broken lines and dots on paper.
        rng: A `numpy.random.Generator`.
        size: (height, width) in pixels. Strokes are as long and as wide whatever the size.

    Returns:
        uint8 (height, width, 3).

    Example:
        >>> draw_painting("swirls", np.random.default_rng(0)).shape
        (256, 256, 3)

    Taught in: 36_style_transfer_gram.ipynb
    """
    height, width = size
    ground, colours = PALETTES[name]
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = ground
    {"swirls": _swirls, "embers": _embers, "mosaic": _mosaic, "ink": _ink}[name](canvas, rng, colours)
    return canvas


def _colour(rng, colours):
    """A colour, the earlier ones more often; a little lighter or darker each time."""
    place = min(whole(rng, 0, len(colours) - 1), whole(rng, 0, len(colours) - 1))
    return tuple(int(min(max(part + whole(rng, -14, 14), 0), 255)) for part in colours[place])


def _places(canvas, rng, each):
    """Places at random, one for `each` pixels."""
    height, width = canvas.shape[:2]
    return ((whole(rng, -8, width + 8), whole(rng, -8, height + 8)) for _ in range(height * width // each))


def _swirls(canvas, rng, colours):
    height, width = canvas.shape[:2]
    centres = [(whole(rng, 0, width), whole(rng, 0, height)) for _ in range(max(height * width // 8000, 2))]
    for x, y in _places(canvas, rng, 24):
        across, down = min(((x - one, y - other) for one, other in centres), key=lambda way: way[0] ** 2 + way[1] ** 2)
        far = max(int((across ** 2 + down ** 2) ** 0.5), 1)
        along = (-down * 11 // far, across * 11 // far)
        cv2.line(canvas, (x, y), (x + along[0], y + along[1]), colours[3] if far < 12 else _colour(rng, colours),
                 whole(rng, 2, 4), cv2.LINE_AA)


def _embers(canvas, rng, colours):
    for x, y in _places(canvas, rng, 30):
        long = whole(rng, 8, 22)
        bent = np.array([[x, y], [x + long // 3 + whole(rng, 0, 3), y - long // 2], [x + long // 4, y - long]])
        cv2.polylines(canvas, [bent.astype(np.int32)], False, _colour(rng, colours), whole(rng, 2, 5), cv2.LINE_AA)


def _mosaic(canvas, rng, colours):
    height, width = canvas.shape[:2]
    side = 13
    for top in range(-side, height + side, side):
        for left in range(-side, width + side, side):
            corners = np.array([[left + 1, top + 1], [left + side - 2, top + 1], [left + side - 2, top + side - 2],
                                [left + 1, top + side - 2]])
            corners = corners + np.array([[whole(rng, -2, 2), whole(rng, -2, 2)] for _ in range(4)])
            band = (top + left + whole(rng, -side, side)) // 52 % len(colours)
            colour = colours[band] if whole(rng, 0, 2) else _colour(rng, colours)
            cv2.fillConvexPoly(canvas, corners.astype(np.int32), colour, cv2.LINE_AA)


def _ink(canvas, rng, colours):
    for x, y in _places(canvas, rng, 420):
        kind = whole(rng, 0, 3)
        if kind == 0:
            cv2.circle(canvas, (x, y), whole(rng, 3, 8), _colour(rng, colours), -1, cv2.LINE_AA)
        else:
            points = [(x, y)]
            for turn in range(5):
                points.append((points[-1][0] + whole(rng, 4, 9), points[-1][1] + (9 if turn % 2 else -9)))
            cv2.polylines(canvas, [np.array(points, np.int32)], False, _colour(rng, colours), whole(rng, 2, 3),
                          cv2.LINE_AA)
