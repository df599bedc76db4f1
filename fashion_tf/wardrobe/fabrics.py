"""Cloth: named colours, patterns and the `Fabric` that fills a garment.

A pattern is a ready-made uint8 field (0 ground, 128 first accent, 255 second accent) that a table of 256 colours turns
into pixels, so any pattern comes in any colours at the price of one look-up.
"""

import functools

import cv2
import numpy as np

from .pencil import between, chance, clouds, crop, pick, whole

# Names follow the base colours of the Kaggle product data, in lower case.
COLOURS = {
    "black": (30, 30, 34), "charcoal": (70, 72, 78), "grey": (146, 147, 150), "silver": (198, 200, 204),
    "white": (243, 242, 238), "cream": (240, 228, 203), "beige": (215, 193, 160), "khaki": (172, 156, 114),
    "tan": (186, 140, 92), "brown": (112, 75, 50), "maroon": (112, 28, 42), "red": (202, 40, 46), "rust": (176, 84, 46),
    "orange": (232, 122, 46), "mustard": (212, 162, 50), "yellow": (245, 214, 82), "olive": (106, 110, 60),
    "green": (50, 126, 78), "lime green": (160, 204, 70), "sea green": (150, 210, 184), "teal": (28, 118, 122),
    "turquoise blue": (72, 184, 198), "light blue": (156, 192, 226), "blue": (48, 96, 178), "navy blue": (32, 42, 80),
    "lavender": (188, 172, 216), "purple": (108, 60, 136), "magenta": (192, 42, 122), "pink": (240, 168, 188),
    "peach": (246, 194, 164),
}  # fmt: skip
COLOUR_NAMES = tuple(COLOURS)

_TILE = 512


def mix(first, second, share):
    """Blends two RGB triples; `share` 0..1 of the second."""
    return tuple(int(round(a + (b - a) * share)) for a, b in zip(first, second))


def darker(colour, share=0.3):
    return mix(colour, (14, 12, 18), share)


def lighter(colour, share=0.3):
    return mix(colour, (255, 255, 252), share)


def luminance(colour):
    return (3 * colour[0] + 6 * colour[1] + colour[2]) // 10


def ink(colour, share=0.42):
    """A colour for seams: darker on light cloth, lighter on dark cloth."""
    return darker(colour, share) if luminance(colour) > 62 else lighter(colour, share * 0.62)


# Patterns: each returns a field of 512 x 512 whose repeat is about `step` pixels ---------------------------------


def _rows(step, share, tilt=0.0):
    y, x = np.mgrid[:_TILE, :_TILE]
    return ((y + tilt * x) % step < step * share).astype(np.uint8)


def _stripes(rng, step):
    return _rows(step, pick(rng, (0.3, 0.5, 0.5))) * 128


def _two_stripes(rng, step):
    y = np.arange(_TILE) % (2 * step)
    row = np.where(y < step * 0.5, 128, np.where((y > step) & (y < step * 1.3), 255, 0)).astype(np.uint8)
    return np.repeat(row[:, None], _TILE, 1)


def _pinstripe(rng, step):
    return np.ascontiguousarray(_rows(max(4, step * 0.7), 0.16).T * 110)


def _upright(rng, step):
    return np.ascontiguousarray(_rows(step, 0.5).T * 128)


def _gingham(rng, step):
    rows = _rows(step, 0.5)
    return rows * 64 + rows.T * 64


def _tartan(rng, step):
    y = np.arange(_TILE) % (2 * step)
    band = np.where(y < step * 0.8, 52, 0) + np.where((y > step * 1.3) & (y < step * 1.45), 70, 0)
    band = (band + np.where((y > step * 0.35) & (y < step * 0.45), 40, 0)).astype(np.int16)
    return np.clip(band[:, None] + band, 0, 255).astype(np.uint8)


def _windowpane(rng, step):
    rows = _rows(1.5 * step, 0.1)
    return np.maximum(rows, rows.T) * 120


