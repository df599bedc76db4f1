"""What is measured: of a parser from one confusion matrix that grows picture by picture, of classifiers by
resampling seeds and photos."""

import numpy as np

from fashion_tf.errors import DataError

LEAST = 1e-12  # of a probability whose logarithm is taken: of 0 it would be infinite
IGNORE = 255  # the label number of pixels that nobody labelled

# Labels from head to foot, what is worn on neighbouring parts of the body side by side, as in the
# parsing paper's figure 3.
BODY_ORDERS = (
    (  # refined Fashionista
        "background", "hair", "hat/headband", "glasses", "skin", "necklace", "scarf/tie", "top/t-shirt",
        "shirt/blouse", "sweater/cardigan", "vest", "jacket/blazer", "coat", "dress", "belt",
        "watch/bracelet", "gloves", "bag", "skirt", "shorts", "pants/jeans", "tights/leggings", "socks",
        "boots", "shoes",
    ),
    (  # CFPD
        "bk", "hair", "hat", "sunglass", "face", "skin", "scarf", "T-shirt", "blouse", "sweater",
        "blazer", "coat", "dress", "belt", "bag", "skirt", "shorts", "pants", "jeans", "legging",
        "stocking", "socks", "shoe",
    ),
)


class ConfusionMatrix:
    """Counts of pixels by true label and predicted label.

    Args:
        classes: Number of labels; label 0 is the background.
        ignore: Label number of unlabelled pixels, which are left out.

    Attributes:
        counts: int64 (classes, classes): row the true label, column the predicted one.
        image_iou: For each picture with some foreground in truth or prediction, the sum of its labels'
            intersections over the sum of their unions; see `mean_image_iou`.

    Example:
        >>> matrix = ConfusionMatrix(2)
        >>> matrix.update(np.array([[0, 1]]), np.array([[1, 1]]))
        >>> matrix.pixel_accuracy
        0.5
    """

    def __init__(self, classes, ignore=IGNORE):
        self.classes, self.ignore = classes, ignore
        self.counts = np.zeros((classes, classes), np.int64)
        self.image_iou = []

    def update(self, truth, predicted):
        """Adds one picture, or a batch of pictures.

        Args:
            truth: Label numbers, integers (height, width) or (count, height, width).
            predicted: The same shape; no pixel may be `ignore`.

        Raises:
            DataError: The shapes differ, a label is no integer or above the number of classes, or no
                pixel of a picture is labelled. Nothing of the batch is counted then.
        """
        truth, predicted = np.asarray(truth), np.asarray(predicted)
        if truth.shape != predicted.shape:
            raise DataError(f"A mask of shape {truth.shape} and a prediction of {predicted.shape}: bring "
                            "them to one size first (nearest neighbours for masks).")
        if truth.ndim not in (2, 3):
            raise DataError(f"Masks of {truth.ndim} dimensions; give (height, width) or (count, height, "
                            "width).")
        for name, labels in (("mask", truth), ("prediction", predicted)):
            if labels.dtype.kind not in "iu":
                raise DataError(f"A {name} of {labels.dtype}; label numbers are integers.")
        pictures = [self._counted(one, other) for one, other in zip(
            truth[None] if truth.ndim == 2 else truth, predicted[None] if truth.ndim == 2 else predicted)]
        for counts in pictures:
            self.counts += counts
            right = np.trace(counts[1:, 1:])
            union = counts[1:].sum() + counts[:, 1:].sum() - right
            if union:
                self.image_iou.append(right / union)

    def _counted(self, truth, predicted):
        labelled = truth != self.ignore
        truth, predicted = truth[labelled].astype(np.int64), predicted[labelled].astype(np.int64)
        if truth.size == 0:
            raise DataError(f"A mask without a labelled pixel (all are {self.ignore}): leave it out.")
        check_labels("A mask", truth, self.classes)
        check_labels("A prediction", predicted, self.classes)
        return np.bincount(truth * self.classes + predicted, minlength=self.classes**2).reshape(
            self.classes, self.classes)

    @property
    def pixel_accuracy(self):
        """Share of the labelled pixels that are right. Like the others nan before the first picture."""
        return _share(np.trace(self.counts), self.counts.sum())

    @property
    def foreground_accuracy(self):
        """Share of the pixels with a true label other than the background that are right; nan without any."""
        return _share(np.trace(self.counts[1:, 1:]), self.counts[1:].sum())

    @property
    def iou(self):
        """Each label's intersection over union, (classes,); nan for a label that neither truth nor
        prediction has."""
        right = np.diag(self.counts)
        with np.errstate(invalid="ignore"):
            return right / (self.counts.sum(0) + self.counts.sum(1) - right)

    @property
    def class_mean_iou(self):
        """Mean of `iou` over the labels that the truth has. A label that is absent there but predicted
        costs its pixels' own labels, and is not counted once more as a 0."""
        present = self.counts.sum(1) > 0
        return _share(self.iou[present].sum(), present.sum())

    @property
    def f1(self):
        """Each label's F1, (classes,); nan as for `iou`. F1 = 2 IoU / (1 + IoU)."""
        iou = self.iou
        return 2 * iou / (1 + iou)

    @property
    def mean_image_iou(self):
        """Tangseng, Wu and Yamaguchi's number ("Looking at Outfit to Parse Clothing", 2017), as their
        released evaluation computes it: for each picture, the sum over the foreground labels of the
        intersections over the sum of the unions, then the mean over pictures. A foreground pixel with a
        wrong foreground label stands in two unions. Large garments decide it, rare ones hardly count."""
        return float(np.mean(self.image_iou)) if self.image_iou else float("nan")

    def table(self, names):
        """A row for each label that occurs: its share of the true pixels, accuracy (recall), IoU, F1.

        Args:
            names: The labels' names.

        Returns:
            A pandas table, the commonest label first.
        """
        import pandas as pd

        with np.errstate(invalid="ignore"):
            table = pd.DataFrame({
                "share": self.counts.sum(1) / self.counts.sum(),
                "accuracy": np.diag(self.counts) / self.counts.sum(1),
                "iou": self.iou, "f1": self.f1}, index=pd.Index(names, name="label"))
        return table[self.counts.sum(0) + self.counts.sum(1) > 0].sort_values(
            "share", ascending=False, kind="stable")


