"""Tracks against pixels counted by hand, and people who cross, hide and leave."""

from itertools import permutations

import numpy as np
import pytest

from fashion_tf.live import Tracker, overlap
from fashion_tf.live.finders import MotionFinder, boxes_of
from fashion_tf.wardrobe.clips import draw_clip


def painted(box, side=40):
    mask = np.zeros((side, side), bool)
    x1, y1, x2, y2 = box
    mask[y1:y2, x1:x2] = True
    return mask


def test_overlap_counts_pixels():
    generator = np.random.default_rng(0)
    corners = np.sort(generator.integers(0, 40, (30, 2, 2)), axis=1).reshape(30, 4)  # some are empty
    found = overlap(corners[:12], corners[12:])
    for row, first in enumerate(corners[:12]):
        for column, second in enumerate(corners[12:]):
            one, other = painted(first), painted(second)
            union = (one | other).sum()
            assert found[row, column] == pytest.approx((one & other).sum() / union if union else 0)
    assert overlap([], corners).shape == (0, 30) and overlap([], []).shape == (0, 0)


def test_two_who_cross_keep_their_numbers():
    """One walks right, one left; they pass each other half covered."""
    tracker, numbers = Tracker(), []
    for step in range(20):
        boxes = np.array([[10 * step, 20, 10 * step + 30, 100], [190 - 10 * step, 24, 220 - 10 * step, 104]])
        order = [1, 0] if step % 2 else [0, 1]  # a finder gives its boxes in any order
        tracks, ended = tracker.update(boxes[order])
        numbers.append([track.number for track in np.array(tracks, object)[np.argsort(order)]])
        assert ended == []
    assert numbers == [[1, 2]] * 20


def test_the_matching_is_the_best_of_all():
    generator = np.random.default_rng(1)
    for _ in range(20):
        tracker = Tracker(reach=-1)
        first = generator.uniform(0, 40, (4, 2))
        second = first + generator.normal(0, 6, (4, 2))
        tracker.update(np.hstack([first, first + 30]))
        overlaps = overlap(np.hstack([first, first + 30]), np.hstack([second, second + 30]))
        tracks, _ = tracker.update(np.hstack([second, second + 30]))
        matched = [(track.number - 1, column) for column, track in enumerate(tracks) if track.number <= 4]
        best = max(sum(overlaps[row, column] for column, row in enumerate(order)) for order in permutations(range(4)))
        assert sum(overlaps[pair] for pair in matched) >= best - 4 * tracker.least_overlap


def test_who_is_gone_for_long_ends_and_who_is_back_goes_on():
    tracker = Tracker(patience=3)
    tracker.update([[0, 0, 20, 60]])
    for _ in range(3):
        assert tracker.update([]) == ([], [])
    (track,), _ = tracker.update([[2, 0, 22, 60]])
    assert (track.number, track.seen, track.missed) == (1, 2, 0)
    for _ in range(3):
        tracker.update([])
    assert [one.number for one in tracker.update([])[1]] == [1] and tracker.tracks == []
    (track,), _ = tracker.update([[2, 0, 22, 60]])
    assert track.number == 2


def test_behind_a_post_somebody_stays_the_same():
    tracker = Tracker()
    for step in range(5):
        tracker.update([[8 * step, 20, 8 * step + 40, 140]])
    (left,), _ = tracker.update([[42, 20, 52, 140]])  # a strip left of the post, then one right of it
    (right,), _ = tracker.update([[80, 40, 92, 140]])
    assert left is right


def test_boxes_of_a_mask():
    mask = painted((5, 6, 25, 30)) | painted((30, 1, 32, 3))
    np.testing.assert_array_equal(boxes_of(mask, 0.01), [[5, 6, 25, 30]])
    np.testing.assert_array_equal(boxes_of(mask, 0.0), [[5, 6, 25, 30], [30, 1, 32, 3]])
    assert boxes_of(np.zeros((4, 4), bool)).shape == (0, 4)


def test_motion_finds_a_walker():
    """On drawn clips, from the frame on in which half of the person is in sight."""
    overlaps = []
    for seed in range(3):
        clip, find = draw_clip(np.random.default_rng(seed)), MotionFinder()
        for frame, box, seen in zip(clip.frames, clip.boxes, clip.visible):
            found = find(frame)
            if seen > 0.9:
                overlaps.append(overlap([box], found).max(initial=0))
    assert len(overlaps) > 30 and np.median(overlaps) > 0.6


def test_clips_are_what_they_say():
    first, again = (draw_clip(np.random.default_rng(5), 24) for _ in range(2))
    np.testing.assert_array_equal(first.frames, again.frames)
    assert first.frames.shape == (24, 180, 240, 3) and first.frames.dtype == np.uint8
    assert first.visible.max() > 0.9 and first.visible.min() < 0.3 and first.blur.max() > 2
    for mask, box in zip(first.masks, first.boxes):
        if mask.any():
            x1, y1, x2, y2 = box.astype(int)
            assert mask[y1:y2, x1:x2].sum() == mask.sum() and mask[y1].any() and mask[:, x2 - 1].any()
        else:
            assert np.isnan(box).all()
