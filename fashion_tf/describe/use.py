"""Photos described: a parser finds the garments, one classifier names their types, another the photo's style."""

from dataclasses import asdict, dataclass, field

import numpy as np

from fashion_tf.describe.calibration import Calibration
from fashion_tf.describe.find import find_garments
from fashion_tf.errors import DataError
from fashion_tf.pipeline import MASKINGS, masked, square_box
from fashion_tf.predictor import Predictor, mask_at
from fashion_tf.predictor.outputs import check_pictures, picture_path, write_result
from fashion_tf.predictor.use import loaded
from fashion_tf.terminal import printable


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

    def text(self):
        if self.label is not None:
            return f"{self.label} ({self.probabilities[self.label]:.0%})"
        return "not sure" + (f": {' or '.join(self.candidates[:4])}" if self.candidates else ", like nothing known")


@dataclass(frozen=True)
class Garment:
    """A garment: its `box` (x1, y1, x2, y2), its `share` of the photo, `parsed_as` what the parser calls it, and its
    `type`, an `Answer`."""

    box: tuple
    share: float
    parsed_as: str
    type: Answer


@dataclass(frozen=True)
class Description:
    """What became of one photo: its `garments`, the largest first, and its `style`, an `Answer` or None where no
    model for it was given."""

    image: str
    garments: list
    style: Answer | None = None

    def text(self):
        worn = "; ".join(garment.type.text() for garment in self.garments) or "no garment found"
        style = f"style {self.style.text()}; " if self.style else ""
        return f"{printable(self.image)}: {style}{worn}"


@dataclass
class Described:
    """What became of photos: `rows`, a `Description` each; `skipped`, (path, reason) of what could not be read."""

    rows: list = field(default_factory=list)
    skipped: list = field(default_factory=list)
    out: str | None = None

    def text(self):
        return "\n".join(row.text() for row in self.rows)

    def as_json(self):
        return {"rows": [asdict(row) for row in self.rows], "skipped": self.skipped, "out": self.out}


def describe(paths, parser, types, styles=None, skip=None):
    """Describes photos.

    Args:
        paths: A photo's path, a list of paths, or a folder, as for `fashion_tf.predict`.
        parser: A predictor for parsing, or its folder: it finds the garments. No true mask is used.
        types: A classifier of garments that are cut out, or its folder. Its ``about`` holds ``calibration``
            (`Calibration.as_json`) and ``crop``: ``{"masking": "zero", "mean" or null, "square": 1.0}``, how it was
            trained to see them; square 0 is the box itself.
        styles: A classifier of whole photos, with a ``calibration``, or its folder; None: no style.
        skip: Called with the path of each photo that cannot be read, and the reason. None: they are an error.

    Returns:
        A list of `Description`, in the order given.

    Raises:
        DataError: As `fashion_tf.predict`; or a model without a calibration, or for another task.
    """
    from fashion_tf.datasets.images import read_image, resize
    from fashion_tf.predictor.photos import find_photos, reason, unreadable

    parser, types = loaded(parser, "parsing"), loaded(types, "classification")
    styles = None if styles is None else loaded(styles, "classification")
    judges = [(_calibration(model, what), model) for model, what in ((types, "types"), (styles, "styles")) if model]
    crop, paths, found, bad = _crop(types), find_photos(paths)[0], [], []
    for path, size, labelled in parser.answers(paths, 1, skip, None):
        try:
            photo = read_image(path)
        except DataError as error:  # one so large that it is read shrunk only
            bad.append((path, reason(path, error)))
            continue
        worn = find_garments(mask_at(labelled, size), parser.classes)
        answers = _answers(*judges[0], [_cut(photo, garment, crop, types.image_size) for garment in worn])
        style = None
        if styles is not None:
            style, = _answers(*judges[1], [resize(photo, styles.image_size)])
        found.append(Description(str(path), [
            Garment(garment.box, round(garment.share, 4), garment.name, answer)
            for garment, answer in zip(worn, answers)], style))
    if bad and skip is None:
        raise unreadable(bad, len(paths))
    for row in bad:
        skip(*row)
    return found


