"""One contract for style transfer without optimisation: a painting becomes a *style vector* once, and with it any
photo is painted in one pass.

Magenta's network (Ghiasi and others, "Exploring the structure of a real-time, arbitrary neural artistic stylization
network", BMVC 2017) is behind it twice: as it stands on TensorFlow Hub, and as its small edition in TFLite files. A
third stylizer needs no file: it matches statistics. None of them stands in for another in silence.
"""

import os

import numpy as np

from fashion_tf.errors import DataError, FashionError
from fashion_tf.terminal import count_of

STYLIZERS = ("magenta", "magenta-hub", "statistics")
HUB_MODULE = "https://tfhub.dev/google/magenta/arbitrary-image-stylization-v1-256/2"
STYLE_FILE, TRANSFER_FILE = "magenta_prediction_model.tflite", "magenta_transfer_model.tflite"
STYLE_SIDE = 256  # pixels; style pictures are squeezed to it, as in Magenta's training
HUB_LARGEST = 1024  # pixels of the longer side; larger contents take too much memory
BLACK = 2 / 255  # a picture in 0..1 whose brightest value is below it was divided by 255 twice


def load_stylizer(name="magenta"):
    """A stylizer by its name.

    Args:
        name: ``"magenta"``: the TFLite edition, two files in the folder FASHION_TF_WEIGHTS. ``"magenta-hub"``: the
            model of TensorFlow Hub, from the folder TFHUB_CACHE_DIR or downloaded into it. ``"statistics"``: no
            network; colours and contrasts alone.

    Returns:
        A `Stylizer`.

    Raises:
        DataError: There is no such stylizer; a file is absent.

    Taught in: 37_style_transfer_magenta.ipynb
    """
    if name not in STYLIZERS:
        raise DataError(f"There is no stylizer {name!r}; choose {', '.join(STYLIZERS)}.")
    return {"magenta": MagentaLite, "magenta-hub": MagentaHub, "statistics": StatisticsStylizer}[name]()


class Stylizer:
    """What every stylizer does. A picture is (height, width, 3): float in 0..1, or uint8 in 0..255.

    A stylizer has two functions. `style_vector` sees a picture's style: a vector of fixed length. `paint` paints a
    content by such a vector. In between one can calculate: the mean of two vectors is a style between two paintings,
    and between a photo's own vector and a painting's lies the painting's style at less strength.
    """

    def __call__(self, content, styles, shares=None, strength=1.0):
        """Paints a photo.

        Args:
            content: The photo, of any size.
            styles: A painting, or a list of them, of any size; or their vectors.
            shares: How much each counts; None: all alike. Scaled to a sum of 1.
            strength: 1 for the styles' mixture, 0 for the photo's own style, between them in between.

        Returns:
            The painted photo, uint8 (height, width, 3), of the photo's size.

        Raises:
            DataError: A picture of another kind, or scaled twice; shares or a strength out of range.
        """
        content = unit_picture(content, "The photo")
        styles = list(styles) if isinstance(styles, (list, tuple)) else [styles]
        shares = shares_of(len(styles), shares)
        if not 0 <= strength <= 1:
            raise DataError(f"strength={strength!r}: it must lie in 0..1.")
        vectors = [style if np.ndim(style) == 1 else self.style_vector(style) for style in styles]
        if strength < 1:
            vectors.append(self.style_vector(content))
            shares = [*(strength * share for share in shares), 1 - strength]
        return _levels(self.paint_mixed(content, vectors, shares))

    def style_vector(self, picture):
        """float32 (numbers,): the style of a picture."""
        raise NotImplementedError

    def paint(self, content, vector):
        """A content painted by a style vector: float32 of the content's shape, in 0..1."""
        raise NotImplementedError

    def paint_mixed(self, content, vectors, shares):
        """A content painted by several style vectors, of which each has its share: here, by their mean."""
        return self.paint(content, sum(share * np.asarray(vector, np.float32)
                                       for share, vector in zip(shares, vectors, strict=True)))


