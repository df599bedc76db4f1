"""A short film of one person walking past a camera that stands still: with blur, a post, and steps nearer and away."""

from dataclasses import dataclass

import cv2
import numpy as np

from .pencil import between, chance, pick, whole
from .people import draw_person
from .scenes import background

SPRITE = 320  # pixels: how tall the person is drawn, once, before each frame scales them down


@dataclass(frozen=True, eq=False)
class Clip:
    """A film and all that is known about it.

    Attributes:
        frames: uint8 (n, height, width, 3), RGB.
        boxes: float64 (n, 4): x1, y1, x2, y2 of what can be seen of the person, in pixels, right and
            bottom exclusive; NaN where nothing can be.
        visible: float64 (n,): the share of the person that nothing hides and no edge cuts.
        blur: float64 (n,): by how many pixels the person moved while the shutter was open.
        article: The upper garment or dress: a key of `fashion_tf.wardrobe.ARTICLES`.
        masks: bool (n, height, width): the person's visible pixels.
    """

    frames: np.ndarray
    boxes: np.ndarray
    visible: np.ndarray
    blur: np.ndarray
    article: str
    masks: np.ndarray


def draw_clip(rng, count=48, size=(180, 240), outfit=None):
    """Draws a person who walks from one side to the other.

    On the way they come nearer or go away, now faster and now slower, so that some frames are blurred
    by motion; a post and sometimes leaves stand before them; the light flickers a little.

    Args:
        rng: `numpy.random.Generator`; all randomness comes from it.
        count: Frames.
        size: (height, width) in pixels.
        outfit: As for `fashion_tf.wardrobe.draw_person`.

    Returns:
        A `Clip`.
    """
    height, width = size
    drawing = draw_person(rng, (SPRITE, SPRITE * 3 // 4), outfit=outfit, place="white")
    person, alpha = _cut_out(drawing)
    article = _upper(drawing)
    canvas = background(rng, height, width, 0.8)
    behind = canvas.image.copy()
    post, posts = _foreground(rng, height, width)
    steps = 0.4 + np.abs(np.cumsum(rng.normal(0, 0.25, count)))
    steps[rng.permutation(count)[:count // 4]] *= between(rng, 3.0, 5.0)  # a few quick ones
    place = np.cumsum(steps) / steps.sum()
    start, stop = pick(rng, ((-0.15, 1.15), (1.15, -0.15)))
    middles = (start + (stop - start) * place) * width
    turn, swing = between(rng, 0, 2 * np.pi), between(rng, 0.1, 0.25)
    scales = between(rng, 0.6, 0.75) * (1 + swing * np.sin(turn + np.pi * place * between(rng, 1.0, 2.0)))
    frames, boxes, visible, blur, masks = [], [], [], [], []
    for number in range(count):
        moved = abs(middles[number] - middles[number - 1]) if number else 0.0
        tall = scales[number] * height
        size_now = max(1, round(alpha.shape[1] * tall / alpha.shape[0])), max(1, round(tall))
        picture = cv2.resize(person, size_now, interpolation=cv2.INTER_AREA).astype(np.float32)
        cover = cv2.resize(alpha, size_now, interpolation=cv2.INTER_AREA).astype(np.float32)
        length = int(0.25 * moved)  # the shutter is open for a quarter of a frame
        frame, shown, whole_area = _lay(behind, picture, cover, middles[number], height * 0.97, length)
        frame = np.where(posts[..., None], post, frame)
        shown = (shown > 0.3) & ~posts
        light = 1 + 0.03 * rng.standard_normal()
        noise = rng.standard_normal(frame.shape).astype(np.float32) * 3
        frames.append(np.clip(frame * light + noise, 0, 255).astype(np.uint8))
        masks.append(shown)
        boxes.append(_box(shown))
        visible.append(min(1.0, shown.sum() / max(1.0, whole_area)))
        blur.append(float(length))
    return Clip(np.stack(frames), np.array(boxes), np.array(visible), np.array(blur), article, np.stack(masks))


def _cut_out(drawing):
    """The person alone: (picture, alpha in 0..1), both cut to the person's box."""
    inside = drawing.labels != 0
    x, y, width, height = cv2.boundingRect(inside.astype(np.uint8))
    window = slice(y, y + height), slice(x, x + width)
    return drawing.image[window], inside[window].astype(np.float32)


def _upper(drawing):
    from .articles import ARTICLES

    worn = [one for one in drawing.garments if one.article in ARTICLES and one.type]
    lower = "shorts", "trousers", "skirt"
    return max(worn, key=lambda one: (one.type not in lower, one.mask.sum())).article


def _foreground(rng, height, width):
    """What stands before everybody: (picture, where it is)."""
    where = np.zeros((height, width), bool)
    x = whole(rng, int(0.25 * width), int(0.6 * width))
    where[:, x:x + whole(rng, int(0.08 * width), int(0.16 * width))] = True
    if chance(rng, 0.5):
        where[int(height * between(rng, 0.72, 0.85)):, :whole(rng, int(0.4 * width), width)] = True  # a wall
    tone = np.array([between(rng, 60, 150) for _ in range(3)], np.float32)
    return np.broadcast_to(tone, (height, width, 3)), where


def _lay(behind, picture, cover, middle, ground, length):
    """The person on the background, smeared sideways by `length` pixels: (frame, share covered, the person's area)."""
    height, width = behind.shape[:2]
    margin = picture.shape[1] + length + 2
    layer = np.zeros((height, width + 2 * margin, 4), np.float32)
    top, left = round(ground) - picture.shape[0], round(middle) - picture.shape[1] // 2 + margin
    left = int(np.clip(left, 0, layer.shape[1] - picture.shape[1]))
    upper = max(0, -top)
    layer[max(0, top):top + picture.shape[0], left:left + picture.shape[1], :3] = (picture * cover[..., None])[upper:]
    layer[max(0, top):top + picture.shape[0], left:left + picture.shape[1], 3] = cover[upper:]
    area = float((cover > 0.5).sum())
    if length > 1:
        layer = cv2.blur(layer, (length, 1))
    layer = layer[:, margin:-margin]
    share = layer[..., 3:]
    return behind * (1 - share) + layer[..., :3], share[..., 0], area


def _box(mask):
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return [x, y, x + width, y + height] if width else [np.nan] * 4
