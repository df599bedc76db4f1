"""From a table of examples to batches of pictures.

Each picture is decoded, cropped, masked and resized once; what is kept is uint8. Every epoch then
shuffles row numbers, not pictures, so the order is a full shuffle at no cost, and changes whole
batches at random in one compiled step. Nothing here knows a dataset, only its table.
"""

import hashlib
import itertools
import os
from functools import cache, partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashion_tf.augment import change
from fashion_tf.datasets import encoded
from fashion_tf.datasets import images as pictures
from fashion_tf.errors import DataError
from fashion_tf.files import locked, whole_folder

# What stands where a mask has label 0: black; the mean colour of ImageNet's pictures, which a network that was
# trained on them takes for nothing; or the picture itself, with the mask beside it.
MASKINGS = ("zero", "mean", "channel")
MEAN_COLOUR = (124, 116, 104)


def make_pipeline(dataset, image_size, batch_size, training, seed=0, augmentation=None,
                  cache="memory", crop_to_box=False, apply_mask=None, with_masks=False,
                  jit_compile=True, first_epoch=0):
    """Batches of a dataset for `model.fit`, `evaluate` and `predict`.

    With `cache`, all pictures are decoded now, so that a bad file is named now and not in the
    middle of an epoch.

    Args:
        dataset: A `Dataset`.
        image_size: (height, width) in pixels, or one number for both. Pictures are squeezed to it.
        batch_size: Pictures in a batch.
        training: True: shuffled anew in every epoch, augmented, and only full batches (an epoch
            leaves out up to batch_size - 1 pictures, others each time), so that every batch has one
            static shape. False: every row once, in table order; the last batch may be smaller.
        seed: The same seed gives the same batches: epoch 0 is one order and epoch 1 another, each
            always the same. An epoch is counted when the pipeline is iterated, also in part.
        augmentation: A `fashion_tf.augment.Augmentation`, used in training only; or None.
        cache: ``"memory"``; or a folder, where a file survives the session and is used again while
            neither the settings nor the picture files change; or None to decode in every epoch.
        crop_to_box: Keep only what the column ``box`` encloses.
        apply_mask: What to do where the label number in the column ``mask`` is 0: ``"zero"``, black out;
            ``"mean"``, fill with `MEAN_COLOUR`; ``"channel"``, keep the picture, and add the mask as a fourth
            channel, 255 inside and 0 outside; or None, no mask. It is done before the picture is resized, so
            that outlines are smooth.
        with_masks: Yield masks instead of labels.
        jit_compile: Compile the augmentation with XLA: on a processor it takes as long as TensorFlow's own tracing,
            and half of the time for each batch. False where TensorFlow lacks it.
        first_epoch: The number of the first epoch: a training that goes on after its fifth epoch
            gives 5, and sees the order and the changes that it would have seen.

    Returns:
        A `tf.data.Dataset` of pairs: pictures, uint8 (batch, height, width, 3) in 0..255 (1 channel
        for the grey pictures of IDX files, 4 with the mask as a channel), and labels, int64 (batch,), or with
        `with_masks` masks, uint8 (batch, height, width), which move with the pictures. Keras models take the uint8
        pictures as they are; scaling belongs into the model. Give `fit` shuffle=False: it warns
        of any `tf.data.Dataset` otherwise.

    Raises:
        DataError: A picture or mask cannot be read (names the file); a mask that is to be applied is empty
            (inside the box, where there is one); `apply_mask` is unknown; a needed column or label is missing;
            or there are fewer rows than one training batch. With ``cache=None`` an unreadable picture raises
            TensorFlow's own error, which quotes this one.

    Example:
        >>> train = make_pipeline(data.split("train"), 128, 32, training=True, seed=1,
        ...                       augmentation=Augmentation(rotation=10, flip=True))
    """
    size = _pair(image_size)
    rows = len(dataset)
    if training and rows < batch_size:
        raise DataError(f"{dataset.name}: {rows} rows do not fill one training batch of "
                        f"{batch_size}; choose a smaller batch_size.")
    if not with_masks and (dataset.labels < 0).any():
        row = int(np.argmax(dataset.labels < 0))
        raise DataError(f"{dataset.name}: row {row} ({dataset.table['image'].iloc[row]}) has no "
                        "label. Leave such rows out with where(), or ask for with_masks=True.")
    settings = {"crop_to_box": crop_to_box, "apply_mask": apply_mask, "with_masks": with_masks}
    options = (batch_size, training, seed, augmentation, jit_compile, first_epoch)
    if cache is None:
        take, channels = _decoder(dataset, size, settings)
        return _batches(take, rows, (*size, channels), with_masks, *options)
    stored, masks = load_images(dataset, size, cache=cache, **settings)
    return batches_of(stored, dataset.labels if masks is None else masks, *options)


