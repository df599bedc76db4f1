"""iMaterialist Fashion 2018 (Guo et al., 2019): shop photos with any of 228 labels in 8 groups.

Files (source: https://github.com/visipedia/imat_fashion_comp): ``train.json`` (1,012,947 photos),
``val.json`` (9,897; ``validation.json`` on Kaggle), ``test.json`` (39,706, without labels) and
``iMat_fashion_2018_label_map_228.csv``. The photos themselves are not part of it, only their
addresses, many of which may be dead. `fashion-tf data fetch imaterialist` takes those that the lessons
want (`wanted_photos`). They are ``train/<id>.jpg`` and so on, one folder a split because every split
counts its photos from 1.

    {"images": [{"image_id": 1, "url": ["https://..."]}, ...],
     "annotations": [{"image_id": 1, "label_id": [95, 66]}, ...]}

Kaggle's own files write ``imageId`` and ``labelId``, numbers as texts and one address instead of a
list. Both are read, key by key.

The label map was checked against the repository's. The JSON files, which need a Kaggle account that
has accepted the competition's rules, were not; the second spelling is known from code that reads it
(a public loader quotes {"labelId": ["95","66",...], "imageId": "1"}). The editions of 2019 and 2020
are other datasets.
"""

import csv
import json
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets.deepfashion import CATEGORIES
from fashion_tf.datasets.files import (
    MAXIMUM_DIGITS,
    drop_absent,
    is_whole_number,
    read_json,
    read_lines,
    text_column,
    write_picture,
    write_text,
)
from fashion_tf.datasets.photos import Photo
from fashion_tf.datasets.subsets import balance, relabel, split_at_random
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

NAME = "imaterialist"
TITLE = "iMaterialist Fashion 2018: 1,062,550 shop photos (addresses), 228 labels"
LICENCE = "Kaggle competition rules; the photos belong to Wish and its merchants"
PAGE = "https://www.kaggle.com/c/imaterialist-challenge-fashion-2018"
LABEL_MAP = "iMat_fashion_2018_label_map_228.csv"
FILES = (LABEL_MAP,)
SPLIT_FILES = {  # split -> names its file has
    "train": ("train.json",),
    "validation": ("validation.json", "val.json"),
    "test": ("test.json",),
}
OFFICIAL_COUNTS = {"train": 1_012_947, "validation": 9_897, "test": 39_706}
ID_KEYS, LABEL_KEYS = ("image_id", "imageId"), ("label_id", "labelId")
COLUMNS = ["labelId", "taskId", "labelName", "taskName"]

