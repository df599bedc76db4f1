"""DeepFashion, Category and Attribute Prediction (Liu et al., CVPR 2016): 289,222 photos.

Files, all text, UTF-8 (source: the official README.txt, version 1.1, whose sections name every file
and column; the three spellings of the annotation folder: mmfashion's docs/dataset/ATTR_DATASET.md):

    Anno/ (first releases) or Anno_coarse/: list_category_cloth.txt, list_category_img.txt,
        list_bbox.txt, list_attr_cloth.txt, list_attr_img.txt, list_landmarks.txt
    Anno_fine/: a part of 20,000 photos: train.txt, val.txt, test.txt and beside each of them
        *_cate.txt, *_bbox.txt, *_attr.txt, which match it line by line and have no header
    Eval/list_eval_partition.txt
    img/<Item_Name>/img_00000001.jpg, or Img/img/... as the archive's folder has it

A ``list_`` file's first line is its number of rows, the second its column names; columns are parted
by any number of spaces. Categories count from 1. In list_landmarks.txt 0 is *visible*, 1 occluded
and 2 cut off (DeepFashion2 counts the other way). "Cape", "Nightdress", "Shirtdress" and "Sundress"
were merged into "Dress", so that 46 of the 50 categories have photos.

Not checked against the real files, which stand behind an agreement: everything here was read from
the sources above and from lines quoted in public code. Anno_fine's landmarks are not read: no
source says in which order its numbers stand.
"""

import io
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets.files import (
    drop_absent,
    is_whole_number,
    leads_out,
    read_text,
    text_column,
    write_picture,
    write_text,
)
from fashion_tf.datasets.subsets import balance, relabel, split_at_random
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

NAME = "deepfashion"
TITLE = "DeepFashion, category and attribute prediction: 289,222 photos, 46 categories"
LICENCE = "non-commercial research and education only; by agreement with the authors"
FILES = ("Anno", "Anno_coarse", "Anno_fine", "Eval")
OFFICIAL_COUNTS = {"coarse": 289_222, "fine": 20_000}
ANNOTATIONS = {"coarse": ("Anno_coarse", "Anno"), "fine": ("Anno_fine",)}
SPLITS = {"train": "train", "val": "validation", "test": "test"}  # theirs: ours
CATEGORY_TYPES = {1: "upper", 2: "lower", 3: "full"}
LANDMARKS = (
    "left collar", "right collar", "left sleeve", "right sleeve", "left waistline",
    "right waistline", "left hem", "right hem",
)  # fmt: skip
# Which of the eight each clothes type has, in the order in which list_landmarks.txt gives them.
_LANDMARKS_OF = {1: (0, 1, 2, 3, 6, 7), 2: (4, 5, 6, 7), 3: tuple(range(8))}

