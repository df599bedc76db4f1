"""Tracks against pixels counted by hand, and people who cross, hide and leave."""

from itertools import permutations

import cv2
import numpy as np
import pytest

from fashion_tf.live import Tracker, overlap
from fashion_tf.live.finders import MotionFinder, _middle, boxes_of
from fashion_tf.wardrobe import draw_person
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


def visits(spans, count, rng):
    """Frames of a room, and who is in it in each: drawn people who come in, stand there for long, and leave again.

    They sway a little. While somebody is there, the camera lets in less light.
    """
    height, width = 120, 200
    room = cv2.resize(rng.integers(90, 200, (6, 10, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    people = [draw_person(rng, (100, 75), place="white") for _ in spans]
    for number in range(count):
        frame, there = room.copy(), None
        for who, (start, stop) in enumerate(spans):
            if start <= number < stop:
                middle = min(100, 12 * (number - start) - 20, 12 * (stop - number) - 20) + rng.integers(2)
                person, there = people[who], who
                shown = np.zeros((height, 2 * 75 + width), bool)  # with a margin that is cut off again
                picture = np.zeros((*shown.shape, 3), np.uint8)
                window = slice(height - 105, height - 5), slice(75 + middle - 37, 75 + middle + 38)
                shown[window], picture[window] = person.labels != 0, person.image
                inside = shown[:, 75:-75]
                frame[inside] = picture[:, 75:-75][inside]
                frame = (frame * 0.8).astype(np.uint8)
        yield np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8), there


def test_who_stands_at_a_table_for_long_is_one_track_each_time():
    spans = [(70, 290), (310, 480), (500, 650)]
    find, tracker, seen = MotionFinder(), Tracker(), {}
    for frame, there in visits(spans, 700, np.random.default_rng(4)):
        for track in tracker.update(find(frame))[0]:
            seen.setdefault(track.number, []).append(there)
    seen = {number: who for number, who in seen.items() if len(who) >= 5}  # as the recogniser tells of them
    assert len(seen) == len(spans)
    for own, (start, stop), who in zip(range(3), spans, seen.values()):
        assert who.count(own) > 0.9 * (stop - start - 4) and len(who) - who.count(own) < 5


def passing(outfits, rng, behind=14, step=6):
    """Frames in which somebody walks behind a wall, and a person, the same or another, comes out on its other side.

    Args:
        outfits: What the first wears, and who comes out; None: the same person.
        behind: Frames in which nobody is to be seen.
    """
    first = draw_person(rng, (100, 75), outfit=outfits[0], place="white")
    second = first if outfits[1] is None else draw_person(rng, (100, 75), outfit=outfits[1], place="white")
    for person, start, stop in ((first, 40, 120), (None, 0, behind * step), (second, 200, 280)):
        for middle in range(start, stop, step):
            frame, boxes = np.full((120, 340, 3), 170, np.uint8), []
            if person is not None:
                shown, window = person.labels != 0, (slice(15, 115), slice(middle - 37, middle + 38))
                frame[window][shown] = person.image[shown]
                boxes = boxes_of(shown, 0.01)[:1] + (middle - 37, 15, middle - 37, 15)
            yield frame, boxes


@pytest.mark.parametrize("seed", range(4))
def test_who_comes_out_behind_a_wall_is_known_by_their_clothes(seed):
    def tracks_of(outfits, with_frames=True):
        tracker, rng = Tracker(patience=5), np.random.default_rng(seed)
        for frame, boxes in passing(outfits, rng):
            tracker.update(boxes, frame if with_frames else None)
        return tracker.begun

    black, light = ["long sleeve t-shirt", "trousers"], ["dress"]
    assert tracks_of((black, None)) == tracks_of((light, None)) == 1
    assert tracks_of((black, None), with_frames=False) == 2  # as before, they are only missed
    assert tracks_of((black, light)) == tracks_of((light, black)) == 2


def test_who_has_left_by_a_side_is_not_who_comes_in_there():
    """Two people in the same clothes, one after the other."""
    tracker, frame = Tracker(patience=3), np.full((100, 200, 3), 60, np.uint8)
    for middle in (*range(100, 190, 10), *[None] * 6, *range(185, 100, -10)):
        boxes = [] if middle is None else [[middle - 15, 20, min(200, middle + 15), 95]]
        tracker.update(boxes, frame)
    assert tracker.begun == 2


@pytest.mark.parametrize("size", [(4000, 5), (640, 1), (2, 3000), (1, 1)])
def test_a_frame_of_any_shape_is_looked_at(size):
    """From a browser anything may come: something appears in the lower half."""
    find, frame = MotionFinder(), np.zeros((*size, 3), np.uint8)
    assert find(frame).shape == (0, 4)
    frame[size[0] // 2:] = 255
    for x1, y1, x2, y2 in find(frame):
        assert 0 <= x1 < x2 <= size[1] and size[0] * 0.4 - 1 <= y1 < y2 <= size[0]


def test_what_was_moved_and_stands_still_becomes_background():
    """Unlike somebody, it does not sway."""
    find, found = MotionFinder(), []
    for number in range(260):
        frame = np.full((90, 120, 3), 120, np.uint8)
        if number >= 80:
            frame[30:80, 40:70] = 30
        found.append(len(find(frame)))
    assert found[:80] == [0] * 80 and found[80:130] == [1] * 50 and found[-20:] == [0] * 20


def test_the_middle_of_frames_is_their_median():
    generator = np.random.default_rng(6)
    for count in range(1, 17):
        frames = generator.integers(0, 256, (count, 5, 7, 3), np.uint8)
        np.testing.assert_array_equal(_middle(frames), np.sort(frames, axis=0)[count // 2])


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
