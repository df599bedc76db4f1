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

    Needs a camera that stands still. Who stands still for more than half of the frames kept becomes background.

    Args:
        least_share: As for `boxes_of`.
        keep: Frames that the background is the median of.
        every: One frame in so many is kept.
        least_difference: Of 255, in one colour at least: smaller ones are noise and flicker.
        height: Frames are shrunk to this height before they are compared; boxes are in the frame's own pixels.
    """

    def __init__(self, least_share=LEAST_SHARE, keep=15, every=4, least_difference=22, height=240):
        self.least_share, self.every, self.height = least_share, every, height
        self.least_difference, self.count = least_difference, 0
        self.kept, self.background = deque(maxlen=keep), None

    def __call__(self, frame):
        import cv2

        scale = min(1.0, self.height / frame.shape[0])
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
        if self.kept and self.kept[-1].shape != small.shape:  # another size: another view, and nothing is known of it
            self.kept.clear()
            self.count = 0
        if self.count % self.every == 0:
            self.kept.append(small)
            self.background = np.median(np.stack(self.kept), axis=0).astype(np.uint8)
        self.count += 1
        moving = (cv2.absdiff(small, self.background).max(axis=2) > self.least_difference).astype(np.uint8)
        moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        # A garment of the background's colour leaves holes: joined over a fifteenth of the frame.
        reach = max(3, small.shape[0] // 15) | 1
        moving = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
        return boxes_of(moving, self.least_share) / scale
