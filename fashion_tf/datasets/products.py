"""Fashion Product Images (Kaggle, Param Aggarwal): 44,446 catalogue products with their fields.

Layout, of the full and of the small edition alike: ``styles.csv`` and ``images/<id>.jpg``
(https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-dataset and ...-small).

``styles.csv`` is not quoted, and in 22 rows the last field, the product's name, contains commas
("Expected 10 fields in line 6044, saw 11"). As only that field is free text, a line is parted at
its first nine commas and nothing is lost. Checked here against a styles.csv of 39,663 rows without
names and 4,800 pictures; the rows with commas are known from the published error messages alone.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets.files import (
    drop_absent,
    is_whole_number,
    read_lines,
    require_folder,
    text_column,
    write_picture,
    write_text,
)
from fashion_tf.datasets.subsets import relabel
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

NAME = "fashion-product-images"
TITLE = "Fashion Product Images: 44,446 catalogue products, 7 master categories"
LICENCE = "MIT (as listed on Kaggle)"
CLASSES = (
    "Apparel", "Accessories", "Footwear", "Personal Care", "Free Items", "Sporting Goods", "Home",
)  # fmt: skip
FILES = ("styles.csv",)
COLUMNS = (
    "id", "gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "year",
    "usage",
)  # fmt: skip
PRODUCT_NAME = "productDisplayName"
# The three that the products paper classifies ("Encode labels for selected categories (Apparel,
# Footwear, Accessories)"); the others have few rows.
GIVEN = ("image", "label", "split", "group")  # columns that `read` makes; a file's own would be lost
PAPER_CLASSES = ("Apparel", "Footwear", "Accessories")
SAMPLE_PRODUCTS, SAMPLE_ABSENT = 600, 30  # with a picture, and listed without one
# As in the full data, where always answering "Apparel" scores 51 % on the paper's three.
SAMPLE_SHARES = {"Apparel": 0.51, "Accessories": 0.27, "Footwear": 0.22}
SAMPLE_SIZE = (128, 96)  # height, width: upright 4 : 3, as the shop's photographs are


def read(folder):
    """Reads ``styles.csv``, with or without its name column, and the list of pictures.

    Rows whose picture is absent are left out and counted in the notes, however many: copies of
    this dataset that hold a part of the pictures beside the whole list are common. It is an error
    only when not one listed picture is there.

    ``label`` is the master category. ``group`` keeps variants of one product together: it is the
    product's name in lower case without the words that name colours ("Puma Men Black T-shirt" and
    "Puma Men Navy Blue T-shirt" are one group). Without names every product is its own group, and
    a note says so.

    Returns:
        A `Dataset` without splits. The other columns are those of ``styles.csv``: texts, missing
        where the field is empty or "NA"; ``id`` and ``year`` are whole numbers.

    Raises:
        DataError: A file or folder is absent, ``styles.csv`` is not UTF-8, lacks a column, or has
            a malformed line, an unknown category or an id twice. Names the line.
    """
    folder = Path(folder)
    source = folder / "styles.csv"
    fields = _read_styles(source)
    require_folder(folder / "images", "the pictures, <id>.jpg")
    fields.insert(0, "image", text_column(str(folder / "images" / f"{number}.jpg") for number in fields["id"]))
    fields["label"] = pd.Categorical(fields.pop("masterCategory"), categories=CLASSES)
    fields["split"] = ""
    table, notes = drop_absent(fields, source, folder, allowed=1.0)
    if PRODUCT_NAME in table:
        table["group"] = _groups(table)
    else:
        table["group"] = "id " + table["id"].astype(str)
        notes += (f"{source.name} has no column {PRODUCT_NAME}: colour variants of one product "
                  "cannot be told, and every product is its own group.",)
    return Dataset(NAME, table, CLASSES, notes)


def _read_styles(source):
    """``styles.csv`` as a table of texts, missing where empty."""
    lines = read_lines(source)
    columns = lines[0].split(",") if lines else []
    if missing := [column for column in COLUMNS if column not in columns]:
        raise DataError(f"{source}, line 1: lacks the column(s) {', '.join(missing)}.")
    if PRODUCT_NAME in columns[:-1]:
        raise DataError(f"{source}, line 1: {PRODUCT_NAME} must be the last column: its commas are "
                        "not quoted, and only there can they be told from separators.")
    if taken := [column for column in columns if column in GIVEN or columns.count(column) > 1]:
        raise DataError(f"{source}, line 1: the column {taken[0]!r} stands there twice, or is one that is made here; "
                        "give it another name, or remove it.")
    # Commas beyond the last separator belong to the name. Without a name there can be none.
    separators = len(columns) - 1 if columns[-1] == PRODUCT_NAME else -1
    id_column, category_column = columns.index("id"), columns.index("masterCategory")
    year_column = columns.index("year")
    rows, first_line = [], {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        row = line.split(",", separators)
        if len(row) != len(columns):
            raise DataError(f"{source}, line {number}: {len(row)} fields where the header has "
                            f"{len(columns)}: {line[:80]!r}.")
        identity = row[id_column]
        if not is_whole_number(identity):
            raise DataError(f"{source}, line {number}: the id {identity[:40]!r} is no whole number of at most 18 "
                            "digits.")
        before = first_line.setdefault(int(identity), number)  # 01 is 1, and both mean 1.jpg
        if before != number:
            raise DataError(f"{source}, line {number}: the id {identity} stands already at line {before}.")
        if row[category_column] not in CLASSES:
            raise DataError(f"{source}, line {number}: unknown masterCategory "
                            f"{row[category_column]!r}; known are {', '.join(CLASSES)}.")
        if not re.fullmatch(r"(\d{4}(\.0)?|NA)?", row[year_column]):
            raise DataError(f"{source}, line {number}: {row[year_column]!r} is no year.")
        rows.append(row)
    if not rows:
        raise DataError(f"{source}: holds no products.")
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    if columns[-1] == PRODUCT_NAME:  # a tool that rewrote the file may have quoted the names
        table[PRODUCT_NAME] = [name[1:-1].replace('""', '"') if re.fullmatch('".*"', name) else name
                               for name in table[PRODUCT_NAME]]
    table = table.where(~table.isin(["", "NA"]), None)
    table["id"] = table["id"].astype(np.int64)
    table["year"] = table["year"].astype(float).astype("Int64")  # written as 2011 or as 2011.0
    return table


def _words(text):
    return re.findall(r"\w+", text.lower())


def _groups(table):
    """Each row's product name without its colours; the id where no name is left."""
    colours = {word for colour in table["baseColour"].dropna().unique() for word in _words(colour)}
    stems = [" ".join(word for word in _words(name) if word not in colours)
             for name in table[PRODUCT_NAME].fillna("")]
    return [stem or f"id {identity}" for stem, identity in zip(stems, table["id"])]


