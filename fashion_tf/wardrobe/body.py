"""The body that wears the clothes: proportions, pose, and its skin, face and hair.

Lengths are in heads (the height of a head), measured from the top of the head: chin 1, shoulders 1.5, waist 2.7,
crotch 3.8, knees 5.4, ankles 7, floor 7.35. `Body.at` turns them into pixels of the image.
"""

import math

import numpy as np

from .fabrics import darker, lighter, mix, random_hair, random_skin
from .pencil import between, chance, closed, halves, level, mirrored, pick, rounded, smooth, tube, whole

SHOULDER, BUST, WAIST, HIP, CROTCH, KNEE, ANKLE, FLOOR = 1.5, 2.1, 2.7, 3.45, 3.8, 5.4, 7.0, 7.35
SIDES = (-1, 1)  # image left, image right


def _step(start, length, degrees):
    """A point `length` away, at an angle from straight down, positive to the right."""
    angle = math.radians(degrees)
    return (start[0] + length * math.sin(angle), start[1] + length * math.cos(angle))


class Body:
    """Pose and proportions, all drawn from `rng`.

    It is one pixel a head tall until `place` puts it into the image.

    Args:
        rng: Source of all randomness.
        build: 0 a woman's to 1 a man's proportions, None for any.
        flat: A garment laid flat or on a hanger rather than a person: still, symmetric, arms out a little.

    Attributes:
        unit: Pixels of a head's height.
        middle: Image (x, y) of the point in the middle of the body at the waist.
        arms, legs: For each side, image points (3, 2): shoulder, elbow, wrist; hip, knee, ankle.
        behind: For each side, whether the arm is behind the trunk.
        skin, hair: RGB.
    """

    def __init__(self, rng, flat=False, build=None):
        self.unit, self.middle, self.flat = 1.0, np.zeros(2), flat
        self.build = build if build is not None else 0.15 if flat else between(rng, 0.0, 1.0)
        girth = 1.0 if flat else between(rng, 0.92, 1.16)
        self.turn = 1.0 if flat else between(rng, 0.84, 1.0)
        self.lean = 0.0 if flat else between(rng, -0.035, 0.035)
        self.shoulder_tilt, self.hip_tilt = (
            (0.0, 0.0) if flat else (between(rng, -0.05, 0.05), between(rng, -0.07, 0.07))
        )
        self.shoulders = (0.8 + 0.18 * self.build) * (1 + 0.4 * (girth - 1))
        self.bust = (0.66 + 0.1 * self.build) * girth
        self.waist = (0.51 + 0.14 * self.build) * girth
        self.hips = (0.7 - 0.05 * self.build) * girth
        self.girth = girth
        self.skin, self.hair = random_skin(rng), random_hair(rng)
        self._pose(rng)

    def place(self, unit, middle):
        """Puts a new body into the image."""
        self.unit, self.middle = float(unit), np.asarray(middle, np.float64)
        self.arms = [line * self.unit + self.middle for line in self.arms]
        self.legs = [line * self.unit + self.middle for line in self.legs]

    def at(self, points):
        """Body coordinates (n, 2) in heads to image pixels (n, 2)."""
        points = np.asarray(points, np.float64)
        x, y = points[..., 0], points[..., 1]
        # Shoulders and hips tilt against each other; towards the knees the ground keeps the body level.
        placed = np.empty_like(points)
        placed[..., 0] = (
            x * (self.unit * self.turn) - y * (self.unit * self.lean) + (self.middle[0] + self.unit * self.lean * FLOOR)
        )
        if not self.flat:
            tilt = np.interp(y, (SHOULDER, HIP, KNEE), (self.shoulder_tilt, self.hip_tilt, 0.0))
            y = y + tilt * x
        placed[..., 1] = y * self.unit + (self.middle[1] - self.unit * WAIST)
        return placed

    def half(self, y):
        """The trunk's half width at height `y` (heads)."""
        widths = (self.shoulders * 0.9, self.bust, self.waist, self.hips, self.hips * 0.97)
        return level(y, (1.62, BUST, WAIST, HIP, CROTCH), widths)

    def px(self, heads):
        return heads * self.unit

    # Pose ------------------------------------------------------------------------------------------------------------

    def _pose(self, rng):
        self.arms, self.legs, self.behind = [], [], []
        flat_angle = between(rng, 14, 34)
        for side in SIDES:
            shoulder = (side * (self.shoulders - 0.15), SHOULDER + 0.17)
            kind = pick(rng, ("hang", "hip", "pocket", "front", "up"), (52, 14, 16, 12, 6))
            upper, fore = {
                "hang": (between(rng, 4, 17), between(rng, -4, 12)), "hip": (between(rng, 30, 46), between(rng, -58, -42)),
                "pocket": (between(rng, 15, 24), between(rng, -22, -12)), "front": (between(rng, 8, 18), between(rng, -112, -70)),
                "up": (between(rng, 40, 62), between(rng, -170, -142)),
            }[kind]  # fmt: skip
            if self.flat:
                kind, upper, fore = "hang", flat_angle, flat_angle - 2
            elbow = _step(shoulder, 1.24, side * upper)
            wrist = _step(elbow, 1.12, side * fore)
            self.arms.append(self.at([shoulder, elbow, wrist]))
            self.behind.append(kind in ("hang", "hip") and chance(rng, 0.3) and not self.flat)
        stance = pick(rng, ("still", "relaxed", "wide", "walk"), (35, 35, 15, 15))
        free = pick(rng, SIDES)
        for side in SIDES:
            knee, ankle, lift = (0.3, 0.26, 0.0)
            if self.flat:
                knee, ankle = 0.36, 0.42
            elif stance == "wide":
                knee, ankle = between(rng, 0.38, 0.48), between(rng, 0.46, 0.62)
            elif stance == "relaxed" and side == free:
                knee, ankle = between(rng, 0.36, 0.5), between(rng, 0.3, 0.52)
            elif stance == "walk":
                knee, ankle = (0.26, between(rng, -0.02, 0.12)) if side == free else (0.24, 0.2)
                lift = between(rng, 0.05, 0.22) if side == free else 0.0
            points = [
                (side * (self.hips - 0.36 * self.girth), CROTCH - 0.15),
                (side * knee, KNEE - lift),
                (side * ankle, ANKLE - lift),
            ]
            self.legs.append(self.at(points))
        self.front_leg = 0 if free < 0 else 1

    # Skin ------------------------------------------------------------------------------------------------------------

    def _skin(self, canvas, polygons, label=1, **relief):
        layer = canvas.layer(polygons, self.skin)
        layer.relief(**{"edge": 30, "light": 22, "folds": 0, "crumple": 0, "grain": 6, **relief})
        canvas.lay(layer, label)

    def draw_legs(self, canvas):
        for side in (1 - self.front_leg, self.front_leg):
            hip, knee, ankle = self.legs[side]
            calf = knee + (ankle - knee) * 0.35 + (SIDES[side] * self.px(0.02), 0)
            radii = np.array([0.36, 0.2, 0.2, 0.1]) * self.unit * self.girth
            foot = ankle + (SIDES[side] * self.px(0.1), self.px(0.3))
            self._skin(
                canvas,
                [
                    closed(tube([hip, knee, calf, ankle], radii)),
                    closed(tube([ankle, foot], (self.px(0.1), self.px(0.12)))),
                ],
            )

    def draw_trunk(self, canvas):
        half = [(0, 1.3), (0.2, 1.3), (0.24, 1.4), (self.shoulders - 0.16, SHOULDER - 0.02), (self.shoulders - 0.03, SHOULDER + 0.12),
                (self.half(1.9) - 0.02, 1.9), (self.bust, BUST), (self.waist, WAIST), (self.hips, HIP), (self.hips, CROTCH), (0, CROTCH + 0.1)]  # fmt: skip
        neck = np.array([(-0.2, 0.75), (0.2, 0.75), (0.21, 1.25), (0.36, 1.5), (-0.36, 1.5), (-0.21, 1.25)])
        self._skin(canvas, [self.at(rounded(mirrored(half))), self.at(rounded(neck))])
        shade = self.at(rounded([(-0.19, 0.92), (0.19, 0.92), (0.19, 1.1), (0, 1.22), (-0.19, 1.1)]))
        layer = canvas.layer([shade], darker(self.skin, 0.26))
        canvas.lay(layer, opacity=0.8)

    def draw_arm(self, canvas, side, start=0.0):
        """The bare arm of side 0 (image left) or 1 from a share `start` of its length on, with its hand."""
        shoulder, elbow, wrist = self.arms[side]
        radii = np.array([0.19, 0.14, 0.13, 0.085]) * self.unit * (0.94 + 0.14 * self.build)
        bulge = elbow + (wrist - elbow) * 0.25
        line = np.array([shoulder, elbow, bulge, wrist])
        if start:
            shares = np.array([0.0, 0.52, 0.64, 1.0])
            keep = shares > start
            first = [np.interp(start, shares, line[:, k]) for k in (0, 1)]
            radii = np.append(np.interp(start, shares, radii), radii[keep])
            line = np.concatenate([[first], line[keep]])
        edges = tube(line, radii)
        if not start:
            self.set_in(edges, side, self.shoulders, self.bust - 0.04)
        self._skin(canvas, [*halves(edges), *self._hand(side)])

    def set_in(self, edges, side, shoulder, bust, armpit=2.0):
        """Starts the two edges of an arm or sleeve at the tip of the shoulder and in the armpit, as a tailor does."""
        outer, inner = edges if side == 0 else edges[::-1]
        outer[0] = self.at((SIDES[side] * (shoulder - 0.13), SHOULDER))
        inner[0] = self.at((SIDES[side] * bust, armpit))

    def _hand(self, side):
        _, elbow, wrist = self.arms[side]
        ahead = (wrist - elbow) / np.sqrt(((wrist - elbow) ** 2).sum() + 1e-9)
        across = np.array([-ahead[1], ahead[0]]) * (1 if side == 0 else -1)
        unit = self.unit
        palm, tip = wrist + ahead * 0.2 * unit, wrist + ahead * 0.42 * unit + across * 0.04 * unit
        thumb = [wrist + ahead * 0.08 * unit, wrist + ahead * 0.24 * unit - across * 0.12 * unit]
        return [
            closed(tube([wrist, palm, tip], (0.09 * unit, 0.115 * unit, 0.05 * unit))),
            closed(tube(thumb, (0.05 * unit, 0.035 * unit))),
        ]

    def hand(self, side):
        """Where the hand of a side holds things: image (x, y)."""
        _, elbow, wrist = self.arms[side]
        ahead = (wrist - elbow) / np.sqrt(((wrist - elbow) ** 2).sum() + 1e-9)
        return wrist + ahead * 0.28 * self.unit