# The ten classes of the categories paper (Tzikas et al., section 4.2), in its order.
CATEGORIES = (
    "coat and jacket", "dress", "top", "shorts", "trousers", "skirt", "leggings and jeggings",
    "outfit", "special occasion", "suits",
)  # fmt: skip
# The paper names its classes and says that each has 5,000 photos, not which of DeepFashion's
# categories make a class. What follows is this kit's decision; the numbers are photos, as counted
# in https://github.com/movingHera/clothes-classification-1. A class must mean the same garment here
# and in iMaterialist (`fashion_tf.datasets.imaterialist.CATEGORY_OF`), because the paper carries a
# network over from one to the other.
CATEGORY_OF = {
    # Worn over other clothes and closed at the front: 13,829.
    "Anorak": "coat and jacket", "Bomber": "coat and jacket", "Coat": "coat and jacket",
    "Jacket": "coat and jacket", "Parka": "coat and jacket", "Peacoat": "coat and jacket",
    # 72,083. The four categories merged into Dress are named for copies that part them again.
    "Dress": "dress", "Cape": None, "Nightdress": "dress", "Shirtdress": "dress",
    "Sundress": "dress",
    # Whatever covers the upper body and is no coat: 119,714. Cardigan (13,311) stands here with the
    # other knitwear; a poncho has no sleeves and no front and is neither.
    "Blouse": "top", "Button-Down": "top", "Cardigan": "top", "Flannel": "top", "Halter": "top",
    "Henley": "top", "Hoodie": "top", "Jersey": "top", "Sweater": "top", "Tank": "top",
    "Tee": "top", "Top": "top", "Turtleneck": "top", "Poncho": None,
    # 22,827. Trunks are swimming shorts, but look like shorts.
    "Cutoffs": "shorts", "Shorts": "shorts", "Sweatshorts": "shorts", "Trunks": "shorts",
    # 15,724. Jodhpurs are riding breeches: trousers, though tight below the knee.
    "Capris": "trousers", "Chinos": "trousers", "Culottes": "trousers", "Gauchos": "trousers",
    "Jeans": "trousers", "Jodhpurs": "trousers", "Joggers": "trousers", "Sweatpants": "trousers",
    # 14,805. A sarong is a wrapped skirt.
    "Sarong": "skirt", "Skirt": "skirt",
    # 5,607: only these two, as the class's name says.
    "Jeggings": "leggings and jeggings", "Leggings": "leggings and jeggings",
    # A whole outfit in one piece that is no dress: 13,631. (Photos of two-piece outfits carry the
    # category of one of the pieces and cannot be found by it.)
    "Jumpsuit": "outfit", "Onesie": "outfit", "Romper": "outfit",
    # 2,474, which is too few; OCCASION_WORDS below adds dresses.
    "Caftan": "special occasion", "Kaftan": "special occasion", "Kimono": "special occasion",
    # 7,495: the only tailored category. The paper finds "Outfit and Suits" taken for "Coat and
    # Dress respectively"; for its resemblance to hold, a suit is what is taken for a coat, and a
    # one-piece outfit for a dress: we read the pairs crosswise.
    "Blazer": "suits",
    # Worn at home or at the beach, in none of the ten: 167.
    "Coverup": None, "Robe": None,
}  # fmt: skip
# DeepFashion has no category for evening wear, but its folders bear the shops' titles of the items:
# a dress whose title has one of these words is for a special occasion. How many dresses they find
# in the real files could not be counted here; `ten_categories` notes it when the class falls short.
OCCASION_WORDS = frozenset((
    "beaded", "bridal", "bridesmaid", "ceremony", "cocktail", "embellished", "evening", "formal",
    "gala", "gown", "metallic", "party", "prom", "rhinestone", "satin", "sequin", "sequined",
    "tulle", "wedding",
))  # fmt: skip


def read(folder, annotations=None):
    """Reads categories, boxes and official splits.

    Args:
        folder: Holds the annotation folder(s), ``Eval`` and the photos.
        annotations: ``"coarse"`` (all photos), ``"fine"`` (the 20,000), or None for the coarse
            ones where they are there and the fine ones otherwise.

    Returns:
        A `Dataset` with one row per photo and the categories in the official order as classes.
        ``group`` is the item's folder: several photos of one item. The official splits part such
        groups. ``box`` is the garment's. Other columns: ``image_name`` (as the lists have it) and
        ``category_type`` ("upper", "lower" or "full"). See `read_attributes`, `read_landmarks`.

    Raises:
        DataError: A folder or list is absent, not UTF-8, or malformed; its first line disagrees
            with its rows; lists disagree with each other; a category or split is unknown; a photo
            stands twice; or more than 5 % of the photos are absent. Names the file and line.
    """
    folder = Path(folder)
    kind, source = _annotation_folder(folder, annotations)
    names, types = _read_categories(source / "list_category_cloth.txt")
    if kind == "coarse":
        listing = source / "list_category_img.txt"
        rows = _read_coarse(folder, source, len(names))
    else:
        listing = source
        rows = _read_fine(source, len(names))
    codes = rows["category"].to_numpy() - 1
    images = _image_folder(folder)
    # Plain concatenation: a third of the time of 289,222 Path objects.
    prefix = f"{images}/"
    table = pd.DataFrame({
        "image": text_column(prefix + name for name in rows["image_name"]),
        "label": pd.Categorical.from_codes(codes, categories=names),
        "split": rows["split"].to_numpy(),
        "group": text_column(name.rpartition("/")[0] for name in rows["image_name"]),
        "box": list(zip(*(rows[side].tolist() for side in ("x1", "y1", "x2", "y2")))),
        "image_name": rows["image_name"].to_numpy(),
        "category_type": pd.Categorical(np.asarray(types)[codes], tuple(CATEGORY_TYPES.values())),
    })
    notes = []
    empty = ((rows["x2"] <= rows["x1"]) | (rows["y2"] <= rows["y1"])).to_numpy()
    if empty.any():
        notes.append(f"{empty.sum():,} photos have an empty box and are left out, the first being "
                     f"{rows['image_name'][int(np.argmax(empty))]}.")
        table = table[~empty].reset_index(drop=True)
    table, absent = drop_absent(table, listing, folder)
    if len(rows) != OFFICIAL_COUNTS[kind]:
        notes.append(f"{len(rows):,} photos listed, not the official {OFFICIAL_COUNTS[kind]:,}: "
                     "this is a part or a sample of DeepFashion.")
    if kind == "fine" and annotations is None:
        notes.append("Only the fine annotations are there: 20,000 photos of the 289,222.")
    return Dataset(NAME, table, names, (*notes, *absent))


