"""The dense CRF's parameters, drawn at random, and how much of the best one's lead is luck."""

import numpy as np

from fashion_tf.crf.mean_field import check_probabilities
from fashion_tf.errors import DataError
from fashion_tf.metrics import IGNORE, check_labels

# What the parsing paper draws its 50 settings from (section 4.2).
SPACE = {"theta_beta": range(1, 101), "theta_alpha": range(1, 41), "w1": range(1, 16)}
# All that a trial sets; those of `SPACE` are drawn. The paper does not give theta_gamma and w2: they are
# those of Krähenbühl and Koltun's released example.
START = {"theta_beta": 10, "theta_alpha": 30, "w1": 5, "theta_gamma": 3.0, "w2": 3.0, "iterations": 10}


def tune_crf(images, probabilities, masks, journal, draws=50, space=None, start=None, draw_seed=0,
             **options):
    """Draws parameters at random and keeps those with the highest accuracy on validation photos.

    Draws run in parallel, each on one core. What has finished stands in the journal: called again, the
    search goes on where it was stopped.

    Args:
        images: uint8 (count, height, width, 3), or a list of photos of different sizes.
        probabilities: Of these photos, float16 or float32 (count, height, width, classes): a network's
            softmax, or `fashion_tf.crf.from_labels`.
        masks: True labels, integers (count, height, width); 255 is unlabelled.
        journal: Path of the journal; it belongs to these very photos and probabilities.
        draws: How many settings; the paper tries 50.
        space: Parameter to its values; None for `SPACE`.
        start: All parameters; those not in `space` stay as they are. None for `START`.
        draw_seed: Which settings are drawn.
        options: As for `fashion_tf.search.random_search`: ``jobs``, ``backend``, ``progress``,
            ``retry_failed``.

    Returns:
        A `fashion_tf.search.SearchResult`. ``best`` is what to give to `DenseCRF.infer`; ``table`` has a
        row for each draw with its ``accuracy`` over all pixels, and a column for each photo (see
        `photo_accuracies`).

    Raises:
        DataError: Photos, probabilities and masks do not fit each other, or a parameter to be tried is
            not greater than 0. Before any trial.
        TrialError: As `random_search`.

    Taught in: 52_dense_crf.ipynb
    """
    from fashion_tf.search import random_search

    space, start = space or SPACE, START | (start or {})
    for name, values in {**{name: [value] for name, value in start.items()}, **space}.items():
        if name not in START:
            raise DataError(f"{name}: the CRF has no such parameter; it has {', '.join(START)}.")
        wrong = [value for value in values if not (isinstance(value, (int, float)) and value > 0)]
        if wrong and (name in space or name.startswith("theta")):
            raise DataError(f"{name}={wrong[0]!r}: a parameter of the CRF that is tried must be greater than "
                            "0. To leave a kernel out, set its weight in `start` and not in `space`.")
    _check_photos(images, probabilities, masks)
    shared = {"images": images, "probabilities": probabilities, "masks": masks}
    return random_search(crf_trial, space, draws, start, journal, draw_seed, shared=shared, **options)


def crf_trial(settings, seed, shared):
    """One setting on all validation photos: the trial of `tune_crf`.

    Args:
        settings: The arguments of `DenseCRF.infer`.
        seed: Without effect; nothing is drawn here.
        shared: ``images``, ``probabilities`` and ``masks``, as `tune_crf` takes them.

    Returns:
        ``accuracy``, the share of all labelled pixels that are right, and for each photo its own share:
        ``photo_0000``, ``photo_0001`` ...
    """
    import numba

    from fashion_tf.crf.mean_field import dense_crf

    # Trials run beside each other, one on a core: more threads would only quarrel.
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        right, labelled = [], []
        for image, probabilities, mask in zip(shared["images"], shared["probabilities"], shared["masks"]):
            found = dense_crf(image, probabilities, **settings).argmax(-1)
            known = np.asarray(mask) != IGNORE
            right.append((found == mask)[known].sum())
            labelled.append(known.sum())
    finally:
        numba.set_num_threads(threads)
    shares = {f"photo_{number:04}": one / of for number, (one, of) in enumerate(zip(right, labelled))}
    return {"accuracy": sum(right) / sum(labelled), **shares}