class Head:
    """Face and hair. `draw_back` goes behind the trunk, `draw` in front of it, `draw_front` over the clothes."""

    STYLES = ("long", "wavy", "bob", "bun", "ponytail", "short", "crop", "curly", "pigtails", "bald")

    def __init__(self, rng, body, style=None):
        self.body = body
        weights = (4, 4, 6, 5, 3, 42, 26, 6, 0, 4) if body.build > 0.4 else (24, 18, 16, 12, 12, 7, 3, 8, 0, 0)
        self.style = style or pick(rng, self.STYLES, weights)
        self.gaze = between(rng, -0.05, 0.05)
        self.fringe = pick(rng, ("none", "side", "full"), (35, 40, 25))
        self.part = between(rng, -0.16, 0.16)
        self.length = between(rng, 1.45, 2.6)
        self.lips = pick(rng, (mix(body.skin, (170, 60, 70), 0.45), (176, 40, 54), (200, 90, 100)), (70, 15, 15))
        self.smile = between(rng, -0.01, 0.035)
        self.beard = body.build > 0.4 and chance(rng, 0.25)
        self.front_locks = chance(rng, 0.5)
        self.whole = whole(rng, 0, 511)

    def _hair(self, canvas, polygons, strands=()):
        layer = canvas.layer(polygons, self.body.hair)
        for points in strands:
            layer.line(points, lighter(self.body.hair, 0.1), self.body.px(0.02))
        layer.relief(edge=40, light=40, folds=34, crumple=14, grain=14, place=(self.whole, self.whole))
        canvas.lay(layer, 2)

    def draw_back(self, canvas):
        at, style, long = self.body.at, self.style, self.length
        if style in ("long", "wavy"):
            wave = 0.07 if style == "wavy" else 0.0
            half = [
                (0, -0.08),
                (0.36, 0.0),
                (0.47, 0.4),
                (0.46 + wave, 0.9),
                (0.5 - wave, 1.2),
                (0.5 + 2 * wave, 1.45),
                (0.46, long),
                (0, long),
            ]
            self._hair(canvas, [at(rounded(mirrored(half)))])
        elif style == "bob":
            self._hair(
                canvas,
                [at(rounded(mirrored([(0, -0.06), (0.4, 0.0), (0.5, 0.5), (0.53, 1.0), (0.5, 1.12), (0, 1.1)])))],
            )
        elif style == "ponytail":
            self._hair(
                canvas, [at(rounded([(0.1, 0.1), (0.5, 0.3), (0.62, 0.9), (0.56, 1.7), (0.42, 1.7), (0.4, 0.9)]))]
            )
        elif style == "pigtails":
            for side in SIDES:
                tail = np.array([(0.34, 0.3), (0.6, 0.28), (0.78, 0.8), (0.74, 1.7), (0.56, 1.75), (0.5, 1.0)])
                self._hair(canvas, [at(rounded(tail * (side, 1)))])
        elif style == "curly":
            circle = [(0.62 * math.cos(a / 9 * math.pi), 0.36 + 0.6 * math.sin(a / 9 * math.pi)) for a in range(18)]
            self._hair(canvas, [at(rounded(np.array(circle), 1))])
        elif style == "bun":
            self._hair(canvas, [at(rounded([(-0.2, -0.26), (0.2, -0.26), (0.24, 0.05), (-0.24, 0.05)]))])

    def draw(self, canvas):
        body, at, unit = self.body, self.body.at, self.body.unit
        ears = [
            at(rounded(np.array([(0.32, 0.42), (0.42, 0.42), (0.42, 0.62), (0.34, 0.66)]) * (side, 1)))
            for side in SIDES
        ]
        face = mirrored([(0, 0.03), (0.26, 0.08), (0.36, 0.32), (0.36, 0.58), (0.29, 0.82), (0.13, 1.0), (0, 1.02)])
        layer = canvas.layer([at(rounded(face)), *ears], body.skin)
        gaze, dark = self.gaze, darker(body.hair, 0.3)
        for side in SIDES:
            x = gaze + side * 0.145
            brow = at(smooth([(x - side * 0.065, 0.425), (x + side * 0.02, 0.395), (x + side * 0.085, 0.425)]))
            layer.line(brow, mix(dark, body.skin, 0.3), 0.024 * unit)
            if unit > 15:
                eye = at(rounded([(x - 0.075, 0.515), (x, 0.475), (x + 0.075, 0.51), (x, 0.545)]))
                layer.patch(eye, (240, 236, 232))
                layer.dot(at((x + gaze * 0.3, 0.508)), 0.034 * unit, (44, 34, 30))
                layer.line(at([(x - 0.08, 0.51), (x, 0.472), (x + 0.08, 0.505)]), dark, 0.022 * unit)
            else:
                layer.dot(at((x, 0.505)), 0.05 * unit, dark)
            layer.patch(
                at(rounded([(x - 0.06, 0.66), (x + 0.06, 0.66), (x + 0.06, 0.74), (x - 0.06, 0.74)])),
                mix(body.skin, (214, 96, 92), 0.14),
            )
        layer.line(
            at([(gaze + 0.02, 0.52), (gaze + 0.055, 0.66), (gaze - 0.02, 0.69)]),
            darker(body.skin, 0.2),
            max(1, 0.02 * unit),
        )
        mouth = [(gaze - 0.11, 0.815 - self.smile), (gaze, 0.79), (gaze + 0.11, 0.815 - self.smile), (gaze, 0.865)]
        if self.beard:
            layer.patch(
                at(
                    rounded(
                        [
                            (-0.37, 0.6),
                            (-0.27, 0.74),
                            (0, 0.72),
                            (0.27, 0.74),
                            (0.37, 0.6),
                            (0.3, 0.9),
                            (0, 1.08),
                            (-0.3, 0.9),
                        ]
                    )
                ),
                mix(body.hair, body.skin, 0.25),
            )
        layer.patch(at(rounded(mouth, 1)), self.lips)
        layer.relief(edge=30, light=26, folds=0, crumple=0, grain=6, soft=14)
        canvas.lay(layer, 1)
        here = np.s_[layer.y : layer.y + layer.alpha.shape[0], layer.x : layer.x + layer.alpha.shape[1]]
        canvas.face[here][layer.alpha > 127] = 255
        self._draw_crown(canvas)

    def _draw_crown(self, canvas):
        """The hair on the head: cap of hair with a hairline, by style."""
        at, part = self.body.at, self.part
        if self.style == "bald":
            return
        temple = 0.46 if self.style in ("short", "crop") else 0.62
        top = -0.02 if self.style == "crop" else -0.1
        side_hair = 0.39 if self.style == "crop" else 0.43
        line = {"none": 0.2, "side": 0.3, "full": 0.38}[self.fringe]
        crown = [
            (-side_hair, temple),
            (-side_hair - 0.01, 0.3),
            (-0.3, top + 0.07),
            (0, top),
            (0.3, top + 0.07),
            (side_hair + 0.01, 0.3),
            (side_hair, temple),
            (0.335, temple - 0.02),
        ]
        if self.fringe == "full":
            crown += [(0.32, line), (0.1, line + 0.02), (-0.12, line), (-0.32, line)]
        else:
            crown += [
                (0.315, 0.36),
                (part + 0.18, line - 0.03),
                (part, 0.17),
                (part - 0.2, line - 0.02),
                (-0.315, 0.36),
            ]
        crown += [(-0.335, temple - 0.02)]
        strands = [
            at(smooth([(part + dx * 0.3, top + 0.03), (part + dx * 0.8, 0.1), (part + dx, 0.3)]))
            for dx in (-0.32, -0.2, 0.2, 0.32)
        ]
        self._hair(canvas, [at(rounded(crown))], strands)

    def draw_front(self, canvas):
        """Locks that fall over the shoulders, in front of the clothes."""
        if self.style not in ("long", "wavy") or not self.front_locks:
            return
        for side in SIDES:
            lock = np.array(
                [
                    (0.36, 0.3),
                    (0.46, 0.5),
                    (0.5, 1.0),
                    (0.52, 1.5),
                    (0.44, self.length - 0.2),
                    (0.3, self.length - 0.35),
                    (0.33, 1.4),
                    (0.37, 0.9),
                ]
            )
            self._hair(canvas, [self.body.at(rounded(lock * (side, 1)))])
