"""From an image reference in a table to pixels.

A reference is a file's path, or ``path#index`` for the index-th picture (from 0) inside a file
that holds many. Three kinds of file are known here: JPEG, PNG and WebP files; IDX files (any
``path#index`` that nobody else claims); and whatever a dataset's reader adds with
`register_opener`, e.g. pictures or masks inside a ``.mat`` file.

A file is never decoded before its header says that it is a picture of bearable size.
"""

import io
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np

# The three plug-ins are imported by name because Pillow would otherwise import all of its own.
from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError, WebPImagePlugin

from fashion_tf.datasets.idx import read_idx
from fashion_tf.errors import DataError

FORMATS = tuple(plugin.format for plugin in (
    JpegImagePlugin.JpegImageFile, PngImagePlugin.PngImageFile, WebPImagePlugin.WebPImageFile))
# Above any photo of the datasets by far: a forged or misplaced file stops here, before memory fills.
MAXIMUM_BYTES = 64 << 20
MAXIMUM_PIXELS = 1 << 26  # 67 million: a photo of a 50-megapixel camera still passes
_ORIENTATION = 0x0112  # the EXIF tag, and how a picture with each of its values is put upright
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_OPENERS = {"image": {}, "mask": {}}
_READERS_FILES = (".mat", ".json")  # endings that the kit's own readers register openers for


def register_opener(kind, ending, opener):
    """Teaches `read_image` or `read_mask` a file that a dataset's reader understands.

    A reader module calls this once, at import, for files that are not ordinary pictures.

    Args:
        kind: ``"image"`` or ``"mask"``: one file may hold both.
        ending: How the file's name ends, ``".mat"`` or the whole name
            ``"fashionista_v0.2.1.mat"``; the longest ending that fits wins, so readers whose files
            share an extension do not meet.
        opener: Called as ``opener(path, index)`` with the path as text and the index as an int,
            or None where the reference has none. Returns the bytes of a JPEG, PNG or WebP file,
            or a uint8 array: (height, width, 3) or (height, width) for a picture, (height, width)
            label numbers for a mask. It may be called from several threads at once, once for each
            picture, so it should keep the open file (`functools.lru_cache`). It raises DataError
            with the file's name where the file is damaged.

    Example:
        >>> register_opener("mask", ".mat", lambda path, index: read_groundtruth(path))
    """
    _OPENERS[kind][ending.lower()] = opener


def split_reference(reference):
    """(path, index) of an image reference; the index is None where the whole file is meant."""
    path, mark, index = str(reference).rpartition("#")
    if mark and index.isascii() and index.isdecimal():
        return path, int(index)
    return str(reference), None


def _opener(kind, path):
    name = path.lower()
    if name.endswith(_READERS_FILES):
        _import_readers()  # a worker process may have got a table, and no reader
    fitting = [ending for ending in _OPENERS[kind] if name.endswith(ending)]
    return _OPENERS[kind][max(fitting, key=len)] if fitting else None


@lru_cache(maxsize=1)
def _import_readers():
    from fashion_tf.datasets import READERS, reader

    for name in READERS:
        reader(name)


@lru_cache(maxsize=4)  # the files of one dataset; a packed file is read once, not once a picture
def _packed(path, modified):
    array = read_idx(Path(path), dimensions=3)
    array.setflags(write=False)
    return array


def _packed_array(path):
    try:
        return _packed(path, Path(path).stat().st_mtime_ns)
    except FileNotFoundError:
        raise DataError(f"{path}: the file of packed images is gone.") from None


def _packed_pictures(path, indices):
    array = _packed_array(path)
    if indices.max() >= len(array):
        raise DataError(f"{path}: holds {len(array)} pictures, asked for number {indices.max()}.")
    return array[indices]


def _file_bytes(path):
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path}: not a file.")
        if status.st_size == 0:
            raise DataError(f"{path}: empty (0 bytes). Its download or copy was cut off; "
                            "get the file again.")
        if status.st_size > MAXIMUM_BYTES:
            raise DataError(f"{path}: {status.st_size:,} bytes; pictures above "
                            f"{MAXIMUM_BYTES:,} bytes are refused.")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such picture file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None


def _header(data, name):
    """A Pillow image of which only the header is read, its size checked."""
    bound = f"pictures above {MAXIMUM_PIXELS:,} pixels are refused."
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise DataError(f"{name}: not a JPEG, PNG or WebP picture, or damaged at its beginning "
                        f"(it begins with {data[:12]!r}).") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{name}: {bound}") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{name}: its header is damaged ({error}). Get the file again.") from None
    width, height = picture.size
    if width * height > MAXIMUM_PIXELS:
        raise DataError(f"{name}: {width} x {height} pixels; {bound}")
    return picture


