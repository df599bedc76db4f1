"""How good a view of a garment is: sharpness, size, un-occluded area, confidence; and a track's best N.

The real-time paper takes the idea of "the top N good instances" of a person's trajectory from Yang and
Yu (2011), where they are chosen by un-occluded area and the quality of the segmentation.
"""

from dataclasses import dataclass

import numpy as np

MEASURES = ("sharpness", "size", "free", "confidence")
REASONS = {"sharpness": "blurred", "size": "small", "free": "covered", "confidence": "unsure"}
SIDE = 96  # pixels: crops are brought to one height before sharpness is measured, or near ones look blurred


@dataclass(frozen=True)
class Instance:
    """One view of a tracked garment.

    Attributes:
        frame: The frame's number, from 0.
        box: (x1, y1, x2, y2) in pixels.
        measures: Each of `MEASURES` to a number of at least 0, larger for better.
        probabilities: float (classes,): what the classifier says of this view.
    """

    frame: int
    box: tuple
    measures: dict
    probabilities: np.ndarray


def sharpness(crop):
    """Variance of the Laplacian of a crop's lightness, at one height for all crops.

    Args:
        crop: uint8 (height, width, 3), RGB.

    Returns:
        A number of at least 0; 0 for an empty or even crop. Pech-Pacheco et al. (2000).
    """
    import cv2

    if 0 in crop.shape[:2]:
        return 0.0
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    width = max(1, round(SIDE * grey.shape[1] / grey.shape[0]))
    grey = cv2.resize(grey, (width, SIDE), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def free_area(box, others, size, margin=2):
    """The share of a box that no nearer box covers, and that the picture's edge does not cut.

    Of two people, the one whose feet are lower in the picture is taken for the nearer one. What lies
    beyond the edge is not known, so a box that touches a side counts half for each side it touches.

    Args:
        box: (x1, y1, x2, y2) in pixels.
        others: Boxes of the other tracks in this frame.
        size: (height, width) of the frame.
        margin: Pixels from a side within which a box touches it.

    Returns:
        A share in 0..1.
    """
    x1, y1, x2, y2 = (int(round(value)) for value in box)
    if x2 <= x1 or y2 <= y1:
        return 0.0
    covered = np.zeros((y2 - y1, x2 - x1), bool)
    for other in others:
        if other[3] > box[3]:
            left, top, right, bottom = (int(round(value)) for value in other)
            covered[max(0, top - y1):max(0, bottom - y1), max(0, left - x1):max(0, right - x1)] = True
    height, width = size
    sides = (x1 <= margin) + (x2 >= width - margin) + (y1 <= margin)  # feet may well lie below the picture
    return float(1 - covered.mean()) * 0.5 ** sides


def measure(frame, box, others, probabilities, person=None):
    """All four measures of one view: a dict of `MEASURES`.

    Args:
        frame: uint8 (height, width, 3), RGB.
        box: What is looked at, (x1, y1, x2, y2) in pixels.
        others: Boxes of the other tracks in this frame.
        probabilities: float (classes,).
        person: The box of which the free area is asked, where `box` is a part of it; None: `box`.

    Size is the box's share of the frame's height; confidence 1 minus the normalised entropy of the
    probabilities (choosing frames by confidence is published for actions: SOSampler, BMVC 2024).
    """
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = (int(round(value)) for value in box)
    crop = frame[max(0, y1):max(0, y2), max(0, x1):max(0, x2)]
    entropy = -np.sum(probabilities * np.log(np.maximum(probabilities, 1e-12)))
    return {"sharpness": sharpness(crop), "size": max(0, y2 - y1) / height,
            "free": free_area(box if person is None else person, others, (height, width)),
            "confidence": float(max(0.0, 1 - entropy / np.log(max(2, len(probabilities)))))}


def scores(instances, by=MEASURES):
    """How good each view is among those of its track.

    Args:
        instances: A list of `Instance`.
        by: The measures that count.

    Returns:
        float64 (instances,) in 0..1: the product of each measure's share of the track's largest. A
        product, since a sharp view of a covered garment shows as little as a blurred one of a free one.
    """
    return _shares(instances, by).prod(axis=1)


def worth(instance, by=MEASURES):
    """The product of a view's measures: within one track, in the same order as `scores`, whatever comes later."""
    return float(np.prod([instance.measures[name] for name in by]))


def best(instances, count, by=MEASURES):
    """The places of the `count` best views, in the order of the frames. Of equals, the earlier one."""
    order = np.argsort([-worth(one, by) for one in instances], kind="stable")[:count]
    return np.sort(order)


def why_not(instances, by=MEASURES):
    """What each view lacks most against its track's best, in a word: blurred, small, covered, unsure."""
    return [REASONS[by[place]] for place in _shares(instances, by).argmin(axis=1)]


def _shares(instances, by):
    """Each measure as a share of the track's largest, (instances, measures); 0 where all are 0."""
    table = np.array([[one.measures[name] for name in by] for one in instances], float).reshape(-1, len(by))
    largest = table.max(axis=0, initial=0)
    return np.divide(table, largest, out=np.zeros_like(table), where=largest > 0)
