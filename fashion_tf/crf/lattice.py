"""Gaussian filtering in many dimensions, on the permutohedral lattice.

Adams, Baek and Davis, "Fast High-Dimensional Filtering Using the Permutohedral Lattice" (Eurographics
2010). Points are spread onto the corners of the simplex that each lies in, the corners are blurred along
d + 1 directions, and the points read their value back. The cost grows with the number of points, not
with its square.

All labels of a corner lie side by side, and corners are numbered in the order of the pixels that first
use them, so that the pixels at work and their corners stay in the cache. Each core spreads its part of the
points onto corners of its own, which are added up afterwards: no two cores write to one place.
"""

import numba
import numpy as np

from fashion_tf.errors import DataError

MOST_WIDTHS = 100_000
LANES = 8  # channels come in multiples of a vector register's; see `padded`

# A corner's integer coordinates become one 64-bit number, linear in them, so that a corner's neighbours
# are found by adding a constant. Two corners of a million would share a number once in 10^7 images.
_MIX = np.array([-7046029254386353131, -4417276706812531889, -8796714831421723037, 1609587929392839161,
                 -4265267296055464877, 2870177450012600261, -7723592293110705685], np.int64)


class Lattice:
    """A Gaussian filter for points at fixed places.

    Args:
        features: float32 (points, dimensions), at most 7 dimensions: the filter weighs a pair of points
            i, j by exp(-|f_i - f_j|^2 / 2).

    Attributes:
        corners: How many lattice corners are in use.

    Raises:
        DataError: Features so large that float32 has no digits left for the place between two corners.
    """

    def __init__(self, features):
        features = np.ascontiguousarray(features, np.float32)
        points, dimensions = features.shape
        self.dimensions = dimensions
        largest = np.abs(features).max(initial=0)
        if not largest < MOST_WIDTHS:
            raise DataError(f"The filter's points lie up to {largest:.3g} kernel widths from the origin; at "
                            f"most {MOST_WIDTHS:,} can be told apart: take a wider kernel.")
        keys, weights = _place(features, _scales(dimensions))
        self.index, found, table = _number(keys)
        self.corners = len(found)
        self.neighbours = _neighbours(found, _steps(dimensions), table)
        # The blur adds up to 2^(d + 1); this factor, which the reference code takes, is what is left of
        # it at a corner itself. Normalisation takes it out again.
        self.factor = np.float32(1.0 / (1.0 + 2.0 ** -dimensions))
        self.weights = weights
        sums = self.filter(np.ones((points, 1), np.float32))
        self.norm = 1.0 / np.sqrt(sums[:, 0] + np.float32(1e-20))
        self.weights = weights * self.norm[:, None]

    def filter(self, values):
        """Filters, normalised symmetrically: n_i sum_j k_ij n_j v_j with n_i = 1 / sqrt(sum_j k_ij).

        Args:
            values: float32 (points, channels).

        Returns:
            float32 (points, channels).
        """
        values = padded(np.asarray(values, np.float32))
        sums = np.empty((numba.get_num_threads(), self.corners + 1, values.shape[1]), np.float32)
        spread(values, self.index, self.weights, sums)
        other = np.empty_like(sums[0])
        corners = blurred(sums, other, self.neighbours, 0)
        scales = np.full(self.dimensions + 1, self.factor, np.float32)
        return gather(corners, self.index, self.weights, scales)[:, :values.shape[1]]


def padded(values, fill=0):
    """The same channels and some of `fill`, up to a multiple of LANES: vector instructions leave no
    remainder, and rows begin where cache lines do."""
    missing = -values.shape[1] % LANES
    return np.pad(values, ((0, 0), (0, missing)), constant_values=fill) if missing else values


def _scales(dimensions):
    """What brings features to lattice units, by axis: the blur's own width is sqrt(2 / 3) (d + 1)."""
    axis = np.arange(dimensions)
    return (np.sqrt(2 / 3) * (dimensions + 1) / np.sqrt((axis + 1) * (axis + 2))).astype(np.float32)