def _argyle(rng, step):
    y, x = np.mgrid[:_TILE, :_TILE]
    wide = 2 * step
    diamond = np.abs(x % wide - step) + np.abs(y % (wide * 1.5) - 0.75 * wide) * 0.7
    line = np.abs((x + 0.7 * y) % wide - step) < 1.2
    return np.where(line, 255, np.where(diamond < 0.55 * step, 128, 0)).astype(np.uint8)


def _houndstooth(rng, step):
    y, x = np.mgrid[:_TILE, :_TILE] * 8 // max(4, step)
    a, b = (x % 8 < 4), (y % 8 < 4)
    return np.where(a & b, 128, np.where(a ^ b, ((x + y) % 4 < 2) * 128, 0)).astype(np.uint8)


def _zigzag(rng, step):
    y, x = np.mgrid[:_TILE, :_TILE]
    wave = np.abs(x % step - step / 2)
    return (((y + wave) % step < 0.45 * step) * 128 + ((y + wave) % (3 * step) < 0.45 * step) * 127).astype(np.uint8)


def _ethnic(rng, step):
    y, x = np.mgrid[:_TILE, :_TILE]
    tooth = np.abs(x % step - step / 2)
    row = y // step % 4
    up = y % step
    diamond = tooth + np.abs(up - step / 2)
    field = np.where(row == 0, (up < 2 * tooth) * 128, np.where(row == 1, (diamond < step * 0.4) * 255, 0))
    field = np.where(row == 2, (up > 2 * tooth) * 190, field)
    return np.where((row == 3) & (up % (step / 2) < step * 0.2), 128, field).astype(np.uint8)


