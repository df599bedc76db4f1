"""Garments as Fashion-MNIST shows them: 28 x 28, light on black, shoes pointing left.

Each class is drawn at 112 x 112 and area-averaged down by four, as the real images were made from catalogue
photographs. Tops, shirts, pullovers, coats and dresses come from one cut with different ranges, so that they overlap
at the edges, as they do in the real data.
"""

import functools

import cv2
import numpy as np

SIZE = 112
MIDDLE = SIZE // 2
_BANK = 48  # ready-made fold and grain fields to choose from; drawing them anew each time would cost most of the time


def draw_fashion_mnist(label, rng):
    """Draws one grey image of a Fashion-MNIST class.

    Args:
        label: Class index 0..9 in the official order: T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt,
            Sneaker, Bag, Ankle boot.
        rng: `numpy.random.Generator`; all randomness comes from it, so the same state gives the same bytes.

    Returns:
        uint8 array (28, 28), 0 (ground) to 255.

    Raises:
        ValueError: If `label` is not an integer from 0 to 9.
    """
    if label not in range(len(_PAINTERS)):
        raise ValueError(f"label must be an integer from 0 to {len(_PAINTERS) - 1}, got {label!r}")
    canvas = _PAINTERS[int(label)](rng)
    return cv2.resize(canvas, (28, 28), interpolation=cv2.INTER_AREA)


# Small tools -----------------------------------------------------------------------------------------------------


def _chance(rng, probability):
    return rng.random() < probability


def _pick(rng, options, weights=None):
    """Chooses one option; integer weights keep the choice exact."""
    if weights is None:
        return options[int(rng.integers(len(options)))]
    draw = int(rng.integers(sum(weights)))
    for option, weight in zip(options, weights):
        draw -= weight
        if draw < 0:
            return option
    raise AssertionError("weights are positive")


def _points(points):
    """Rounds to pixels with four fractional bits, which is what `shift=4` expects."""
    return np.rint(np.asarray(points, np.float64) * 16).astype(np.int32)


def _fill(image, points, value):
    cv2.fillPoly(image, [_points(points)], value, cv2.LINE_AA, 4)


def _line(image, points, value, thickness=2, closed=False):
    cv2.polylines(image, [_points(points)], closed, value, thickness, cv2.LINE_AA, 4)


def _rounded(points):
    """Cuts the corners of a closed polygon twice (Chaikin); a corner given twice stays nearly sharp."""
    points = np.asarray(points, np.float64)
    for _ in range(2):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], 1).reshape(-1, 2)
    return points


def _mirrored(half):
    """Closes a right half, given from the top middle to the bottom middle, with its mirror image."""
    half = np.asarray(half, np.float64)
    other = half[::-1] * (-1, 1)
    return np.concatenate([half, other]) + (MIDDLE, 0)


@functools.cache
def _fields():
    """Fold fields (soft, upright) and grain fields (fine) around 0, from a fixed seed."""
    rng = np.random.Generator(np.random.PCG64(28))
    folds, grains = [], []
    for index in range(_BANK):
        rows = 3 + index % 4
        coarse = rng.integers(0, 256, (rows, 6 + index % 7), dtype=np.uint8)
        soft = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR_EXACT)
        folds.append(soft.astype(np.int16) - 128)
        fine = rng.integers(0, 256, (28 + 28 * (index % 2),) * 2, dtype=np.uint8)
        fine = cv2.resize(fine, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR_EXACT)
        grains.append(fine.astype(np.int16) - 128)
    return folds, grains


def _grey(rng):
    """A garment's grey: mostly light, as the real data's negated photographs are."""
    low, high = _pick(rng, ((175, 250), (110, 180), (45, 110)), (50, 32, 18))
    return int(rng.integers(low, high))


