"""What is measured of masked style transfer: the mask, the time, and what became of the picture."""

import time

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.metrics import ConfusionMatrix, boundary_f

GREY = 128  # around a garment whose style and content are measured


def mask_scores(truth, predicted, tolerance=2):
    """How well a mask is met: the first three from one table of counts, the last from the outlines.

    Args:
        truth: Binary masks, integers of 0 and 1, (height, width) or (count, height, width);
            `fashion_tf.metrics.IGNORE` where nobody labelled.
        predicted: The same shape, 0 and 1.
        tolerance: As for `fashion_tf.metrics.boundary_f`; the F is the mean over the masks that have an outline.

    Returns:
        A dict: ``iou`` = TP / (TP + FP + FN), ``dice`` = 2 TP / (2 TP + FP + FN) and ``accuracy`` over the pixels of
        all masks together, and ``boundary_f``; nan where there is nothing to count.

    Raises:
        DataError: As `fashion_tf.metrics.ConfusionMatrix`.

    Taught in: 38_masked_style_transfer.ipynb
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    matrix = ConfusionMatrix(2)
    matrix.update(truth, predicted)
    (_, false), (missed, right) = matrix.counts.tolist()
    wrong = false + missed
    outlines = [boundary_f(one == 1, other == 1, tolerance) for one, other in zip(
        *((truth[None], predicted[None]) if truth.ndim == 2 else (truth, predicted)))]
    outlines = [value for value in outlines if not np.isnan(value)]
    return {"iou": float(matrix.iou[1]),
            "dice": 2 * right / (2 * right + wrong) if right + wrong else float("nan"),
            "accuracy": matrix.pixel_accuracy,
            "boundary_f": float(np.mean(outlines)) if outlines else float("nan")}


def check_identity(table, tolerance=1e-9):
    """Dice = 2 IoU / (1 + IoU), whatever the masks, where both count the same pixels.

    Args:
        table: A pandas table with the columns ``iou`` and ``dice``.
        tolerance: How far apart the two sides may lie: what was rounded away.

    Returns:
        The table with the column ``2 iou / (1 + iou)`` behind ``dice``.

    Raises:
        DataError: In a row the two cannot come from the same masks; it is named.

    Taught in: 38_masked_style_transfer.ipynb
    """
    follows = 2 * table["iou"] / (1 + table["iou"])
    apart = (table["dice"] - follows).abs() > tolerance
    if apart.any():
        row = apart.idxmax()
        raise DataError(f"{row}: an IoU of {table.loc[row, 'iou']:.4f} means a Dice of {follows[row]:.4f}, not "
                        f"{table.loc[row, 'dice']:.4f}: the two do not count the same pixels of the same masks.")
    checked = table.copy()
    checked.insert(list(table.columns).index("dice") + 1, "2 iou / (1 + iou)", follows)
    return checked


def run_time(load, call, repeats=5):
    """Seconds of one task, in the three parts that a single number mixes up.

    Args:
        load: Function without arguments that makes the network ready.
        call: Function of what `load` returned: the task itself.
        repeats: Calls behind the first one.

    Returns:
        (what `load` returned, a dict of seconds): ``load``; ``first``, the first call, which also prepares the
        computation; and ``steady``, the median of the further calls.

    Taught in: 38_masked_style_transfer.ipynb
    """
    times, loaded = [], None
    for number in range(repeats + 2):
        began = time.perf_counter()
        if number == 0:
            loaded = load()
        else:
            call(loaded)
        times.append(time.perf_counter() - began)
    return loaded, {"load": times[0], "first": times[1], "steady": float(np.median(times[2:]))}


def style_distance(network, picture, painting, mask=None):
    """How far the style of a picture, or of a garment in it, is from a painting's.

    Args:
        network: As `fashion_tf.style.features.feature_network` gives it.
        picture, painting: uint8 (height, width, 3), each of its own size.
        mask: The garment in the picture, (height, width), 0 outside; None: the whole picture.

    Returns:
        The mean over the network's layers of |G - P|^2 / |P|^2, with the Gram matrices G of the garment's places and P
        of the painting: 0 for the painting itself, 1 as far as an empty picture. What lies outside the mask is made
        grey first.

    Raises:
        DataError: The mask is empty.

    Taught in: 38_masked_style_transfer.ipynb
    """
    from fashion_tf.style.features import gram_matrix, relative_error

    def gram(features, share):
        # Each place counts as much as the mask covers it: the product of two channels by their common root.
        return gram_matrix(features * np.sqrt(share)[..., None]) / share.mean()

    return _mean_over_layers(network, _alone(picture, mask), np.asarray(painting), mask, lambda own, other, share: (
        relative_error(gram(own, share), gram_matrix(other))))


def content_distance(network, picture, photo, mask=None):
    """How far a picture is from its photo, place by place.

    Args:
        network: As for `style_distance`.
        picture, photo: uint8 (height, width, 3), of one size.
        mask: As for `style_distance`.

    Returns:
        The mean over the network's layers of |F - P|^2 / |P|^2 within the mask, with the feature maps F of the picture
        and P of the photo: 0 for the photo itself. What lies outside the mask is made grey first, in both.

    Raises:
        DataError: The mask is empty, or the sizes differ.

    Taught in: 38_masked_style_transfer.ipynb
    """
    from fashion_tf.style.features import relative_error

    if np.shape(picture) != np.shape(photo):
        raise DataError(f"A picture of {np.shape(picture)} and a photo of {np.shape(photo)}: bring them to one size "
                        "first.")
    return _mean_over_layers(network, _alone(picture, mask), _alone(photo, mask), mask, lambda own, other, share: (
        relative_error(own * np.sqrt(share)[..., None], other * np.sqrt(share)[..., None])))


def _alone(picture, mask):
    """The garment on grey: convolutions look over its edge, and would see what else changed there."""
    picture = np.asarray(picture)
    if mask is None:
        return picture
    if np.shape(mask) != picture.shape[:2]:
        raise DataError(f"A mask of {np.shape(mask)} and a picture of {picture.shape}: bring them to one size first.")
    return np.where((np.asarray(mask) > 0)[..., None], picture, np.uint8(GREY))


def _mean_over_layers(network, picture, other, mask, distance):
    import cv2

    covered = np.ones(picture.shape[:2], np.float32) if mask is None else (np.asarray(mask) > 0).astype(np.float32)
    if not covered.any():
        raise DataError("The mask is empty: there is nothing in it that could be measured.")
    own, others = (network.predict_on_batch(one[None]) for one in (picture, other))
    found = []
    for layer, features in own.items():
        share = cv2.resize(covered, features.shape[2:0:-1], interpolation=cv2.INTER_AREA)  # of each place
        found.append(float(distance(features, others[layer], share)))
    return float(np.mean(found))


def leakage(photo, result, garment):
    """What changed outside the garment.

    Args:
        photo, result: uint8 (height, width, 3).
        garment: (height, width), 0 outside: the true mask, to see what a wrong mask costs; or the mask that was used,
            to see whether the composition keeps to it.

    Returns:
        (share of the pixels outside that changed, mean absolute change of a channel there in 0..255); nan where the
        garment fills the photo.

    Raises:
        DataError: The sizes differ.

    Taught in: 38_masked_style_transfer.ipynb
    """
    photo, result, outside = np.asarray(photo), np.asarray(result), np.asarray(garment) == 0
    if photo.shape != result.shape or photo.shape[:2] != outside.shape:
        raise DataError(f"A photo of {photo.shape}, a result of {result.shape} and a mask of {outside.shape}: bring "
                        "them to one size first.")
    if not outside.any():
        return float("nan"), float("nan")
    change = np.abs(photo[outside].astype(int) - result[outside])
    return float((change.max(-1) > 0).mean()), float(change.mean())