def _scatter(rng, step, paint, jitter=0.35):
    """Repeats a motif on a jittered, staggered grid; motifs near the rim are drawn on both sides of it."""
    field = np.zeros((_TILE, _TILE), np.uint8)
    count = max(2, _TILE // (2 * (step // 2) or 2))
    pitch = _TILE / count
    for row in range(count):
        for column in range(count):
            x = (column + 0.5 * (row % 2) + between(rng, -jitter, jitter)) * pitch
            y = (row + between(rng, -jitter, jitter)) * pitch
            state = rng.random()
            for dx in (0, -_TILE, _TILE) if x < step or x > _TILE - step else (0,):
                for dy in (0, -_TILE, _TILE) if y < step or y > _TILE - step else (0,):
                    paint(field, int(x + dx), int(y + dy), pitch, state)
    return field


def _dot(field, x, y, radius, value):
    centre = (int(x * 16), int(y * 16))
    cv2.circle(field, centre, max(10, int(radius * 16)), int(value), -1, cv2.LINE_AA, 4)


def _dots(rng, step):
    share = between(rng, 0.17, 0.3)
    return _scatter(rng, step, lambda field, x, y, pitch, state: _dot(field, x, y, pitch * share, 128), 0.0)


def _confetti(rng, step):
    return _scatter(
        rng,
        step,
        lambda field, x, y, pitch, state: _dot(field, x, y, pitch * (0.1 + 0.15 * state), 128 if state < 0.5 else 255),
    )


_PETALS = ((1.0, 0.0), (0.31, 0.95), (-0.81, 0.59), (-0.81, -0.59), (0.31, -0.95))


def _flower(field, x, y, pitch, state):
    radius = pitch * (0.15 + 0.11 * state)
    if state < 0.22:
        cv2.ellipse(field, (x, y), (int(radius * 2.2), int(radius)), state * 800, 0, 360, 64, -1, cv2.LINE_AA)
        return
    for dx, dy in _PETALS:
        _dot(field, x + dx * radius, y + dy * radius, radius * 0.72, 128)
    _dot(field, x, y, radius * 0.5, 255)


def _floral(rng, step):
    return _scatter(rng, int(step * 1.4), _flower)


def _leaf(field, x, y, pitch, state):
    size = (int(pitch * 0.62), max(2, int(pitch * 0.17)))
    cv2.ellipse(field, (x, y), size, state * 360, 0, 360, 128 if state < 0.6 else 255, -1, cv2.LINE_AA)


def _leaves(rng, step):
    return _scatter(rng, int(step * 1.3), _leaf)


def _spot(field, x, y, pitch, state):
    size = (int(pitch * (0.22 + 0.14 * state)), int(pitch * 0.22))
    angle = state * 720 % 180
    cv2.ellipse(field, (x, y), size, angle, 0, 360, 128, -1, cv2.LINE_AA)
    cv2.ellipse(field, (x, y), size, angle, 40, 290, 255, max(1, int(pitch * 0.12)), cv2.LINE_AA)


def _leopard(rng, step):
    return _scatter(rng, step, _spot)


def _star(field, x, y, pitch, state):
    radius = pitch * 0.3
    points = []
    for (ax, ay), (bx, by) in zip(_PETALS, _PETALS[1:] + _PETALS[:1]):
        points += [(ax, ay), ((ax + bx) * 0.25, (ay + by) * 0.25)]
    points = np.rint((np.array(points) * radius + (x, y)) * 16).astype(np.int32)
    cv2.fillPoly(field, [points], 128, cv2.LINE_AA, 4)


def _stars(rng, step):
    return _scatter(rng, int(step * 1.2), _star, 0.15)


def _paisley(field, x, y, pitch, state):
    size = (int(pitch * 0.34), int(pitch * 0.2))
    cv2.ellipse(field, (x, y), size, 300 if state < 0.5 else 60, 0, 360, 128, -1, cv2.LINE_AA)
    _dot(field, x + pitch * 0.1, y - pitch * 0.3, pitch * 0.08, 128)
    _dot(field, x, y, pitch * 0.1, 255)


def _blotches(rng, cells, blur, low, high):
    """Smooth noise, cut into three levels."""
    noise = clouds(rng, cells, cells, blur)
    levels = np.where(noise > high, 255, np.where(noise > low, 128, 0)).astype(np.uint8)
    return cv2.GaussianBlur(levels, (3, 3), 0)


def _camouflage(rng, step):
    return _blotches(rng, max(6, 700 // step), 9, 122, 158)


def _marble(rng, step):
    return clouds(rng, max(4, 420 // step), max(4, 420 // step), 9)


def _weave(rng, amount, across, down):
    """Fine yarn: noise stretched along the thread."""
    noise = rng.integers(0, amount, (_TILE // down, _TILE // across), dtype=np.uint8)
    return cv2.resize(noise, (_TILE, _TILE), interpolation=cv2.INTER_LINEAR_EXACT)


def _melange(rng, step):
    return _weave(rng, 150, 2, 1)


def _denim(rng, step):
    twill = _rows(3, 0.4, 1.0) * 22
    wear = cv2.resize(
        rng.integers(0, 56, (18, 40), dtype=np.uint8), (_TILE, _TILE), interpolation=cv2.INTER_LINEAR_EXACT
    )
    return cv2.add(cv2.add(twill, wear), _weave(rng, 34, 1, 2))


def _corduroy(rng, step):
    return np.ascontiguousarray(_rows(max(3, step // 5), 0.4).T * 90)


def _rib(rng, step):
    return cv2.GaussianBlur(np.ascontiguousarray(_rows(max(4, step // 3), 0.5).T * 96), (3, 3), 0)


def _cable(rng, step):
    y, x = np.mgrid[:_TILE, :_TILE]
    pitch = max(10, step * 1.2)
    twist = np.abs((y * 0.8 + np.abs(x % pitch - pitch / 2)) % (pitch * 0.5) - pitch * 0.25)
    field = np.where(x % pitch < 0.55 * pitch, 110 - np.minimum(110, twist * 400 / pitch), 0)
    field = np.where(np.abs(x % pitch - 0.55 * pitch) < 1, 150, field)
    return cv2.GaussianBlur(field.astype(np.uint8), (3, 3), 0)


def _lace(rng, step):
    field = _scatter(rng, max(6, step // 2), lambda f, x, y, pitch, state: _dot(f, x, y, pitch * 0.3, 200), 0.05)
    return cv2.max(field, _scatter(rng, int(step * 1.3), _flower, 0.1))


def _sequins(rng, step):
    cell = max(2, step // 6)
    noise = rng.integers(0, 256, (_TILE // cell, _TILE // cell), dtype=np.uint8)
    return cv2.resize(noise, (_TILE, _TILE), interpolation=cv2.INTER_NEAREST)


def _quilt(rng, step):
    y, x = np.mgrid[:_TILE, :_TILE]
    pitch = max(8, step)
    line = np.minimum(np.abs((x + y) % pitch - pitch / 2), np.abs((x - y) % pitch - pitch / 2))
    return cv2.GaussianBlur(np.where(line < 1.1, 150, 0).astype(np.uint8), (3, 3), 0)


def _plain(rng, step):
    return np.zeros((_TILE, _TILE), np.uint8)


_PAINT = {
    "plain": _plain, "melange": _melange, "denim": _denim, "corduroy": _corduroy, "rib": _rib, "cable": _cable,
    "quilt": _quilt, "lace": _lace, "sequins": _sequins, "stripes": _stripes, "two stripes": _two_stripes,
    "pinstripe": _pinstripe, "upright stripes": _upright, "gingham": _gingham, "tartan": _tartan,
    "windowpane": _windowpane, "argyle": _argyle, "houndstooth": _houndstooth, "zigzag": _zigzag, "ethnic": _ethnic,
    "dots": _dots, "confetti": _confetti, "floral": _floral, "leaves": _leaves, "leopard": _leopard, "stars": _stars,
    "paisley": lambda rng, step: _scatter(rng, int(step * 1.3), _paisley), "camouflage": _camouflage,
    "marble": _marble,
}  # fmt: skip
PATTERNS = tuple(_PAINT)
TEXTURES = ("plain", "melange", "denim", "corduroy", "rib", "cable", "quilt")  # one colour, told by touch
PRINTS = tuple(name for name in PATTERNS if name not in (*TEXTURES, "sequins", "lace", "quilt"))
_STEPS = (6, 9, 13, 19, 27)


@functools.cache
def _field(name, step):
    seed = 100 * PATTERNS.index(name) + step
    return np.ascontiguousarray(_PAINT[name](np.random.Generator(np.random.PCG64(seed)), step))


class Fabric:
    """A cloth: colour, pattern and how it takes the light.

    Args:
        rng: Source of all randomness.
        colour: A name of `COLOURS`, or None for any.
        pattern: A name of `PATTERNS`, or None for any, mostly plain.
        unit: Pixels of a head's height in the drawing; the pattern scales with it.
        accents: Two colour names for the pattern, or None to choose ones that stand out.
        relief: Arguments for `Layer.relief`, such as softer folds for leather.
    """

    def __init__(self, rng, colour=None, pattern=None, unit=32.0, accents=None, relief=None):
        self.colour = colour or pick(rng, COLOUR_NAMES)
        self.pattern = pattern or pick(rng, (pick(rng, TEXTURES), pick(rng, PRINTS), "plain"), (30, 40, 30))
        self.rgb = tuple(int(np.clip(c + whole(rng, -12, 12), 8, 250)) for c in COLOURS[self.colour])
        if self.pattern in TEXTURES:
            step = mix(self.rgb, (255, 255, 255), 0.25) if luminance(self.rgb) < 120 else darker(self.rgb, 0.28)
            accents = (step, darker(step, 0.2) if luminance(self.rgb) >= 120 else lighter(step, 0.15))
            if self.pattern == "denim":
                accents = (lighter(self.rgb, 0.5), lighter(self.rgb, 0.7))
        elif accents:
            accents = tuple(COLOURS[name] for name in accents)
            if sum(abs(a - b) for a, b in zip(accents[0], self.rgb)) < 110:  # the pattern would not show
                accents = _standing_out(rng, self.rgb)
        else:
            accents = _standing_out(rng, self.rgb)
        if self.pattern == "lace":
            accents = (lighter(self.rgb, 0.45), lighter(self.rgb, 0.7)) if luminance(self.rgb) < 150 else (
                darker(self.rgb, 0.16), darker(self.rgb, 0.24))  # fmt: skip
        if self.pattern == "sequins":
            accents = (mix(self.rgb, (255, 255, 255), 0.3), (255, 252, 240))
        self.accents = accents
        self._table = _ramp(self.rgb, *accents)
        self._repeat = between(rng, 0.16, 0.62)
        self.scale(unit)
        self._place = (whole(rng, 0, _TILE - 1), whole(rng, 0, _TILE - 1))
        self.relief = {"place": (whole(rng, 0, 511), whole(rng, 0, 511)), "folds": whole(rng, 8, 30),
                       "crumple": whole(rng, 2, 16), "grain": whole(rng, 5, 16)}  # fmt: skip
        if relief:
            self.relief.update(relief)

    def scale(self, unit):
        """Fits the pattern's repeat to a head's height of `unit` pixels."""
        self._step = min(_STEPS, key=lambda step: abs(step - unit * self._repeat))

    def pixels(self, x, y, width, height):
        """The cloth as RGB, for a window (height, width) of the image."""
        if self.pattern == "plain":
            flat = np.empty((height, width, 3), np.uint8)
            flat[:] = self.rgb
            return flat
        field = _field(self.pattern, self._step)
        return cv2.applyColorMap(crop(field, x + self._place[0], y + self._place[1], width, height), self._table)

    @property
    def seam(self):
        return ink(self.rgb)


def _standing_out(rng, rgb):
    """Two accent colours: neutral or bright, far enough from the ground to be seen."""
    chosen = []
    pool = ("white", "black", "cream", "navy blue") if chance(rng, 0.45) else COLOUR_NAMES
    for _ in range(12):
        colour = COLOURS[pick(rng, pool if not chosen else COLOUR_NAMES)]
        if sum(abs(a - b) for a, b in zip(colour, rgb)) > 150:
            chosen.append(colour)
            if len(chosen) == 2:
                return tuple(chosen)
    return (COLOURS["white"], COLOURS["cream"]) if luminance(rgb) < 128 else (COLOURS["black"], COLOURS["navy blue"])


def _ramp(ground, first, second):
    """A colour table (256, 1, 3): ground at 0, first accent at 128, second at 255."""
    share = np.arange(256)[:, None]
    ground, first, second = (np.array(colour) for colour in (ground, first, second))
    low = ground + (first - ground) * np.minimum(share, 128) // 128
    table = np.where(share <= 128, low, first + (second - first) * (share - 128) // 127)
    return np.ascontiguousarray(table.astype(np.uint8)[:, None])


def random_skin(rng):
    """A skin tone, from light to dark."""
    light, dark = (246, 216, 196), (72, 46, 34)
    middle = (196, 142, 108)
    depth = rng.random()
    tone = mix(light, middle, depth * 2) if depth < 0.5 else mix(middle, dark, depth * 2 - 1)
    return tuple(int(np.clip(c + whole(rng, -6, 6), 0, 255)) for c in tone)


HAIR = ((28, 22, 20), (58, 40, 30), (92, 62, 40), (142, 98, 56), (206, 170, 112), (150, 70, 40), (176, 172, 168))


def random_hair(rng):
    """A hair colour, mostly dark."""
    return mix(pick(rng, HAIR, (30, 22, 16, 12, 10, 6, 4)), pick(rng, HAIR), 0.15)