def _annotation_folder(folder, annotations=None):
    """(kind, folder) of the annotations to read."""
    if annotations not in (None, *ANNOTATIONS):
        raise DataError(f"DeepFashion has annotations {' and '.join(ANNOTATIONS)}, not "
                        f"{annotations!r}.")
    for kind in ANNOTATIONS if annotations is None else (annotations,):
        for name in ANNOTATIONS[kind]:
            if (folder / name).is_dir():
                return kind, folder / name
    wanted = [name for kind, names in ANNOTATIONS.items() if annotations in (None, kind)
              for name in names]
    raise DataError(f"{folder}: holds no folder {' or '.join(wanted)} with the annotation lists.")


def _image_folder(folder):
    """The folder in which the lists' names (img/...) are found."""
    # Img/img first: where a file system takes img for Img, folder / "img" would be found too.
    for root in (folder / "Img", folder):
        if (root / "img").is_dir():
            return root
    raise DataError(f"{folder}: holds neither img nor Img/img with the photos. Unpack img.zip "
                    "there.")


def _split_list(path):
    """(rows announced, text of the rows) of a ``list_`` file."""
    text = read_text(path).rstrip()
    first, _, rest = text.partition("\n")
    _, _, body = rest.partition("\n")
    if not is_whole_number(first.strip()):
        raise DataError(f"{path}, line 1: {first[:40]!r}; the number of rows belongs there.")
    return int(first), body


def _parse(path, text, columns, first_line):
    """Text of a name and whole numbers, parted by spaces, to a table.

    The text goes through pandas at once. Only if that finds something odd is it looked at line by
    line, to name the line.

    Args:
        path: For the message.
        text: The rows.
        columns: Column name to type, `str` or `int`.
        first_line: The line of the file in which the text begins.
    """
    try:
        # One column more than there should be: it stays empty unless a line is too long.
        table = pd.read_csv(
            io.StringIO(text), sep=r"\s+", header=None, names=[*columns, "excess"],
            index_col=False, quoting=3, skip_blank_lines=False, keep_default_na=False,
            na_values=[""], dtype={name: str for name, kind in columns.items() if kind is str},
        )  # fmt: skip
        sound = table["excess"].isna().all() and all(
            table[name].dtype.kind == "i" if kind is int else table[name].notna().all()
            for name, kind in columns.items())
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError):
        sound = False
    if sound:
        return table.drop(columns="excess")
    for number, line in enumerate(text.split("\n"), start=first_line):
        fields = line.split()
        if len(fields) != len(columns):
            raise DataError(f"{path}, line {number}: {len(fields)} fields where "
                            f"{len(columns)} belong ({', '.join(columns)}): {line[:80]!r}.")
        for (name, kind), field in zip(columns.items(), fields):
            if kind is int and not is_whole_number(field.removeprefix("-")):
                raise DataError(f"{path}, line {number}: {name} is {field[:40]!r}, no whole number of at most 18 "
                                "digits.")
    raise DataError(f"{path}: cannot be read as columns {', '.join(columns)}.")


def _read_list(path, columns):
    """A ``list_`` file as a table; row r stands in line r + 3."""
    count, text = _split_list(path)
    table = _parse(path, text, columns, first_line=3) if text else pd.DataFrame(columns=columns)
    if len(table) != count:
        raise DataError(f"{path}, line 1: announces {count:,} rows, and {len(table):,} follow. "
                        "Is the file cut off, or was it edited?")
    return table