def batches_of(images, targets, batch_size, training, seed=0, augmentation=None, jit_compile=True,
               first_epoch=0):
    """Batches of pictures that are in memory already; otherwise as `make_pipeline`.

    Args:
        images: uint8 (rows, height, width, 3 or 4), or (rows, height, width) for grey pictures; as
            `load_images` returns them.
        targets: Labels, int64 (rows,), or masks, uint8 (rows, height, width).
        batch_size, training, seed, augmentation, jit_compile, first_epoch: As in `make_pipeline`.

    Returns:
        As `make_pipeline`.

    Raises:
        DataError: Pictures, labels or masks of another kind or number than above, or fewer of them
            than one training batch.
    """
    images, targets = np.asanyarray(images), np.asanyarray(targets)
    images = images if images.ndim == 4 else images[..., None]
    with_masks = targets.ndim == 3
    if len(images) != len(targets):
        raise DataError(f"{len(images):,} pictures and {len(targets):,} labels or masks.")
    if images.dtype != np.uint8:
        raise DataError(f"Pictures of type {images.dtype}: give uint8 in 0..255 and leave scaling to "
                        "the model.")
    if with_masks and (targets.dtype != np.uint8 or targets.shape != images.shape[:3]):
        raise DataError(f"Masks of type {targets.dtype} and shape {targets.shape}: pictures of shape "
                        f"{images.shape} need uint8 and {images.shape[:3]}.")
    if not with_masks and (targets.ndim != 1 or targets.dtype.kind not in "iu" or (targets < 0).any()):
        raise DataError("Labels must be class numbers, one per picture: whole and not negative.")
    if training and len(images) < batch_size:
        raise DataError(f"{len(images)} pictures do not fill one training batch of {batch_size}; "
                        "choose a smaller batch_size.")
    if not with_masks:
        targets = np.asarray(targets, np.int64)
    return _batches(lambda chosen: (images[chosen], targets[chosen]), len(images), images.shape[1:],
                    with_masks, batch_size, training, seed, augmentation, jit_compile, first_epoch)