def photo_accuracies(result):
    """The accuracy of every draw on every photo, from what `tune_crf` returned.

    Returns:
        A pandas table (draws, photos), its index the rows of ``result.table``; a failed draw is missing.
    """
    columns = [name for name in result.table if name.startswith("photo_")]
    return result.table.loc[result.table["status"] == "finished", columns]


def resampled_gains(accuracies, before, pixels=None, resamples=1000, seed=0):
    """How far the choice among draws depends on which photos it was made on: a bootstrap over photos.

    Each time, as many photos as there are are drawn with replacement. The draw that does best on them
    wins; its gain is measured on them, as a search would report it, and on the photos left out.

    Args:
        accuracies: (draws, photos), after the CRF.
        before: (photos,), without it.
        pixels: (photos,), how many labelled pixels each photo has: its weight. None: all alike.
        resamples: How often.
        seed: Of the resampling.

    Returns:
        A pandas table, a row for each resample in which a photo is left out: ``draw``, the winner's row
        in `accuracies`, the first of equals; ``seen``, its gain on the photos it was chosen on;
        ``unseen``, its gain on the others.

    Raises:
        DataError: Shapes that do not fit, fewer than two photos, or accuracies outside 0..1.

    Taught in: 52_dense_crf.ipynb
    """
    import pandas as pd

    accuracies, before = np.asarray(accuracies, float), np.asarray(before, float)
    pixels = np.ones(before.shape) if pixels is None else np.asarray(pixels, float)
    if accuracies.ndim != 2 or not accuracies.shape[1:] == before.shape == pixels.shape:
        raise DataError(f"Accuracies of shape {accuracies.shape}, before of {before.shape}, pixels of "
                        f"{pixels.shape}; give (draws, photos), (photos,) and (photos,).")
    draws, photos = accuracies.shape
    if draws < 1 or photos < 2:
        raise DataError(f"{draws} draws on {photos} photos: to choose on some photos and measure on others "
                        "takes at least one draw and two photos.")
    values = np.concatenate([accuracies.ravel(), before])
    if not ((values >= 0) & (values <= 1)).all():
        raise DataError("Accuracies must lie in 0..1, and all be there: leave failed draws out.")
    if resamples < 1 or not (pixels > 0).all():
        raise DataError(f"resamples={resamples} and pixels of {pixels.min():g}: both must be above 0.")

    generator = np.random.default_rng(seed)
    chosen = generator.integers(photos, size=(resamples, photos))
    times = np.stack([np.bincount(one, minlength=photos) for one in chosen])  # how often each photo
    times = times[(times == 0).any(1)]
    rows = np.arange(len(times))

    def mean(weights, values):
        return weights * pixels @ values / (weights @ pixels)[:, None]

    winners = mean(times, accuracies.T).argmax(1)
    gains = (accuracies - before).T
    return pd.DataFrame({"draw": winners, "seen": mean(times, gains)[rows, winners],
                         "unseen": mean(times == 0, gains)[rows, winners]})


def _check_photos(images, probabilities, masks):
    if not len(images) == len(probabilities) == len(masks) or len(images) == 0:
        raise DataError(f"{len(images)} photos, {len(probabilities)} probabilities and {len(masks)} masks: "
                        "give as many of each, at least one.")
    for number, (image, one, mask) in enumerate(zip(images, probabilities, masks)):
        image, one, mask = np.asarray(image), np.asarray(one), np.asarray(mask)
        if image.ndim != 3 or one.ndim != 3 or not image.shape[:2] == one.shape[:2] == mask.shape:
            raise DataError(f"Photo {number} of shape {image.shape}, probabilities of {one.shape}, mask of "
                            f"{mask.shape}: height and width must be the same.")
        if image.dtype != np.uint8 or mask.dtype.kind not in "iu":
            raise DataError(f"Photo {number} of {image.dtype}, its mask of {mask.dtype}: give uint8 and "
                            "integers.")
        check_probabilities(one, f"Photo {number}: its probabilities")
        known = mask[mask != IGNORE]
        if known.size == 0:
            raise DataError(f"Photo {number}: no pixel of its mask is labelled (all are {IGNORE}).")
        check_labels(f"Photo {number}: its mask", known, one.shape[2])
