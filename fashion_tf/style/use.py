"""Photos in another style or colour, whole or one garment of each: the package's function, and what the command
does with it."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fashion_tf.datasets.encoded import to_rgb
from fashion_tf.datasets.images import read_image, read_with_opacity, resize
from fashion_tf.datasets.masks import box_of, without_specks
from fashion_tf.errors import DataError
from fashion_tf.predictor import Predictor
from fashion_tf.predictor.outputs import check_pictures, picture_path, stamped_png, write_result
from fashion_tf.predictor.photos import find_photos, left_out, named_photos, reason, unreadable
from fashion_tf.predictor.use import loaded
from fashion_tf.style.composition import compose, read_colour, recolour, upsample_mask
from fashion_tf.style.masks import AbsentGarment, garment_labels, garment_mask
from fashion_tf.style.stylizers import Stylizer, load_stylizer
from fashion_tf.terminal import counted, native_messages_hidden, printable, waiting

OURS = "fashion_tf stylize"  # stands in every picture that is written
MARGIN = 0.15  # around a garment, of its longer side


def stylize(photos, styles=(), garment=None, parser=None, strength=None, colour=None, shares=None, stylizer=None):
    """Paints photos in the style of paintings, or gives a garment another colour.

    Args:
        photos: A photo's path, a list of paths, or a folder, as for `fashion_tf.predict`.
        styles: A painting's path, or a list of them.
        garment: What to paint or recolour: see `fashion_tf.style.masks.garment_labels`. None: all of the photo.
        parser: A folder that `save_predictor` wrote for parsing, or a `Predictor`; it finds the garment.
        strength: 1 (None, too) for the paintings' style, 0 for the photo's own, between them in between.
        colour: A name or a hex colour for the garment: see `fashion_tf.style.recolour`. With styles too, it is
            painted first.
        shares: How much each painting counts; None: all alike.
        stylizer: A name of `fashion_tf.style.stylizers.load_stylizer`, or a `Stylizer`; None: ``"magenta"``.

    Returns:
        A list of pictures, uint8 of each photo's own upright size: (height, width, 3), or 4 where it has opacity,
        which is kept. Outside the garment every pixel is the photo's own. A photo without the garment comes as it is.

    Raises:
        DataError: A photo, painting, model or colour that cannot be used; an option that would change nothing.

    Example:
        >>> fashion_tf.stylize("me.jpg", "starry_night.jpg", garment="top", parser="parsing/parser")

    Taught in: 37_style_transfer_magenta.ipynb
    """
    change = Change(styles, garment, parser, strength, colour, shares, stylizer)
    pictures = []
    for photo in find_photos(photos)[0]:
        photo, _ = read_with_opacity(photo)
        try:
            pictures.append(change(photo))
        except AbsentGarment:
            pictures.append(photo)
    return pictures


class Change:
    """What is to be done with every photo; everything that it needs is read and checked once. Arguments as for
    `stylize`."""

    def __init__(self, styles=(), garment=None, parser=None, strength=None, colour=None, shares=None, stylizer=None):
        styles = [styles] if isinstance(styles, (str, Path, np.ndarray)) else list(styles)
        if not styles and colour is None:
            raise DataError("Nothing to do: give a painting (--style), a colour (--colour), or both.")
        if garment is None and colour is not None:
            raise DataError("A colour is for one garment: name it (--garment), and a parser that finds it (--parser).")
        if garment is None and parser is not None:
            raise DataError("A parser finds a garment: name it (--garment), or leave the parser out.")
        if not styles and any(option is not None for option in (shares, strength, stylizer)):
            raise DataError("Shares (--share), a strength (--strength) and a stylizer (--stylizer) are of paintings: "
                            "give one (--style), or leave them out.")
        if garment is not None and parser is None:
            raise DataError(f"To find the {garment}, give the folder of a parser (--parser), such as the one that "
                            "lesson 51 saves.")
        self.garment, self.colour, self.shares = garment, colour, shares
        self.strength = 1.0 if strength is None else strength
        if colour is not None:
            read_colour(colour)  # is it one?
        paintings = [style if isinstance(style, np.ndarray) else read_image(style) for style in styles]
        self.parser = None
        if garment is not None:
            self.parser = loaded(parser, "parsing")
            garment_labels(garment, self.parser.classes)  # is there one?
        self.stylizer, self.vectors = None, []
        if paintings:
            self.stylizer = stylizer if isinstance(stylizer, Stylizer) else load_stylizer(stylizer or "magenta")
            self.vectors = [self.stylizer.style_vector(painting) for painting in paintings]
            self.stylizer(paintings[0][:1, :1] | 8, self.vectors, shares, self.strength)  # are these in range?

    def __call__(self, photo):
        """One photo, uint8 (height, width, 3 or 4), changed.

        Raises:
            AbsentGarment: The garment is not in it.
        """
        mask = None
        if self.garment is not None:
            small = resize(on_white(photo), self.parser.image_size)
            probabilities, = self.parser.compute([small], ["The photo"])
            mask = find_garment(photo, probabilities, self.parser.classes, self.garment)
        return changed(photo, mask, self.stylizer, self.vectors, self.shares, self.strength, self.colour)


def find_garment(photo, probabilities, classes, garment):
    """Where a garment is, at the photo's size.

    Args:
        photo: uint8 (height, width, 3 or 4).
        probabilities: float (any height, any width, classes), as a parser gives them of the squeezed photo.
        classes: The parser's class names.
        garment: See `garment_labels`.

    Returns:
        bool (height, width).

    Raises:
        AbsentGarment: It is nowhere; says what there is.
    """
    garment_mask(probabilities.argmax(-1), classes, garment)
    mine = np.isin(np.arange(len(classes)), garment_labels(garment, classes))
    here, elsewhere = probabilities[..., mine].max(-1), probabilities[..., ~mine].max(-1)
    # Above a half exactly where one of its labels is the most probable one.
    share = here / np.maximum(here + elsewhere, np.finfo(np.float32).tiny)
    return without_specks(upsample_mask(share.astype(np.float32), photo) >= 0.5)


def changed(photo, mask=None, stylizer=None, styles=(), shares=None, strength=1.0, colour=None):
    """A photo painted, then recoloured, where a mask is (None: everywhere, painted only); arguments as for `compose`,
    `Stylizer` and `recolour`."""
    picture = photo
    if stylizer is not None:
        # Of a garment its surroundings alone are painted: the networks see all that they are given at one size.
        place = (slice(None), slice(None)) if mask is None or not mask.any() else surroundings(mask)
        painted = photo[..., :3].copy()
        painted[place] = stylizer(on_white(photo[place]), styles, shares, strength)
        picture = np.dstack([painted, photo[..., 3:]]) if mask is None else compose(photo, painted, mask)
    return picture if colour is None else recolour(picture, mask, colour)


def on_white(photo):
    """A photo with opacity as one without: uint8 (height, width, 3)."""
    from PIL import Image

    return photo if photo.shape[2] == 3 else np.array(to_rgb(Image.fromarray(photo)))


def surroundings(mask):
    """The rows and the columns, two slices, of a mask's box with a margin of `MARGIN` of its longer side."""
    x1, y1, x2, y2 = box_of(mask)
    margin = round(MARGIN * max(x2 - x1 - 1, y2 - y1 - 1))
    return tuple(slice(max(start - margin, 0), stop + margin) for start, stop in ((y1, y2), (x1, x2)))