def describe_to(paths, parser, types, styles=None, out=None):
    """What ``fashion-tf describe`` does: describes, and writes annotated pictures, NAME.png, into the folder `out`.

    Returns:
        A `Described`.

    Raises:
        DataError: As `describe`; no photo can be read; two photos would have one picture, or a picture that is there
            would be replaced.
    """
    from fashion_tf.predictor.photos import find_photos, unreadable

    if not isinstance(paths, str) and len(paths) == 1:
        paths = paths[0]
    photos, _ = find_photos(paths)
    if out is not None:  # none of its pictures says whose it is, so that one that is there always stays
        for model in (parser, types, styles):
            check_pictures(out, photos, None, "picture", None if isinstance(model, Predictor) else model)
    done = Described(out=None if out is None else str(out))
    done.rows = describe(photos, parser, types, styles, skip=lambda *row: done.skipped.append(row))
    if not done.rows:
        raise unreadable(done.skipped, len(photos))
    for row in done.rows if out is not None else ():
        write_result(picture_path(row.image, out), annotated_png(row))
    return done


def annotated_png(description):
    """A described photo with its boxes and answers, as the bytes of a PNG file."""
    import io

    from PIL import Image, ImageDraw, ImageFont

    from fashion_tf.datasets.images import read_image
    from fashion_tf.plots import label_colours

    picture = Image.fromarray(read_image(description.image))
    pen, size = ImageDraw.Draw(picture), max(12, min(picture.size) // 28)
    font, colours = ImageFont.load_default(size), label_colours(len(description.garments) + 1)[1:]
    lines = [(garment.box[:2], garment.type.text(), colour) for garment, colour in zip(description.garments, colours)]
    for garment, colour in zip(description.garments, colours):
        x1, y1, x2, y2 = garment.box
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), outline=_rgb(colour), width=max(2, size // 8))
    if description.style is not None:
        lines.append(((0, 0), "style: " + description.style.text(), (0.2, 0.2, 0.2)))
    for place, text, colour in lines:
        left, top, right, bottom = pen.textbbox(place, text, font=font)
        across, down = min(0, picture.width - right - 4), min(0, picture.height - bottom - 4)
        pen.rectangle((left + across, top + down, right + across + 4, bottom + down + 4), fill=_rgb(colour))
        dark = sum(colour) < 1.5
        pen.text((place[0] + across + 2, place[1] + down + 2), text, font=font, fill="white" if dark else "black")
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def _rgb(colour):
    return tuple(round(255 * part) for part in colour)


def _calibration(model, what):
    if "calibration" not in model.about:
        raise DataError(f"{what}: this model was saved without a calibration, and would always be sure. Save it with "
                        "about={'calibration': calibrate(...).as_json()}.")
    return Calibration.from_json(model.about["calibration"], what)


def _crop(types):
    crop = types.about.get("crop", {})
    masking, square = (crop.get("masking"), crop.get("square", 0)) if isinstance(crop, dict) else ("", 0)
    if masking not in (None, *MASKINGS[:2]) or isinstance(square, bool) or not isinstance(square, (int, float)) or not (
            0 <= square <= 10):
        raise DataError(f"types: the model's crop is {str(crop)[:80]}; it must have 'masking' (zero, mean or null) and "
                        "'square', a number from 0 to 10.")
    return masking, square


def _cut(photo, garment, crop, size):
    from fashion_tf.datasets.images import resize

    masking, square = crop
    picture = masked(photo, garment.mask, None, masking) if masking else photo
    return resize(picture, size, square_box(garment.box, square) if square else garment.box)


def _answers(calibration, model, pictures):
    if not pictures:
        return []
    answers = []
    for row in model.compute(pictures, ["describe"] * len(pictures)):
        row = np.clip(np.asarray(row, np.float64), 0, 1)
        probabilities, inside = calibration.probabilities(row[None])[0], calibration.sets(row[None])[0]
        order = np.argsort(-probabilities, kind="stable")
        candidates = [model.classes[number] for number in order if inside[number]]
        answers.append(Answer(candidates[0] if len(candidates) == 1 else None, candidates,
                              {model.classes[number]: float(probabilities[number]) for number in order}))
    return answers
