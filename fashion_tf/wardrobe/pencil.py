"""The drawing board: random choices, curves, and a canvas that keeps image, labels and owners in step.

Every coordinate is rounded to 1/16 pixel before OpenCV sees it, and every blend, blur and resize is done in uint8, so
that one seed gives the same bytes on any machine.
"""

import functools
import math

import cv2
import numpy as np

SHIFT = 4  # fractional bits of the coordinates handed to OpenCV
NEUTRAL = 128  # a shade of 128 leaves a pixel as it is


# Random choices --------------------------------------------------------------------------------------------------


def between(rng, low, high):
    """A uniform number from `low` to `high`."""
    return low + (high - low) * rng.random()


def whole(rng, low, high):
    """A whole number from `low` to `high`, both included."""
    return low + int(rng.random() * (high - low + 1))


def chance(rng, probability):
    """True with the given probability."""
    return rng.random() < probability


def pick(rng, options, weights=None):
    """One of `options` (a sequence), by weight if weights are given."""
    if weights is None:
        return options[int(rng.random() * len(options))]
    draw = rng.random() * sum(weights)
    for option, weight in zip(options, weights, strict=True):
        draw -= weight
        if draw < 0:
            return option
    return options[-1]


# Curves ----------------------------------------------------------------------------------------------------------


def fixed(points):
    """Points (n, 2) as the int32 fixed-point numbers that OpenCV draws with."""
    return np.rint(np.asarray(points, np.float64) * (1 << SHIFT)).astype(np.int32)


def rounded(points, times=2):
    """Cuts the corners of a closed polygon (Chaikin); a corner given twice stays sharp."""
    points = np.asarray(points, np.float64)
    for _ in range(times):
        count = len(points)
        quarter = (np.concatenate([points[1:], points[:1]]) - points) * 0.25
        cut = np.empty((2 * count, points.shape[1]))
        cut[::2] = points + quarter
        cut[1::2] = cut[::2] + 2 * quarter
        points = cut
    return points


def smooth(points, times=2):
    """Cuts the corners of an open line of points (n, k), keeping its two ends."""
    points = np.asarray(points, np.float64)
    for _ in range(times):
        quarter = (points[1:] - points[:-1]) * 0.25
        cut = np.empty((2 * len(points), points.shape[1]))
        cut[0], cut[-1] = points[0], points[-1]
        cut[1:-1:2] = points[:-1] + quarter
        cut[2:-1:2] = points[1:] - quarter
        points = cut
    return points


def mirrored(half):
    """Closes a right half (x >= 0), given from the top middle to the bottom middle, with its mirror image."""
    half = np.asarray(half, np.float64)
    return np.concatenate([half, half[::-1] * (-1, 1)])


def tube(points, radii, times=2):
    """The two edges of a limb: points (n, 2) with a radius each. Returns (left, right), both from start to end."""
    line = np.empty((len(points), 3))
    line[:, :2], line[:, 2] = points, radii
    line = smooth(line, times)
    ahead = np.empty_like(line[:, :2])
    ahead[1:-1] = line[2:, :2] - line[:-2, :2]
    ahead[0], ahead[-1] = line[1, :2] - line[0, :2], line[-1, :2] - line[-2, :2]
    length = np.sqrt(ahead[:, 0] ** 2 + ahead[:, 1] ** 2) + 1e-9
    normal = ahead[:, ::-1] * (-1, 1) * (line[:, 2] / length)[:, None]
    return line[:, :2] + normal, line[:, :2] - normal


def halves(edges):
    """A tube as two polygons, so that a sharp bend, where the halves overlap, leaves no hole."""
    left, right = edges
    middle = len(left) // 2
    return [
        np.concatenate([left[: middle + 1], right[middle::-1]]),
        np.concatenate([left[middle:], right[: middle - 1 if middle else None : -1]]),
    ]


def closed(edges):
    """Joins the two edges of a tube to one polygon."""
    left, right = edges
    return np.concatenate([left, right[::-1]])


def level(x, xs, ys):
    """Linear interpolation of one number, held constant outside: `np.interp` without its start-up cost."""
    if x <= xs[0]:
        return ys[0]
    for k in range(1, len(xs)):
        if x < xs[k]:
            return ys[k - 1] + (ys[k] - ys[k - 1]) * ((x - xs[k - 1]) / (xs[k] - xs[k - 1]))
    return ys[-1]


_CIRCLE = np.array([(math.cos(a * math.pi / 10), math.sin(a * math.pi / 10)) for a in range(20)])


def disc(centre, radius, flatter=1.0):
    """A circle as a polygon; `flatter` scales its height."""
    return np.asarray(centre, np.float64) + _CIRCLE * (radius, radius * flatter)