def _decode(data, name, size=None, box=None):
    """Decodes an encoded picture and puts it upright.

    Where only a smaller picture is wanted, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size (never
    below what `size` needs): that is much of its decoding saved.

    Returns:
        (Pillow image of any mode, (width, height) of the whole upright picture, how many of its
        pixels one pixel of the image spans).
    """
    picture, shrunk = _header(data, name), 1
    try:
        if picture.format == "PNG":
            picture.load()  # the EXIF chunk may stand after the pixels
        orientation = picture.getexif().get(_ORIENTATION, 1)
        turned = orientation in (5, 6, 7, 8)
        width, height = picture.size[::-1] if turned else picture.size
        if size is not None:
            x1, y1, x2, y2 = _clipped(box, width, height, name)
            smallest = (width * size[1] / (x2 - x1), height * size[0] / (y2 - y1))
            drafted = picture.draft(None, [int(side) for side in
                                           (smallest[::-1] if turned else smallest)])
            if drafted:  # (mode, (0, 0, width / shrunk, height / shrunk)); None where it is no JPEG
                shrunk = (height if turned else width) / drafted[1][2]
        picture.load()
    except DataError:
        raise
    except Exception as error:  # decoders raise what they like: OSError, SyntaxError, struct.error
        raise DataError(f"{name}: damaged or cut off ({error}). Get the file again.") from None
    if orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    return picture, (width, height), shrunk


