"""Places: what stands behind a person, and now and then in front."""

import cv2
import numpy as np

from .fabrics import COLOUR_NAMES, COLOURS, darker, lighter, mix
from .pencil import Canvas, between, chance, crop, fields, pick, rounded, whole

PLACES = ("plain", "studio", "street", "brick", "park", "room", "shop", "shutter", "night", "sky")
_WEIGHTS = (20, 18, 16, 8, 10, 12, 6, 4, 3, 3)


def _tone(rng, low=0.2, high=0.85):
    """A muted colour of any hue."""
    grey = whole(rng, 40, 230)
    return mix(COLOURS[pick(rng, COLOUR_NAMES)], (grey, grey, grey), between(rng, low, high))


def _box(image, x0, y0, x1, y1, colour):
    """Fills a rectangle given in shares of the image's size."""
    height, width = image.shape[:2]
    corners = (round(x0 * width), round(y0 * height)), (round(x1 * width), round(y1 * height))
    cv2.rectangle(image, *corners, colour, -1)


def background(rng, height, width, floor=0.82, place=None):
    """Draws a canvas with only a place on it.

    Args:
        rng: Source of all randomness.
        height, width: Pixels.
        floor: Height at which the floor begins, as a share of the image's.
        place: One of `PLACES`, "white", or None for any.
    """
    place = place or pick(rng, PLACES, _WEIGHTS)
    if place == "white":
        shade = whole(rng, 244, 255)
        return Canvas(np.full((height, width, 3), shade, np.uint8))
    coarse = np.empty((max(8, height // 4), max(8, width // 4), 3), np.uint8)
    coarse[:] = _tone(rng)
    _PAINT[place](rng, coarse, floor)
    _light(rng, coarse)
    blur = pick(rng, (0, 3, 5))
    if blur:
        coarse = cv2.GaussianBlur(coarse, (blur, blur), 0)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    if place == "brick":
        _bricks(rng, image, floor)
    strength = whole(rng, 4, 16)
    noise = cv2.multiply(
        crop(fields()["grain"], whole(rng, 0, 511), whole(rng, 0, 511), width, height), strength, scale=1 / 256
    )
    image = cv2.subtract(cv2.add(image, cv2.merge([noise] * 3)), np.full_like(image, strength // 2))
    return Canvas(image)


def _light(rng, image):
    """A slow change of brightness across the image."""
    height, width = image.shape[:2]
    corners = np.array([[whole(rng, 96, 128) for _ in range(3)] for _ in range(3)], np.uint8)
    shade = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    image[:] = cv2.multiply(image, cv2.merge([shade] * 3), scale=1 / 120)


def _floor(rng, image, floor, colour=None):
    colour = colour or _tone(rng, 0.5, 0.9)
    _box(image, 0, floor, 1, 1, colour)
    if chance(rng, 0.4):
        height, width = image.shape[:2]
        for k in range(-6, 7):
            x = width * (0.5 + 0.09 * k)
            cv2.line(
                image,
                (round(x), round(floor * height)),
                (round(width / 2 + (x - width / 2) * 2.6), height),
                darker(colour, 0.16),
                1,
            )


def _plain(rng, image, floor):
    pass


def _studio(rng, image, floor):
    wall = tuple(int(c) for c in image[0, 0])
    _box(image, 0, floor, 1, 1, mix(wall, (255, 255, 255), 0.2) if chance(rng, 0.5) else darker(wall, 0.15))


def _street(rng, image, floor):
    horizon = between(rng, 0.3, 0.6)
    _box(image, 0, 0, 1, horizon, mix((190, 210, 232), _tone(rng), 0.4))
    x = -0.1
    while x < 1.0:
        wide, top = between(rng, 0.14, 0.4), between(rng, -0.2, horizon * 0.8)
        wall = _tone(rng, 0.4, 0.8)
        _box(image, x, top, x + wide, floor, wall)
        pane = darker(wall, 0.35) if chance(rng, 0.6) else lighter(wall, 0.35)
        step = between(rng, 0.06, 0.11)
        for row in range(int((floor - 0.1 - top) / (1.4 * step))):
            for column in range(int(wide / step)):
                y = top + 0.04 + row * 1.4 * step
                _box(image, x + 0.02 + column * step, y, x + 0.02 + column * step + 0.55 * step, y + 0.8 * step, pane)
        x += wide
    _floor(rng, image, floor, _tone(rng, 0.75, 0.95))
    for _ in range(whole(rng, 0, 3)):  # passers-by and cars, out of focus
        x, colour = between(rng, -0.1, 1), _tone(rng, 0.2, 0.6)
        if chance(rng, 0.5):
            _box(image, x, floor - between(rng, 0.25, 0.4), x + 0.07, floor + 0.03, colour)
        else:
            _box(image, x, floor - 0.13, x + 0.4, floor + 0.01, colour)


def _brick(rng, image, floor):
    image[:] = mix((168, 92, 70), _tone(rng), between(rng, 0.1, 0.8))
    if chance(rng, 0.6):
        _floor(rng, image, floor)


def _bricks(rng, image, floor):
    height, width = image.shape[:2]
    tall = max(6, round(height * between(rng, 0.028, 0.05)))
    wide, end = round(tall * 2.6), height if chance(rng, 0.5) else round(floor * height)
    joint = tuple(int(c) for c in lighter(tuple(int(v) for v in image[0, 0]), between(rng, 0.1, 0.3)))
    for row, y in enumerate(range(0, end, tall)):
        cv2.line(image, (0, y), (width, y), joint, 1)
        for x in range((row % 2) * wide // 2, width, wide):
            cv2.line(image, (x, y), (x, min(end, y + tall)), joint, 1)


def _park(rng, image, floor):
    green = mix((86, 128, 66), _tone(rng), 0.3)
    image[:] = mix(green, (220, 232, 236), between(rng, 0.0, 0.5))
    height, width = image.shape[:2]
    for _ in range(whole(rng, 18, 40)):
        centre = (whole(rng, 0, width), round(height * between(rng, 0.0, floor)))
        cv2.circle(
            image,
            centre,
            whole(rng, 2, max(3, width // 9)),
            mix(green, (250, 250, 210), 0.5 * rng.random()) if chance(rng, 0.6) else darker(green, 0.5 * rng.random()),
            -1,
        )
    for _ in range(whole(rng, 0, 3)):
        x = rng.random()
        _box(image, x, 0, x + between(rng, 0.03, 0.07), floor, mix((96, 72, 54), green, 0.2))
    _box(image, 0, floor, 1, 1, mix((150, 146, 110), green, rng.random()))


def _room(rng, image, floor):
    wall = tuple(int(c) for c in image[0, 0])
    _floor(rng, image, floor, mix((168, 126, 88), _tone(rng), rng.random()))
    _box(image, 0, floor - 0.03, 1, floor, lighter(wall, 0.4))
    for _ in range(whole(rng, 1, 4)):
        x, colour = between(rng, -0.1, 0.9), _tone(rng, 0.2, 0.7)
        kind = whole(rng, 0, 4)
        if kind == 0:  # a picture
            y, wide, tall = between(rng, 0.05, 0.4), between(rng, 0.12, 0.26), between(rng, 0.12, 0.28)
            _box(image, x, y, x + wide, y + tall, darker(wall, 0.5))
            _box(image, x + 0.015, y + 0.015, x + wide - 0.015, y + tall - 0.015, colour)
        elif kind == 1:  # a door or a curtain
            _box(image, x, 0.08, x + between(rng, 0.2, 0.32), floor, lighter(colour, 0.2))
        elif kind == 2:  # a sofa
            _box(image, x, floor - 0.22, x + 0.5, floor + 0.04, colour)
            _box(image, x, floor - 0.1, x + 0.5, floor + 0.04, darker(colour, 0.14))
        elif kind == 3:  # a window
            y = between(rng, 0.02, 0.2)
            _box(image, x, y, x + 0.3, y + 0.42, (236, 240, 244))
            _box(image, x + 0.14, y, x + 0.16, y + 0.42, lighter(wall, 0.3))
        else:  # a plant
            height, width = image.shape[:2]
            _box(image, x + 0.03, floor - 0.1, x + 0.13, floor + 0.02, (176, 110, 80))
            for _ in range(9):
                centre = (
                    round((x + 0.08 + between(rng, -0.1, 0.1)) * width),
                    round((floor - between(rng, 0.12, 0.34)) * height),
                )
                cv2.ellipse(
                    image,
                    centre,
                    (max(1, width // 40), max(2, width // 18)),
                    whole(rng, 0, 180),
                    0,
                    360,
                    (70, 120 + whole(rng, -20, 30), 70),
                    -1,
                )


def _shop(rng, image, floor):
    _floor(rng, image, floor)
    x, rail = -0.05, between(rng, 0.1, 0.4)
    while x < 1.0:
        wide = between(rng, 0.04, 0.1)
        _box(image, x, rail, x + wide - 0.006, rail + between(rng, 0.25, 0.45), _tone(rng, 0.1, 0.5))
        x += wide
    _box(image, 0, rail - 0.015, 1, rail, (120, 120, 124))


def _shutter(rng, image, floor):
    colour = tuple(int(c) for c in image[0, 0])
    step = between(rng, 0.03, 0.07)
    y = 0.0
    while y < floor:
        _box(image, 0, y, 1, y + 0.3 * step, darker(colour, 0.2))
        y += step
    _floor(rng, image, floor)


def _night(rng, image, floor):
    image[:] = (30, 32, 46)
    height, width = image.shape[:2]
    for _ in range(whole(rng, 8, 22)):
        centre = (whole(rng, 0, width), round(height * between(rng, 0.05, floor)))
        cv2.circle(
            image,
            centre,
            whole(rng, 1, max(2, width // 14)),
            mix(
                COLOURS[pick(rng, ("mustard", "orange", "red", "light blue", "white", "magenta"))],
                (40, 40, 50),
                between(rng, 0.2, 0.7),
            ),
            -1,
        )
    _floor(rng, image, floor, (52, 50, 56))


def _sky(rng, image, floor):
    horizon = between(rng, 0.45, 0.75)
    _box(image, 0, 0, 1, horizon, mix((150, 190, 230), (246, 214, 190), rng.random()))
    _box(image, 0, horizon, 1, 1, mix((80, 130, 160), (216, 196, 158), rng.random()))


_PAINT = {"plain": _plain, "studio": _studio, "street": _street, "brick": _brick, "park": _park, "room": _room,
          "shop": _shop, "shutter": _shutter, "night": _night, "sky": _sky}  # fmt: skip


# In front --------------------------------------------------------------------------------------------------------


def occlude(rng, canvas, body=None):
    """Puts something before the camera: leaves, a table's edge, a post, a passer-by's shoulder, or a phone in the hand."""
    height, width = canvas.image.shape[:2]
    kind = whole(rng, 0, 4)
    if kind == 0:
        green, side = (whole(rng, 50, 110), whole(rng, 100, 150), whole(rng, 50, 90)), pick(rng, (0.0, 1.0))
        for _ in range(whole(rng, 4, 9)):
            x, y = (side + between(rng, -0.2, 0.2)) * width, between(rng, 0.35, 1.0) * height
            angle = np.array((between(rng, -1, 1), between(rng, -1, 0.4)))
            long, across = angle * 0.2 * height, np.array((-angle[1], angle[0])) * 0.04 * height
            leaf = rounded(np.array([(0, 0), long * 0.5 + across, long, long * 0.5 - across]) + (x, y))
            _cover(canvas, [leaf], mix(green, (20, 40, 20), 0.4 * rng.random()))
    elif kind == 1:
        y, colour = between(rng, 0.84, 0.95) * height, mix((150, 110, 76), _tone(rng), rng.random())
        _cover(canvas, [np.array([(0, y), (width, y + between(rng, -8, 8)), (width, height), (0, height)])], colour)
    elif kind == 2:
        x, wide = between(rng, 0.02, 0.9) * width, between(rng, 0.03, 0.08) * width
        _cover(canvas, [np.array([(x, 0), (x + wide, 0), (x + wide, height), (x, height)])], _tone(rng))
    elif kind == 3:
        side, y, colour = pick(rng, (0, 1)), between(rng, 0.3, 0.6) * height, _tone(rng, 0.1, 0.5)
        shoulder = np.array([(-0.1, 0), (0.1, 0.0), (0.2, 0.1), (0.24, 0.9), (-0.1, 0.9)]) * (width, height)
        shoulder = shoulder if side == 0 else (width, 0) + shoulder * (-1, 1)
        _cover(canvas, [rounded(shoulder + (0, y))], colour)
    elif body is not None:
        side = whole(rng, 0, 1)
        x, y = body.hand(side)
        size = 0.2 * body.unit
        phone = np.array([(-0.7, -1.5), (0.7, -1.5), (0.7, 1.3), (-0.7, 1.3)]) * size + (x, y)
        _cover(canvas, [phone], (38, 38, 42))


def _cover(canvas, polygons, colour):
    layer = canvas.layer(polygons, colour)
    layer.relief(edge=20, light=20, folds=6, crumple=6, grain=8)
    canvas.lay(layer, 0, 0)
