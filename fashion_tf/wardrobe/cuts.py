"""Cuts: the shapes garments are made of, drawn on a `Body`.

A garment is one or more pieces: an `Upper` (anything that hangs from the shoulders, dresses and coats included), a
`Lower` (two legs) or a `Skirt`. A piece knows its outline in heads, draws itself on a canvas and tells its landmarks.
"""

from dataclasses import dataclass

import numpy as np

from . import trims
from .body import BUST, CROTCH, HIP, SHOULDER, SIDES, WAIST
from .fabrics import darker
from .pencil import closed, halves, level, mirrored, part_of, rounded, tube


@dataclass
class Upper:
    """A piece that hangs from the shoulders. Heights in heads from the top of the head, widths in heads.

    Attributes:
        neck: "round", "v", "scoop", "boat", "square", "sweetheart", "off" (the shoulders bare), "collar", "mandarin",
            "turtle", "hood", "lapel", "shawl", "bateau".
        straps: "" for shoulders, "thin", "wide", "halter" or "none" for a strapless top.
        sleeve: 0 (none) to 1 (to the wrist), a share of the arm.
        shape: Ease of the sleeve at its start, middle and end.
        cuff: Height of a cuff band, 0 for none.
        fit: 0 tight, 1 loose.
        waist: How far the waist is drawn in, 0..1.
        hem: Height of the hem. `flare` widens it, `curve` lowers its middle, `gather` adds upright folds.
        front: "", "buttons", "double", "zip", "placket", "open".
        trims: Names of functions in `trims`.
    """

    neck: str = "round"
    straps: str = ""
    sleeve: float = 0.0
    shape: tuple = (0.06, 0.06, 0.06)
    cuff: float = 0.0
    shoulder: float = 0.0
    fit: float = 0.4
    waist: float = 0.2
    hem: float = 3.5
    flare: float = 0.0
    curve: float = 0.0
    gather: float = 0.0
    front: str = ""
    depth: float = 0.0
    trims: tuple = ()

    # Widths -------------------------------------------------------------------------------------------------------

    def half(self, body, y):
        """Half width of the piece at height `y`."""
        ease = 0.02 + 0.2 * self.fit
        bust = body.bust + ease
        hips = body.hips + 0.03 + 0.24 * self.fit
        tight = body.waist + 0.03 + 0.1 * self.fit
        straight = min(bust, hips) + 0.02
        waist = tight + (straight - tight) * (1 - self.waist)
        if y <= HIP:
            return level(y, (BUST, WAIST, HIP), (bust, waist, max(hips, waist)))
        return max(hips, waist) + self.flare * (y - HIP)

    def neckline(self, body):
        """Right half of the neckline in body coordinates, from the middle outwards to the neck's base."""
        wide = {"boat": 0.46, "bateau": 0.5, "scoop": 0.36, "square": 0.4, "sweetheart": 0.42, "v": 0.28, "shawl": 0.26,
                "lapel": 0.26, "hood": 0.27, "off": body.shoulders - 0.02}.get(self.neck, 0.23)  # fmt: skip
        if self.straps in ("thin", "wide"):
            wide = max(wide, 0.38)
        base = 1.36 + 0.16 * (wide - 0.22) / (body.shoulders - 0.22)
        deep = {"round": 0.2, "v": 0.6, "scoop": 0.5, "boat": 0.1, "bateau": 0.04, "square": 0.42, "sweetheart": 0.5,
                "off": 0.26, "collar": 0.16, "mandarin": 0.12, "turtle": 0.05, "hood": 0.18, "lapel": 0.85,
                "shawl": 0.8}[self.neck] + self.depth  # fmt: skip
        low = base + max(0.02, deep)
        if self.neck in ("v", "lapel", "shawl", "collar", "hood"):
            return [(0, low), (0, low), (wide, base), (wide, base)]
        if self.neck == "square":
            return [(0, low), (wide - 0.04, low), (wide - 0.04, low), (wide, base), (wide, base)]
        if self.neck == "sweetheart":
            return [
                (0, low + 0.04),
                (0, low + 0.04),
                (wide * 0.5, low - 0.1),
                (wide * 0.95, low - 0.04),
                (wide, base),
                (wide, base),
            ]
        return [
            (0, low),
            (wide * 0.62, low - 0.02),
            (wide * 0.97, base + 0.3 * (low - base)),
            (wide, base),
            (wide, base),
        ]

    def bare_top(self, body):
        """Right half of the upper edge where straps hold the piece, and the strap's upper end."""
        low = 1.82 + self.depth
        if self.neck == "sweetheart":
            return [(0, low + 0.12), (0, low + 0.12), (0.22, low - 0.03), (0.42, low - 0.03)]
        if self.neck == "v":
            return [(0, low + 0.3), (0, low + 0.3), (0.36, low - 0.1), (0.36, low - 0.1)]
        return [(0, low), (0.3, low - 0.02), (0.4, low - 0.05), (0.42, low - 0.06)]

    def side(self, body):
        """Right side from the armpit down to the middle of the hem."""
        armpit = 2.0 + 0.12 * self.fit
        points = [(self.half(body, BUST) + 0.01, armpit), (self.half(body, BUST) + 0.01, armpit + 0.02)]
        for y in (WAIST - 0.25, WAIST, WAIST + 0.3, HIP):
            if y < self.hem - 0.15:
                points.append((self.half(body, y), y))
        if self.hem > HIP + 1.2:
            middle = (HIP + self.hem) / 2
            points.append((self.half(body, middle) - 0.02, middle))
        edge = self.half(body, self.hem)
        return [
            *points,
            (edge, self.hem),
            (edge, self.hem),
            (edge * 0.5, self.hem + self.curve),
            (0, self.hem + self.curve),
        ]

    def outline(self, body):
        """The piece's polygons in body coordinates."""
        tip = body.shoulders + 0.02 + self.shoulder
        if self.straps:
            top = self.bare_top(body)
            half = [*top, (self.half(body, BUST) - 0.02, 1.98), *self.side(body)]
            return [rounded(mirrored(half))]
        top = self.neckline(body)
        if self.neck == "off":
            return [
                rounded(
                    mirrored(
                        [
                            (0, 1.72),
                            (0.5, 1.72),
                            (body.shoulders - 0.04, 1.66),
                            (body.shoulders + 0.02, 1.7),
                            *self.side(body),
                        ]
                    )
                )
            ]
        if not self.sleeve:
            tip = min(tip, body.shoulders - 0.04 + self.shoulder)
            tip = max(tip, top[-1][0] + 0.12)
            arm = [
                (tip, SHOULDER - 0.01),
                (tip, SHOULDER - 0.01),
                (min(tip - 0.03, self.half(body, BUST) - 0.02), 1.82),
            ]
        else:
            arm = [(tip - 0.1, SHOULDER - 0.03), (tip, SHOULDER + 0.1), (self.half(body, BUST), 1.8)]
        return [rounded(mirrored([*top, *arm, *self.side(body)]))]

    # Drawing ------------------------------------------------------------------------------------------------------

    def draw(self, canvas, body, worn):
        """Draws everything but the sleeves."""
        at, fabric, unit = body.at, worn.fabric, body.unit
        if body.flat and not self.straps and self.neck != "off":
            trims.inside(canvas, body, self, worn)
        if self.straps:
            trims.straps(canvas, body, self, worn)
        outline = [at(polygon) for polygon in self.outline(body)]
        layer = canvas.layer(outline, fabric)
        if self.front == "open":
            gap = 0.1 + 0.16 * worn.spread
            low = self.hem + 0.4
            notch = self.neckline(body)[-1][0]
            layer.cut(
                at(
                    [
                        (-notch, 1.2),
                        (notch, 1.2),
                        (notch, 1.4),
                        (gap, 1.9),
                        (gap * 1.5, low),
                        (-gap * 1.2, low),
                        (-gap, 1.9),
                        (-notch, 1.4),
                    ]
                )
            )
        self._fold(layer, body, worn)
        trims.front(layer, body, self, worn)
        for name in self.trims:
            trims.TRIMS[name](layer, body, self, worn)
        if not self.straps:
            trims.neck_edge(layer, body, self, worn)
        layer.relief(**fabric.relief, soft=0.3 * unit)
        canvas.lay(layer, worn.label, worn.owner)
        trims.collar(canvas, body, self, worn)

    def _fold(self, layer, body, worn):
        at, unit, rng = body.at, body.unit, worn.rng
        strength = worn.crease
        for side in SIDES:
            if rng.random() < 0.7:
                pull = rng.random()
                layer.fold(
                    at([(side * 0.56, 2.08), (side * (0.2 + 0.2 * pull), 2.35 + 0.3 * pull)]), -strength, 0.07 * unit
                )
            if self.hem > WAIST + 0.3 and rng.random() < 0.6:
                y = WAIST + 0.2 * rng.random() - 0.1
                x = self.half(body, WAIST)
                layer.fold(
                    at([(side * x, y), (side * 0.5 * x, y + 0.1), (side * 0.2 * x, y + 0.06)]),
                    -strength * 0.8,
                    0.06 * unit,
                )
            if self.fit > 0.5 and self.hem < 4.5:
                x = side * (0.2 + 0.3 * rng.random())
                layer.fold(
                    at([(x, 2.3), (x * 1.1, self.hem)]), strength * (0.7 if rng.random() < 0.5 else -0.7), 0.1 * unit
                )
        if self.hem > 4.0:
            hang = WAIST + 0.1 if self.waist > 0.3 else BUST + 0.3
            hem_folds(layer, body, self.half(body, hang), hang, self.half(body, self.hem), self.hem, worn,
                      2 + int(3 * self.gather + 6 * self.flare))  # fmt: skip

    def extent(self, body):
        """Image points that the piece reaches, to frame it."""
        points = [body.at(polygon) for polygon in self.outline(body)]
        points.append(body.at([(0, 1.25), (0, self.hem + self.curve)]) if not self.straps else body.at([(0.3, 1.4)]))
        if self.sleeve and not self.straps:
            points += [self._sleeve_line(body, side)[0] for side in (0, 1)]
        return np.concatenate(points)

    def draw_sleeve(self, canvas, body, worn, side, under=False):
        """Draws the sleeve of side 0 (image left) or 1; `under` another one it lies close to the arm."""
        if not self.sleeve or self.straps:
            return
        line, radii = self._sleeve_line(body, side, under)
        edges = tube(line, radii)
        shoulder = body.shoulders + 0.05 + self.shoulder
        armpit = 2.0 + 0.12 * self.fit
        body.set_in(edges, side, shoulder, self.half(body, BUST) - 0.03, armpit)
        if self.neck == "off":
            for edge in edges:
                edge[0, 1] = max(edge[0, 1], body.at((0, 1.68))[1])
        layer = canvas.layer(halves(edges), worn.fabric)
        trims.sleeve(layer, body, self, worn, edges)
        unit, rng = body.unit, worn.rng
        outer, inner = edges
        for _ in range(1 + int(3 * self.sleeve)):
            k = min(len(outer) - 1, int((0.15 + 0.8 * rng.random()) * len(outer)))
            start, end = (outer, inner) if rng.random() < 0.5 else (inner, outer)
            layer.fold([start[k], start[k] + (end[k] - start[k]) * 0.7 + (0, unit * 0.06)], -worn.crease, 0.06 * unit)
        layer.relief(**{**worn.fabric.relief, "edge": 46}, soft=0.24 * unit)
        canvas.lay(layer, worn.label, worn.owner)

    def _sleeve_line(self, body, side, under=False):
        arm = body.arms[side]
        line = part_of(arm, 0.0, min(0.98, 0.98 * self.sleeve))
        middle = part_of(arm, 0.0, 0.49 * self.sleeve)[-1:]
        if self.sleeve < 0.55:
            line = np.concatenate([line[:1], middle, line[-1:]])
        start, centre, end = self.shape
        share = np.linspace(0.0, 1.0, len(line))
        arm_radius = np.interp(share * self.sleeve, (0.0, 0.5, 1.0), (0.2, 0.145, 0.09)) * (0.94 + 0.14 * body.build)
        ease = np.interp(share, (0.0, 0.5, 1.0), (start, centre, end))
        if under:
            ease = np.minimum(ease, 0.01)
        return line, (arm_radius + ease) * body.unit

    # Landmarks ----------------------------------------------------------------------------------------------------

    def landmarks(self, body, kind):
        """Image points in the contour order of DeepFashion2's type `kind`; see `landmarks.py` for the counts."""
        at = body.at
        if self.straps:
            edge = self.bare_top(body)
            low, wide = edge[0][1], edge[-1][0]
            neck = [
                (0, low),
                (-wide, edge[-1][1]),
                (-wide / 2, (low + edge[-1][1]) / 2),
                (0, low),
                (wide / 2, (low + edge[-1][1]) / 2),
                (wide, edge[-1][1]),
            ]
        else:
            edge = self.neckline(body)
            low, (wide, base) = edge[0][1], edge[-1]
            if self.neck == "off":
                wide, base, low = body.shoulders - 0.06, 1.69, 1.74
            middle = (low + base) / 2 + (
                0.0 if self.neck in ("v", "lapel", "shawl", "collar", "hood") else 0.2 * (low - base)
            )
            back = base if body.flat else low
            neck = [(0, back), (-wide, base), (-wide * 0.55, middle), (0, low), (wide * 0.55, middle), (wide, base)]
        neck = list(at([(x, y + 0.04) for x, y in neck]))
        longer = "dress" in kind
        sides = [2.2, 2.45, WAIST, HIP] if longer else [2.3, WAIST]
        bottom = self.hem - 0.04
        if longer:
            sides = [2.3, WAIST, HIP, (HIP + bottom) / 2]
        sides = [
            min(y, 2.1 + (bottom - 2.1) * (k + 1) / (len(sides) + 1.5)) if y > bottom - 0.1 else y
            for k, y in enumerate(sides)
        ]
        flanks = []
        for side in (0, 1):
            arm = []
            if self.sleeve and not self.straps:
                line, radii = self._sleeve_line(body, side)
                edges = tube(line, radii * 0.94)
                body.set_in(edges, side, body.shoulders + 0.02 + self.shoulder, self.half(body, BUST) - 0.05, 2.05)
                outer, inner = edges if side == 0 else edges[::-1]
                steps = (0.3, 0.55, 0.8) if "long" in kind else (0.5,)
                indices = [int(share * (len(outer) - 1)) for share in steps]
                arm = [
                    outer[1],
                    *(outer[k] for k in indices),
                    outer[-1],
                    inner[-1],
                    *(inner[k] for k in reversed(indices)),
                ]
            pit = at((SIDES[side] * (self.half(body, BUST) - 0.05), 2.08 + 0.12 * self.fit))
            flank = [at((SIDES[side] * (self.half(body, y) - 0.04), y)) for y in sides]
            corner = at((SIDES[side] * (self.half(body, self.hem) - 0.05), bottom))
            flanks.append([*arm, pit, *flank, corner])
        points = [*neck, *flanks[0], at((0, bottom + self.curve)), *flanks[1][::-1]]
        if "outwear" in kind:
            gap = 0.13 if self.front != "open" else 0.2
            for side in SIDES:
                points += [at((side * gap, y)) for y in (low + 0.15, (low + bottom) / 2, bottom - 0.05)]
        return np.array(points)


