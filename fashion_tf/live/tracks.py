"""Which box of this frame is which of the last one: tracks by overlap, matched all at once, and by how somebody looks
after they were out of sight."""

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
        last: The number of the frame in which it was last seen.
        instances: What was kept of it; see `fashion_tf.live.instances`.
        look: Its colours, as `look_of` gives them, mostly of late; None where no frame was given.
        inside: Whether it was last seen away from the frame's sides: then it has not walked out of the picture.
    """

    number: int
    box: tuple
    speed: np.ndarray = field(default_factory=lambda: np.zeros(2))
    seen: int = 1
    missed: int = 0
    last: int = 0
    instances: list = field(default_factory=list)
    look: np.ndarray = None
    inside: bool = False

    def __post_init__(self):
        self.height = self.box[3] - self.box[1]  # of the tallest box so far: a part of somebody is shorter

    def expected(self, number):
        """Where it should be in the frame of this number, if it moves on as it did."""
        shift = np.tile(self.speed * (number - self.last), 2)
        return np.asarray(self.box, float) + shift


class Tracker:
    """Follows boxes from frame to frame.

    Boxes are matched to tracks by the largest sum of overlaps with where each track should be (the
    Hungarian method, SciPy's). What is left is matched by distance: of somebody behind a post first one
    half is seen, then the other, and the two do not overlap. What is left then is compared with those who
    have been out of sight for longer than `patience`, and did not leave by a side: it is the same person
    if it is near, as tall, and of the same colours. A box that fits none begins a track.

    Args:
        least_overlap: Boxes that overlap less are matched by distance only.
        reach: How far a middle may lie from where it should be, as a share of the tallest box of the track.
        patience: Frames that a track outlives unseen, as behind a post.
        memory: The same where frames are given, so that it can be known again by its look.
        least_likeness: Share of its colours that somebody who comes back has in common with the track.
    """

    def __init__(self, least_overlap=0.2, reach=0.5, patience=10, memory=60, least_likeness=0.6):
        self.least_overlap, self.reach, self.patience = least_overlap, reach, patience
        self.memory, self.least_likeness = memory, least_likeness
        self.tracks, self.begun, self.number = [], 0, 0

    def update(self, boxes, frame=None, number=None):
        """Takes the boxes of the next frame.

        Args:
            boxes: (n, 4) of x1, y1, x2, y2 in pixels; n may be 0.
            frame: uint8 (height, width, 3), RGB; or None: then nobody is known again by their look.
            number: The frame's, as counted at the source: where frames were dropped before it, everybody walked on
                meanwhile. None: one more than that of the frame before.

        Returns:
            (the track of each box, in their order; the tracks that ended).
        """
        boxes = np.asarray(boxes, float).reshape(-1, 4)
        self.number = self.number + 1 if number is None else number
        looks = [None if frame is None else look_of(frame, box) for box in boxes]
        within = [frame is not None and _inside(box, frame.shape[:2]) for box in boxes]
        found = [None] * len(boxes)
        near = [track for track in self.tracks if track.missed <= self.patience]
        expected = np.array([track.expected(self.number) for track in near]).reshape(-1, 4)
        _match(found, near, -overlap(expected, boxes), -self.least_overlap)
        distances = _distances(expected, boxes, [track.height for track in near])
        _match(found, near, distances, self.reach)
        gone = [track for track in self.tracks if track.missed > self.patience]
        _match(found, gone, self._unlikeness(gone, boxes, looks, within), 1 - self.least_likeness)
        for track in self.tracks:
            if not any(track is one for one in found):
                track.missed += 1
        for place, (track, box) in enumerate(zip(found, boxes)):
            if track is None:
                self.begun += 1
                found[place] = track = Track(self.begun, tuple(box), last=self.number)
                self.tracks.append(track)
            else:
                _move(track, box, self.number, self.patience)
            track.inside = within[place]
            if looks[place] is not None:
                track.look = looks[place] if track.look is None else 0.9 * track.look + 0.1 * looks[place]
        ended = [track for track in self.tracks if track.missed > self._limit(track)]
        self.tracks = [track for track in self.tracks if track.missed <= self._limit(track)]
        return found, ended

    def _limit(self, track):
        return self.memory if track.inside else self.patience

    def _unlikeness(self, gone, boxes, looks, within):
        """(tracks, boxes): the share of colours not in common; 1 where somebody cannot have come back there."""
        table = np.ones((len(gone), len(boxes)))
        distances = _distances(np.array([track.box for track in gone]).reshape(-1, 4), boxes,
                               [track.height for track in gone])
        for row, track in enumerate(gone):
            for column, box in enumerate(boxes):
                as_tall = 0.6 < (box[3] - box[1]) / max(track.height, 1) < 1.6
                if within[column] and as_tall and distances[row, column] < 4 * self.reach:
                    table[row, column] = 1 - np.minimum(track.look, looks[column]).sum()
        return table


def look_of(frame, box):
    """The colours of somebody's middle, where the clothes are: a histogram, float64 (512,), adding up to 1.

    Args:
        frame: uint8 (height, width, 3).
        box: (x1, y1, x2, y2) in pixels.
    """
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = box
    quarter, top, bottom = (x2 - x1) / 4, y1 + 0.15 * (y2 - y1), y1 + 0.7 * (y2 - y1)
    left, right = int(np.clip(x1 + quarter, 0, width - 1)), int(np.clip(x2 - quarter, 1, width))
    top, bottom = int(np.clip(top, 0, height - 1)), int(np.clip(bottom, 1, height))
    # A few thousand pixels are enough, and take no time.
    step = max(1, (right - left) // 48), max(1, (bottom - top) // 48)
    part = frame[top:max(bottom, top + 1):step[1], left:max(right, left + 1):step[0]].reshape(-1, 3) >> 5
    counts = np.bincount(part[:, 0].astype(int) * 64 + part[:, 1] * 8 + part[:, 2], minlength=512)
    return counts / counts.sum()


def _inside(box, size):
    """Whether a box touches neither side of a frame of (height, width)."""
    margin = 0.02 * size[1]
    return box[0] > margin and box[2] < size[1] - margin


def _match(found, tracks, costs, most):
    """Gives tracks that have no box yet to boxes that have no track yet: the least sum of costs, none above `most`."""
    from scipy.optimize import linear_sum_assignment

    rows = [row for row, track in enumerate(tracks) if not any(track is one for one in found)]
    columns = [column for column, track in enumerate(found) if track is None]
    left = costs[np.ix_(rows, columns)]
    for row, column in zip(*linear_sum_assignment(left)):
        if left[row, column] <= most:
            found[columns[column]] = tracks[rows[row]]


def _distances(first, second, heights):
    """Between the middles of boxes, in heights of the first: (n, m)."""
    middles = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (first, second)]
    distances = np.linalg.norm(middles[0][:, None] - middles[1][None], axis=-1)
    return distances / np.maximum(np.reshape(heights, (-1, 1)), 1)


def _move(track, box, number, patience):
    middle, before = ((np.asarray(one[:2]) + one[2:]) / 2 for one in (box, np.asarray(track.box)))
    # Half old, half new: a box that jumps for one frame does not throw its track off.
    speed = 0.5 * track.speed + 0.5 * (middle - before) / max(number - track.last, 1)
    track.speed = speed if track.missed <= patience else np.zeros(2)  # how somebody walked unseen is not known
    track.box, track.last, track.missed, track.seen = tuple(box), number, 0, track.seen + 1
    track.height = max(track.height, box[3] - box[1])