class MagentaLite(Stylizer):
    """Magenta's small edition (a MobileNetV2 sees the style) in two TFLite files, on the CPU.

    Its transfer network takes a square of fixed size: contents are squeezed to it, and the painted picture is
    stretched back, so that what is finer than a pixel of the square is lost.

    Args:
        folder: Holds the two files; None: FASHION_TF_WEIGHTS.

    Raises:
        DataError: A file is absent or of another network.
    """

    def __init__(self, folder=None):
        from fashion_tf.style.lite import LiteModel, find_lite_file

        paths = [find_lite_file(name, None if folder is None else os.path.join(folder, name))
                 for name in (STYLE_FILE, TRANSFER_FILE)]
        self._see, self._transfer = map(LiteModel, paths)
        (style,), shapes = self._see.input_shapes, self._transfer.input_shapes
        vector = self._see.output_shapes[0]
        self._content = next((place for place, shape in enumerate(shapes) if shape[-1] == 3), None)
        if len(shapes) != 2 or self._content is None or shapes[1 - self._content] != vector or style[-1] != 3:
            raise DataError(f"{paths[1]}: takes {shapes}; Magenta's transfer network takes a picture and a style "
                            f"vector of {vector}.")
        self.style_size, self.content_size, self._vector_shape = style[1:3], shapes[self._content][1:3], vector

    def style_vector(self, picture):
        picture = resized(unit_picture(picture, "A style"), self.style_size)
        return self._see(picture[None])[0].reshape(-1).astype(np.float32)

    def paint(self, content, vector):
        content = unit_picture(content, "The photo")
        arrays = [None, None]
        arrays[self._content] = resized(content, self.content_size)[None]
        arrays[1 - self._content] = np.reshape(np.asarray(vector, np.float32), self._vector_shape)
        painted, = self._transfer(*arrays)
        return resized(painted[0].astype(np.float32), content.shape[:2])


class MagentaHub(Stylizer):
    """Magenta's full model from TensorFlow Hub, for a GPU or a CPU with time.

    `tensorflow_hub.load` keeps it in the folder TFHUB_CACHE_DIR; `hub.KerasLayer` does not work with Keras 3. The
    module takes pictures and keeps its style vectors to itself. So here a style's "vector" is the small picture that
    the module is given: a mixture paints once with each picture and takes the mean of the *painted* pictures.

    Args:
        module: Its address, or a folder that holds it; None: `HUB_MODULE`.
    """

    def __init__(self, module=None):
        try:
            import tensorflow_hub as hub
        except ImportError:
            raise DataError("This stylizer needs tensorflow-hub: pip install tensorflow-hub. Or take the stylizer "
                            "'magenta' or 'statistics'.") from None
        try:
            self._module = hub.load(module or HUB_MODULE)
        except Exception as error:  # the network, the archive, TensorFlow: each raises what it likes
            raise DataError(f"{module or HUB_MODULE}: cannot be loaded ({type(error).__name__}: {error}). Name a "
                            "folder that holds it in TFHUB_CACHE_DIR, or take the stylizer 'magenta' or 'statistics'."
                            ) from None

    def style_vector(self, picture):
        return resized(unit_picture(picture, "A style"), (STYLE_SIDE, STYLE_SIDE)).ravel()

    def paint(self, content, vector):
        import tensorflow as tf

        content = unit_picture(content, "The photo")
        shrunk = min(1, HUB_LARGEST / max(content.shape[:2]))
        small = resized(content, [max(round(side * shrunk), 8) for side in content.shape[:2]])
        style = np.reshape(vector, (1, STYLE_SIDE, STYLE_SIDE, 3)).astype(np.float32)
        painted = self._module(tf.constant(small[None]), tf.constant(style))[0]
        return resized(np.asarray(painted, np.float32)[0], content.shape[:2])

    def paint_mixed(self, content, vectors, shares):
        return sum(share * self.paint(content, vector) for share, vector in zip(shares, vectors, strict=True) if share)