def paper_categories(dataset):
    """The products paper's three classes: Apparel, Footwear and Accessories, in its order.

    Rows of the other four master categories are left out, and a note counts them.

    Returns:
        A `Dataset`.

    Raises:
        DataError: No row is of the three.
    """
    labels = [label if label in PAPER_CLASSES else None for label in dataset.table["label"]]
    return relabel(dataset, labels, PAPER_CLASSES)


_BRANDS = ("Alder", "Birch", "Cedar", "Fern", "Harbour", "Juniper", "Meadow", "Northway", "Orchard",
           "Pebble", "Quarry", "Rowan")  # fmt: skip
_LINES = ("Basic", "Classic", "Coastal", "Daily", "Easy", "Essential", "Heritage", "Modern", "Prime",
          "Studio", "Summit", "Urban", "Weekend")  # fmt: skip
_WOMEN = ("Bracelet", "Capris", "Clutches", "Dresses", "Earrings", "Flats", "Handbags",
          "Heels", "Jumpsuit", "Leggings", "Necklace and Chains", "Skirts", "Tops", "Tunics")


def write_sample(folder, seed=0):
    """Draws products and writes ``styles.csv``, unquoted commas included, and their pictures.

    One to three products in a row are one design in other colours, drawn alike but for the colour.
    A few products are listed without a picture, and a few fields are empty or "NA", as in life. The
    same seed gives the same bytes.
    """
    from fashion_tf.wardrobe import COLOURS, PRODUCT_ARTICLES, draw_product

    generator, forgetful = (np.random.Generator(np.random.PCG64([seed, stream])) for stream in (0, 1))
    by_category = {category: [name for name, entry in PRODUCT_ARTICLES.items()
                              if entry[0] == category] for category in SAMPLE_SHARES}
    colours = list(COLOURS)

    def one_of(options):
        return options[generator.integers(len(options))]

    lines, pictures = [], 0
    identities = iter(1_163 + np.cumsum(generator.integers(1, 90, SAMPLE_PRODUCTS
                                                           + SAMPLE_ABSENT + 3)))
    while len(lines) < SAMPLE_PRODUCTS + SAMPLE_ABSENT:
        category = generator.choice(list(SAMPLE_SHARES), p=list(SAMPLE_SHARES.values()))
        article = one_of(by_category[category])
        gender = "Women" if article in _WOMEN else one_of(("Men", "Men", "Women", "Unisex"))
        usage = one_of(("Casual", "Casual", "Casual", "Sports", "Formal"))
        season, year = one_of(("Summer", "Fall", "Winter", "Spring")), generator.integers(2010, 2018)
        brand, line, design = one_of(_BRANDS), one_of(_LINES), int(generator.integers(2**32))
        for colour in generator.permutation(colours)[:generator.integers(1, 4)]:
            shown = colour.title()
            name = f"{brand} {gender} {line} {shown} {article}"
            if generator.random() < 0.04:
                name += ", Pack of 2, Gift Box"
            identity = next(identities)
            entered_season = "NA" if forgetful.random() < 0.005 else season
            # Whoever enters an accessory forgets its use more often.
            forgotten = forgetful.random() < (0.06 if category == "Accessories" else 0.01)
            lines.append(f"{identity},{gender},{category},{PRODUCT_ARTICLES[article][1]},{article},"
                         f"{shown},{entered_season},{year},{'' if forgotten else usage},{name}")
            if pictures < SAMPLE_PRODUCTS:
                same = np.random.Generator(np.random.PCG64(design))
                drawing = draw_product(article, same, SAMPLE_SIZE, colour=str(colour))
                write_picture(Path(folder) / "images" / f"{identity}.jpg", drawing.image)
                pictures += 1
    header = ",".join((*COLUMNS, PRODUCT_NAME))
    order = generator.permutation(len(lines))  # the real file's rows are in no order either
    write_text(Path(folder) / "styles.csv",
               "\n".join([header, *(lines[row] for row in order)]) + "\n")