def _batches(take, rows, shape, with_masks, batch_size, training, seed, augmentation, jit_compile,
             first_epoch):
    kinds = (tf.uint8, tf.uint8 if with_masks else tf.int64)
    compiled = None
    if augmentation is not None and training:
        compiled = _compiled(augmentation.moves, augmentation.colours, jit_compile)

    def load(chosen, number):
        images, targets = tf.numpy_function(take, [chosen], kinds)
        images = tf.ensure_shape(images, (*chosen.shape, *shape))
        targets = tf.ensure_shape(targets, (*chosen.shape, *(shape[:2] if with_masks else ())))
        if compiled is None:
            return images, targets
        if with_masks:
            return compiled(images, augmentation.strengths, number, targets)
        return compiled(images, augmentation.strengths, number, None), targets

    batches = row_batches(rows, batch_size, training, seed, first_epoch)
    return batches.map(load, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def row_batches(rows, batch_size, training, seed, first_epoch=0):
    """The row numbers of each batch, int64 (batch,), and the batch's own seed, int64 (2,), as a `tf.data.Dataset`.

    Args:
        rows: How many rows there are.
        batch_size, training, seed, first_epoch: As in `make_pipeline`.
    """
    epochs = itertools.count(first_epoch)
    count = rows // batch_size if training else -(-rows // batch_size)

    def epoch():
        return _row_numbers(rows, count, training, seed, next(epochs))

    def split(order, numbers):
        numbers = tf.data.Dataset.from_tensor_slices(tf.ensure_shape(numbers, [count, 2]))
        order = tf.data.Dataset.from_tensor_slices(tf.ensure_shape(order, [None]))
        return tf.data.Dataset.zip((order.batch(batch_size, drop_remainder=training), numbers))

    # One call of Python an epoch. `from_generator` would call it for every batch, as long as a small network's step.
    whole = tf.data.Dataset.range(1).map(lambda _: tf.numpy_function(epoch, [], (tf.int64, tf.int64)))
    return whole.flat_map(split).apply(tf.data.experimental.assert_cardinality(count))


def _row_numbers(rows, count, training, seed, epoch):
    """One epoch: the row numbers in their order, and the own seed of each of `count` batches, int64 (count, 2)."""
    generator = np.random.Generator(np.random.PCG64([seed, epoch]))
    order = generator.permutation(rows) if training else np.arange(rows)
    return order, generator.integers(2**32, size=(count, 2))


@cache
def _compiled(moves, colours, jit_compile):
    """One for all pipelines of a kind: a search or a lesson makes many, and tracing takes a second."""
    return tf.function(partial(change, moves=moves, colours=colours), jit_compile=jit_compile)


def load_images(dataset, image_size, crop_to_box=False, apply_mask=None, with_masks=False,
                cache="memory"):
    """All pictures of a dataset as one array: what `make_pipeline` keeps and lessons may look at.

    Args:
        dataset, image_size, crop_to_box, apply_mask, with_masks: As for `make_pipeline`.
        cache: ``"memory"``, or a folder. There the arrays lie in a subfolder named after the
            dataset and a digest of everything that they depend on: the settings, the code that
            decodes, and each file's path, size and time of change. It appears only when whole, and is
            made again where it is found damaged or cut off.

    Returns:
        (pictures, masks): uint8 (rows, height, width, 3), or without the last axis for IDX files, 4 with the
        mask as a channel;
        uint8 (rows, height, width), or None without `with_masks`. Read-only memory maps where
        `cache` is a folder.

    Raises:
        DataError: As `make_pipeline`; or memory or disk are too small.
    """
    size = _pair(image_size)
    settings = {"crop_to_box": crop_to_box, "apply_mask": apply_mask, "with_masks": with_masks}
    if len(dataset) == 0:
        raise DataError(f"{dataset.name}: no pictures to read: the table is empty.")
    if cache == "memory":
        return _in_memory(dataset, size, settings)
    folder = Path(cache).expanduser() / f"{dataset.name}-{_digest(dataset, size, settings)}"
    found = _read_cache(folder, len(dataset), with_masks)
    if found is None:
        _write_cache(dataset, size, settings, folder)
        found = _read_cache(folder, len(dataset), with_masks)
    if found is None:
        raise DataError(f"{folder}: what was written there cannot be read back; pass another folder.")
    return found


def _pair(image_size):
    size = (image_size, image_size) if np.ndim(image_size) == 0 else tuple(image_size)
    if len(size) != 2 or not all(int(side) == side and side > 0 for side in size):
        raise ValueError(f"image_size={image_size!r}: must be one number of pixels, or (height, "
                         "width).")
    return int(size[0]), int(size[1])


def _reader(dataset, size, crop_to_box, apply_mask, with_masks):
    """A function from a row number to (picture, mask or None)."""
    def column(name, setting):
        if name not in dataset.table.columns:
            raise DataError(f"{dataset.name}: {setting} needs the column {name!r}, which this "
                            "dataset's table lacks.")
        values = dataset.table[name]
        missing = values.isna().to_numpy()
        if missing.any():
            row = int(np.argmax(missing))
            raise DataError(f"{dataset.name}: row {row} ({references[row]}) has no {name!r}, which "
                            f"{setting} needs. Leave such rows out with where().")
        return values.to_numpy()

    if apply_mask not in (None, *MASKINGS):
        raise DataError(f"apply_mask={apply_mask!r}: it must be None, " + " or ".join(map(repr, MASKINGS)) + ".")
    references = dataset.table["image"].to_numpy()
    boxes = column("box", "crop_to_box") if crop_to_box else None
    sources = column("mask", "apply_mask" if apply_mask else "with_masks") if (
        apply_mask or with_masks) else None

    def read(row):
        box = None if boxes is None else boxes[row]
        if sources is None:
            return pictures.read_image(references[row], size, box), None
        picture, mask, box = pictures.read_annotated(references[row], sources[row], box)
        if apply_mask:
            picture = masked(picture, mask, box, apply_mask, references[row])
        if apply_mask == "channel":
            # Pillow takes a fourth channel for opacity, and loses the colours where it is 0: each by itself.
            picture = np.dstack([pictures.resize(np.ascontiguousarray(plane), size, box)
                                 for plane in (picture[..., :3], picture[..., 3])])
        else:
            picture = pictures.resize(picture, size, box)
        return picture, (
            pictures.resize(mask, size, box, nearest=True) if with_masks else None)

    return read


def masked(picture, mask, box, way, name="mask"):
    """A picture with its mask applied, as `make_pipeline` does it.

    Args:
        picture: uint8 (height, width, 3).
        mask: (height, width), above 0 inside.
        box: (x1, y1, x2, y2) in pixels within which the mask must not be empty, or None: the picture.
        way: One of `MASKINGS`.
        name: Begins the error's message.

    Returns:
        uint8 (height, width, 3), or with the way ``"channel"`` 4.

    Raises:
        DataError: The mask is empty there.
    """
    inside = mask > 0
    left, top, right, bottom = (0, 0, *mask.shape[::-1]) if box is None else (round(side) for side in box)
    if not inside[max(top, 0):bottom, max(left, 0):right].any():
        raise DataError(f"{name}: its mask is empty{'' if box is None else ' inside its box'}. Leave such rows out.")
    if way == "channel":
        return np.dstack([picture, np.where(inside, np.uint8(255), np.uint8(0))])
    return np.where(inside[..., None], picture, np.uint8(0 if way == "zero" else MEAN_COLOUR))


def square_box(box, share=1.0):
    """A square around the middle of a box, so that what is cut out keeps its shape when it is resized to a square.

    Args:
        box: (x1, y1, x2, y2).
        share: The square's side, in longer sides of the box.

    Returns:
        (x1, y1, x2, y2); it may reach beyond the picture, where it is cut off.

    Taught in: 41_garment_types.ipynb
    """
    x1, y1, x2, y2 = box
    side, x, y = share * max(x2 - x1, y2 - y1), (x1 + x2) / 2, (y1 + y2) / 2
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def _read_in_order(dataset, size, settings):
    """Yields (picture, mask or None) of every row; all pictures have one shape."""
    shape = None
    read = _reader(dataset, size, **settings)
    for row, (picture, mask) in enumerate(pictures.read_all(read, range(len(dataset)))):
        if picture.shape != (shape or picture.shape):
            raise DataError(f"{dataset.table['image'].iloc[row]}: a grey picture of an IDX file and "
                            "colour pictures cannot stand in one batch.")
        shape = picture.shape
        yield picture, mask


def _decoder(dataset, size, settings):
    """(function from row numbers to a batch, channels) that decodes at every call."""
    read = _reader(dataset, size, **settings)
    channels = read(0)[0].shape[2:] or (1,)

    def take(chosen):
        images = np.empty((len(chosen), *size, *channels), np.uint8)
        masks = np.empty((len(chosen), *size), np.uint8)
        for position, row in enumerate(chosen):
            image, mask = read(row)
            images[position] = image.reshape(images.shape[1:])
            if mask is not None:
                masks[position] = mask
        return images, masks if settings["with_masks"] else dataset.labels[chosen]

    return take, channels[0]


def _in_memory(dataset, size, settings):
    images = masks = None
    for row, (picture, mask) in enumerate(_read_in_order(dataset, size, settings)):
        if images is None:
            shape = (len(dataset), *picture.shape)
            needed = int(np.prod(shape)) * (4 / 3 if settings["with_masks"] else 1)
            if needed > _memory():
                raise DataError(
                    f"{dataset.name}: {len(dataset):,} pictures of {size[0]} x {size[1]} pixels "
                    f"take {needed / 1e9:.1f} GB of memory, and this machine has "
                    f"{_memory() / 1e9:.1f}. Pass cache=FOLDER or a smaller image_size.")
            images = np.empty(shape, np.uint8)
            masks = np.empty(shape[:3], np.uint8) if settings["with_masks"] else None
        images[row] = picture
        if mask is not None:
            masks[row] = mask
    return images, masks


def _memory():
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return float("inf")


def _digest(dataset, size, settings):
    digest = hashlib.sha256(repr((size, sorted(settings.items()))).encode())
    for module in (__file__, pictures.__file__, encoded.__file__):
        digest.update(Path(module).read_bytes())
    names = ["image", *(["box"] if settings["crop_to_box"] else []),
             *(["mask"] if settings["apply_mask"] or settings["with_masks"] else [])]
    states = {}
    for row in dataset.table[[name for name in names if name in dataset.table]].itertuples(
            index=False, name=None):
        digest.update(repr(row).encode())
        for reference in row:
            if isinstance(reference, str):
                path = pictures.split_reference(reference)[0]
                if path not in states:
                    states[path] = _state(path)
                    digest.update(repr(states[path]).encode())
    return digest.hexdigest()[:16]


def _state(path):
    try:
        status = os.stat(path)
        return status.st_size, status.st_mtime_ns
    except OSError:
        return None  # reading it will say what is wrong


def _read_cache(folder, rows, with_masks):
    """(pictures, masks) as memory maps, or None where they are not there or not whole."""
    arrays = []
    for name in ("images", "masks") if with_masks else ("images",):
        try:
            array = np.load(folder / f"{name}.npy", mmap_mode="r")  # refuses a file that is too short
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"{folder}: the cache cannot be read ({error.strerror}). Pass another "
                            "folder.") from None
        except Exception:  # whatever a damaged head raises
            return None
        if array.dtype != np.uint8 or len(array) != rows:
            return None
        arrays.append(array)
    return arrays[0], arrays[1] if with_masks else None