def _to_rgb(picture):
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow itself would clip at 255
        grey = (np.asarray(picture).astype(np.uint32) * 255 + 32767) // 65535
        picture = Image.fromarray(grey.astype(np.uint8))
    if picture.mode in ("RGBA", "LA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _clipped(box, width, height, name):
    """The box, or the whole picture for None, inside the picture; never empty."""
    if box is None:
        return 0, 0, width, height
    x1, y1, x2, y2 = (float(value) for value in box)
    clipped = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    # Written so that a box with NaN in it fails too.
    if not (clipped[2] - clipped[0] > 0 and clipped[3] - clipped[1] > 0):
        raise DataError(f"{name}: the box ({x1:g}, {y1:g}, {x2:g}, {y2:g}) is empty or outside the "
                        f"picture of {width} x {height} pixels.")
    return clipped


def _cut(picture, name, size, box, resample, whole=None, shrunk=1):
    """Crops a Pillow image to the box, given in pixels of the `whole` picture, and resizes it."""
    if size is None and box is None:
        return np.array(picture)
    x1, y1, x2, y2 = _clipped(box, *(whole or picture.size), name)
    if size is None:
        x1, y1 = int(np.floor(x1)), int(np.floor(y1))
        return np.array(picture.crop((x1, y1, int(np.ceil(x2)), int(np.ceil(y2)))))
    part = tuple(side / shrunk for side in (x1, y1, x2, y2))
    return np.array(picture.resize((size[1], size[0]), resample, box=part))


def resize(array, size, box=None, nearest=False):
    """Crops and resizes one picture or mask; the picture is squeezed where the shapes differ.

    Args:
        array: uint8, (height, width) or (height, width, 3).
        size: (height, width) of the result.
        box: (x1, y1, x2, y2) to crop to first, in pixels, right and bottom exclusive; clipped at
            the edges. None for the whole picture.
        nearest: Take the nearest pixel, as label numbers need it; otherwise bilinear, averaging
            over all pixels that fall into one where the picture shrinks.

    Returns:
        uint8, of `size`.

    Raises:
        DataError: The box is empty or outside the picture.
    """
    picture = Image.fromarray(array)
    resample = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    return _cut(picture, "picture", size, box, resample)


def _checked(array, name, dimensions):
    array = np.asarray(array)
    if array.dtype != np.uint8 or array.ndim not in dimensions or array.shape[2:] not in ((), (3,)):
        raise DataError(f"{name}: its reader returned {array.dtype} values of shape {array.shape} "
                        "where a uint8 picture belongs.")
    return array


def read_image(reference, size=None, box=None):
    """Reads one picture.

    Grey, 16-bit, palette and CMYK files become 8-bit RGB; transparency is laid on white; a photo
    that its EXIF data says is turned is put upright. Colour profiles are not applied. A JPEG has no
    checksum: bytes that changed in its middle show as wrong pixels, not as an error.

    Args:
        reference: An image reference as `Dataset.table["image"]` holds it.
        size: (height, width) to resize to, or None for the picture's own size. Asking for a small
            size is faster than resizing afterwards (the decoder itself shrinks a JPEG).
        box: (x1, y1, x2, y2) to crop to, in pixels of the upright picture, right and bottom
            exclusive; clipped at the edges.

    Returns:
        uint8 in 0..255: (height, width, 3); (height, width) for a picture in an IDX file.

    Raises:
        DataError: The file is absent, empty, no picture, damaged, cut off, above MAXIMUM_BYTES or
            MAXIMUM_PIXELS, or the box is empty. The message names the file.
    """
    return _read(reference, size, box)[0]


def read_with_size(reference, size):
    """As `read_image`, from one decoding: the picture at a `size`, and its own (height, width)."""
    picture, (width, height) = _read(reference, size, None)
    return picture, (height, width)


def _read(reference, size, box):
    path, index = split_reference(reference)
    opener = _opener("image", path)
    if opener is None and index is not None:
        array = _packed_pictures(path, np.asarray([index]))[0]
        grey = True
    else:
        array = _file_bytes(path) if opener is None else opener(path, index)
        grey = False
    if isinstance(array, bytes):
        picture, whole, shrunk = _decode(array, reference, size, box)
    else:
        picture = Image.fromarray(_checked(array, reference, dimensions=(2, 3)))
        whole, shrunk = picture.size, 1
    picture = picture if grey else _to_rgb(picture)
    return _cut(picture, reference, size, box, Image.Resampling.BILINEAR, whole, shrunk), whole


def read_mask(reference, size=None, box=None):
    """Reads one mask of label numbers.

    Args:
        reference: As for `read_image`; a palette PNG gives its palette numbers, not its colours.
        size: (height, width) to resize to by nearest pixel, or None.
        box: As for `read_image`.

    Returns:
        uint8 (height, width).

    Raises:
        DataError: As for `read_image`; or the file has several channels, numbers above 255, or is
            a JPEG, whose compression changes the numbers at every edge.
    """
    path, index = split_reference(reference)
    opener = _opener("mask", path)
    if opener is None and index is not None:
        array = _packed_pictures(path, np.asarray([index]))[0]
    else:
        array = _file_bytes(path) if opener is None else opener(path, index)
    if isinstance(array, bytes):
        header = _header(array, reference)
        if header.format != "PNG":
            raise DataError(f"{reference}: a mask in {header.format} format; its compression "
                            "changes label numbers. Masks must be PNG files.")
        picture, _, _ = _decode(array, reference)
        if picture.mode not in ("1", "L", "P") and not picture.mode.startswith("I"):
            raise DataError(f"{reference}: a mask has one channel of label numbers; this file is "
                            f"{picture.mode}.")
        array = np.array(picture)
        if array.max() > 255:
            raise DataError(f"{reference}: label number {array.max()}; masks hold 0 to 255.")
        array = array.astype(np.uint8)
    array = _checked(array, reference, dimensions=(2,))
    picture = Image.fromarray(array)
    return _cut(picture, reference, size, box, Image.Resampling.NEAREST)


def read_all(read, items):
    """Calls `read` on every item, on all cores, and tells of all failures together.

    Args:
        read: A function of one item; decoding in Pillow lets other threads run.
        items: A sequence of items.

    Yields:
        What `read` returns, in order.

    Raises:
        DataError: At the end, if any item failed: how many, and the first five messages.
    """
    failures = []

    def attempt(item):
        try:
            return read(item)
        except DataError as error:
            failures.append(str(error))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # A part at a time: otherwise results would pile up in memory behind a slow consumer.
        for start in range(0, len(items), 1024):
            results = list(pool.map(attempt, items[start:start + 1024]))
            if not failures:
                yield from results
    if failures:
        shown = "\n  ".join(sorted(failures)[:5])
        more = f"\n  and {len(failures) - 5:,} more" if len(failures) > 5 else ""
        raise DataError(failures[0] if len(failures) == 1 else
                        f"{len(failures):,} of {len(items):,} pictures cannot be read:\n  {shown}"
                        f"{more}")


def read_images(references, size=None):
    """Reads pictures and stacks them.

    Args:
        references: Image references as `Dataset.table["image"]` holds them.
        size: (height, width) to resize every picture to; None where all have one size.

    Returns:
        uint8 in 0..255: (pictures, height, width, 3); (pictures, height, width) for the grey
        pictures of IDX files.

    Raises:
        DataError: A picture cannot be read (see `read_image`); or the pictures differ in size and
            `size` is None; or grey pictures of IDX files stand beside others.
    """
    references = list(references)
    if not references:
        raise DataError("No pictures to read: the table is empty.")
    parts = [split_reference(reference) for reference in references]
    if size is None and all(index is not None and _opener("image", path) is None
                            for path, index in parts):
        return _read_packed(parts)
    pictures = None
    reading = read_all(lambda reference: read_image(reference, size), references)
    for row, picture in enumerate(reading):
        if pictures is None:
            pictures = np.empty((len(references), *picture.shape), np.uint8)
        if picture.shape != pictures.shape[1:]:
            raise DataError(f"{references[row]}: a picture of shape {picture.shape} beside others "
                            f"of {pictures.shape[1:]}; pass size=(height, width).")
        pictures[row] = picture
    return pictures


def _read_packed(parts):
    """All from IDX files: one look-up a file instead of one a picture."""
    paths = np.asarray([path for path, _ in parts])
    indices = np.asarray([index for _, index in parts])
    pictures = None
    for path in dict.fromkeys(paths):
        rows = paths == path
        found = _packed_pictures(path, indices[rows])
        if pictures is None:
            pictures = np.empty((len(paths), *found.shape[1:]), np.uint8)
        elif pictures.shape[1:] != found.shape[1:]:
            raise DataError(f"{path}: pictures of {found.shape[1:]} pixels beside others of "
                            f"{pictures.shape[1:]}; pass size=(height, width).")
        pictures[rows] = found
    return pictures