def _steps(dimensions):
    """For each direction what takes a corner's number to its neighbour's: +1 along every axis, and
    -dimensions along its own. The last coordinate follows from the others and has no number."""
    mix = _MIX[:dimensions]
    steps = np.full(dimensions + 1, mix.sum(), np.int64)
    with np.errstate(over="ignore"):
        steps[:dimensions] -= mix * (dimensions + 1)
    return steps


@numba.njit(parallel=True, fastmath=True, cache=True)
def _place(features, scales):
    """For each point its simplex: the numbers of its corners, int64 (points, d + 1), and how much of the
    point belongs to each, float32 (points, d + 1)."""
    points, dimensions = features.shape
    corners = dimensions + 1
    keys = np.empty((points, corners), np.int64)
    weights = np.empty((points, corners), np.float32)
    for point in numba.prange(points):
        elevated = np.empty(corners, np.float32)
        nearest = np.empty(corners, np.int64)
        rank = np.zeros(corners, np.int64)
        share = np.zeros(corners + 1, np.float32)
        # into the hyperplane whose coordinates add up to zero
        total = np.float32(0.0)
        for axis in range(dimensions, 0, -1):
            scaled = features[point, axis - 1] * scales[axis - 1]
            elevated[axis] = total - axis * scaled
            total += scaled
        elevated[0] = total
        # the nearest corner whose coordinates are multiples of d + 1
        excess = 0
        for axis in range(corners):
            multiple = np.int64(np.rint(elevated[axis] / corners))
            nearest[axis] = multiple * corners
            excess += multiple
        # the order of the distances says in which simplex around that corner the point lies
        for axis in range(dimensions):
            distance = elevated[axis] - nearest[axis]
            for other in range(axis + 1, corners):
                if distance < elevated[other] - nearest[other]:
                    rank[axis] += 1
                else:
                    rank[other] += 1
        for axis in range(corners):
            rank[axis] += excess
            if rank[axis] < 0:
                rank[axis] += corners
                nearest[axis] += corners
            elif rank[axis] > dimensions:
                rank[axis] -= corners
                nearest[axis] -= corners
        for axis in range(corners):
            part = (elevated[axis] - nearest[axis]) / corners
            share[dimensions - rank[axis]] += part
            share[dimensions - rank[axis] + 1] -= part
        share[0] += 1 + share[corners]
        for corner in range(corners):
            key = np.int64(0)
            for axis in range(dimensions):
                place = nearest[axis] + corner
                if rank[axis] > dimensions - corner:
                    place -= corners
                key += place * _MIX[axis]
            keys[point, corner] = key
            weights[point, corner] = share[corner]
    return keys, weights


@numba.njit(inline="always")
def _slot(key, mask):
    mixed = key ^ (key >> 29)
    mixed *= -4658895280553007687
    return (mixed ^ (mixed >> 32)) & mask