# The 105 labels of the group "category" to the ten classes of the categories paper, which does not
# say how it did this. A class must hold the same garments as in DeepFashion
# (`fashion_tf.datasets.deepfashion.CATEGORY_OF`); decisions of that table are not repeated.
IGNORED = ""  # worn along, or says for whom: neither makes a class nor forbids one
CATEGORY_OF = {
    "Bubble Coats": "coat and jacket", "Jackets": "coat and jacket", "Peacoats": "coat and jacket",
    "Raincoats": "coat and jacket", "Trench Coats": "coat and jacket",
    # DeepFashion merged nightdresses into Dress.
    "Casual Dresses": "dress", "Dresses": "dress", "Nightgowns": "dress",
    # Vests are left out: sleeveless jackets to some merchants, undershirts to others.
    "Athletic Shirts": "top", "Batwing Tops": "top", "Blouses": "top", "Cardigans": "top",
    "Casual Shirts": "top", "Crop Tops": "top", "Dress Shirts": "top", "Halter Tops": "top",
    "Hoodies & Sweatshirts": "top", "Jerseys": "top", "Polos": "top", "Pullover Sweaters": "top",
    "Sheer Tops": "top", "T-Shirts": "top", "Tank Tops": "top", "Tube Tops": "top", "Vests": None,
    "Athletic Shorts": "shorts", "Cargo Shorts": "shorts", "Casual Shorts": "shorts",
    "Shorts": "shorts", "Swim Trunks": "shorts",
    "Athletic Pants": "trousers", "Baggy Jeans": "trousers", "Capri Pants": "trousers",
    "Cargo Pants": "trousers", "Casual Pants": "trousers", "Drawstring Pants": "trousers",
    "Harem Pants": "trousers", "Jeans": "trousers", "Skinny Jeans": "trousers",
    "Sweatpants": "trousers", "Trousers": "trousers",
    "Pencil Skirts": "skirt", "Skirts": "skirt", "Tutus": "skirt",
    # There is no label for jeggings; yoga pants are leggings under another name.
    "Leggings": "leggings and jeggings", "Yoga Pants": "leggings and jeggings",
    # Sets are two garments; DeepFashion files such photos under one of them.
    "Jumpsuits Overalls & Rompers": "outfit", "Athletic Sets": None, "Fashion Sets": None,
    "Clubbing Dresses": "special occasion", "Cocktail Dresses": "special occasion",
    "Formal Dresses": "special occasion", "Kimonos": "special occasion",
    "Party Dresses": "special occasion", "Prom Dresses": "special occasion",
    "Wedding Dresses": "special occasion",
    "Suits & Blazers": "suits", "Three Piece Suits": "suits",
    # Other garments: a photo that shows one is not of a single class.
    "Beach & Swim Wear": None, "Bikinis": None, "Binders": None, "Bodysuits": None,
    "Capes & Capelets": None, "Corsets": None, "Costumes & Cosplay": None, "Dance Wear": None,
    "Jilbaab": None, "Lingerie Sleepwear & Underwear": None, "Padded Bras": None, "Pajamas": None,
    "Pasties": None, "Petticoats": None, "Robes": None, "Sports Bras": None,
    "Swimsuit Cover-ups": None, "Swimsuits": None, "Thermal Underwear": None, "Thongs": None,
    "Undershirts": None, "Underwear": None, "Uniforms": None,
    # Shoes and legwear are worn along with the garment that the photo shows.
    "Boots": IGNORED, "Business Shoes": IGNORED, "Casual Shoes": IGNORED, "Cleats": IGNORED,
    "Flats": IGNORED, "Heels": IGNORED, "Hiking Boots": IGNORED,
    "Hosiery, Stockings, Tights": IGNORED, "Loafers & Slip-on Shoes": IGNORED,
    "Rain Boots": IGNORED, "Running Shoes": IGNORED, "Sandals": IGNORED, "Slippers": IGNORED,
    "Sneakers": IGNORED, "Stilettos": IGNORED, "Thigh Highs": IGNORED,
    "Wedges & Platforms": IGNORED, "Winter Boots": IGNORED,
    "Bra Straps": IGNORED, "Shoe Accessories": IGNORED, "Shoe Inserts": IGNORED,
    "Shoelaces": IGNORED, "Custom Made Clothing": IGNORED, "Maternity": IGNORED,
}  # fmt: skip


def read(folder):
    """Reads the splits whose files are there, and keeps the photos that were downloaded.

    Absent photos are left out and counted, however many: nobody has them all. It is an error only
    when not one is there.

    Returns:
        A `Dataset`. Its classes are the labels of the group "category"; ``label`` is a photo's
        only such label, missing where it has none or several. ``labels`` is a tuple of all its
        label numbers (see `read_label_map`), empty in the test split. ``image_id`` and ``url``
        are the file's. Every photo is its own group: which show one product is not told.

    Raises:
        DataError: A file is absent, not UTF-8, or no JSON; a key is absent; a label does not
            exist; a photo or an annotation stands twice; or an annotation's photo is not listed.
            Names the file and the entry.
    """
    folder = Path(folder)
    label_map = read_label_map(folder)
    categories = label_map[label_map["taskName"] == "category"]["labelName"]
    table, files = _listed(folder, label_map)
    counts = {split: int((table["split"] == split).sum()) for split in files}
    table, notes = drop_absent(table, ", ".join(map(str, files.values())), folder, allowed=1.0)
    labels = _single(table["labels"], categories)
    table.insert(1, "label", pd.Categorical.from_codes(labels, tuple(categories)))
    annotated = (table["labels"].str.len() > 0).to_numpy()
    several = int((annotated & (labels < 0)).sum())
    if several:
        notes += (f"{several:,} of {annotated.sum():,} labelled photos have no or several category "
                  "labels: their label is missing.",)
    if counts != OFFICIAL_COUNTS:
        have = ", ".join(f"{counts.get(split, 0):,} {split}" for split in OFFICIAL_COUNTS)
        notes += (f"{have} photos listed, not the official 1,012,947, 9,897 and 39,706: this is a "
                  "part or a sample of iMaterialist.",)
    return Dataset(NAME, table, tuple(categories), notes)


