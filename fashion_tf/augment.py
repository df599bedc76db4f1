"""Random rotation, shear, zoom, flip and colour jitter, as one resample of a whole batch.

Libraries that rotate, then shear, then zoom read and write every picture three times and blur it
three times. Here the four are multiplied into one matrix a picture, so a picture is resampled once,
and the three colour changes into another. All of it is TensorFlow operations that XLA can compile,
also into the input pipeline: on a processor the compiled form is several times faster, because it
keeps no list of coordinates and weights as long as the batch.

Where a picture is turned or shrunk, pixels are wanted from outside it: they take the value of the
nearest edge pixel, the default of Keras's `ImageDataGenerator`.
"""

from dataclasses import asdict, dataclass, fields

import keras
import numpy as np
import tensorflow as tf

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601: how bright red, green and blue look
MIDDLE_GREY = 127.5


@dataclass(frozen=True)
class Augmentation:
    """How far pictures are changed at random; 0 or False leaves a thing as it is.

    Every range is drawn from uniformly, for each picture anew. The picture is rotated first, then
    sheared, zoomed and flipped (zoom and flip in either order are the same), all about its centre.

    Attributes:
        rotation: Largest angle to either side, in degrees.
        shear: Largest angle by which vertical lines lean to either side, in degrees, as in
            `ImageDataGenerator`. A value such as 0.2 moves no pixel of a 128-pixel picture by a
            quarter of a pixel; meant in radians it is 11.5 degrees.
        zoom: Width and height are each scaled by a factor drawn from 1 - zoom .. 1 + zoom, as in
            `ImageDataGenerator`: above 1 shows more than the picture, so it shrinks.
        flip: Mirror left and right in half of the cases.
        brightness: All channels are multiplied by a factor from 1 - brightness .. 1 + brightness.
        contrast: The distance to middle grey (127.5) is multiplied by such a factor.
        saturation: The distance to the pixel's own grey is multiplied by such a factor.

    Raises:
        ValueError: A range is negative, an angle above 180, or a share above 1 (zoom: 1 or more).

    Example:
        >>> Augmentation(rotation=10, shear=0.2, zoom=0.05, flip=True)  # the categories paper's best
    """

    rotation: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __post_init__(self):
        bounds = {"rotation": 180, "shear": 89, "zoom": 0.99}
        for field in fields(self):
            value, bound = getattr(self, field.name), bounds.get(field.name, 1)
            if not 0 <= value <= bound:
                raise ValueError(f"Augmentation({field.name}={value}): must lie in 0..{bound}.")

    @property
    def moves(self):
        """Whether pixels change their place."""
        return bool(self.rotation or self.shear or self.zoom or self.flip)

    @property
    def colours(self):
        """Whether pixels change their colour."""
        return bool(self.brightness or self.contrast or self.saturation)

    @property
    def strengths(self):
        """The attributes as numbers, float32 (7,): angles in radians, flip 1 or 0."""
        return np.array([np.deg2rad(self.rotation), np.deg2rad(self.shear), self.zoom, self.flip,
                         self.brightness, self.contrast, self.saturation], np.float32)


def draw(strengths, count, size, seed):
    """Draws what happens to each picture of a batch.

    Args:
        strengths: float32 (7,), as `Augmentation.strengths`.
        count: How many pictures; an int or a scalar tensor.
        size: (height, width) in pixels.
        seed: int tensor of shape (2,): the same seed draws the same numbers on every device.

    Returns:
        transforms: float32 (count, 2, 3): from a pixel (x, y, 1) of the result to where in the
            picture its value comes from.
        colours: float32 (count, 3, 4): from a pixel (red, green, blue, 1) to its new colour.
    """
    rotation, shear, zoom, flip, *shares = tf.unstack(strengths)
    signed = tf.unstack(2.0 * uniform(count, 8, seed) - 1.0, axis=1)
    theta = signed[0] * rotation
    lean = theta + signed[1] * shear
    zoom_x, zoom_y = 1.0 + signed[2] * zoom, 1.0 + signed[3] * zoom
    zoom_x = tf.where((signed[4] < 0) & (flip > 0), -zoom_x, zoom_x)
    return (
        affine(theta, lean, zoom_x, zoom_y, size),
        colour(*(1.0 + number * share for number, share in zip(signed[5:], shares, strict=True))),
    )