# --- the command --------------------------------------------------------------------------------


@dataclass
class Stylized:
    """What became of photos: `rows` of plain values, one a photo; `skipped`, (path, reason) of what could not be
    read; `others`, what lay beside the photos and is none."""

    rows: list = field(default_factory=list)
    skipped: list = field(default_factory=list)
    others: list = field(default_factory=list)
    out: str = ""

    @property
    def absent(self):
        """How many photos have not the garment."""
        return sum(bool(row["note"]) for row in self.rows)

    def text(self):
        """For the terminal: what was written, and which share of each photo is new."""
        return "\n".join(f"{printable(row['image'])}: {printable(row['picture'])}, " + (
            f"unchanged. {printable(row['note'])}" if row["note"] else f"{row['changed']:.1%} of it changed")
            for row in self.rows)

    def summary(self):
        """What was left out, and why; empty where nothing was."""
        return "\n".join(left_out(self.skipped, self.others))


def stylize_to(out, photos, **options):
    """What ``fashion-tf stylize`` does: writes NAME.png for each photo into the folder `out`.

    PNG loses nothing: what is outside the garment is the photo's own, bit by bit. A photo that has not the garment is
    written unchanged, and said so; one that cannot be read is left out. Whether the results may be written is checked
    before any work. Of the photo's metadata nothing is kept but its being upright and its colour profile: a place or a
    thumbnail of the old picture does not belong into the new one, but without the profile, a telephone's photo would
    look paler than before where nothing was changed.

    Args:
        out: A folder.
        photos: Paths; a folder only by itself.
        options: As for `stylize`.

    Returns:
        A `Stylized`.

    Raises:
        DataError: As `stylize`; no photo can be read; a picture would replace something else.
    """
    photos, others = named_photos(photos)
    parser, styles = options.get("parser"), options.get("styles", ())
    for style in [styles] if isinstance(styles, (str, Path)) else styles:
        if any(os.path.exists(picture := picture_path(photo, out)) and os.path.samefile(picture, style)
               for photo in photos if os.path.exists(style)):
            raise DataError(f"{style}: is a painting, and a picture would replace it; choose another folder than "
                            f"{out}.")
    check_pictures(out, photos, OURS, "picture", None if isinstance(parser, Predictor) else parser)
    with waiting("loading the models"), native_messages_hidden():
        change = Change(**options)
    done = Stylized(others=others, out=str(out))
    with counted(len(photos), "painting") as step, native_messages_hidden():
        for path in photos:
            note = ""
            try:
                photo, profile = read_with_opacity(path)
            except DataError as error:
                done.skipped.append((path, reason(path, error)))
                step(1)
                continue
            try:
                picture = change(photo)
            except AbsentGarment as error:
                picture, note = photo, str(error)
            except DataError as error:  # of this photo: a black one has no style of its own
                done.skipped.append((path, reason(path, error)))
                step(1)
                continue
            write_result(picture_path(path, out), picture_png(picture, profile))
            done.rows.append({"image": path, "picture": str(picture_path(path, out)), "note": note,
                              "changed": float((picture != photo).any(-1).mean())})
            step(1)
    if not done.rows:
        raise unreadable(done.skipped, len(photos))
    return done


def picture_png(picture, profile=None):
    """A picture as the bytes of a PNG file, with the ICC profile of its photo."""
    from PIL import Image

    return stamped_png(Image.fromarray(picture), OURS, profile)