def _listed(folder, label_map, splits=tuple(SPLIT_FILES)):
    """(all photos of the splits whose files are there, whether they were downloaded or not; split -> file)."""
    parts, files = [], {}
    for split in splits:
        file = next((folder / name for name in SPLIT_FILES[split] if (folder / name).exists()), None)
        if file is None:
            continue
        files[split] = file
        rows = _read_split(file, split, label_map.index)
        places = [folder / name for name in (split, file.stem, f"images/{split}")]
        place = next((place for place in places if place.is_dir()), places[0])
        prefix = f"{place}/"
        rows.insert(0, "image", text_column(f"{prefix}{number}.jpg" for number in rows["image_id"]))
        parts.append(rows)
    if not {"train", "validation"} & files.keys():
        raise DataError(f"{folder}: holds neither train.json nor val.json (validation.json). They are had at {PAGE}, "
                        "with a Kaggle account that has accepted the rules there.")
    return pd.concat(parts, ignore_index=True), files


def read_label_map(folder):
    """The 228 labels: a pandas table with ``taskId``, ``labelName``, ``taskName`` by ``labelId``.

    Raises:
        DataError: The file is absent, lacks a column, has a malformed line or a number twice.
    """
    path = Path(folder) / LABEL_MAP
    lines = csv.reader(read_lines(path))
    try:
        rows = list(lines)
    except csv.Error as error:
        raise DataError(f"{path}, line {lines.line_num}: cannot be read as a table ({error}).") from None
    if not rows or rows[0] != COLUMNS:
        raise DataError(f"{path}, line 1: the columns should be {','.join(COLUMNS)}.")
    seen = set()
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != 4 or not (is_whole_number(row[0]) and is_whole_number(row[1])):
            raise DataError(f"{path}, line {line}: {','.join(row)[:80]!r}; two numbers and two "
                            "names belong there.")
        if row[0] in seen:
            raise DataError(f"{path}, line {line}: label {row[0]} stands twice.")
        seen.add(row[0])
    table = pd.DataFrame(rows[1:], columns=COLUMNS).astype({"labelId": int, "taskId": int})
    return table.set_index("labelId")


def _read_split(file, split, known):
    """One JSON file as a table of image_id, url, labels, split and group."""
    data = read_json(file)
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise DataError(f"{file}: lacks the key 'images' with a list of photos.")
    images = data["images"]
    identities = _numbers(file, "images", _values(file, "images", images, ID_KEYS))
    _unique(file, "images", identities)
    urls = [url[0] if isinstance(url, list) and url else url
            for url in _values(file, "images", images, ("url",))]
    labels = np.empty(len(images), dtype=object)
    labels[:] = [()] * len(images)
    annotations = data.get("annotations") or []
    if not isinstance(annotations, list) or split != "test" and not annotations:
        raise DataError(f"{file}: lacks the key 'annotations' with a list of the photos' labels.")
    owners = _numbers(file, "annotations", _values(file, "annotations", annotations, ID_KEYS))
    _unique(file, "annotations", owners)
    rows = pd.Index(identities).get_indexer(owners)
    if (rows < 0).any():
        entry = int(np.argmax(rows < 0))
        raise DataError(f"{file}, annotations[{entry}]: photo {owners[entry]} is not among the "
                        "images.")
    labels[rows] = _labels(file, annotations, known)
    return pd.DataFrame({"split": split, "group": [f"{split} {number}" for number in identities],
                         "image_id": identities, "url": text_column(urls), "labels": labels})


