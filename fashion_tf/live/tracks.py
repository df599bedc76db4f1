"""Which box of this frame is which of the last one: tracks by overlap, matched all at once."""

from dataclasses import dataclass, field

import numpy as np


def overlap(first, second):
    """Intersection over union of boxes.

    Args:
        first: (n, 4) of x1, y1, x2, y2 in pixels, right and bottom exclusive.
        second: (m, 4), likewise.

    Returns:
        float64 (n, m) in 0..1; 0 where both boxes are empty.
    """
    first, second = (np.asarray(boxes, float).reshape(-1, 4) for boxes in (first, second))
    start = np.maximum(first[:, None, :2], second[None, :, :2])
    stop = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(stop - start, 0, None).prod(-1)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


@dataclass
class Track:
    """One person or garment over several frames.

    Attributes:
        number: From 1, in the order in which tracks begin.
        box: Where it was last seen, (x1, y1, x2, y2) in pixels.
        speed: How far its middle moves in a frame, (x, y) in pixels.
        seen: Frames in which it was found.
        missed: Frames since then in which it was not.
        instances: What was kept of it; see `fashion_tf.live.instances`.
    """

    number: int
    box: tuple
    speed: np.ndarray = field(default_factory=lambda: np.zeros(2))
    seen: int = 1
    missed: int = 0
    instances: list = field(default_factory=list)

    def __post_init__(self):
        self.height = self.box[3] - self.box[1]  # of the tallest box so far: a part of somebody is shorter

    def expected(self):
        """Where it should be in this frame, if it moves on as it did."""
        shift = np.tile(self.speed * (self.missed + 1), 2)
        return np.asarray(self.box, float) + shift


class Tracker:
    """Follows boxes from frame to frame.

    Boxes are matched to tracks by the largest sum of overlaps with where each track should be (the
    Hungarian method, SciPy's). What is left is matched by distance: of somebody behind a post first one
    half is seen, then the other, and the two do not overlap. A box that fits none begins a track, and a
    track that nothing fits for `patience` frames ends.

    Args:
        least_overlap: Boxes that overlap less are matched by distance only.
        reach: How far a middle may lie from where it should be, as a share of the tallest box of the track.
        patience: Frames that a track outlives unseen, as behind a post.
    """

    def __init__(self, least_overlap=0.2, reach=0.5, patience=10):
        self.least_overlap, self.reach, self.patience = least_overlap, reach, patience
        self.tracks, self.begun = [], 0

    def update(self, boxes):
        """Takes the boxes of the next frame.

        Args:
            boxes: (n, 4) of x1, y1, x2, y2 in pixels; n may be 0.

        Returns:
            (the track of each box, in their order; the tracks that ended).
        """
        from scipy.optimize import linear_sum_assignment

        boxes = np.asarray(boxes, float).reshape(-1, 4)
        found = [None] * len(boxes)
        expected = np.array([track.expected() for track in self.tracks]).reshape(-1, 4)
        overlaps = overlap(expected, boxes)
        for row, column in zip(*linear_sum_assignment(-overlaps)):
            if overlaps[row, column] >= self.least_overlap:
                found[column] = self.tracks[row]
        rows = [row for row, track in enumerate(self.tracks) if not any(track is one for one in found)]
        columns = [column for column, track in enumerate(found) if track is None]
        distances = _distances(expected[rows], boxes[columns], [self.tracks[row].height for row in rows])
        for row, column in zip(*linear_sum_assignment(distances)):
            if distances[row, column] <= self.reach:
                found[columns[column]] = self.tracks[rows[row]]
        for track in self.tracks:
            if not any(track is one for one in found):
                track.missed += 1
        for place, (track, box) in enumerate(zip(found, boxes)):
            if track is None:
                self.begun += 1
                found[place] = Track(self.begun, tuple(box))
                self.tracks.append(found[place])
            else:
                _move(track, box)
        ended = [track for track in self.tracks if track.missed > self.patience]
        self.tracks = [track for track in self.tracks if track.missed <= self.patience]
        return found, ended


def _distances(first, second, heights):
    """Between the middles of boxes, in heights of the first: (n, m)."""
    middles = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (first, second)]
    distances = np.linalg.norm(middles[0][:, None] - middles[1][None], axis=-1)
    return distances / np.maximum(np.reshape(heights, (-1, 1)), 1)


def _move(track, box):
    middle, before = ((np.asarray(one[:2]) + one[2:]) / 2 for one in (box, np.asarray(track.box)))
    # Half old, half new: a box that jumps for one frame does not throw its track off.
    track.speed = 0.5 * track.speed + 0.5 * (middle - before) / (track.missed + 1)
    track.box, track.missed, track.seen = tuple(box), 0, track.seen + 1
    track.height = max(track.height, box[3] - box[1])