def _share(part, whole):
    return float(part / whole) if whole else float("nan")


def check_labels(name, labels, classes):
    """Raises DataError where a label number is none of 0 .. classes - 1; `name` begins its message."""
    if labels.max() >= classes or labels.min() < 0:
        wrong = labels.max() if labels.max() >= classes else labels.min()
        raise DataError(f"{name} holds label {wrong}; there are {classes} classes, 0 to {classes - 1}.")


def body_order(names):
    """Positions of label names from head to foot, for a confusion matrix in which what is worn on one
    part of the body stands near the diagonal.

    Args:
        names: The labels of refined Fashionista or of CFPD, in any order, or some of them.

    Returns:
        A list of positions in `names`.

    Raises:
        DataError: A label is in neither list.
    """
    for order in BODY_ORDERS:
        if set(names) <= set(order):
            return sorted(range(len(names)), key=lambda number: order.index(names[number]))
    unknown = sorted(min((set(names) - set(order) for order in BODY_ORDERS), key=len))
    raise DataError(f"No place on the body is known for the label(s) {', '.join(unknown)}.")


def class_weights(masks, classes, power=0.5, ignore=IGNORE):
    """A weight for each label, larger for rare garments: (median share / share) to a power.

    With power 1 this is median frequency balancing (Eigen and Fergus, "Predicting Depth, Surface Normals
    and Semantic Labels", 2015), which lets a bracelet's pixel count a thousand times a background pixel;
    smaller powers lie between it and no weights at all (0). A label without a pixel gets weight 1.

    Args:
        masks: Label numbers, integers of any shape.
        classes: Number of labels.
        power: In 0..1.
        ignore: Label number of unlabelled pixels.

    Returns:
        float64 (classes,), scaled to a mean of 1 over the pixels.

    Raises:
        DataError: No pixel is labelled, or a label is no integer or above the number of classes.
    """
    masks = np.asarray(masks)
    if masks.dtype.kind not in "iu":
        raise DataError(f"Masks of {masks.dtype}; label numbers are integers.")
    labels = masks[masks != ignore]
    if labels.size == 0:
        raise DataError(f"No pixel of these masks is labelled (all are {ignore}).")
    check_labels("A mask", labels, classes)
    shares = np.bincount(labels.astype(np.int64), minlength=classes) / labels.size
    present = shares > 0
    weights = np.ones(classes)
    weights[present] = (np.median(shares[present]) / shares[present]) ** power
    return weights / (weights * shares).sum()


