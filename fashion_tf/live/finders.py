"""Where in a frame somebody stands: by a parser's mask, by a person's mask, or by what moves.

A finder is called with a frame, uint8 (height, width, 3), and returns boxes (n, 4) of x1, y1, x2, y2 in pixels.
"""

import numpy as np

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
        mask_of: Function of a frame: bool (height, width), where somebody is.
        least_share: As for `boxes_of`.
    """

    def __init__(self, mask_of, least_share=LEAST_SHARE):
        self.mask_of, self.least_share = mask_of, least_share

    def __call__(self, frame):
        return boxes_of(self.mask_of(frame), self.least_share)


class MotionFinder:
    """By what differs from the background, learnt as a mixture of Gaussians for each pixel (Zivkovic, 2004; OpenCV's).

    Needs a camera that stands still. Who stands still for long becomes background.

    Args:
        least_share: As for `boxes_of`.
        history: Frames that the background is learnt from.
    """

    def __init__(self, least_share=LEAST_SHARE, history=200):
        import cv2

        self.least_share = least_share
        self.background = cv2.createBackgroundSubtractorMOG2(history=history, varThreshold=25, detectShadows=True)

    def __call__(self, frame):
        import cv2

        moving = (self.background.apply(frame) == 255).astype(np.uint8)  # 127 marks a shadow
        moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        # A garment of the background's colour leaves holes: joined over a twentieth of the frame.
        reach = max(3, frame.shape[0] // 20) | 1
        moving = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
        return boxes_of(moving, self.least_share)