def _fabric(rng, grey, plain=50):
    """A whole canvas of cloth of about this grey: folds, grain and a pattern (`plain` of 100 have none)."""
    folds, grains = _fields()
    fold, grain = int(rng.integers(_BANK)), int(rng.integers(_BANK))
    depth, roughness = int(rng.integers(12, 56)), int(rng.integers(3, 26))
    cloth = grey + (folds[fold] * depth >> 8) + (grains[grain] * roughness >> 7)
    if rng.integers(100) < plain:
        return np.clip(cloth, 12, 255).astype(np.uint8)
    kind = int(rng.integers(6))
    contrast = int(rng.integers(35, 130)) * (-1 if grey > 130 else 1)
    if kind == 0:
        period = int(rng.integers(8, 26))
        band = (np.arange(SIZE) % period) < max(3, period * int(rng.integers(25, 60)) // 100)
        cloth += (contrast * band)[:, None].astype(np.int16)
    elif kind == 1:
        period = int(rng.integers(8, 18))
        cloth += (contrast * ((np.arange(SIZE) % period) < period // 2)).astype(np.int16)
    elif kind == 2:
        period = int(rng.integers(12, 28))
        band = ((np.arange(SIZE) % period) < period // 2).astype(np.int16) * (contrast // 2)
        cloth += band[:, None] + band
    elif kind == 3:
        spots = grains[int(rng.integers(_BANK))] > int(rng.integers(0, 50))
        cloth += contrast * spots.astype(np.int16)
    elif kind == 4:
        top, bottom = sorted(int(value) for value in rng.integers(10, 100, 2))
        cloth[top:bottom] += contrast
    else:
        ramp = (np.arange(SIZE) - MIDDLE) * contrast // 120
        cloth += ramp.astype(np.int16)[:, None]
    return np.clip(cloth, 12, 255).astype(np.uint8)


def _ink(rng, grey, strength=70):
    """A grey for seams and buttons: darker on light cloth, lighter on dark cloth."""
    strength = int(rng.integers(strength // 2, strength))
    return max(5, grey - strength) if grey > 90 else grey + strength


# Garments for the trunk ------------------------------------------------------------------------------------------


def _trunk(rng, *, top, hem, shoulder, chest, waist, hip, sleeve, neck, front, plain=50, flare=0):
    """Draws a garment that hangs from the shoulders; lengths are pixels of the 112-pixel canvas."""
    grey = _grey(rng)
    cloth = _fabric(rng, grey, plain)
    body = np.zeros((SIZE, SIZE), np.uint8)
    arms = np.zeros((SIZE, SIZE), np.uint8)
    neck_half = {"round": 11, "wide": 16, "v": 10, "collar": 9, "high": 9, "hood": 12, "straps": 13}[neck]
    neck_half += int(rng.integers(-2, 3))
    drop = int(rng.integers(4, 9))
    armpit = top + drop + int(rng.integers(22, 29))
    belly = top + (hem - top) * int(rng.integers(46, 58)) // 100
    curve = int(rng.integers(-3, 5))
    if sleeve == "long":  # photographed with the arms beside the body, the garment fills the width
        chest, shoulder, waist, hip = chest - 4, shoulder - 3, waist - 4, hip - 4
    if sleeve == "none":
        shoulder = min(shoulder, neck_half + int(rng.integers(4, 11)))
    outline = _mirrored([
        (0, top), (neck_half, top), (neck_half, top), (shoulder, top + drop), (shoulder, top + drop),
        (min(shoulder, chest) - 1, armpit - 9), (chest, armpit), (waist, belly), (hip, hem - 14),
        (hip + flare, hem - 2),
        (hip + flare, hem - 2), (hip // 2, hem + curve), (0, hem + curve),
    ])  # fmt: skip
    outline += rng.integers(-2, 3, outline.shape) * 0.5
    _fill(body, _rounded(outline), 255)
    if sleeve != "none":
        reach, out, cuff = {
            "cap": ((12, 19), (6, 10), (7, 9)), "short": ((24, 36), (8, 15), (8, 12)),
            "half": ((40, 52), (10, 16), (7, 10)), "long": ((66, 88), (12, 22), (5, 9)),
        }[sleeve]  # fmt: skip
        reach, out, cuff = (int(rng.integers(low, high)) for low, high in (reach, out, cuff))
        end = min(top + drop + reach, SIZE - 3)
        for side in (-1, 1):
            lift = int(rng.integers(-2, 3))
            wrist = shoulder + out - cuff
            arm = np.array([
                (shoulder - 7, top + drop - 2), (shoulder, top + drop),
                (shoulder + out * 0.55, top + drop + reach * 0.3),
                (wrist + cuff, end + lift - 2), (wrist + cuff, end + lift - 2), (wrist - cuff, end + lift),
                (wrist - cuff, end + lift), (chest - 1, armpit + 2), (chest - 9, armpit - 6),
            ])  # fmt: skip
            _fill(arms, _rounded(arm * (side, 1) + (MIDDLE, 0)), 255)
        # The sleeve lies in its own shade, with a dark seam where it meets the body.
        shade = int(rng.integers(4, 30))
        cv2.subtract(cloth, shade, dst=cloth, mask=cv2.subtract(arms, body))
        seam = max(8, grey - int(rng.integers(25, 90)))
        for side in (-1, 1):
            points = np.array([(shoulder - 2, top + drop), (chest - 2, armpit), (chest, armpit + 6)])
            _line(cloth, points * (side, 1) + (MIDDLE, 0), seam, int(rng.integers(1, 4)))
            if sleeve == "long":
                gap = np.array([(chest, armpit + 4), (max(waist, hip) + 2, end - 6)]) * (side, 1) + (MIDDLE, 0)
                _line(cloth, gap, max(5, grey // 4), int(rng.integers(2, 5)))
        if sleeve == "long" and _chance(rng, 0.5):
            ink = _ink(rng, grey, 60)
            for side in (-1, 1):
                x = MIDDLE + side * (shoulder + out - cuff)
                _line(cloth, [(x - cuff, end - 7), (x + cuff, end - 8)], ink, 2)
    mask = cv2.bitwise_or(body, arms)
    _front(rng, cloth, grey, front, top, hem, hip)
    _neckline(rng, cloth, mask, grey, neck, neck_half, top)
    if _chance(rng, 0.3):
        _line(cloth, [(MIDDLE - 50, hem - 6), (MIDDLE + 50, hem - 6)], _ink(rng, grey, 50), 2)
    return cv2.multiply(cloth, mask, scale=1 / 255)


def _neckline(rng, cloth, mask, grey, neck, half, top):
    ink = _ink(rng, grey, 90)
    if neck in ("round", "wide"):
        depth = int(rng.integers(3, 13))
        centre, axes = (MIDDLE, top - 1), (half, depth)
        cv2.ellipse(cloth, centre, (half + 4, depth + 4), 0, 0, 180, ink, int(rng.integers(1, 4)), cv2.LINE_AA)
        if _chance(rng, 0.7):
            cv2.ellipse(mask, centre, axes, 0, 0, 180, 0, -1, cv2.LINE_AA)
        else:  # the inside of the back is seen
            cv2.ellipse(cloth, centre, axes, 0, 0, 180, max(10, grey - 70), -1, cv2.LINE_AA)
    elif neck == "v":
        depth = int(rng.integers(10, 28))
        notch = [(MIDDLE - half, top - 1), (MIDDLE, top + depth), (MIDDLE + half, top - 1)]
        _line(cloth, notch, ink, 4)
        _fill(mask, notch, 0)
    elif neck == "straps":
        depth = int(rng.integers(12, 22))
        strap = int(rng.integers(1, 4))
        _fill(mask, [(MIDDLE - half + strap, top - 2), (MIDDLE - half + 3, top + depth), (MIDDLE, top + depth + 4),
                     (MIDDLE + half - 3, top + depth), (MIDDLE + half - strap, top - 2)], 0)  # fmt: skip
    elif neck == "collar":
        depth = int(rng.integers(9, 15))
        for side in (-1, 1):
            wing = np.array([(0, depth - 4), (half - 3, -2), (half + 4, 1), (half - 1, depth), (4, depth + 3)])
            wing = wing * (side, 1) + (MIDDLE, top)
            _fill(cloth, wing, min(255, grey + 18))
            _line(cloth, wing, ink, 1, closed=True)
        _fill(cloth, [(MIDDLE - half + 4, top - 1), (MIDDLE, top + depth - 4), (MIDDLE + half - 4, top - 1)],
              max(8, grey - 80))  # fmt: skip
    elif neck == "high":
        height = min(top, int(rng.integers(4, 11)))
        _fill(mask, [(MIDDLE - half, top - height), (MIDDLE + half, top - height), (MIDDLE + half + 1, top + 3),
                     (MIDDLE - half - 1, top + 3)], 255)  # fmt: skip
        _line(cloth, [(MIDDLE - half - 2, top + 3), (MIDDLE, top + 5), (MIDDLE + half + 2, top + 3)], ink, 2)
    else:  # hood
        rise = min(top + 1, int(rng.integers(6, 13)))
        hood = _rounded(_mirrored([(0, top - rise), (half, top - rise), (half + 6, top + 4), (half - 2, top + 14),
                                   (0, top + 19)]))  # fmt: skip
        _fill(mask, hood, 255)
        _line(cloth, hood, ink, 2, closed=True)
        cv2.ellipse(cloth, (MIDDLE, top + 1), (half - 3, 7), 0, 0, 360, max(8, grey - 90), -1, cv2.LINE_AA)


def _front(rng, cloth, grey, front, top, hem, hip):
    ink = _ink(rng, grey, 100)
    if front in ("buttons", "zip", "double"):
        x = MIDDLE + int(rng.integers(-2, 3))
        _line(cloth, [(x, top), (x, hem + 8)], ink, 2 if front != "zip" else int(rng.integers(2, 5)))
        if front != "zip":
            step = int(rng.integers(9, 17))
            dot = 255 if grey < 130 else 15
            for y in range(top + 14, hem - 4, step):
                cv2.circle(cloth, (x + 4, y), 2, dot, -1, cv2.LINE_AA)
                if front == "double":
                    cv2.circle(cloth, (x - 10, y), 2, dot, -1, cv2.LINE_AA)
        for side in (-1, 1):
            kind = int(rng.integers(4))
            y = top + (hem - top) * int(rng.integers(58, 70)) // 100
            if kind == 0:
                _line(cloth, [(MIDDLE + side * (hip - 6), y + 12), (MIDDLE + side * (hip - 12), y)], ink, 2)
            elif kind == 1:
                cv2.rectangle(cloth, (MIDDLE + side * 14 - 7, top + 30), (MIDDLE + side * 14 + 7, top + 42), ink, 1)
    elif front == "open":
        width = int(rng.integers(4, 10))
        _fill(cloth, [(MIDDLE - 2, top), (MIDDLE + 2, top), (MIDDLE + width, hem + 8), (MIDDLE - width, hem + 8)],
              max(8, grey - 110))  # fmt: skip
    elif front == "print":
        dark = ink if _chance(rng, 0.5) else (15 if grey > 110 else 240)
        kind = int(rng.integers(4))
        y = top + int(rng.integers(30, 52))
        if kind == 0:
            cv2.circle(cloth, (MIDDLE, y), int(rng.integers(7, 16)), dark, int(_pick(rng, (-1, 2, 3))), cv2.LINE_AA)
        elif kind == 1:
            width = int(rng.integers(9, 20))
            for row in range(int(rng.integers(1, 4))):
                for x in range(MIDDLE - width, MIDDLE + width, 7):
                    cv2.rectangle(cloth, (x, y + 9 * row - 3), (x + int(rng.integers(2, 6)), y + 9 * row + 2), dark, -1)
        elif kind == 2:
            corner = rng.integers(-17, 18, (7, 2)) + (MIDDLE, y)
            _fill(cloth, corner, dark)
        else:
            half = int(rng.integers(7, 15))
            cv2.rectangle(cloth, (MIDDLE - half, y - half), (MIDDLE + half, y + half), dark, -1)
            cv2.circle(cloth, (MIDDLE + 2, y - 1), half // 2, grey, -1, cv2.LINE_AA)


def _between(rng, low, high):
    return int(rng.integers(low, high + 1))


def _t_shirt(rng):
    chest = _between(rng, 25, 34)
    return _trunk(
        rng, top=_between(rng, 2, 6), hem=_between(rng, 98, 109), shoulder=chest + _between(rng, -3, 2), chest=chest,
        waist=chest - _between(rng, 0, 5), hip=chest + _between(rng, -2, 3),
        sleeve=_pick(rng, ("none", "cap", "short", "half", "long"), (16, 12, 54, 12, 6)),
        neck=_pick(rng, ("round", "wide", "v", "straps", "collar"), (50, 18, 18, 9, 5)),
        front=_pick(rng, ("plain", "print", "buttons"), (56, 40, 4)),
    )  # fmt: skip


def _pullover(rng):
    chest = _between(rng, 25, 33)
    return _trunk(
        rng, top=_between(rng, 3, 10), hem=_between(rng, 92, 109), shoulder=chest + _between(rng, -4, 2), chest=chest,
        waist=chest - _between(rng, -1, 4), hip=chest + _between(rng, -4, 2),
        sleeve=_pick(rng, ("long", "half"), (94, 6)),
        neck=_pick(rng, ("round", "wide", "v", "high", "hood"), (46, 14, 14, 14, 12)),
        front=_pick(rng, ("plain", "print", "buttons"), (76, 20, 4)), plain=52,
    )  # fmt: skip


def _dress(rng):
    chest = _between(rng, 14, 21)
    waist = chest - _between(rng, 0, 6)
    hip = waist + _between(rng, 2, 10)
    return _trunk(
        rng, top=_between(rng, 1, 5), hem=_between(rng, 103, 110), shoulder=chest + _between(rng, -3, 1), chest=chest,
        waist=waist, hip=hip, flare=_pick(rng, (-2, 0, 3, 7, 12), (20, 35, 20, 15, 10)),
        sleeve=_pick(rng, ("none", "cap", "short", "half", "long"), (42, 12, 18, 8, 20)),
        neck=_pick(rng, ("round", "wide", "v", "straps", "collar"), (38, 16, 22, 18, 6)),
        front=_pick(rng, ("plain", "print", "buttons", "zip"), (86, 4, 7, 3)), plain=48,
    )  # fmt: skip


def _coat(rng):
    chest = _between(rng, 23, 33)
    return _trunk(
        rng, top=_between(rng, 3, 10), hem=_between(rng, 97, 110), shoulder=chest + _between(rng, -3, 2), chest=chest,
        waist=chest - _between(rng, -1, 4), hip=chest + _between(rng, -2, 4),
        sleeve=_pick(rng, ("long", "none"), (96, 4)),
        neck=_pick(rng, ("collar", "hood", "high", "v"), (50, 22, 14, 14)),
        front=_pick(rng, ("zip", "buttons", "double", "open", "plain"), (40, 22, 14, 18, 6)), plain=72,
    )  # fmt: skip


def _shirt(rng):
    chest = _between(rng, 23, 33)
    return _trunk(
        rng, top=_between(rng, 2, 8), hem=_between(rng, 97, 110), shoulder=chest + _between(rng, -4, 2), chest=chest,
        waist=chest - _between(rng, 0, 5), hip=chest + _between(rng, -2, 4),
        sleeve=_pick(rng, ("long", "half", "short", "cap", "none"), (56, 12, 22, 5, 5)),
        neck=_pick(rng, ("collar", "v", "round", "high"), (62, 16, 16, 6)),
        front=_pick(rng, ("buttons", "plain", "open"), (66, 30, 4)), plain=42,
    )  # fmt: skip


# Trousers --------------------------------------------------------------------------------------------------------


def _trouser(rng):
    grey = _grey(rng)
    cloth = _fabric(rng, grey, 72)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    top, hem = _between(rng, 1, 5), SIZE - _between(rng, 1, 12)
    waist, hip = _between(rng, 11, 18), _between(rng, 15, 22)
    crotch = top + _between(rng, 26, 38)
    ankle, spread = _between(rng, 4, 11), _between(rng, -2, 9)
    knee = (hem + crotch) // 2
    for side in (-1, 1):
        stride = int(rng.integers(-3, 4))
        foot = 8 + spread + stride
        leg = np.array([
            (0, top), (waist, top), (waist, top), (hip, crotch - 10), (max(hip - 2, foot + ankle - 2), knee),
            (foot + ankle, hem), (foot + ankle, hem), (max(1, foot - ankle), hem), (max(1, foot - ankle), hem),
            (max(2, foot - ankle), knee), (1, crotch), (0, crotch),
        ])  # fmt: skip
        _fill(mask, _rounded(leg * (side, 1) + (MIDDLE, 0)), 255)
    _fill(mask, [(MIDDLE - waist, top), (MIDDLE + waist, top), (MIDDLE + 12, crotch - 4), (MIDDLE, crotch),
                 (MIDDLE - 12, crotch - 4)], 255)  # fmt: skip
    ink = _ink(rng, grey, 90)
    _line(cloth, [(MIDDLE - 30, top + 7), (MIDDLE + 30, top + 7)], ink, int(rng.integers(1, 4)))
    _line(cloth, [(MIDDLE, top), (MIDDLE + 1, crotch)], ink, 2)
    for side in (-1, 1):
        if _chance(rng, 0.5):
            pocket = np.array([(waist - 8, top + 8), (hip - 1, top + 19)]) * (side, 1) + (MIDDLE, 0)
            _line(cloth, pocket, ink, 2)
        shade = np.array([(8 + spread // 2, crotch + 8), (8 + spread, hem - 8)]) * (side, 1) + (MIDDLE, 0)
        _line(cloth, shade, min(255, grey + int(rng.integers(-35, 36))), int(rng.integers(2, 7)))
    return cv2.multiply(cloth, mask, scale=1 / 255)


# Shoes, pointing left: x runs from the toe (0) to the heel, y down to the ground --------------------------------


def _shoe_canvas(rng, plain):
    grey = _grey(rng)
    return grey, _fabric(rng, grey, plain), np.zeros((SIZE, SIZE), np.uint8)


def _sneaker(rng):
    grey, cloth, mask = _shoe_canvas(rng, 75)
    toe, heel = _between(rng, 2, 5), SIZE - _between(rng, 2, 5)
    ground = _between(rng, 74, 84)
    high = _chance(rng, 0.17)
    ankle = ground - (_between(rng, 50, 66) if high else _between(rng, 30, 44))
    vamp = ground - _between(rng, 14, 21)
    tongue = heel - _between(rng, 38, 50)
    sole = _between(rng, 6, 13)
    upper = [
        (toe, ground), (toe, ground), (toe + 1, vamp + 4), (toe + 14, vamp - 2), (tongue - 16, (vamp + ankle) // 2 + 2),
        (tongue, ankle), (tongue + 6, ankle - 3), (tongue + 18, ankle + (3 if high else 9)), (heel - 8, ankle + 1),
        (heel - 2, ankle - 1), (heel - 1, (ankle + ground) // 2), (heel, ground), (heel, ground),
    ]  # fmt: skip
    _fill(mask, _rounded(np.array(upper) + rng.integers(-1, 2, (13, 2))), 255)
    ink = _ink(rng, grey, 110)
    panel = _rounded([(heel - 30, ground), (heel - 22, ankle + 12), (heel, ankle), (SIZE, ground)])
    if _chance(rng, 0.5):
        _fill(cloth, panel, _ink(rng, grey, 70))
    if _chance(rng, 0.4):
        _fill(cloth, _rounded([(toe - 2, ground), (toe, vamp - 4), (toe + 24, vamp - 2), (toe + 26, ground)]), ink)
    for index in range(_between(rng, 0, 4)):
        x = tongue - 2 + index * 8 + _between(rng, 0, 8)
        _line(cloth, [(x, ground - sole), (x + 12, ankle + 12)], ink, _between(rng, 1, 4))
    for index in range(_between(rng, 2, 5)):  # laces
        x, y = tongue - 14 + index * 5, (vamp + ankle) // 2 + 3 - index * 4
        _line(cloth, [(x, y), (x + 9, y + 6)], 250 if grey < 150 else 40, 2)
    light = _pick(rng, (250, 225, grey, 35), (40, 25, 15, 20))
    _fill(
        cloth,
        [(0, ground - sole), (MIDDLE, ground - sole + 2), (SIZE, ground - sole - 2), (SIZE, SIZE), (0, SIZE)],
        light,
    )
    _line(cloth, [(0, ground - sole), (MIDDLE, ground - sole + 2), (SIZE, ground - sole - 2)], max(5, light - 120), 2)
    return cv2.multiply(cloth, mask, scale=1 / 255)


def _ankle_boot(rng):
    grey, cloth, mask = _shoe_canvas(rng, 82)
    toe, heel = _between(rng, 2, 8), SIZE - _between(rng, 2, 9)
    kind = _pick(rng, ("flat", "block", "slim"), (55, 30, 15))
    lift = {"flat": _between(rng, 3, 9), "block": _between(rng, 14, 34), "slim": _between(rng, 26, 38)}[kind]
    ground = _between(rng, 96, 110) if kind != "flat" else _between(rng, 88, 106)
    top = ground - lift - _between(rng, 58, 82)
    top = max(2, top)
    ball = toe + _between(rng, 26, 34)
    shaft = heel - _between(rng, 38, 50)
    sole = _between(rng, 3, 8)
    height = _between(rng, 17, 24)
    arch = ground - lift
    upper = [
        (toe, ground - 1), (toe, ground - 1), (toe + 1, ground - height + 6), (toe + 12, ground - height - 1),
        (ball + 8, ground - height - 9 - lift // 3), (shaft + 2, arch - 36), (shaft - 1, top), (shaft - 1, top),
        (heel + int(rng.integers(-5, 3)), top + int(rng.integers(-3, 5))), (heel - 2, top + 3), (heel - 4, arch - 32),
        (heel, arch - 12), (heel, arch), (heel, arch), (shaft + 2, arch + 1), (ball + 6, ground - 1), (ball, ground),
    ]  # fmt: skip
    _fill(mask, _rounded(upper), 255)
    if kind == "flat":
        _fill(mask, [(toe, ground - sole), (heel, ground - sole), (heel, ground), (toe, ground)], 255)
        if _chance(rng, 0.5):
            _fill(mask, [(shaft + 6, ground), (ball + 6, ground), (ball + 9, ground - 4), (shaft + 4, ground - 4)], 0)
    else:
        width = _between(rng, 16, 26) if kind == "block" else _between(rng, 6, 9)
        slant = _between(rng, 0, 6)
        _fill(
            mask,
            [(heel - width - 4, arch - 3), (heel, arch - 3), (heel - slant, ground), (heel - slant - width, ground)],
            255,
        )
    ink = _ink(rng, grey, 110)
    detail = _pick(rng, ("laces", "zip", "gore", "cuff", "strap", "none"), (30, 14, 16, 14, 14, 12))
    if detail == "laces":
        for index in range(_between(rng, 3, 6)):
            x, y = ball + 6 + index * 3, ground - height - 6 - lift // 3 - index * 8
            _line(cloth, [(x, y), (x + 14, y + 3)], ink, 2)
    elif detail == "zip":
        _line(cloth, [((shaft + heel) // 2, top), ((shaft + heel) // 2 + 3, arch - 6)], ink, 2)
    elif detail == "gore":
        x = (shaft + heel) // 2
        _fill(cloth, [(x - 9, top), (x + 9, top), (x + 3, arch - 24), (x - 4, arch - 24)], ink)
    elif detail == "cuff":
        _fill(cloth, [(0, 0), (SIZE, 0), (SIZE, top + 14), (0, top + 12)], 245 if grey < 140 else ink)
    elif detail == "strap":
        y = arch - _between(rng, 18, 36)
        _line(cloth, [(shaft - 12, y + 6), (heel + 4, y)], ink, 5)
    _line(
        cloth,
        [(toe, ground - sole), (ball, ground - sole), (shaft, arch - sole), (heel + 4, arch - sole)],
        max(5, grey - 110),
        2,
    )
    return cv2.multiply(cloth, mask, scale=1 / 255)


def _sandal(rng):
    grey, cloth, mask = _shoe_canvas(rng, 78)
    kind = _pick(rng, ("flat", "wedge", "stiletto", "block"), (42, 20, 26, 12))
    toe, heel = _between(rng, 2, 7), SIZE - _between(rng, 2, 10)
    sole = _between(rng, 4, 9)
    lift = {"flat": _between(rng, 0, 5), "wedge": _between(rng, 12, 28), "stiletto": _between(rng, 36, 58),
            "block": _between(rng, 24, 44)}[kind]  # fmt: skip
    ground = (
        _between(rng, 66, 80)
        if kind == "flat"
        else _between(rng, 84, 92)
        if kind == "wedge"
        else _between(rng, 100, 110)
    )
    if kind in ("stiletto", "block"):
        heel -= _between(rng, 4, 20)
    ball = toe + (heel - toe) * 2 // 5
    foot = [(toe, ground), (ball, ground), ((ball + heel) // 2, ground - lift * 0.6), (heel, ground - lift)]
    top = np.array(foot) - (0, sole)
    _fill(mask, [*top, *foot[::-1]], 255)
    if kind == "wedge":
        _fill(mask, [foot[1], foot[2], foot[3], (heel - 4, ground)], 255)
    elif kind != "flat":
        width = _between(rng, 3, 6) if kind == "stiletto" else _between(rng, 12, 20)
        slant = _between(rng, 0, 8)
        _fill(mask, [(heel - 2 * width, ground - lift - 1), (heel, ground - lift - 2), (heel - slant, ground),
                     (heel - slant - width, ground)], 255)  # fmt: skip
    thick = _between(rng, 3, 9)
    straps = []
    instep = ground - lift // 2 - _between(rng, 22, 36)
    for _ in range(_between(rng, 1, 3)):  # over the toes
        x = toe + _between(rng, 4, 26)
        straps.append(
            [(x, ground - sole), (x + 8, ground - _between(rng, 18, 28) - lift // 8), (x + 24, ground - sole)]
        )
    style = _pick(rng, ("thong", "ankle", "cross", "slide", "gladiator"), (22, 34, 20, 12, 12))
    back = heel - _between(rng, 0, 6)
    if style == "thong":
        straps = [[(toe + 16, ground - sole), (toe + 30, instep + 8), (back - 20, ground - lift - sole)],
                  [(toe + 26, ground - sole), (toe + 30, instep + 8)]]  # fmt: skip
    elif style == "cross":
        straps.append([(ball - 8, ground - sole), (back - 28, instep - 2), (back - 4, ground - lift - sole)])
        straps.append([(ball + 14, ground - sole - lift // 4), (ball, instep + 12)])
    if style in ("ankle", "gladiator", "cross"):
        height = ground - lift - sole - _between(rng, 22, 34)
        counter = [
            (back - 12, ground - lift - sole),
            (back, ground - lift - sole),
            (back - 1, height),
            (back - 5, height),
        ]
        _fill(mask, counter, 255)
        loop, thin = (14, _between(rng, 3, 6)), max(2, thick - 3)
        cv2.ellipse(mask, (back - 14, height), loop, 8, 0, 360, 255, thin, cv2.LINE_AA)
        if style == "gladiator":
            for y in range(max(8, height - 26), height, 9):
                cv2.ellipse(mask, (back - 14, y), (13, 4), 8, 0, 360, 255, 3, cv2.LINE_AA)
            straps.append([(back - 26, height), (ball + 8, ground - sole - lift // 4)])
            straps.append([(back - 2, height), (back - 3, max(8, height - 26))])
    for strap in straps:
        _line(mask, strap, 255, max(2, thick - (3 if style == "gladiator" else 0)))
    cv2.subtract(cloth, int(rng.integers(0, 60)), dst=cloth[max(0, ground - lift - sole) :])
    return cv2.multiply(cloth, mask, scale=1 / 255)


# Bags ------------------------------------------------------------------------------------------------------------


def _bag(rng):
    grey, cloth, mask = _shoe_canvas(rng, 62)
    half, bottom_half = _between(rng, 34, 53), 0
    top, bottom = _between(rng, 24, 50), SIZE - _between(rng, 2, 20)
    shape = _pick(rng, ("box", "tote", "moon", "trapeze"), (40, 22, 14, 24))
    if shape == "tote":
        half, top = _between(rng, 26, 44), _between(rng, 36, 52)
    bottom_half = {
        "box": half,
        "tote": half - _between(rng, 0, 10),
        "moon": half,
        "trapeze": half + _between(rng, 0, 8),
    }[shape]
    bottom_half = min(53, bottom_half)
    if shape == "trapeze":
        half = bottom_half - _between(rng, 6, 16)
    if shape == "moon":
        half_points = [
            (0, top),
            (half, top),
            (half, top),
            (half - 1, (top + bottom) // 2),
            (half - 14, bottom - 4),
            (0, bottom),
        ]
    else:
        half_points = [
            (0, top),
            (half - 4, top),
            (half, top + 4),
            (bottom_half, bottom - 6),
            (bottom_half - 4, bottom),
            (0, bottom),
        ]
    outline = _rounded(_mirrored(half_points) + rng.integers(-1, 2, (2 * len(half_points), 2)))
    _fill(mask, outline, 255)
    ink = _ink(rng, grey, 100)
    handle = _pick(rng, ("arch", "twin", "side", "chain", "none"), (36, 22, 22, 10, 10))
    thick = _between(rng, 2, 6)
    if handle in ("arch", "twin"):
        span, rise = half * _between(rng, 35, 75) // 100, top - _between(rng, 3, 14)
        loop = [(-span, top + 8), (-span, top + 8), (-span + 2, top - rise), (span - 2, top - rise),
                (span, top + 8), (span, top + 8)]  # fmt: skip
        _line(mask, _rounded(loop)[2:-2] + (MIDDLE, 0), 255, thick)
        if handle == "twin":
            _line(cloth, [(MIDDLE - span, top), (MIDDLE - span, top + 16)], ink, thick)
            _line(cloth, [(MIDDLE + span, top), (MIDDLE + span, top + 16)], ink, thick)
    elif handle == "side":
        drop = bottom - _between(rng, 4, 24)
        for side in (-1, 1):
            if side > 0 and _chance(rng, 0.5):
                continue
            _line(
                mask,
                np.array([(half - 4, top + 4), (half + 5, top + 14), (bottom_half + 2, drop)]) * (side, 1)
                + (MIDDLE, 0),
                255,
                thick,
            )
    elif handle == "chain":
        _line(
            mask, [(MIDDLE - half + 4, top), (MIDDLE + int(rng.integers(-14, 15)), 4), (MIDDLE + half - 4, top)], 255, 2
        )
    flap = _pick(rng, ("straight", "round", "point", "zip", "none"), (22, 18, 12, 28, 20))
    depth = top + (bottom - top) * _between(rng, 30, 62) // 100
    if flap in ("straight", "round", "point"):
        dip = {"straight": 0, "round": 8, "point": 16}[flap]
        edge = [
            (MIDDLE - 56, depth - dip),
            (MIDDLE - 20, depth),
            (MIDDLE, depth + dip // 2),
            (MIDDLE + 20, depth),
            (MIDDLE + 56, depth - dip),
        ]
        cv2.subtract(cloth, int(rng.integers(5, 30)), dst=cloth[depth:])
        _line(cloth, edge, ink, 3)
        cv2.circle(cloth, (MIDDLE, depth + dip // 2), _between(rng, 2, 5), 250 if grey < 180 else 20, -1, cv2.LINE_AA)
    elif flap == "zip":
        y = top + _between(rng, 5, 18)
        _line(cloth, [(MIDDLE - half, y), (MIDDLE + half, y)], ink, 2)
        if _chance(rng, 0.5):
            left, right = MIDDLE - half * 6 // 10, MIDDLE + half * 6 // 10
            cv2.rectangle(cloth, (left, depth), (right, bottom - 8), ink, 2, cv2.LINE_AA)
    if _chance(rng, 0.4):
        _line(cloth, outline, ink, 3, closed=True)
    return cv2.multiply(cloth, mask, scale=1 / 255)


_PAINTERS = (_t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _ankle_boot)