def along(points, fraction):
    """The point at a fraction 0..1 of the length of a line of points (n, 2)."""
    points = np.asarray(points, np.float64)
    steps = points[1:] - points[:-1]
    lengths = np.sqrt(steps[:, 0] ** 2 + steps[:, 1] ** 2)
    left = fraction * lengths.sum()
    for start, step, length in zip(points, steps, lengths):
        if left <= length and length > 0:
            return start + step * (left / length)
        left -= length
    return points[-1]


def part_of(points, start, end):
    """The part of a line of points between two fractions of its length, with its corners."""
    points = np.asarray(points, np.float64)
    steps = points[1:] - points[:-1]
    lengths = np.sqrt(steps[:, 0] ** 2 + steps[:, 1] ** 2)
    reached = np.concatenate([[0.0], np.cumsum(lengths)]) / max(lengths.sum(), 1e-9)
    inner = points[(reached > start + 1e-6) & (reached < end - 1e-6)]
    return np.concatenate([along(points, start)[None], inner, along(points, end)[None]])


# Fields ----------------------------------------------------------------------------------------------------------

_FIELD = 512  # side of the ready-made fields; they repeat beyond it


def clouds(rng, rows, columns, blur):
    """Smooth noise (512, 512) that repeats without a seam, from a grid of random uint8 values."""
    coarse = np.tile(rng.integers(0, 256, (rows, columns), dtype=np.uint8), (3, 3))
    fine = cv2.resize(coarse, (3 * _FIELD, 3 * _FIELD), interpolation=cv2.INTER_LINEAR_EXACT)
    fine = cv2.GaussianBlur(fine, (blur, blur), 0)
    return np.ascontiguousarray(fine[_FIELD : 2 * _FIELD, _FIELD : 2 * _FIELD])


@functools.cache
def fields():
    """Ready-made uint8 fields (512, 512) around 128, from a fixed seed: soft upright folds, crumples, and grain.

    Drawing them anew for each garment would cost more than the garment.
    """
    rng = np.random.Generator(np.random.PCG64(512))
    grain = rng.integers(0, 256, (_FIELD, _FIELD), dtype=np.uint8)
    return {
        "folds": clouds(rng, 12, 52, 5),
        "crumple": clouds(rng, 40, 40, 9),
        "grain": cv2.GaussianBlur(grain, (3, 3), 0),
    }


def crop(field, x, y, width, height):
    """A (height, width) window of a field that repeats in both directions."""
    rows, columns = field.shape[:2]
    x, y = x % columns, y % rows
    if x + width <= columns and y + height <= rows:
        return np.ascontiguousarray(field[y : y + height, x : x + width])
    return field[np.ix_((y + np.arange(height)) % rows, (x + np.arange(width)) % columns)]


# Canvas ----------------------------------------------------------------------------------------------------------