class StatisticsStylizer(Stylizer):
    """A stylizer without a network, for where there is no file: colours and contrasts of a painting, not its strokes.

    A picture is taken apart into bands, from fine to coarse (Burt and Adelson's Laplacian pyramid, 1983). The style
    vector holds, for each band, mean and covariance of red, green and blue; painting moves each band of the photo to
    the style's numbers by the linear map that changes it least (between Gaussians, the optimal transport). After
    Heeger and Bergen (SIGGRAPH 1995), with colours taken together. Painted by its own vector a photo stays as it is.

    Args:
        bands: How many bands, besides what is left at the coarse end.
    """

    FLOOR = 1e-4  # added to variances: the noise of a plain wall is not stretched to the strokes of a painting

    def __init__(self, bands=5):
        self.bands = bands

    def style_vector(self, picture):
        bands = self._apart(unit_picture(picture, "A style"))
        return np.concatenate([np.append(mean, covariance) for mean, covariance in map(_statistics, bands)]).astype(
            np.float32)

    def paint(self, content, vector):
        content = unit_picture(content, "The photo")
        numbers = np.reshape(np.asarray(vector, np.float64), (self.bands + 1, 12))
        moved = []
        for band, wanted in zip(self._apart(content), numbers):
            mean, covariance = _statistics(band)
            linear = _least_change(covariance + self.FLOOR * np.eye(3),
                                   wanted[3:].reshape(3, 3) + self.FLOOR * np.eye(3))
            moved.append(((band - mean) @ linear + wanted[:3]).astype(np.float32))
        return np.clip(self._together(moved), 0, 1)

    def _apart(self, picture):
        import cv2

        bands = []
        for _ in range(self.bands):
            smaller = cv2.pyrDown(picture)
            bands.append(picture - cv2.pyrUp(smaller, dstsize=picture.shape[1::-1]))
            picture = smaller
        return [*bands, picture]

    def _together(self, bands):
        import cv2

        picture = bands[-1]
        for band in bands[-2::-1]:
            picture = cv2.pyrUp(picture, dstsize=band.shape[1::-1]) + band
        return picture


def _statistics(band):
    pixels = band.reshape(-1, 3).astype(np.float64)
    mean = pixels.mean(0)
    return mean, (pixels - mean).T @ (pixels - mean) / len(pixels)


def _root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _least_change(covariance, wanted):
    """The symmetric matrix that takes Gaussian numbers of one covariance to another's with the least squared change."""
    root = _root(covariance)
    inverse = np.linalg.inv(root)
    return inverse @ _root(root @ wanted @ root) @ inverse


# --- pictures -----------------------------------------------------------------------------------


def unit_picture(picture, what="The picture"):
    """A picture as float32 in 0..1.

    Args:
        picture: float in 0..1, or uint8 in 0..255, (height, width, 3).
        what: What messages call it.

    Raises:
        DataError: Another shape or range; four channels; or nearly black, because it was scaled twice.
    """
    picture = np.asarray(picture)
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        hint = (" Lay its transparency on a colour first, as read_image does." if picture.ndim == 3
                and picture.shape[2] == 4 else "")
        raise DataError(f"{what} has shape {picture.shape}; it must be (height, width, 3).{hint}")
    if picture.dtype == np.uint8:
        picture = picture.astype(np.float32) / 255
    elif picture.dtype.kind != "f":
        raise DataError(f"{what} is of {picture.dtype}; it must be float in 0..1, or uint8 in 0..255.")
    smallest, largest = float(picture.min()), float(picture.max())
    if not (smallest >= 0 and largest <= 1 + 1e-3):  # so written, NaN fails too
        raise DataError(f"{what} has values from {smallest:.3g} to {largest:.3g}; as float it must lie in 0..1. Divide "
                        "it by 255, once.")
    if largest < BLACK:
        raise DataError(f"{what} is black: its brightest value is {largest:.2g} of 0..1. A picture that is divided by "
                        "255 twice looks like this; divide it once.")
    return picture.astype(np.float32).clip(0, 1)


def resized(picture, size):
    """A picture in 0..1 at another (height, width), averaged where it shrinks."""
    import cv2

    if tuple(picture.shape[:2]) == tuple(size):
        return picture
    shrinks = size[0] < picture.shape[0] or size[1] < picture.shape[1]
    return np.clip(cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else
                              cv2.INTER_CUBIC), 0, 1)


def _levels(picture):
    if not np.isfinite(picture).all():
        raise FashionError("The stylizer answers with NaN or infinity: its file is damaged.")
    return (picture.clip(0, 1) * 255).round().astype(np.uint8)


def shares_of(count, shares=None):
    """What each of several styles counts, scaled to a sum of 1; None: all alike.

    Raises:
        DataError: Another number of shares than of styles, or none; one below 0, or all of them 0.
    """
    shares = [1.0] * count if shares is None else [float(share) for share in shares]
    if not count or len(shares) != count or not all(0 <= share < np.inf for share in shares) or not sum(shares):
        raise DataError(f"{count_of(len(shares), 'share')} {shares} for {count_of(count, 'style')}: give each style a "
                        "number, 0 or more, and not all 0.")
    return [share / sum(shares) for share in shares]