def _read_names(path, what):
    """Names with a type each: in these two short files a name may contain spaces.

    Returns:
        (names, types as numbers)
    """
    count, text = _split_list(path)
    rows = [line.rsplit(None, 1) for line in text.split("\n")] if text else []
    for number, row in enumerate(rows, start=3):
        if len(row) != 2 or not is_whole_number(row[1]):
            raise DataError(f"{path}, line {number}: {' '.join(row)[:80]!r}; a name and a type's number "
                            "belong there.")
    names = tuple(name.strip() for name, _ in rows)
    if len(rows) != count:
        raise DataError(f"{path}, line 1: announces {count} {what}, and {len(rows)} follow.")
    if repeated := [name for row, name in enumerate(names) if name in names[:row]]:
        raise DataError(f"{path}, line {len(names) + 2 - names[::-1].index(repeated[0])}: "
                        f"{repeated[0]!r} stands twice.")
    return names, [int(kind) for _, kind in rows]


def _read_categories(path):
    names, types = _read_names(path, "categories")
    for number, kind in enumerate(types, start=3):
        if kind not in CATEGORY_TYPES:
            raise DataError(f"{path}, line {number}: category type {kind}; types are 1 (upper), "
                            "2 (lower) and 3 (full body).")
    return names, [CATEGORY_TYPES[kind] for kind in types]


def _check(path, values, valid, what, first_line):
    """Raises DataError at the first value that is not valid."""
    if not valid.all():
        row = int(np.argmin(valid))
        raise DataError(f"{path}, line {row + first_line}: {what} {values.tolist()[row]!r}.")


def _check_unique(path, names, first_line):
    _check(path, names, ~np.fromiter(map(leads_out, names), bool, len(names)),
           "a photo's path below the dataset's folder belongs here, not", first_line)
    repeated = names.duplicated().to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        first = int(np.argmax((names == names[row]).to_numpy()))
        raise DataError(f"{path}, line {row + first_line}: {names[row]} stands already in line "
                        f"{first + first_line}.")


BOX = {"x1": int, "y1": int, "x2": int, "y2": int}


def _read_coarse(folder, source, categories):
    path = source / "list_category_img.txt"
    rows = _read_list(path, {"image_name": str, "category": int})
    _check_unique(path, rows["image_name"], 3)
    _check_categories(path, rows["category"], categories, 3)
    boxes = _read_list(source / "list_bbox.txt", {"image_name": str, **BOX})
    partition = folder / "Eval" / "list_eval_partition.txt"
    splits = _read_list(partition, {"image_name": str, "split": str})
    _check(partition, splits["split"], splits["split"].isin(SPLITS).to_numpy(),
           f"a photo is in {', '.join(SPLITS)}, not in", 3)
    rows[list(BOX)] = _aligned(boxes, source / "list_bbox.txt", rows, path)
    rows["split"] = _aligned(splits, partition, rows, path)["split"].map(SPLITS)
    return rows


def _check_categories(path, values, categories, first_line):
    _check(path, values, values.between(1, categories).to_numpy(),
           f"categories are 1 to {categories}, not", first_line)


def _aligned(table, path, rows, listing):
    """The table's other columns, in the order of `rows` (quick where that is their order, too)."""
    values = table.drop(columns="image_name")
    if len(table) == len(rows) and (table["image_name"] == rows["image_name"]).all():
        return values
    _check_unique(path, table["image_name"], 3)
    index = pd.Index(table["image_name"]).get_indexer(rows["image_name"])
    if (index < 0).any():
        row = int(np.argmax(index < 0))
        raise DataError(f"{path}: lacks {rows['image_name'][row]}, which stands in {listing.name}, "
                        f"line {row + 3}.")
    if len(table) != len(rows):
        extra = table["image_name"][~table["image_name"].isin(rows["image_name"])].iloc[0]
        raise DataError(f"{path}: lists {extra}, which {listing.name} does not.")
    return values.iloc[index].reset_index(drop=True)


