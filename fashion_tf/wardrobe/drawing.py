"""What the wardrobe hands out: an image with exact labels, masks, boxes and landmarks."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, eq=False)
class Garment:
    """One visible garment or accessory of a drawing.

    Attributes:
        type: One of `GARMENT_TYPES` (DeepFashion2's 13), or None (shoes, bags, jumpsuits).
        article: Everyday name, finer than any dataset's classes: "jeans", "blouse", "sneakers".
        colour: A name of `COLOURS`.
        pattern: A name of `PATTERNS`.
        mask: bool (H, W), the visible pixels.
        box: (x1, y1, x2, y2) in pixels around the mask; right and bottom are exclusive.
        landmarks: float32 (n, 3) of x, y, visibility (2 visible, 1 occluded, 0 outside the image, then x = y = 0);
            n is DeepFashion2's count for the type, 0 without a type. The order follows DeepFashion2's: neckline,
            then around the contour from the image's left; single points approximate the official definition.
        occlusion: 1 slight, 2 medium, 3 heavy: from the share of landmarks that are hidden.
    """

    type: str | None
    article: str
    colour: str
    pattern: str
    mask: np.ndarray
    box: tuple
    landmarks: np.ndarray
    occlusion: int


@dataclass(frozen=True, eq=False)
class Drawing:
    """An image and all that is known about it.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        labels: uint8 (H, W), for each pixel an index into `PARSING_LABELS`.
        garments: `Garment`s; the one that was asked for, if any, comes first.
        face: bool (H, W), the skin of the face, which some datasets tell from other skin.
    """

    image: np.ndarray
    labels: np.ndarray
    garments: tuple
    face: np.ndarray


LANDMARK_COUNTS = {
    "short sleeve top": 25, "long sleeve top": 33, "short sleeve outwear": 31, "long sleeve outwear": 39, "vest": 15,
    "sling": 15, "shorts": 10, "trousers": 14, "skirt": 8, "short sleeve dress": 29, "long sleeve dress": 37,
    "vest dress": 19, "sling dress": 19,
}  # fmt: skip


def finish(canvas, body, items, least=12):
    """Reads masks, boxes and landmarks off a finished canvas.

    Args:
        canvas: The `Canvas`.
        body: The `Body` that wore the items.
        items: `Worn` garments and `Accessory`s, in the order wanted. Several that share a number are one garment.
        least: Items with fewer visible pixels are left out, and so is their number on the canvas.
    """
    garments, seen = [], set()
    for item in items:
        if item.owner in seen:
            continue
        seen.add(item.owner)
        mask = canvas.owner == item.owner
        if np.count_nonzero(mask) < least:
            continue
        x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
        landmarks, occlusion = _visibility(item.landmarks(body), mask, max(2, round(0.06 * body.unit)))
        garments.append(Garment(item.type, item.article, item.fabric.colour, item.fabric.pattern, mask,
                                (x, y, x + width, y + height), landmarks, occlusion))  # fmt: skip
    return Drawing(canvas.image, canvas.labels, tuple(garments), canvas.face > 0)


def _visibility(points, mask, reach):
    """Adds a visibility to each point: 2 on the mask or within `reach` pixels of it, 1 off it, 0 outside the image."""
    height, width = mask.shape
    landmarks = np.zeros((len(points), 3), np.float32)
    if not len(points):
        return landmarks, 1
    landmarks[:, :2] = np.rint(points * 4) / 4  # a quarter pixel is more than any annotator gives
    x, y = landmarks[:, 0].astype(int), landmarks[:, 1].astype(int)
    inside = (landmarks[:, :2] >= 0).all(1) & (x < width) & (y < height)
    around = np.arange(-reach, reach + 1)
    rows = np.clip(y[:, None, None] + around[:, None], 0, height - 1)
    columns = np.clip(x[:, None, None] + around, 0, width - 1)
    near = mask[rows, columns].any((1, 2))
    landmarks[:, 2] = np.where(near, 2, 1)
    landmarks[~inside] = 0
    hidden = np.count_nonzero(inside & ~near) / max(1, np.count_nonzero(inside))
    return landmarks, 1 if hidden < 0.15 else 2 if hidden < 0.5 else 3
