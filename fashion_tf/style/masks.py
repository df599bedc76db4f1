"""Which pixels are to get another style: the person that a pretrained network finds, or one garment by its label."""

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.metrics import IGNORE

# PASCAL VOC's labels, in their order: there is a person among them, and nothing to wear.
PASCAL_VOC = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table",
    "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv monitor",
)  # fmt: skip
PERSON_FILE = "deeplabv3.tflite"  # looked for in FASHION_TF_WEIGHTS

# What a garment is called, and the words that mean it in the labels of Fashionista, CFPD, Clothing Co-Parsing and
# DeepFashion2; a label such as "shirt/blouse" is two words.
GARMENTS = {name: frozenset(words.split(", ")) for name, words in {
    "top": "top, t-shirt, shirt, blouse, sweater, cardigan, vest, hoodie, sweatshirt, jumper, sling, short sleeve top, "
           "long sleeve top",
    "jacket": "jacket, blazer, coat, cape, suit, short sleeve outwear, long sleeve outwear",
    "dress": "dress, romper, bodysuit, short sleeve dress, long sleeve dress, vest dress, sling dress",
    "skirt": "skirt",
    "trousers": "trousers, pants, jeans",
    "shorts": "shorts",
    "tights": "tights, leggings, legging, stockings, stocking",
    "shoes": "shoes, shoe, boots, clogs, flats, heels, loafers, pumps, sandals, sneakers, wedges",
    "socks": "socks",
    "hat": "hat, headband",
    "scarf": "scarf, tie",
    "belt": "belt",
    "gloves": "gloves",
    "underwear": "bra, panties, intimate, swimwear",
}.items()}
CLOTHING = "clothing"  # all of them at once


class AbsentGarment(DataError):
    """The garment that was asked for is not in this photo."""


class PersonFinder:
    """The pretrained DeepLabV3 of PASCAL VOC's 21 labels, as a TFLite file: is it a person, pixel by pixel?

    Args:
        path: The file; None: ``deeplabv3.tflite`` in the folder FASHION_TF_WEIGHTS.

    Raises:
        DataError: The file is absent, no TFLite model, or of another input or output.

    Example:
        >>> person = PersonFinder()(photo)[..., PASCAL_VOC.index("person")]

    Source: the model's card at https://www.kaggle.com/models/tensorflow/deeplabv3 (Chen et al., 2017).
    Taught in: 38_masked_style_transfer.ipynb
    """

    def __init__(self, path=None):
        from fashion_tf.style.lite import LiteModel, find_lite_file

        self.model = LiteModel(find_lite_file(PERSON_FILE, path))
        (side, height, width, channels), = self.model.input_shapes
        outputs, = self.model.output_shapes
        if (side, height, channels) != (1, width, 3) or outputs != (1, height, width, len(PASCAL_VOC)):
            raise DataError(f"{self.model.path}: takes {self.model.input_shapes} and gives {self.model.output_shapes}; "
                            f"a DeepLabV3 of PASCAL VOC takes a square picture and gives {len(PASCAL_VOC)} scores for "
                            "each pixel.")
        self.side = height

    def __call__(self, photo):
        """Probabilities of the 21 labels.

        Args:
            photo: uint8 (height, width, 3), of any size; it is squeezed to the network's square.

        Returns:
            float32 (side, side, 21), in the order of `PASCAL_VOC`.
        """
        import cv2
        from scipy.special import softmax

        photo = np.asarray(photo)
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or not photo.size:
            raise DataError(f"A photo of shape {photo.shape} and {photo.dtype}; it must be uint8 (height, width, 3) in "
                            "0..255.")
        small = max(photo.shape[:2]) < self.side
        square = cv2.resize(photo, (self.side, self.side), interpolation=cv2.INTER_LINEAR if small else cv2.INTER_AREA)
        scores, = self.model(square[None].astype(np.float32) / 127.5 - 1)
        return softmax(scores[0], axis=-1)


def garment_labels(garment, classes):
    """The label numbers that a garment has among a parser's classes.

    Args:
        garment: One of `GARMENTS`, such as ``"top"`` for shirts and sweaters too, also where a class has this name;
            ``"clothing"`` for all of them; a class; or one word of a class, such as ``"jeans"`` of ``"pants/jeans"``.
            Capitals do not count.
        classes: The parser's class names, in the order of its labels; the first is the background.

    Returns:
        A list of numbers, at least one.

    Raises:
        DataError: No class is this garment; the message names what there is.

    Taught in: 38_masked_style_transfer.ipynb
    """
    wanted, names = str(garment).strip().lower(), [str(name).lower() for name in classes]
    if wanted in names[1:] and wanted not in GARMENTS:
        return [names.index(wanted)]
    meant = GARMENTS.get(wanted, frozenset().union(*GARMENTS.values()) if wanted == CLOTHING else {wanted})
    found = [number for number, name in enumerate(names) if number and meant & _words(name)]
    if not found:
        groups = [name for name, words in GARMENTS.items() if any(words & _words(one) for one in names[1:])]
        choices = list(dict.fromkeys([*groups, *([CLOTHING] if groups else []), *names[1:]]))
        raise DataError(f"No label of this parser is {garment!r}; choose {', '.join(choices)}.")
    return found


def _words(name):
    return set(name.split("/"))


def garment_mask(labels, classes, garment):
    """The deck's binary mask: 255 where a photo's pixels carry the garment's labels, 0 elsewhere.

    Args:
        labels: Label numbers of one photo, integers (height, width), as `fashion_tf.parse` gives them.
        classes, garment: As for `garment_labels`.

    Returns:
        uint8 (height, width) of 0 and 255, at least one of them 255.

    Raises:
        AbsentGarment: No pixel is this garment; the message says what there is instead.
        DataError: As `garment_labels`; or labels of another kind.

    Taught in: 38_masked_style_transfer.ipynb
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or not labels.size:
        raise DataError(f"Labels of shape {labels.shape} and {labels.dtype}; give label numbers (height, width).")
    mask = np.where(np.isin(labels, garment_labels(garment, classes)), np.uint8(255), np.uint8(0))
    if not mask.any():
        counts = np.bincount(labels[(labels > 0) & (labels < len(classes))].ravel(), minlength=len(classes))
        there = [str(classes[number]) for number in np.argsort(-counts, kind="stable") if counts[number]]
        raise AbsentGarment(f"There is no {garment} in this photo; found: {', '.join(there) or 'nothing to wear'}.")
    return mask


def clothing_masks(masks, classes):
    """Label masks as two labels, to train on: 1 where there is a garment, 0 elsewhere. Hair, skin, bags, glasses and
    jewellery are no garment: one does not want them in another style.

    Args:
        masks: Label numbers, uint8 of any shape.
        classes: Their names.

    Returns:
        uint8 of the same shape; `fashion_tf.metrics.IGNORE` stays.

    Raises:
        DataError: No class is a garment; or masks that are not uint8.

    Taught in: 38_masked_style_transfer.ipynb
    """
    masks = np.asarray(masks)
    if masks.dtype != np.uint8:
        raise DataError(f"Masks of {masks.dtype}; label numbers here are uint8.")
    new = np.zeros(256, np.uint8)
    new[garment_labels(CLOTHING, classes)] = 1
    new[IGNORE] = IGNORE
    return new[masks]
