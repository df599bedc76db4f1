"""From an image reference in a table to pixels.

A reference is a file's path, or ``path#index`` for the index-th picture (from 0) inside a file
that holds many. Three kinds of file are known here: encoded pictures (`fashion_tf.datasets.encoded`:
JPEG, PNG, WebP and others); IDX files (any ``path#index`` that nobody else claims); and whatever a
dataset's reader adds with `register_opener`, e.g. pictures or masks inside a ``.mat`` file.

Pictures come upright. Boxes, mask files and landmarks are in pixels of the picture as it is stored,
as the datasets' own tools have them, and are turned along with it.
"""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from fashion_tf.datasets.encoded import MAXIMUM_BYTES, MAXIMUM_PIXELS, EncodedPicture, Raster, to_rgb
from fashion_tf.datasets.idx import read_idx
from fashion_tf.errors import DataError

SHOWN_FAILURES = 10
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
            or None where the reference has none. Returns the bytes of an encoded picture, or a uint8
            array: (height, width, 3) or (height, width) for a picture, (height, width) label
            numbers for a mask, turned upright with its picture. It may be called from several threads
            at once, once for each picture, so it should keep the open file (`functools.lru_cache`).
            It raises DataError with the file's name where the file is damaged.

    Example:
        >>> register_opener("mask", ".mat", lambda path, index: read_groundtruth(path))
    """
    _OPENERS[kind][ending.lower()] = opener


def split_reference(reference):
    """(path, index) of an image reference; the index is None where the whole file is meant."""
    path, mark, index = str(reference).rpartition("#")
    if mark and index.isascii() and index.isdecimal() and len(index) < 19:
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


def file_bytes(path):
    """The bytes of an encoded picture's file.

    Raises:
        DataError: It is absent, no file, empty, unreadable or larger than MAXIMUM_BYTES.
    """
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


class _Decoding:
    """Lets threads decode at once while their pictures together stay below `MAXIMUM_PIXELS`.

    A picture of that size takes some 400 MB while it is decoded; one for each core would be too many.
    """

    def __init__(self):
        self._freed, self._pixels = threading.Condition(), 0

    @contextmanager
    def of(self, pixels):
        with self._freed:
            self._freed.wait_for(lambda: self._pixels == 0 or self._pixels + pixels <= MAXIMUM_PIXELS)
            self._pixels += pixels
        try:
            yield
        finally:
            with self._freed:
                self._pixels -= pixels
                self._freed.notify_all()


_DECODING = _Decoding()


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

    Grey, 16-bit, palette and CMYK files become 8-bit RGB; transparency is laid on white; of a film
    the first frame is taken; a photo that its EXIF data says is turned is put upright. Colour profiles
    are not applied. A JPEG has no checksum: bytes that changed in its middle show as wrong pixels,
    not as an error.

    Args:
        reference: An image reference as `Dataset.table["image"]` holds it.
        size: (height, width) to resize to, or None for the picture's own size. Asking for a small
            size is faster than resizing afterwards (the decoder itself shrinks a JPEG), and alone
            reads a JPEG of more than MAXIMUM_PIXELS.
        box: (x1, y1, x2, y2) to crop to, in pixels of the picture as stored (it is turned with it),
            right and bottom exclusive; clipped at the edges.

    Returns:
        uint8 in 0..255: (height, width, 3); (height, width) for a picture in an IDX file.

    Raises:
        DataError: The file is absent, empty, no picture, damaged, cut off, above MAXIMUM_BYTES or
            MAXIMUM_PIXELS, or the box is empty. The message names the file.
    """
    return _read(reference, size, box)[0]


def read_with_size(reference, size):
    """As `read_image`, from one decoding: the picture at a `size`, and its own (height, width)."""
    picture, raster = _read(reference, size, None)
    return picture, raster.upright


def read_with_opacity(reference):
    """A photo at its own size and upright, with what a new file of it needs: its transparency, its colour profile.

    Args:
        reference: A path of an encoded picture.

    Returns:
        (uint8 (height, width, 3) in 0..255, or (height, width, 4) where it is transparent somewhere, the last channel
        being its opacity; the bytes of its ICC profile, or None: see `fashion_tf.datasets.encoded.EncodedPicture`).

    Raises:
        DataError: As for `read_image`.
    """
    return decode_with_opacity(file_bytes(reference), reference)


def decode_with_opacity(data, name):
    """As `read_with_opacity`, from the bytes of an encoded picture that messages call `name`."""
    if not data:
        raise DataError(f"{name}: empty (0 bytes).")
    encoded = EncodedPicture(data, name)
    with _DECODING.of(encoded.cost):
        picture = encoded.decode()
        eight_bits = not picture.mode.startswith("I")
        if eight_bits and (picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info):
            array = np.array(picture.convert("RGBA"))
            clear = array[..., 3].min() < 255
            return (array if clear else np.ascontiguousarray(array[..., :3])), encoded.profile
        return np.array(to_rgb(picture)), encoded.profile


def decode_picture(data, name, size):
    """As `read_with_size`, from the bytes of an encoded picture.

    Args:
        data: The bytes of a file.
        name: What messages call it.
        size: (height, width) of the picture wanted.

    Returns:
        (uint8 (height, width, 3) in 0..255, the picture's own upright (height, width)).

    Raises:
        DataError: As for `read_image`.
    """
    if not data:
        raise DataError(f"{name}: empty (0 bytes).")
    picture, raster = _decode(data, name, size, None)
    return picture, raster.upright