def _values(file, part, entries, keys):
    """The value of every entry of a list, under whichever of the keys it stands."""
    for key in keys:  # all at once where, as in the real files, one key is used throughout
        try:
            return [entry[key] for entry in entries]
        except (KeyError, TypeError):
            pass
    values = []
    for number, entry in enumerate(entries):
        found = [key for key in keys if isinstance(entry, dict) and key in entry]
        if not found:
            raise DataError(f"{file}, {part}[{number}]: lacks the key {' or '.join(keys)}.")
        values.append(entry[found[0]])
    return values


def _numbers(file, part, values):
    """Whole numbers, written as such or as text, as int64."""
    numbers = _whole_numbers(values)
    if numbers is None:
        number, value = next((number, value) for number, value in enumerate(values) if not _is_whole(value))
        raise DataError(f"{file}, {part}[{number}]: {repr(value)[:40]} is no whole number of at most {MAXIMUM_DIGITS} "
                        "digits.")
    return numbers


def _whole_numbers(values):
    """What numbers and texts tell, as int64; None where one is no whole number. Asked of each different value, for
    labels come by the million, and before NumPy, which takes 2.7 for 2, true for 1 and "1_0" for 10."""
    if not set(map(type, values)) <= {int, str} or not all(map(_is_whole, set(values))):
        return None
    return np.array(values).astype(np.int64)


def _is_whole(value):
    return type(value) in (int, str) and is_whole_number(str(value))


def _unique(file, part, identities):
    repeated = pd.Series(identities).duplicated().to_numpy()
    if repeated.any():
        entry = int(np.argmax(repeated))
        raise DataError(f"{file}, {part}[{entry}]: photo {identities[entry]} stands twice.")


def _labels(file, annotations, known):
    """One tuple of label numbers per annotation."""
    lists = _values(file, "annotations", annotations, LABEL_KEYS)
    if wrong := [number for number, value in enumerate(lists) if not isinstance(value, list)]:
        raise DataError(f"{file}, annotations[{wrong[0]}]: its labels are no list.")
    counts = np.array([len(value) for value in lists], dtype=np.int64)
    ends = np.cumsum(counts)
    flat = _whole_numbers(list(chain.from_iterable(lists)))
    if flat is None:
        entry, value = next((entry, value) for entry, values in enumerate(lists)
                            for value in values if not _is_whole(value))
        raise DataError(f"{file}, annotations[{entry}]: label {repr(value)[:40]} is no whole number of at most "
                        f"{MAXIMUM_DIGITS} digits.")
    valid = np.isin(flat, known)
    if not valid.all():
        position = int(np.argmin(valid))
        entry = int(np.searchsorted(ends, position, side="right"))
        raise DataError(f"{file}, annotations[{entry}]: there is no label {flat[position]} in "
                        f"{LABEL_MAP}.")
    numbers = flat.tolist()
    result = np.empty(len(lists), dtype=object)
    result[:] = [tuple(numbers[end - count:end]) for end, count in zip(ends, counts)]
    return result


def _flat(labels):
    """(row, label number) of every label of every row."""
    rows = np.repeat(np.arange(len(labels)), [len(values) for values in labels])
    return rows, np.array(list(chain.from_iterable(labels)), dtype=np.int64)


def _extremes(rows, codes, count):
    """Smallest and largest code of each of `count` rows; a row without any: (max, -1)."""
    low = np.full(count, np.iinfo(np.int64).max)
    high = np.full(count, -1)
    np.minimum.at(low, rows, codes)
    np.maximum.at(high, rows, codes)
    return low, high


