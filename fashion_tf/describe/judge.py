"""A classifier that may say that it is not sure."""

from dataclasses import dataclass

import numpy as np

from fashion_tf.describe.calibration import Calibration
from fashion_tf.errors import DataError
from fashion_tf.pipeline import MASKINGS, masked, square_box


@dataclass(frozen=True)
class Answer:
    """A classifier's answer.

    Attributes:
        label: The answer; None where it is not sure.
        candidates: The classes of its set, the most probable first; none where nothing fits.
        probabilities: Class name to calibrated probability, the highest first.
    """

    label: str | None
    candidates: list
    probabilities: dict

    def text(self, most=4):
        """In words; where it is not sure, with so many candidates at most."""
        if self.label is not None:
            return f"{self.label} ({self.probabilities[self.label]:.0%})"
        if not self.candidates:
            return "not sure, like nothing known"
        return "not sure" + (f": {' or '.join(self.candidates[:most])}" if most else "")


class Judge:
    """A calibrated classifier, of garments that are cut out or of whole photos.

    Args:
        model: A `Predictor` for classification. Its ``about`` holds ``calibration``, as `Calibration.as_json` gives
            it, and may hold ``crop``: how the model was trained to see garments (`describe`).
        what: What messages call it.

    Raises:
        DataError: The model is for another task, has no calibration, or a crop that cannot be.
    """

    def __init__(self, model, what):
        model.need("classification")
        self.model, self.what = model, what
        if "calibration" not in model.about:
            raise DataError(f"{what}: this model was saved without a calibration, and would always be sure. Save it "
                            "with about={'calibration': calibrate(...).as_json()}.")
        self.calibration = Calibration.from_json(model.about["calibration"], what)
        crop = model.about.get("crop", {})
        self.masking, self.square = (crop.get("masking"), crop.get("square", 0)) if isinstance(crop, dict) else ("", 0)
        if self.masking not in (None, *MASKINGS[:2]) or isinstance(self.square, bool) or not isinstance(
                self.square, (int, float)) or not 0 <= self.square <= 10:
            raise DataError(f"{what}: the model's crop is {str(crop)[:80]}; it must have 'masking' (zero, mean or "
                            "null) and 'square', a number from 0 to 10.")

    def cut(self, photo, box=None, mask=None):
        """What the model is shown of a photo, uint8 of its image_size: what lies in a box, and of that what a mask
        holds; without them, all."""
        from fashion_tf.datasets.images import resize

        picture = masked(photo, mask, None, self.masking) if self.masking and mask is not None else photo
        return resize(picture, self.model.image_size, square_box(box, self.square) if box and self.square else box)

    def ask(self, pictures):
        """The model's probabilities, a row for each picture of its image_size."""
        return self.model.compute(pictures, ["describe"] * len(pictures))

    def answer(self, probabilities):
        """The `Answer` that a row of the model's probabilities, (classes,), becomes."""
        row = np.clip(np.asarray(probabilities, np.float64), 0, 1)[None]
        calibrated, inside = self.calibration.probabilities(row)[0], self.calibration.sets(row)[0]
        order = np.argsort(-calibrated, kind="stable")
        candidates = [self.model.classes[number] for number in order if inside[number]]
        return Answer(candidates[0] if len(candidates) == 1 else None, candidates,
                      {self.model.classes[number]: float(calibrated[number]) for number in order})