def _read_fine(source, categories):
    parts = []
    for theirs, ours in SPLITS.items():
        path = source / f"{theirs}.txt"
        part = _parse(path, read_text(path).rstrip(), {"image_name": str}, 1)
        for ending, columns in (("cate", {"category": int}), ("bbox", BOX)):
            other = source / f"{theirs}_{ending}.txt"
            values = _parse(other, read_text(other).rstrip(), columns, 1)
            if len(values) != len(part):
                raise DataError(f"{other}: {len(values):,} rows for the {len(part):,} photos of "
                                f"{path.name}; the two must match line by line.")
            part[list(columns)] = values
        _check_unique(path, part["image_name"], 1)
        _check_categories(source / f"{theirs}_cate.txt", part["category"], categories, 1)
        parts.append(part.assign(split=ours))
    rows = pd.concat(parts, ignore_index=True)
    repeated = rows["image_name"].duplicated()
    if repeated.any():
        row = rows.loc[repeated.idxmax()]
        raise DataError(f"{source}: {row['image_name']} stands in the lists of two splits, one of "
                        f"them {row['split']}.")
    return rows


def read_attributes(folder, dataset, annotations=None):
    """Reads the attributes of a dataset's photos.

    list_attr_img.txt has 870 MB: it is read as a stream, and only the rows asked for are kept.

    Args:
        folder: As for `read`.
        dataset: What `read` returned, or a part of it.
        annotations: As for `read`; the same.

    Returns:
        A pandas table of int8, one row per row of `dataset`, one column per attribute (1,000
        coarse, 26 fine): 1 yes, -1 no, 0 unknown.

    Raises:
        DataError: A file is absent or malformed, or lacks a photo. Names the line.
    """
    kind, source = _annotation_folder(Path(folder), annotations)
    names, _ = _read_names(source / "list_attr_cloth.txt", "attributes")
    path = source / "list_attr_img.txt"
    row_of = {name.encode(): row for row, name in enumerate(dataset.table["image_name"])}
    values = np.zeros((len(row_of), len(names)), dtype=np.int8)
    found = np.zeros(len(row_of), dtype=bool)
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    with open(path, "rb") as stream, warnings.catch_warnings():
        # fromstring warns of a line that is no numbers; the line is too short then and is caught.
        warnings.simplefilter("ignore", DeprecationWarning)
        for number, line in enumerate(stream, start=1):
            name, _, rest = line.partition(b" ")
            row = row_of.get(name) if number > 2 else None
            if row is None:
                continue
            try:  # a tenth of the time of split() and int()
                numbers = np.fromstring(rest, dtype=np.int8, sep=" ")
            except ValueError:
                numbers = np.empty(0)
            if len(numbers) != len(names) or np.abs(numbers).max() > 1:
                raise DataError(f"{path}, line {number}: {len(names)} values of 1, 0 or -1 belong "
                                f"after the name; here are {len(rest.split())}, or others.")
            values[row] = numbers
            found[row] = True
    if not found.all():
        missing = dataset.table["image_name"].iloc[int(np.argmin(found))]
        raise DataError(f"{path}: lacks {missing}.")
    if kind == "fine":  # there 0 is "no"
        values[values == 0] = -1
    return pd.DataFrame(values, columns=names)


def read_landmarks(folder, dataset):
    """Reads the landmarks of a dataset's photos from the coarse annotations.

    Args:
        folder: As for `read`.
        dataset: What `read` returned, or a part of it.

    Returns:
        float32 of shape (rows, 8, 3): for each of `LANDMARKS` the official visibility (0 visible,
        1 occluded, 2 cut off), x and y in pixels; NaN for landmarks that the clothes type does not
        have (an upper-body garment has six, a lower-body one four).

    Raises:
        DataError: The list is absent or malformed, or lacks a photo. Names the line.
    """
    _, source = _annotation_folder(Path(folder), "coarse")
    path = source / "list_landmarks.txt"
    count, text = _split_list(path)
    points = [f"{axis}{point}" for point in range(8) for axis in "vxy"]
    columns = ["image_name", "clothes_type", "variation_type", *points]
    try:
        table = pd.read_csv(io.StringIO(text), sep=r"\s+", header=None, names=columns,
                            index_col=False, quoting=3, skip_blank_lines=False,
                            dtype=dict.fromkeys(columns[1:], np.float32))
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise DataError(f"{path}: not a list of landmarks ({error}).") from None
    if len(table) != count:
        raise DataError(f"{path}, line 1: announces {count:,} rows, and {len(table):,} follow.")
    given = table[points].to_numpy().reshape(-1, 8, 3)
    kinds = table["clothes_type"].to_numpy()
    landmarks = np.full_like(given, np.nan)
    valid = np.zeros(len(table), dtype=bool)
    for kind, places in _LANDMARKS_OF.items():
        rows = kinds == kind
        landmarks[np.ix_(rows, places)] = given[rows, :len(places)]
        valid |= rows & (np.isfinite(given).all(axis=2).sum(axis=1) == len(places))
    _check(path, table["image_name"], valid, "the clothes type, 1, 2 or 3, and 6, 4 or 8 landmarks "
           "of three numbers belong after", 3)
    _check_unique(path, table["image_name"], 3)
    index = pd.Index(table["image_name"]).get_indexer(dataset.table["image_name"])
    if (index < 0).any():
        missing = dataset.table["image_name"].iloc[int(np.argmax(index < 0))]
        raise DataError(f"{path}: lacks {missing}.")
    return landmarks[index]


