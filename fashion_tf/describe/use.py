"""Photos described: a parser finds the garments, one classifier names their types, another the photo's style."""

from dataclasses import asdict, dataclass, field

import numpy as np

from fashion_tf.describe.find import find_garments
from fashion_tf.describe.judge import Answer, Judge
from fashion_tf.errors import DataError
from fashion_tf.predictor import Predictor, mask_at
from fashion_tf.predictor.outputs import check_pictures, picture_path, write_result
from fashion_tf.predictor.use import loaded
from fashion_tf.terminal import printable

_LEAST_SIDE = 336  # pixels; of an annotated picture, in which a line of text takes 12


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
        return printable(f"{self.image}: {style}{worn}")


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

    Taught in: 43_describe_an_outfit.ipynb
    """
    return list(_described(paths, parser, types, styles, skip))


def _described(paths, parser, types, styles, skip):
    """Yields each `Description` as soon as it stands; arguments as for `describe`."""
    from fashion_tf.datasets.images import read_image
    from fashion_tf.predictor.photos import find_photos, reason, unreadable

    parser, types = loaded(parser, "parsing"), Judge(loaded(types), "types")
    styles = None if styles is None else Judge(loaded(styles), "styles")
    paths, bad = find_photos(paths)[0], []
    for path, size, labelled in parser.answers(paths, 1, skip, None):
        try:
            photo = read_image(path)
        except DataError as error:  # one so large that it is read shrunk only
            bad.append((path, reason(path, error)))
            if skip is not None:
                skip(*bad.pop())
            continue
        yield describe_parsed(str(path), photo, mask_at(labelled, size), parser.classes, types, styles)
    if bad:
        raise unreadable(bad, len(paths))


def describe_parsed(image, photo, mask, labels, types, styles=None, ask=Judge.ask):
    """Describes one photo whose pixels have their labels.

    Args:
        image: The photo's name.
        photo: uint8 (height, width, 3).
        mask: uint8 label numbers, (height, width).
        labels: Their names.
        types, styles: A `Judge` of garments that are cut out, and one of whole photos or None.
        ask: ``ask(judge, pictures)`` -> a row of probabilities for each picture.

    Returns:
        A `Description`.
    """
    worn = find_garments(mask, labels)
    cuts = [types.cut(photo, garment.box, garment.mask) for garment in worn]
    answers = [types.answer(row) for row in ask(types, cuts)] if cuts else []
    style = None
    if styles is not None:
        style, = map(styles.answer, ask(styles, [styles.cut(photo)]))
    return Description(image, [Garment(garment.box, round(garment.share, 4), garment.name, answer)
                               for garment, answer in zip(worn, answers, strict=True)], style)


def describe_to(paths, parser, types, styles=None, out=None):
    """What ``fashion-tf describe`` does: describes, and writes annotated pictures, NAME.png, into the folder `out`,
    each as soon as it stands.

    Returns:
        A `Described`.

    Raises:
        DataError: As `describe`; no photo can be read; two photos would have one picture, or a picture that is there
            would be replaced.
    """
    from fashion_tf.predictor.photos import named_photos, unreadable

    photos, _ = named_photos(paths)
    if out is not None:  # none of its pictures says whose it is, so that one that is there always stays
        for model in (parser, types, styles):
            check_pictures(out, photos, None, "picture", None if isinstance(model, Predictor) else model)
    done = Described(out=None if out is None else str(out))
    for row in _described(photos, parser, types, styles, lambda *bad: done.skipped.append(bad)):
        done.rows.append(row)
        if out is not None:
            write_result(picture_path(row.image, out), annotated_png(row))
    if not done.rows:
        raise unreadable(done.skipped, len(photos))
    return done


def annotated_png(description, photo=None):
    """A described photo with its boxes and answers, as the bytes of a PNG file. A small photo, whose shorter side has
    fewer than 336 pixels, is enlarged up to four times: else the words would hide what they name.

    Args:
        description: A `Description`.
        photo: uint8 (height, width, 3); None: it is read from the description's `image`.

    Taught in: 43_describe_an_outfit.ipynb
    """
    import io

    import cv2
    from PIL import Image

    from fashion_tf.annotate import FONT_PIXELS, draw_label, label_width
    from fashion_tf.datasets.images import read_image
    from fashion_tf.plots import label_colours

    picture = np.array(read_image(description.image) if photo is None else photo, order="C")
    times = max(1, min(4, -(-_LEAST_SIDE // min(picture.shape[:2]))))
    picture = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC) if times > 1 else picture
    height, width = picture.shape[:2]
    size, colours = max(12, min(height, width) // 28), label_colours(len(description.garments) + 1)[1:]
    scale = size / FONT_PIXELS

    def text(answer, prefix=""):
        """As many candidates as the picture's width has room for."""
        texts = [prefix + answer.text(most) for most in (4, 3, 2, 1, 0)]
        return next((text for text in texts if label_width(text, scale) <= width), texts[-1])

    for garment, colour in zip(description.garments, colours):
        x1, y1, x2, y2 = (times * edge for edge in garment.box)
        cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), _rgb(colour), max(2, size // 8))
    for garment, colour in zip(description.garments, colours):
        draw_label(picture, [times * edge for edge in garment.box[:2]], text(garment.type), _rgb(colour), scale)
    if description.style is not None:
        draw_label(picture, (0, height), text(description.style, "style: "), (51, 51, 51), scale, above=True)
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    return content.getvalue()


def _rgb(colour):
    return tuple(round(255 * part) for part in colour)