def uniform(count, numbers, seed):
    """Random numbers that are the same with and without XLA, as TensorFlow's own are not.

    Counts, and hashes each count with the seed: PCG-RXS-M-XS, the hash that Jarzynski and Olano,
    "Hash Functions for GPU Rendering" (JCGT 9(3), 2020), recommend for 32 bits.

    Args:
        count: Rows; an int or a scalar tensor.
        numbers: Columns, an int.
        seed: int tensor of shape (2,).

    Returns:
        float32 (count, numbers) in [0, 1).
    """
    shift, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    word = tf.cast(tf.reshape(tf.range(count * numbers), [-1, numbers]), tf.uint32)
    for part in tf.unstack(tf.cast(seed, tf.uint32)):
        state = (word + part) * tf.constant(747796405, tf.uint32) + tf.constant(
            2891336453, tf.uint32)
        word = xor(shift(state, shift(state, tf.constant(28, tf.uint32)) + 4), state)
        word *= tf.constant(277803737, tf.uint32)
        word = xor(shift(word, tf.constant(22, tf.uint32)), word)
    # 24 bits are what a float32 holds exactly.
    return tf.cast(shift(word, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24


def affine(theta, lean, zoom_x, zoom_y, size):
    """The transforms of `draw` for given values.

    Rotation [[cos t, -sin t], [sin t, cos t]] times shear [[1, -sin s], [0, cos s]] times zoom and
    flip, diagonal: the horizontal axis is turned by t, the vertical one by t + s.

    Args:
        theta: float32 (count,): angle of the horizontal axis in radians.
        lean: float32 (count,): angle of the vertical axis in radians.
        zoom_x: float32 (count,): scale of the horizontal axis, negative to mirror.
        zoom_y: float32 (count,): scale of the vertical axis.
        size: (height, width) in pixels.

    Returns:
        float32 (count, 2, 3).
    """
    centre_x, centre_y = (size[1] - 1) / 2, (size[0] - 1) / 2  # of pixels' middles
    rows = []
    for a, b, centre in ((tf.cos(theta) * zoom_x, -tf.sin(lean) * zoom_y, centre_x),
                         (tf.sin(theta) * zoom_x, tf.cos(lean) * zoom_y, centre_y)):
        rows.append(tf.stack([a, b, centre - (a * centre_x + b * centre_y)], axis=1))
    return tf.stack(rows, axis=1)


def colour(brightness, contrast, saturation):
    """The colour matrices of `draw` for given factors, float32 (count,) each.

    Returns:
        float32 (count, 3, 4).
    """
    gain = (brightness * contrast)[:, None, None]
    saturation = saturation[:, None, None]
    grey = tf.constant([LUMINANCE] * 3)
    matrix = gain * (saturation * tf.eye(3) + (1.0 - saturation) * grey)
    offset = tf.tile(((1.0 - contrast) * MIDDLE_GREY)[:, None, None], [1, 3, 1])
    return tf.concat([matrix, offset], axis=2)


def resample(images, transforms, nearest=False):
    """Moves the pixels of each picture: bilinear, or nearest for masks.

    Args:
        images: (count, height, width, channels), or (count, height, width) masks.
        transforms: As `draw` returns them.
        nearest: Take the nearest pixel; label numbers stay label numbers.

    Returns:
        The same shape: float32, or the input's dtype where `nearest`.
    """
    count, height, width = (images.shape[axis] or tf.shape(images)[axis] for axis in range(3))
    transforms = transforms[..., None, None]
    x = tf.range(width, dtype=tf.float32)
    y = tf.range(height, dtype=tf.float32)[:, None]
    x, y = (tf.clip_by_value(row[:, 0] * x + row[:, 1] * y + row[:, 2], 0.0, float(side - 1))
            for row, side in ((transforms[:, 0], width), (transforms[:, 1], height)))
    pixels = tf.reshape(images, tf.concat([[-1], tf.shape(images)[3:]], axis=0))
    first = (tf.range(count) * (height * width))[:, None, None]

    def at(row, column):
        return tf.gather(pixels, first + row * width + column)

    if nearest:
        return at(tf.cast(y + 0.5, tf.int32), tf.cast(x + 0.5, tf.int32))
    left, top = tf.cast(x, tf.int32), tf.cast(y, tf.int32)  # truncates: x and y are not negative
    right, bottom = tf.minimum(left + 1, width - 1), tf.minimum(top + 1, height - 1)
    across = (x - tf.cast(left, tf.float32))[..., None]
    down = (y - tf.cast(top, tf.float32))[..., None]

    def between(row):
        start = tf.cast(at(row, left), tf.float32)
        return start + (tf.cast(at(row, right), tf.float32) - start) * across

    upper = between(top)
    return upper + (between(bottom) - upper) * down


def augment(images, augmentation, seed, masks=None):
    """Changes each picture of a batch at random.

    Put it inside a `tf.function(jit_compile=True)` for speed: the pixels are the same.

    Args:
        images: uint8 or float in 0..255, (count, height, width, channels) with 3 channels, 1, or 4: the
            fourth is a mask, which moves and keeps its values.
        augmentation: An `Augmentation`.
        seed: int tensor of shape (2,): the same seed gives the same pictures.
        masks: uint8 (count, height, width) label numbers that move with the pictures, or None.

    Returns:
        The pictures, in 0..255 and of the input's dtype (uint8 is rounded); with masks, the pair
        (pictures, masks).
    """
    return change(images, augmentation.strengths, seed, masks, augmentation.moves, augmentation.colours)


def change(images, strengths, seed, masks, moves, colours):
    """`augment` by numbers, which may be a tensor: compiled once, it serves every `Augmentation` that does as much.

    Args:
        images, seed, masks: As for `augment`.
        strengths: float32 (7,), as `Augmentation.strengths`.
        moves, colours: bool: whether pixels may change their place and their colour.

    Returns:
        As `augment`.
    """
    transforms, matrices = draw(strengths, tf.shape(images)[0], tuple(images.shape[1:3]), seed)
    changed = images
    if moves:
        changed = resample(images, transforms)
    if colours:
        changed = _recolour(tf.cast(changed, tf.float32), matrices)
    if images.dtype == tf.uint8 and changed.dtype != tf.uint8:
        changed = tf.round(changed)
    changed = tf.cast(changed, images.dtype)
    if masks is None:
        return changed
    return changed, resample(masks, transforms, nearest=True) if moves else masks


def _recolour(images, colours):
    if images.shape[-1] == 1:  # grey: saturation has nothing to do, and a row sums to the gain
        gain = tf.reduce_sum(colours[:, 0, :3], axis=1)[:, None, None, None]
        changed = gain * images + colours[:, 0, 3][:, None, None, None]
    else:
        matrices = tf.transpose(colours[:, None, :, :3], [0, 1, 3, 2])
        changed = tf.matmul(images[..., :3], matrices) + colours[:, None, None, :, 3]
        changed = tf.concat([changed, images[..., 3:]], axis=-1) if images.shape[-1] == 4 else changed
    return tf.clip_by_value(changed, 0.0, 255.0)


@keras.saving.register_keras_serializable("fashion_tf")
class RandomAugmentation(keras.layers.Layer):
    """`augment` as a layer: active in training only, and no hindrance to XLA.

    Keras's own RandomRotation, RandomShear and RandomZoom switch XLA off for the whole model.

    Args:
        augmentation: An `Augmentation`, or a dict of its attributes.
        seed: An int; layers with the same seed draw the same numbers in the same order.

    Input and output: float (count, height, width, channels) in 0..255.
    """

    def __init__(self, augmentation, seed=None, **kwargs):
        super().__init__(**kwargs)
        if isinstance(augmentation, dict):
            augmentation = Augmentation(**augmentation)
        self.augmentation = augmentation
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.supports_jit = True

    def call(self, images, training=False):
        if not training:
            return images
        return augment(images, self.augmentation, self.generator.next())

    def get_config(self):
        return {**super().get_config(), "augmentation": asdict(self.augmentation),
                "seed": self.seed}