class Layer:
    """One piece of a drawing before it is laid on the canvas: `alpha` (h, w), `pixels` (h, w, 3) and their place."""

    def __init__(self, x, y, alpha, pixels):
        self.x, self.y, self.alpha, self.pixels = x, y, alpha, pixels
        self._folds = None

    def _here(self, points):
        return fixed(np.asarray(points, np.float64) - (self.x, self.y))

    def line(self, points, colour, thickness=1, closed=False):
        """Draws a line; it shows only where the layer has alpha."""
        thickness = max(1, int(round(thickness)))
        cv2.polylines(self.pixels, [self._here(points)], closed, colour, thickness, cv2.LINE_AA, SHIFT)

    def patch(self, polygon, colour):
        """Fills a polygon with a colour, within the layer's alpha."""
        cv2.fillPoly(self.pixels, [self._here(polygon)], colour, cv2.LINE_AA, SHIFT)

    def dot(self, centre, radius, colour):
        """Fills a disc, within the layer's alpha."""
        (x, y) = self._here(centre)
        cv2.circle(self.pixels, (int(x), int(y)), max(8, int(radius * 16)), colour, -1, cv2.LINE_AA, SHIFT)

    def cut(self, polygon):
        """Cuts a hole."""
        cv2.fillPoly(self.alpha, [self._here(polygon)], 0, cv2.LINE_AA, SHIFT)

    def fold(self, points, depth, thickness=3):
        """Marks a soft fold for `relief`: darker for a negative depth, lighter for a positive one."""
        if self._folds is None:
            height, width = self.alpha.shape
            self._folds = np.full((max(4, height // 2), max(4, width // 2)), NEUTRAL, np.uint8)
        points = fixed((np.asarray(points, np.float64) - (self.x, self.y)) / 2)
        thickness = max(1, int(round(thickness / 2)))
        cv2.polylines(self._folds, [points], False, NEUTRAL + int(depth), thickness, cv2.LINE_AA, SHIFT)

    def relief(self, edge=34, light=26, folds=18, crumple=10, grain=10, place=(0, 0), soft=9):
        """Shades the layer: darker at its rim, lit from the upper left, with folds, crumples and grain.

        Args:
            edge, light, folds, crumple, grain: Strength of each, 0 to about 60.
            place: Where the ready-made fields are cut out, so that no two garments crease alike.
            soft: Width of the rim's shade in pixels.
        """
        height, width = self.alpha.shape
        if height * width < 160:  # a button or a bead: too small to show any of it
            return
        small = (max(4, width // 4), max(4, height // 4))
        body = cv2.resize(self.alpha, small, interpolation=cv2.INTER_LINEAR_EXACT)
        for _ in range(max(1, int(soft) // 4)):
            body = cv2.GaussianBlur(body, (5, 5), 0)
        body = body.astype(np.int16)
        shade = (body - 255) * edge >> 8
        shade[:, 1:-1] += (body[:, 2:] - body[:, :-2]) * light >> 7
        shade[1:-1] += (body[2:] - body[:-2]) * light >> 8
        made = fields()
        for name, strength, zoom in (("folds", folds, 4), ("crumple", crumple, 2)):
            if strength:
                piece = crop(made[name], place[0] + self.x // zoom, place[1] + self.y // zoom, *small)
                shade += (piece.astype(np.int16) - 128) * strength >> 7
        shade = np.minimum(np.maximum(shade + NEUTRAL, 24), 210).astype(np.uint8)
        shade = cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
        if self._folds is not None:
            marks = cv2.GaussianBlur(self._folds, (5, 5), 0)
            marks = cv2.resize(marks, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
            shade = cv2.subtract(cv2.add(shade, cv2.subtract(marks, NEUTRAL)), cv2.subtract(NEUTRAL, marks))
        if grain:
            piece = crop(made["grain"], place[1] + self.x, place[0] + self.y, width, height)
            noise = cv2.multiply(piece, grain, scale=1 / 256)
            shade = cv2.subtract(cv2.add(shade, noise), grain // 2)
        self.pixels = cv2.multiply(self.pixels, cv2.merge([shade, shade, shade]), scale=1 / NEUTRAL)


class Canvas:
    """An image under construction with, for each pixel, its label and the garment that owns it (0: none).

    Attributes:
        image: uint8 (H, W, 3), RGB.
        labels: uint8 (H, W), indices into `PARSING_LABELS`.
        owner: uint8 (H, W), a garment's number from 1 up.
        face: uint8 (H, W), 255 where the face's skin is seen.
    """

    def __init__(self, image):
        self.image = image
        self.labels = np.zeros(image.shape[:2], np.uint8)
        self.owner = np.zeros(image.shape[:2], np.uint8)
        self.face = np.zeros(image.shape[:2], np.uint8)

    def layer(self, polygons, cloth, margin=3):
        """Starts a layer in the shape of the polygons' union, filled with `cloth` (an RGB triple or a `Fabric`)."""
        height, width = self.image.shape[:2]
        points = np.concatenate(polygons)
        low, high = points.min(0), points.max(0)
        x0, y0 = (int(max(0, min(limit - 4, value - margin))) for value, limit in zip(low, (width, height)))
        x1, y1 = (int(min(limit, max(start + 4, value + margin + 1)))
                  for value, start, limit in zip(high, (x0, y0), (width, height)))  # fmt: skip
        alpha = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for polygon in polygons:
            cv2.fillPoly(alpha, [fixed(polygon - np.array((x0, y0)))], 255, cv2.LINE_AA, SHIFT)
        if isinstance(cloth, tuple):
            pixels = np.empty((*alpha.shape, 3), np.uint8)
            pixels[:] = cloth
        else:
            pixels = cloth.pixels(x0, y0, x1 - x0, y1 - y0)
        return Layer(x0, y0, alpha, pixels)

    def lay(self, layer, label=None, owner=0, opacity=1.0):
        """Lays a layer on the canvas; where it covers at least half a pixel, the pixel takes its label and owner."""
        height, width = layer.alpha.shape
        here = np.s_[layer.y : layer.y + height, layer.x : layer.x + width]
        alpha = layer.alpha
        if opacity < 1:
            alpha = cv2.multiply(alpha, round(opacity * 256), scale=1 / 256)
        weight = cv2.merge([alpha, alpha, alpha])
        over = cv2.multiply(layer.pixels, weight, scale=1 / 255)
        under = cv2.multiply(self.image[here], cv2.bitwise_not(weight), scale=1 / 255)
        self.image[here] = cv2.add(over, under)
        if label is not None:
            covered = layer.alpha > 127
            self.labels[here][covered] = label
            self.owner[here][covered] = owner
            self.face[here][covered] = 0

    def shadow(self, polygons, strength, soft=8):
        """Darkens the canvas softly in the shape of the polygons; labels stay."""
        layer = self.layer(polygons, (0, 0, 0), margin=3 * int(soft))
        height, width = layer.alpha.shape
        small = cv2.resize(layer.alpha, (max(4, width // 4), max(4, height // 4)), interpolation=cv2.INTER_LINEAR_EXACT)
        for _ in range(max(1, int(soft) // 4)):
            small = cv2.GaussianBlur(small, (5, 5), 0)
        layer.alpha = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
        self.lay(layer, opacity=strength)