def hem_folds(layer, body, top_half, top, hem_half, hem, worn, count):
    """Upright folds that spread from a waist to a hem."""
    rng, unit = worn.rng, body.unit
    shift = rng.random()
    for k in range(count):
        share = ((k + shift) / count * 2 - 1) * 0.92
        start = top + (hem - top) * 0.25 * rng.random()
        points = body.at(
            [(share * top_half, start), (share * (top_half + hem_half) / 2, (start + hem) / 2), (share * hem_half, hem)]
        )
        depth = worn.crease * (1.1 if k % 2 else -1.3)
        layer.fold(points, depth, 0.1 * unit)


@dataclass
class Lower:
    """Two legs: trousers, leggings and shorts. `length` is the share of the leg that is covered; widths are eases."""

    rise: float = 2.85
    length: float = 0.98
    thigh: float = 0.04
    knee: float = 0.05
    ankle: float = 0.06
    waistband: str = "band"
    trims: tuple = ()

    def half(self, body, y):
        wide = body.hips + self.thigh
        return level(y, (WAIST, 3.1, HIP, CROTCH), (body.waist + 0.03, 0.42 * body.waist + 0.58 * wide, wide, wide))

    def leg(self, body, side):
        """Middle line (n, 2) in pixels and radii of a leg, from the hip to the hem."""
        hip, knee, ankle = body.legs[side]
        below = ankle + (ankle - knee) * 0.12
        whole_leg = np.array(
            [hip, hip + (knee - hip) * 0.3, hip + (knee - hip) * 0.75, knee, knee + (ankle - knee) * 0.5, ankle, below]
        )
        shares = np.array([0.0, 0.16, 0.4, 0.53, 0.74, 0.95, 1.0])
        end = float(np.clip(self.length, 0.1, 1.0))
        inner = shares < end - 0.02
        last = [level(end, shares, whole_leg[:, k]) for k in (0, 1)]
        line = np.concatenate([whole_leg[inner], [last]])
        at = np.append(shares[inner], end)
        flesh = np.interp(at, (0.0, 0.16, 0.53, 0.66, 0.95), (0.37, 0.36, 0.2, 0.2, 0.1))
        ease = np.interp(at, (0.0, 0.3, 0.53, 0.95), (self.thigh, self.thigh, self.knee, self.ankle))
        return line, (flesh * body.girth + ease) * body.unit

    def pelvis(self, body):
        side = [(self.half(body, y), y) for y in (self.rise, self.rise, 3.1, 3.3, HIP, CROTCH - 0.15, CROTCH - 0.05)]
        return rounded(mirrored([(0, self.rise + 0.02), *side, (0.2, CROTCH + 0.06), (0, CROTCH + 0.1)]))

    def extent(self, body):
        return np.concatenate([body.at(self.pelvis(body)), *(self.leg(body, side)[0] for side in (0, 1))])

    def draw(self, canvas, body, worn):
        at, unit = body.at, body.unit
        edges = [tube(*self.leg(body, side), times=1) for side in (0, 1)]
        pelvis = at(self.pelvis(body))
        layer = canvas.layer([pelvis, closed(edges[0]), closed(edges[1])], worn.fabric)
        seam, crotch = worn.fabric.seam, at((0, CROTCH))
        for side in (0, 1):
            outer, inner = edges[side] if side == 0 else edges[side][::-1]
            below = inner[inner[:, 1] > crotch[1] + 0.08 * unit]
            # Where the legs touch, the inner edge of the leg in front must still be seen.
            if side == body.front_leg:
                layer.line([crotch, *below], darker(worn.fabric.rgb, 0.5), 0.03 * unit)
            layer.fold([crotch, *below], -34, 0.14 * unit)
            middle = (outer + inner) / 2
            layer.fold(middle[1:], 14, 0.16 * unit)
            self._crease(layer, body, worn, outer, inner)
        layer.fold(at([(0.02, CROTCH - 0.02), (0.42, CROTCH - 0.2)]), -worn.crease, 0.07 * unit)
        layer.fold(at([(-0.02, CROTCH - 0.02), (-0.42, CROTCH - 0.2)]), -worn.crease, 0.07 * unit)
        if self.waistband:
            low = self.rise + (0.16 if self.waistband == "band" else 0.2)
            x = self.half(body, low)
            layer.line(at([(-x, low), (0, low + 0.03), (x, low)]), seam, 0.03 * unit)
            if self.waistband == "elastic":
                for k in range(-6, 7):
                    layer.line(at([(k * x / 6.5, self.rise), (k * x / 6.5, low)]), seam, 1)
        for name in self.trims:
            trims.LEG_TRIMS[name](layer, body, self, worn, edges)
        layer.relief(**worn.fabric.relief, soft=0.24 * unit)
        canvas.lay(layer, worn.label, worn.owner)

    def _crease(self, layer, body, worn, outer, inner):
        rng, unit = worn.rng, body.unit
        count = len(outer)
        for _ in range(2 + int(3 * self.length)):
            k = min(count - 2, 1 + int(rng.random() * (count - 2)))
            start, end = (outer, inner) if rng.random() < 0.5 else (inner, outer)
            tip = start[k] + (end[k] - start[k]) * (0.4 + 0.4 * rng.random())
            layer.fold([start[k], tip + (0, unit * 0.08)], -worn.crease, 0.06 * unit)

    def landmarks(self, body, kind):
        at = body.at
        x = self.half(body, self.rise) - 0.04
        points = [*at([(-x, self.rise + 0.06), (0, self.rise + 0.06), (x, self.rise + 0.06)])]
        legs = []
        for side in (0, 1):
            line, radii = self.leg(body, side)
            edges = tube(line, radii * 0.92, times=1)
            outer, inner = edges if side == 0 else edges[::-1]
            middle = len(outer) // 2
            thigh = at((SIDES[side] * (self.half(body, HIP) - 0.05), HIP))
            if kind == "trousers":
                legs.append([thigh, outer[middle], outer[-1], inner[-1], inner[middle]])
            else:
                legs.append([thigh, outer[-1], inner[-1]])
        return np.array([*points, *legs[0], at((0, CROTCH)), *legs[1][::-1]])