def ten_categories(dataset, per_class=5_000, seed=0, by_group=False, mapping=CATEGORY_OF,
                   occasion_words=OCCASION_WORDS):
    """The categories paper's part of DeepFashion: ten classes, balanced, split 0.7/0.15/0.15.

    Args:
        dataset: What `read` returned.
        per_class: Photos a class, drawn at random; the paper takes 5,000. A class with fewer keeps
            what it has, and a note says so.
        seed: Which photos are drawn and which split they go to.
        by_group: Keep the photos of one item in one split. The paper does not say that it did.
        mapping: DeepFashion category to one of `CATEGORIES`, or None to leave it out.
        occasion_words: A photo of class "dress" whose item's name has one of these words counts as
            "special occasion".

    Returns:
        A `Dataset` with the classes `CATEGORIES`; ``category`` is the official label.

    Raises:
        DataError: A category has no entry in the mapping.
    """
    if missing := [name for name in dataset.classes if name not in mapping]:
        raise DataError(f"{dataset.name}: the mapping to ten classes lacks {missing[0]!r}.")
    labels = dataset.table["label"].map(mapping).astype(object)
    worded = {group for group in dataset.table["group"].unique()
              if not occasion_words.isdisjoint(_words(group))}
    festive = (labels == "dress") & dataset.table["group"].isin(worded)
    labels[festive] = "special occasion"
    table = dataset.table.assign(category=dataset.table["label"])
    chosen = relabel(replace(dataset, table=table), labels, CATEGORIES)
    return split_at_random(balance(chosen, per_class, seed), seed, by_group)


def _words(group):
    return group.rpartition("/")[2].lower().replace("-", "_").split("_")


# The sample: per class of the categories paper, items with one to three photos each.
SAMPLE_ITEMS = 48
SAMPLE_SIZE = 160
# What the wardrobe draws for a DeepFashion category; the others have no photos in the sample.
_SAMPLE_ARTICLES = {
    "Anorak": "anorak", "Blazer": "suits", "Blouse": "blouse", "Bomber": "bomber",
    "Button-Down": "shirt", "Cardigan": "cardigan", "Flannel": "flannel shirt",
    "Halter": "halter top", "Henley": "henley", "Hoodie": "hoodie", "Jacket": "jacket",
    "Jersey": "jersey", "Parka": "parka", "Peacoat": "peacoat", "Sweater": "sweater",
    "Tank": "tank top", "Tee": "t-shirt", "Top": "top", "Turtleneck": "turtleneck",
    "Capris": "capris", "Chinos": "chinos", "Culottes": "culottes", "Jeans": "jeans",
    "Jeggings": "jeggings", "Joggers": "joggers", "Leggings": "leggings", "Shorts": "shorts",
    "Skirt": "skirt", "Sweatpants": "sweatpants", "Sweatshorts": "sweatshorts",
    "Caftan": "caftan", "Coat": "coat", "Dress": "dress", "Jumpsuit": "jumpsuit",
    "Kimono": "kimono", "Romper": "romper", "Onesie": "dungarees",
}  # fmt: skip
# The official list, in its order, with each category's type.
_OFFICIAL_CATEGORIES = {
    1: ("Anorak", "Blazer", "Blouse", "Bomber", "Button-Down", "Cardigan", "Flannel", "Halter", "Henley",
        "Hoodie", "Jacket", "Jersey", "Parka", "Peacoat", "Poncho", "Sweater", "Tank", "Tee", "Top",
        "Turtleneck"),
    2: ("Capris", "Chinos", "Culottes", "Cutoffs", "Gauchos", "Jeans", "Jeggings", "Jodhpurs", "Joggers",
        "Leggings", "Sarong", "Shorts", "Skirt", "Sweatpants", "Sweatshorts", "Trunks"),
    3: ("Caftan", "Cape", "Coat", "Coverup", "Dress", "Jumpsuit", "Kaftan", "Kimono", "Nightdress",
        "Onesie", "Robe", "Romper", "Shirtdress", "Sundress"),
}  # fmt: skip