def _single(labels, categories):
    """The code of each row's only label among `categories`; -1 where it has none or several."""
    rows, numbers = _flat(labels)
    codes = categories.index.get_indexer(numbers)
    low, high = _extremes(rows[codes >= 0], codes[codes >= 0], len(labels))
    return np.where(low == high, high, -1)


def ten_categories(dataset, label_map, per_class=5_000, seed=0, mapping=CATEGORY_OF):
    """The categories paper's part of iMaterialist: ten classes, balanced, split 0.7/0.15/0.15.

    A photo belongs to a class if all its category labels that count say so. A photo with labels of
    several classes, or of a class and of a garment outside the ten, is ambiguous and dropped; with
    one exception: an occasion's dress may also be labelled as a dress.

    Args:
        dataset: What `read` returned; its test split has no labels and takes no part.
        label_map: What `read_label_map` returned.
        per_class: Photos a class, drawn at random; the paper takes 5,000. A class with fewer keeps
            what it has, and a note says so.
        seed: Which photos are drawn and which split they go to.
        mapping: Category label to one of `CATEGORIES`, None (another garment) or `IGNORED`.

    Returns:
        A `Dataset` with the classes `CATEGORIES`. Its notes count ambiguous photos and photos
        outside the ten.

    Raises:
        DataError: A category label has no entry in the mapping.
    """
    labels, ambiguous = _ten_labels(dataset.table["labels"], label_map, mapping)
    noted = replace(dataset, notes=(*dataset.notes, f"{ambiguous.sum():,} photos show garments of "
                                    "several classes and count as none."))
    chosen = relabel(noted, labels, CATEGORIES)
    return split_at_random(balance(chosen, per_class, seed), seed)


def _ten_labels(labels, label_map, mapping):
    """(a class or None for each tuple of label numbers, whether several classes are meant)."""
    categories = label_map[label_map["taskName"] == "category"]["labelName"]
    if missing := [name for name in categories if name not in mapping]:
        raise DataError(f"{NAME}: the mapping to ten classes lacks {missing[0]!r}.")
    outside = len(CATEGORIES)
    numbers_of = {**{name: number for number, name in enumerate(CATEGORIES)}, None: outside,
                  IGNORED: -1}
    codes_of = np.full(label_map.index.max() + 1, -1)
    codes_of[categories.index] = [numbers_of[mapping[name]] for name in categories]
    rows, numbers = _flat(labels)
    codes = codes_of[numbers]
    dress, occasion = CATEGORIES.index("dress"), CATEGORIES.index("special occasion")
    festive = np.zeros(len(labels), dtype=bool)
    festive[rows[codes == occasion]] = True
    counting = (codes >= 0) & ~((codes == dress) & festive[rows])
    low, high = _extremes(rows[counting], codes[counting], len(labels))
    ambiguous = (high >= 0) & (low != high)
    names = [CATEGORIES[code] if 0 <= code < outside and not double else None
             for code, double in zip(high, ambiguous)]
    return names, ambiguous


def wanted_photos(folder, seed=0):
    """What the categories paper's ten classes can be made of, whether it was downloaded or not.

    Returns:
        Class -> its photos (`fashion_tf.datasets.photos.Photo`), in an order drawn at random: the same seed, the
        same order.

    Raises:
        DataError: As `read`.
    """
    folder = Path(folder)
    label_map = read_label_map(folder)
    table, _ = _listed(folder, label_map, ("train", "validation"))
    names, _ = _ten_labels(table["labels"], label_map, CATEGORY_OF)
    labels = np.array([CATEGORIES.index(name) if name else -1 for name in names])
    urls, paths, generator = table["url"].tolist(), table["image"].tolist(), np.random.default_rng(seed)
    return {name: [Photo(urls[row] if isinstance(urls[row], str) else "", paths[row])
                   for row in generator.permutation(np.flatnonzero(labels == number)).tolist()]
            for number, name in enumerate(CATEGORIES)}