def _write_cache(dataset, size, settings, folder):
    """Writes the arrays beside their place and then renames: no one ever sees half of them. Of several
    processes one writes and the others wait."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f".{folder.name}.lock"), f"{folder}: this cache", DataError,
                    wait=True) as alone:
            if _read_cache(folder, len(dataset), settings["with_masks"]) is not None:
                return  # another process has written it meanwhile
            if folder.exists():
                print(f"{folder}: this cache is damaged or cut off; it is made again.")
            with whole_folder(folder, alone) as unfinished:
                _write_arrays(dataset, size, settings, unfinished)
    except OSError as error:
        raise DataError(f"{folder}: the cache cannot be written ({error.strerror}). Free some space "
                        "or pass another folder; nothing half written is left.") from None


def _write_arrays(dataset, size, settings, folder):
    with open(folder / "images.npy", "wb") as images, open(folder / "masks.npy", "wb") as masks:
        # Plain writes, not a memory map: on a full disk a map kills the process.
        for row, (picture, mask) in enumerate(_read_in_order(dataset, size, settings)):
            for file, array in ((images, picture), (masks, mask)):
                if array is None:
                    continue
                if row == 0:
                    np.lib.format.write_array_header_1_0(file, {
                        "descr": "|u1", "fortran_order": False, "shape": (len(dataset), *array.shape)})
                file.write(array.tobytes())