def read_annotated(reference, mask_reference, box=None):
    """Reads a picture with its mask, and its box, all three upright.

    A mask file is turned along with its picture, unless its own EXIF data turned it, or it has the
    size of the upright picture and not that of the stored one: then it is upright already.

    Args:
        reference: As for `read_image`.
        mask_reference: As for `read_mask`.
        box: (x1, y1, x2, y2) in pixels of the picture as stored, or None.

    Returns:
        (picture, uint8 (height, width, 3); mask, uint8 (height, width); box).

    Raises:
        DataError: As for `read_image` and `read_mask`, or the two differ in size.
    """
    picture, raster = _read(reference, None, None)
    mask, upright = _mask(mask_reference)
    if not upright and mask.shape == raster.stored:
        mask, upright = raster.turn(mask), True
    if mask.shape != raster.upright:
        raise DataError(
            f"{mask_reference}: a mask of {mask.shape[0]} x {mask.shape[1]} pixels (height x width) for "
            f"{reference} of {raster.upright[0]} x {raster.upright[1]}.")
    return picture, mask, raster.turn_box(box)


def upright_points(reference, points):
    """Landmarks of a picture, in pixels of the upright picture that `read_image` returns.

    Args:
        reference: As for `read_image`.
        points: (..., 2): x and y in pixels of the picture as stored, as annotations give them.

    Returns:
        float64, of the same shape.

    Raises:
        DataError: As for `read_image`, as far as the file's header tells.
    """
    source, _ = _source(reference, "image")
    if not isinstance(source, bytes):
        return np.asarray(points, dtype=np.float64)
    return EncodedPicture(source, reference).raster.turn_points(points)


def _source(reference, kind):
    """(bytes or array, whether it is a picture of an IDX file) of a reference."""
    path, index = split_reference(reference)
    opener = _opener(kind, path)
    if opener is None and index is not None:
        return _packed_pictures(path, np.asarray([index]))[0], True
    return (file_bytes(path) if opener is None else opener(path, index)), False


def _read(reference, size, box):
    """(the upright picture as an array, its `Raster`)."""
    source, packed = _source(reference, "image")
    if not isinstance(source, bytes):
        picture = Image.fromarray(_checked(source, reference, dimensions=(2, 3)))
        raster = Raster(*source.shape[:2])
        picture = picture if packed else to_rgb(picture)
        return _cut(picture, reference, size, box, Image.Resampling.BILINEAR), raster
    return _decode(source, reference, size, box)


def _decode(data, name, size, box):
    encoded = EncodedPicture(data, name)
    raster = encoded.raster
    box, whole = raster.turn_box(box), raster.upright[::-1]
    if size is not None:
        encoded.shrink(size, _clipped(box, *whole, name))
    with _DECODING.of(encoded.cost):
        picture = to_rgb(encoded.decode())
        return _cut(picture, name, size, box, Image.Resampling.BILINEAR, whole, encoded.shrunk), raster


def read_mask(reference, size=None, box=None):
    """Reads one mask of label numbers.

    Args:
        reference: As for `read_image`; a palette PNG gives its palette numbers, not its colours, and
            a grey one of 1, 2 or 4 bits the numbers that it holds. A file comes as stored (turned
            only if its own EXIF data says so): `read_annotated` turns it with its picture. A mask of
            a dataset's reader is upright.
        size: (height, width) to resize to by nearest pixel, or None.
        box: (x1, y1, x2, y2) to crop to, in pixels of the mask, or None.

    Returns:
        uint8 (height, width).

    Raises:
        DataError: As for `read_image`; or the file has several channels, numbers above 255, or is
            no PNG: a JPEG's compression, for one, changes the numbers at every edge.
    """
    return _cut(Image.fromarray(_mask(reference)[0]), reference, size, box, Image.Resampling.NEAREST)


def _mask(reference):
    """(mask, whether it is known to be upright)."""
    source, packed = _source(reference, "mask")
    if not isinstance(source, bytes):
        return _checked(source, reference, dimensions=(2,)), not packed
    encoded = EncodedPicture(source, reference)
    with _DECODING.of(encoded.cost):
        numbers = encoded.numbers()
        if numbers.ndim != 2:
            raise DataError(f"{reference}: a mask has one channel of label numbers; this file has "
                            f"{numbers.shape[2]}.")
        if numbers.max() > 255:
            raise DataError(f"{reference}: label number {numbers.max()}; masks hold 0 to 255.")
        return encoded.raster.turn(numbers.astype(np.uint8)), encoded.raster.orientation != 1


def read_all(read, items):
    """Calls `read` on every item, on all cores, and tells of all failures together.

    Args:
        read: A function of one item; decoding in Pillow lets other threads run.
        items: A sequence of items.

    Yields:
        What `read` returns, in order.

    Raises:
        DataError: At the end, if any item failed: how many, and the first ten messages.
    """
    failures = []
    for result, failure in _attempts(read, items):
        if failure is not None:
            failures.append(failure)
        elif not failures:
            yield result
    if failures:
        raise DataError(told(failures, len(items)))


def told(failures, count):
    """One message of all failures: how many of `count` pictures, and the first ten messages."""
    if len(failures) == 1 == count:
        return failures[0]
    more = f"\n  and {len(failures) - SHOWN_FAILURES:,} more" if len(failures) > SHOWN_FAILURES else ""
    shown = "\n  ".join(failures[:SHOWN_FAILURES])
    return f"{len(failures):,} of {count:,} pictures cannot be read:\n  {shown}{more}"


def _attempts(read, items):
    """(what `read` returns, None) or (None, message) for every item, in order, on all cores."""
    def attempt(item):
        try:
            return read(item), None
        except DataError as error:
            return None, str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # A part at a time: otherwise results would pile up in memory behind a slow consumer.
        for start in range(0, len(items), 1024):
            yield from list(pool.map(attempt, items[start:start + 1024]))


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