# What the sample draws for some labels. Label numbers are the sample's own: the official ones stand
# in the official label map.
_SAMPLE_ARTICLES = {
    "Jackets": "jacket", "Peacoats": "peacoat", "Trench Coats": "trench coat",
    "Casual Dresses": "dress", "Dresses": "sundress",
    "T-Shirts": "t-shirt", "Blouses": "blouse", "Pullover Sweaters": "sweater",
    "Tank Tops": "tank top", "Hoodies & Sweatshirts": "hoodie",
    "Shorts": "shorts", "Casual Shorts": "denim shorts",
    "Jeans": "jeans", "Trousers": "trousers", "Sweatpants": "sweatpants",
    "Skirts": "skirt", "Pencil Skirts": "pencil skirt",
    "Leggings": "leggings", "Yoga Pants": "leggings",
    "Jumpsuits Overalls & Rompers": "jumpsuit",
    "Formal Dresses": "gown", "Cocktail Dresses": "cocktail dress", "Kimonos": "kimono",
    "Suits & Blazers": "suits",
}  # fmt: skip
_SAMPLE_GROUPS = {"gender": (3, ("Female", "Male", "Neutral")), "pattern": (6, ("Plain", "Printed"))}
SAMPLE_COUNTS = {"train": 1_300, "validation": 60, "test": 60}
SAMPLE_SIZE = 144


def write_sample(folder, seed=0):
    """Draws garments with their labels, in the layout of the challenge; the same seed, the same bytes.

    The training file is spelt as the challenge's own (``image_id``), the validation file as Kaggle's
    (``imageId``, numbers as texts). One photo in 25 has a second category.
    """
    folder = Path(folder)
    labels = [("category", 1, name) for name in CATEGORY_OF]
    labels += [(task, number, name) for task, (number, names) in _SAMPLE_GROUPS.items() for name in names]
    numbers = {name: number for number, (_, _, name) in enumerate(labels, start=1)}
    lines = [",".join(COLUMNS)]
    for task, task_number, name in labels:
        quoted = f'"{name}"' if "," in name else name
        lines.append(f"{numbers[name]},{task_number},{quoted},{task}")
    write_text(folder / LABEL_MAP, "\n".join(lines) + "\n")
    for order, (split, count) in enumerate(SAMPLE_COUNTS.items()):
        generator = np.random.Generator(np.random.PCG64([seed, order]))
        found = [_draw_photo(folder / split / f"{number}.jpg", generator, numbers)
                 for number in range(1, count + 1)]
        write_text(folder / SPLIT_FILES[split][0], json.dumps(_as_json(split, found)))


def _draw_photo(path, generator, numbers):
    """Draws and writes one photo; returns its label numbers."""
    from fashion_tf.wardrobe import close_up, draw_garment

    by_class = {}
    for name in _SAMPLE_ARTICLES:
        by_class.setdefault(CATEGORY_OF[name], []).append(name)
    names = list(by_class.values())[generator.integers(len(by_class))]
    name = names[generator.integers(len(names))]
    drawing = draw_garment(_SAMPLE_ARTICLES[name], generator, SAMPLE_SIZE)
    write_picture(path, close_up(drawing, generator))
    labels = [name, "Plain" if drawing.garments[0].pattern == "plain" else "Printed",
              ("Female", "Male", "Neutral")[generator.integers(3)]]
    if generator.random() < 0.04:
        labels.append("Jeans" if name != "Jeans" else "T-Shirts")
    return [numbers[label] for label in labels]


def _as_json(split, found):
    kaggle = split == "validation"
    image_key, label_key = (ID_KEYS[kaggle], LABEL_KEYS[kaggle])
    spell = str if kaggle else int
    address = "https://example.invalid/{}/{}.jpg"  # a name that never resolves
    images = [{image_key: spell(number),
               "url": address.format(split, number) if kaggle else [address.format(split, number)]}
              for number in range(1, len(found) + 1)]
    if split == "test":
        return {"images": images}
    return {"images": images, "annotations": [
        {image_key: spell(number), label_key: [spell(label) for label in labels]}
        for number, labels in enumerate(found, start=1)]}