@dataclass
class Skirt:
    """A skirt. `ease` at the hips, `flare` in heads of half width per head of height, `folds` a count."""

    rise: float = 2.75
    hem: float = 5.2
    ease: float = 0.05
    flare: float = 0.1
    folds: int = 5
    wave: float = 0.03
    sway: float = 0.0
    slant: float = 0.0
    waistband: str = "band"
    trims: tuple = ()

    def half(self, body, y):
        hips = body.hips + self.ease
        if y <= HIP:
            return (
                level(y, (WAIST, HIP), (body.waist + 0.03, hips)) + max(0.0, self.flare) * max(0.0, y - self.rise) * 0.6
            )
        return max(0.24, hips + max(0.0, self.flare) * (HIP - self.rise) * 0.6 + self.flare * (y - HIP))

    def outline(self, body):
        right = [(self.half(body, y), y) for y in (self.rise, self.rise, 3.05, HIP)]
        edge = self.half(body, self.hem)
        if self.hem > HIP + 0.8:
            middle = (HIP + self.hem) / 2
            right.append((self.half(body, middle) - 0.02, middle))
        right += [(edge, self.hem), (edge, self.hem)]
        left = [(-x, y) for x, y in right[::-1]]
        count = max(3, 2 * self.folds)
        bottom = [
            (edge * (1 - 2 * k / count), self.hem + (self.wave if k % 2 else -self.wave * 0.3)) for k in range(1, count)
        ]
        points = np.array([(0, self.rise + 0.02), *right, *bottom, *left])
        below = np.clip((points[:, 1] - HIP) / max(0.2, self.hem - HIP), 0, 1)
        points[:, 0] += self.sway * below
        points[:, 1] += self.slant * below * points[:, 0]
        return rounded(points)

    def extent(self, body):
        return body.at(self.outline(body))

    def draw(self, canvas, body, worn):
        at, unit = body.at, body.unit
        layer = canvas.layer([at(self.outline(body))], worn.fabric)
        hem_folds(
            layer,
            body,
            self.half(body, self.rise),
            self.rise + 0.15,
            self.half(body, self.hem),
            self.hem,
            worn,
            self.folds,
        )
        if self.waistband:
            low = self.rise + 0.17
            x = self.half(body, low)
            layer.line(at([(-x, low), (0, low + 0.03), (x, low)]), worn.fabric.seam, 0.03 * unit)
        for name in self.trims:
            trims.SKIRT_TRIMS[name](layer, body, self, worn)
        layer.relief(**worn.fabric.relief, soft=0.28 * unit)
        canvas.lay(layer, worn.label, worn.owner)

    def landmarks(self, body, kind):
        x, edge, hem = self.half(body, self.rise) - 0.04, self.half(body, self.hem) - 0.05, self.hem - 0.05
        middle = (self.rise + hem) / 2
        wide = self.half(body, middle) - 0.05
        points = np.array([(-x, self.rise + 0.06), (0, self.rise + 0.06), (x, self.rise + 0.06), (-wide, middle),
                           (-edge, hem), (0, hem), (edge, hem), (wide, middle)])  # fmt: skip
        below = np.clip((points[:, 1] - HIP) / max(0.2, self.hem - HIP), 0, 1)
        points[:, 0] += self.sway * below
        points[:, 1] += self.slant * below * points[:, 0]
        return body.at(points)