def boundary_accuracy(truth, predicted, width, ignore=IGNORE):
    """Accuracy near the true labels' borders, and away from them.

    Args:
        truth: Label numbers of one picture, integers (height, width).
        predicted: The same shape.
        width: A pixel is near a border if a pixel of another label lies within so many pixels of it
            (Euclidean distance between pixel middles).
        ignore: Label number of unlabelled pixels; they make no border with their neighbours.

    Returns:
        Four counts: right pixels near a border, pixels near a border, right pixels elsewhere, pixels
        elsewhere.

    Raises:
        DataError: The shapes differ.
    """
    import cv2

    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        raise DataError(f"A mask of shape {truth.shape} and a prediction of {predicted.shape}.")
    labelled = truth != ignore
    distance = np.full(truth.shape, np.inf, np.float32)
    for label in np.unique(truth[labelled]):
        own = (truth == label) | ~labelled
        if not own.all():
            away = cv2.distanceTransform(own.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            inside = truth == label
            distance[inside] = away[inside]
    near = (distance <= width) & labelled
    far = ~near & labelled
    right = truth == predicted
    return int((right & near).sum()), int(near.sum()), int((right & far).sum()), int(far.sum())


def cross_entropy(probabilities, labels):
    """The mean of -log(probability of the true class); a probability of 0 counts as `LEAST`.

    Args:
        probabilities: (rows, classes).
        labels: Class numbers, (rows,).
    """
    own = np.asarray(probabilities)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(own, LEAST)).mean())


def boundary_f(truth, predicted, tolerance=2):
    """F of two outlines: which share of each lies near the other.

    A pixel is on the outline if it is in the mask and one of its four neighbours is not; the picture's edge makes no
    outline. Precision is the share of the predicted outline within `tolerance` of the true one, recall the share of
    the true outline within it of the predicted one (Csurka, Larlus and Perronnin, "What is a good evaluation measure
    for semantic segmentation?", BMVC 2013), F = 2 P R / (P + R).

    Args:
        truth, predicted: bool (height, width).
        tolerance: Pixels, Euclidean between pixel middles.

    Returns:
        In 0..1; 0 where only one has an outline, nan where neither has.

    Raises:
        DataError: The shapes differ.
    """
    import cv2

    truth, predicted = np.asarray(truth, bool), np.asarray(predicted, bool)
    if truth.shape != predicted.shape:
        raise DataError(f"A mask of shape {truth.shape} and a prediction of {predicted.shape}.")
    outlines = [_outline(truth), _outline(predicted)]
    there = [outline.any() for outline in outlines]
    if not all(there):
        return 0.0 if any(there) else float("nan")
    shares = []
    for one, other in (outlines, outlines[::-1]):
        away = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        shares.append((away[one] <= tolerance).mean())
    return float(2 * shares[0] * shares[1] / sum(shares)) if sum(shares) else 0.0


def _outline(mask):
    framed = np.pad(mask, 1, mode="edge")
    return mask & ~(framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:])


def resampled_accuracies(right, draws=2000, seed=0):
    """Accuracies that other seeds and other photos might have given: a bootstrap over both.

    Every draw takes photos with replacement, the same for all networks, so that two networks are compared
    photo by photo; and of each network, trainings with replacement (Efron and Tibshirani, "An Introduction
    to the Bootstrap", 1993). Of one training a network only the photos are drawn.

    Args:
        right: Network's name to whether each photo was answered right: bools (trainings, photos), the same
            photos in the same order for all.
        draws: How many.
        seed: Draws the photos and the trainings.

    Returns:
        Name to float64 (draws,): the accuracy of each draw. Subtract two of them for the difference.

    Raises:
        DataError: The networks answered different numbers of photos, or none.

    Taught in: 21_three_architectures.ipynb
    """
    generator = np.random.default_rng(seed)
    right = {name: np.atleast_2d(np.asarray(answers, float)) for name, answers in right.items()}
    counts = {answers.shape[1] for answers in right.values()}
    if len(counts) != 1 or 0 in counts:
        raise DataError(f"Networks that answered {', '.join(map(str, sorted(counts)))} photos; give all the same.")
    count = counts.pop()
    photos = generator.multinomial(count, np.full(count, 1 / count), draws) / count  # share of each photo
    accuracies = {}
    for name, answers in right.items():
        trainings = len(answers)
        chosen = generator.multinomial(trainings, np.full(trainings, 1 / trainings), draws) / trainings
        accuracies[name] = np.einsum("dt,dt->d", chosen, photos @ answers.T)
    return accuracies
