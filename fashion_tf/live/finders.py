"""Where in a frame somebody stands: by a parser's mask, by a person's mask, or by what moves.

A finder is called with a frame, uint8 (height, width, 3), and returns boxes (n, 4) of x1, y1, x2, y2 in pixels.
"""

from collections import deque

import numpy as np

from fashion_tf.errors import DataError

LEAST_SHARE = 0.01  # of the frame's pixels: smaller things are nobody


def boxes_of(mask, least_share=LEAST_SHARE):
    """The boxes of a mask's connected parts, the largest first.

    Args:
        mask: bool (height, width).
        least_share: Parts with a smaller share of the pixels are left out.
    """
    import cv2

    count, _, table, _ = cv2.connectedComponentsWithStats(np.asarray(mask, np.uint8), connectivity=8)
    parts = [table[number] for number in range(1, count) if table[number][4] >= least_share * mask.size]
    parts.sort(key=lambda part: -part[4])
    return np.array([(x, y, x + width, y + height) for x, y, width, height, _ in parts], float).reshape(-1, 4)


class MaskFinder:
    """By a network that labels pixels: a parser's clothes, or a segmenter's person.

    Args:
        mask_of: Function of a frame: bool (height, width) of the frame's own size, where somebody is.
        least_share: As for `boxes_of`.
    """

    def __init__(self, mask_of, least_share=LEAST_SHARE):
        self.mask_of, self.least_share = mask_of, least_share

    def __call__(self, frame):
        mask = self.mask_of(frame)
        if mask.shape != frame.shape[:2]:  # boxes would lie elsewhere
            raise DataError(f"The mask of a frame of {frame.shape[:2]} pixels has {mask.shape}; bring it to that size.")
        return boxes_of(mask, self.least_share)


class MotionFinder:
    """By what differs from the background: the median, pixel by pixel, of frames taken now and then.

    Needs a camera that stands still. Once as many frames are kept as there is room for, who is found stays out of the
    background for as long as anything in them moves; what stands quite still for long becomes part of it, such as a
    chair that somebody has moved. The camera's own brightening and darkening of the whole picture is evened out.

    Args:
        least_share: As for `boxes_of`.
        keep: Frames that the background is the median of; and of the frames kept, how many in a row something has to
            be quite still before it becomes background.
        every: One frame in so many is kept.
        least_difference: Of 255, in one colour at least: smaller ones are noise and flicker.
        height: Frames are shrunk to this height before they are compared; boxes are in the frame's own pixels.
    """

    def __init__(self, least_share=LEAST_SHARE, keep=15, every=4, least_difference=22, height=160):
        self.least_share, self.every, self.height = least_share, every, height
        self.least_difference, self.count = least_difference, 0
        self.kept, self.background, self.before, self.still = deque(maxlen=keep), None, None, 0

    def __call__(self, frame):
        import cv2

        scale = min(1.0, max(self.height / frame.shape[0], 1 / frame.shape[1]))  # a narrow frame keeps a pixel across
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
        if self.kept and self.kept[-1].shape != small.shape:  # another size: another view, and nothing is known of it
            self.kept.clear()
            self.count = 0
        if self.count == 0:
            self._keep(small)
        behind = _as_bright(self.background, small)
        moving = (_apart(small, behind) > self.least_difference).astype(np.uint8)
        moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        # A garment of the background's colour leaves holes: joined over a fifteenth of the frame.
        reach = max(3, small.shape[0] // 15) | 1
        moving = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
        self.count += 1
        if self.count % self.every == 0:
            self._learn(small, moving, behind)
        return _stacked(boxes_of(moving, self.least_share), small.shape[0]) / scale

    def _learn(self, small, moving, behind):
        """Keeps a frame, with the background in the place of those who are there."""
        import cv2

        full = len(self.kept) == self.kept.maxlen
        if full:
            changed = _apart(small, self.before) > self.least_difference
            count, parts = cv2.connectedComponents(moving)
            alive = np.zeros(count, bool)
            alive[np.unique(parts[changed])] = True
            there = parts != 0
            self.still = np.where(there & ~alive[parts], self.still + 1, 0)
            there &= self.still <= self.kept.maxlen
            small, self.before = np.where(there[..., None], behind, small), small
        else:
            self.before, self.still = small, 0
        self._keep(small)

    def _keep(self, small):
        self.kept.append(small)
        self.background = _middle(self.kept)


def _apart(one, other):
    """How far two pictures lie apart in the colour in which they differ most: uint8 (height, width)."""
    import cv2

    red, green, blue = cv2.split(cv2.absdiff(one, other))
    return cv2.max(cv2.max(red, green), blue)


def _as_bright(background, frame):
    """The background under the frame's light: each colour times the median ratio of the two, from every third pixel."""
    some, other = (picture[::3, ::3].astype(np.float32) + 8 for picture in (frame, background))  # black has no ratio
    return np.clip(background * np.median(some / other, axis=(0, 1)), 0, 255).astype(np.uint8)


def _middle(frames):
    """The median of frames, pixel by pixel (the upper one of an even number): as `numpy.median`, 30 times as fast.

    Of half of the frames and two more, neither the least nor the largest can be the median; the next frame takes their
    place ("forgetful selection").
    """
    frames = [np.array(frame) for frame in frames]
    if len(frames) % 2 == 0:
        frames.append(np.full_like(frames[0], 255))
    window, rest = frames[:len(frames) // 2 + 2], frames[len(frames) // 2 + 2:]
    while len(window) > 1:
        for place in range(1, len(window)):  # the least to the front
            least, window[place] = np.minimum(window[0], window[place]), np.maximum(window[0], window[place])
            window[0] = least
        for place in range(1, len(window) - 1):  # the largest to the back
            most, window[place] = np.maximum(window[-1], window[place]), np.minimum(window[-1], window[place])
            window[-1] = most
        window = window[1:-1] + [rest.pop() for _ in rest[:1]]
    return window[0]


def _stacked(boxes, height, gap=0.25):
    """Boxes one above the other, less than a share of the frame's height apart, are one person: a belt or a table's top
    of the background's colour parts the two."""
    boxes, place = [tuple(box) for box in boxes], 0
    while place < len(boxes):
        x1, y1, x2, y2 = boxes[place]
        for other, (left, top, right, bottom) in enumerate(boxes[:place]):
            common = min(x2, right) - max(x1, left)
            if common >= 0.5 * min(x2 - x1, right - left) and max(y1, top) - min(y2, bottom) < gap * height:
                boxes[other] = min(x1, left), min(y1, top), max(x2, right), max(y2, bottom)
                del boxes[place]
                place = 0
                break
        else:
            place += 1
    return np.array(boxes, float).reshape(-1, 4)