def write_sample(folder, seed=0):
    """Draws items of the ten classes in one to three photos each, in the official coarse layout.

    Further photos of an item are closer views of the first, so that a split at random puts
    near-duplicates on both sides, as in the real files. Written are categories, boxes, attributes (the
    wardrobe's patterns) and the official partition; landmarks are not. The same seed gives the same
    bytes.
    """
    from fashion_tf.wardrobe import PATTERNS

    folder = Path(folder)
    generator = np.random.Generator(np.random.PCG64(seed))
    numbers = {name: number for number, name in enumerate(
        (name for names in _OFFICIAL_CATEGORIES.values() for name in names), start=1)}
    by_class = {name: [category for category, target in CATEGORY_OF.items()
                       if target == name and category in _SAMPLE_ARTICLES] for name in CATEGORIES}
    categories, boxes, splits, attributes = [], [], [], []
    for item in range(SAMPLE_ITEMS * len(CATEGORIES)):
        name = CATEGORIES[item % len(CATEGORIES)]
        category = by_class[name][generator.integers(len(by_class[name]))]
        article, title = _SAMPLE_ARTICLES[category], category
        if name == "special occasion" and generator.random() < 0.7:
            category, article, title = "Dress", ("gown", "cocktail dress")[item // 10 % 2], "Evening_Dress"
        drawing = _draw_item(article, generator)
        split = ("train", "train", "train", "val", "test")[generator.integers(5)]
        for photo in range(1, int(generator.integers(1, 4)) + 1):
            path = f"img/{title}_{item + 1:05d}/img_{photo:08d}.jpg"
            picture, box = _photo_of(drawing, generator, closer=photo > 1)
            write_picture(folder / path, picture)
            categories.append(f"{path}    {numbers[category]}")
            boxes.append(f"{path}    {' '.join(f'{side:03d}' for side in box)}")
            splits.append(f"{path}    {split}")
            pattern = drawing.garments[0].pattern
            attributes.append(f"{path}    {' '.join('1' if one == pattern else '-1' for one in PATTERNS)}")
    for place, header, rows in (
            ("Anno/list_category_cloth.txt", "category_name  category_type",
             [f"{name}    {kind}" for kind, names in _OFFICIAL_CATEGORIES.items() for name in names]),
            ("Anno/list_category_img.txt", "image_name  category_label", categories),
            ("Anno/list_bbox.txt", "image_name  x_1  y_1  x_2  y_2", boxes),
            ("Anno/list_attr_cloth.txt", "attribute_name  attribute_type",
             [f"{pattern}    1" for pattern in PATTERNS]),
            ("Anno/list_attr_img.txt", "image_name  attribute_labels", attributes),
            ("Eval/list_eval_partition.txt", "image_name  evaluation_status", splits)):
        write_text(folder / place, "\n".join([str(len(rows)), header, *rows]) + "\n")


def _draw_item(article, generator):
    from fashion_tf.wardrobe import draw_garment

    return draw_garment(article, generator, SAMPLE_SIZE)


def _photo_of(drawing, generator, closer):
    """A photo of a drawn item and the garment's box in it."""
    size = SAMPLE_SIZE
    side = int(size * generator.uniform(0.82, 0.95)) if closer else size
    x, y = generator.integers(0, size - side + 1, 2)
    x1, y1, x2, y2 = drawing.garments[0].box
    box = [int(np.clip(value - start, 0, side)) for value, start in
           ((x1, x), (y1, y), (x2, x), (y2, y))]
    return drawing.image[y:y + side, x:x + side], box