@numba.njit(cache=True)
def _table(found, size):
    """A hash table of `size` slots, a power of two: the number of the key in each, or -1."""
    table = np.full(size, -1, np.int32)
    for number in range(len(found)):
        slot = _slot(found[number], size - 1)
        while table[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        table[slot] = number
    return table


@numba.njit(cache=True)
def _number(keys):
    """Numbers corners in the order of their first use: uint32 (points, d + 1), their keys, and the table
    to look a key up in."""
    points, corners = keys.shape
    size = 1 << 16
    found = np.empty(size, np.int64)
    table = _table(found[:0], size)
    index = np.empty((points, corners), np.uint32)
    count = 0
    for point in range(points):
        for corner in range(corners):
            key = keys[point, corner]
            if point > 0 and keys[point - 1, corner] == key:  # neighbours mostly share their simplex
                index[point, corner] = index[point - 1, corner]
                continue
            slot = _slot(key, size - 1)
            while table[slot] >= 0 and found[table[slot]] != key:
                slot = (slot + 1) & (size - 1)
            if table[slot] < 0:
                if 2 * count >= size:  # a larger table, numbered anew
                    size *= 4
                    larger = np.empty(size, np.int64)
                    larger[:count] = found[:count]
                    found = larger
                    table = _table(found[:count], size)
                    slot = _slot(key, size - 1)
                    while table[slot] >= 0:
                        slot = (slot + 1) & (size - 1)
                table[slot] = count
                found[count] = key
                count += 1
            index[point, corner] = table[slot]
    return index, found[:count].copy(), table


@numba.njit(parallel=True, cache=True)
def _neighbours(found, steps, table):
    """Both neighbours of each corner in each direction: uint32 (d + 1, corners, 2). A neighbour that is
    not in use is number `corners`, a row of zeros."""
    count, mask = len(found), len(table) - 1
    neighbours = np.empty((len(steps), count, 2), np.uint32)
    for number in numba.prange(count):
        for direction in range(len(steps)):
            for side in range(2):
                key = found[number] + (steps[direction] if side == 0 else -steps[direction])
                slot = _slot(key, mask)
                while table[slot] >= 0 and found[table[slot]] != key:
                    slot = (slot + 1) & mask
                neighbours[direction, number, side] = table[slot] if table[slot] >= 0 else count
    return neighbours


@numba.njit(parallel=True, fastmath=True, cache=True)
def spread(values, index, weights, sums):
    """Adds each point's values, times their weights, to its corners.

    Args:
        values: float32 (points, channels), channels a multiple of LANES.
        index, weights: uint32 and float32 (points, d + 1).
        sums: float32 (threads, corners + 1, channels), overwritten: each thread's sums.
    """
    points, corners = index.shape
    parts, channels = sums.shape[0], values.shape[1]
    for part in numba.prange(parts):
        own = sums[part]
        own[:] = 0
        for point in range(points * part // parts, points * (part + 1) // parts):
            for corner in range(corners):
                weight, row = weights[point, corner], own[index[point, corner]]
                for channel in range(channels):
                    row[channel] += weight * values[point, channel]


@numba.njit(parallel=True, fastmath=True, cache=True)
def blurred(sums, other, neighbours, start):
    """Adds up what the threads have spread and blurs it: [1/2, 1, 1/2] along each direction in turn.

    Several lattices may lie one behind the other: only the rows of one are read and written. (Given a part of an
    array, the compiler would not know that numbers lie side by side, and do one channel at a time.)

    Args:
        sums: float32 (threads, rows, channels), overwritten.
        other: float32 (rows, channels), overwritten.
        neighbours: uint32 (d + 1, corners, 2).
        start: The row of the lattice's first corner; there are `corners` + 1 from there.

    Returns:
        `sums[0]` or `other`; the lattice's last row, the neighbour of corners that have none, is zero.
    """
    corners, parts = sums[0], sums.shape[0]
    count, channels = neighbours.shape[1], corners.shape[1]
    half = np.float32(0.5)
    if parts > 1:
        for number in numba.prange(count):
            row = corners[start + number]
            for part in range(1, parts):
                more = sums[part, start + number]
                for channel in range(channels):
                    row[channel] += more[channel]
    corners[start + count] = 0
    other[start + count] = 0
    for direction in range(neighbours.shape[0]):
        for number in numba.prange(count):
            before = corners[start + neighbours[direction, number, 0]]
            after = corners[start + neighbours[direction, number, 1]]
            own, result = corners[start + number], other[start + number]
            for channel in range(channels):
                result[channel] = own[channel] + half * (before[channel] + after[channel])
        corners, other = other, corners
    return corners


@numba.njit(parallel=True, fastmath=True, cache=True)
def gather(corners, index, weights, scales):
    """Each point's value, from the corners of its simplex: float32 (points, channels)."""
    points, used = index.shape
    channels = corners.shape[1]
    values = np.zeros((points, channels), np.float32)
    for point in numba.prange(points):
        row = values[point]
        for corner in range(used):
            weight, found = weights[point, corner] * scales[corner], corners[index[point, corner]]
            for channel in range(channels):
                row[channel] += weight * found[channel]
    return values
