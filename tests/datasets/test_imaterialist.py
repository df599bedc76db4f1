import json

import numpy as np
import pytest

from fashion_tf.datasets import deepfashion, imaterialist
from fashion_tf.errors import DataError

# Labels with their official numbers and groups; "Hosiery, Stockings, Tights" is quoted in the file.
CHOSEN = {18: "Blouses", 36: "Casual Dresses", 48: "Cocktail Dresses", 62: "Dresses", 83: "Heels",
          89: "Hosiery, Stockings, Tights", 91: "Jackets", 92: "Jeans", 169: "Skinny Jeans",
          183: "Suits & Blazers", 189: "Swimsuits"}  # fmt: skip
OTHERS = {17: (2, "Black", "color"), 66: (3, "Female", "gender"), 70: (6, "Floral", "pattern")}
RED = {148: (2, "Red", "color")}


def write_label_map(folder, labels=None):
    rows = {number: (1, name, "category") for number, name in CHOSEN.items()} | OTHERS | RED
    lines = ["labelId,taskId,labelName,taskName"]
    for number, (task, name, group) in sorted((labels or rows).items()):
        lines.append(f'{number},{task},"{name}",{group}' if "," in name
                     else f"{number},{task},{name},{group}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / imaterialist.LABEL_MAP).write_text("\n".join(lines) + "\n")


def github(labels):
    """As the README on GitHub describes the files."""
    return {"images": [{"image_id": number, "url": [f"https://x/{number}"]} for number in labels],
            "annotations": [{"image_id": number, "label_id": list(own)}
                            for number, own in labels.items()]}


def kaggle(labels):
    return {"info": {"year": 2018}, "license": {},
            "images": [{"url": f"https://x/{number}", "imageId": str(number)} for number in labels],
            "annotations": [{"labelId": [str(label) for label in own], "imageId": str(number)}
                            for number, own in labels.items()]}  # fmt: skip


def add_photos(folder, numbers):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"{number}.jpg").touch()


TRAIN = {1: (36, 66, 17), 2: (91,), 3: (92, 169), 5: (66, 70), 9: (18, 92)}


def lay_out(folder, spelling=github, train=TRAIN, photos=None):
    write_label_map(folder)
    (folder / "train.json").write_text(json.dumps(spelling(train)))
    add_photos(folder / "train", train if photos is None else photos)
    return folder


@pytest.mark.parametrize("spelling", [github, kaggle])
def test_both_spellings_read_alike(tmp_path, spelling):
    dataset = imaterialist.read(lay_out(tmp_path, spelling))
    table = dataset.table
    assert dataset.classes == tuple(CHOSEN.values())
    assert table["image_id"].tolist() == [1, 2, 3, 5, 9]
    assert table["labels"].tolist() == list(TRAIN.values())
    assert table["url"].tolist() == [f"https://x/{number}" for number in TRAIN]
    assert table["image"].tolist()[0] == str(tmp_path / "train" / "1.jpg")
    assert table["label"].astype(object).where(table["label"].notna(), None).tolist() == [
        "Casual Dresses", "Jackets", None, None, None]
    assert table["group"].is_unique
    assert dataset.notes[0] == ("3 of 5 labelled photos have no or several category labels: their "
                                "label is missing.")
    assert "5 train, 0 validation, 0 test photos listed" in dataset.notes[1]


def test_spellings_may_mix(tmp_path):
    lay_out(tmp_path)
    data = github({1: (36,)})
    data["images"].append({"imageId": "2", "url": "https://x/2"})
    data["annotations"].insert(0, {"imageId": "2", "labelId": ["91"]})
    (tmp_path / "train.json").write_text(json.dumps(data))
    table = imaterialist.read(tmp_path).table
    assert table["image_id"].tolist() == [1, 2]
    assert table["label"].tolist() == ["Casual Dresses", "Jackets"]


@pytest.mark.parametrize(("file", "place"), [
    ("val.json", "val"), ("val.json", "validation"), ("validation.json", "validation"),
    ("validation.json", "images/validation"),
])  # fmt: skip
def test_splits_and_their_folders(tmp_path, file, place):
    lay_out(tmp_path)
    (tmp_path / file).write_text(json.dumps(kaggle({1: (183,), 2: (91,)})))
    add_photos(tmp_path / place, [1, 2])
    (tmp_path / "test.json").write_text(json.dumps({"images": kaggle({1: ()})["images"]}))
    add_photos(tmp_path / "test", [1])
    dataset = imaterialist.read(tmp_path)
    assert dataset.table["split"].tolist() == ["train"] * 5 + ["validation"] * 2 + ["test"]
    assert dataset.split("validation").table["label"].tolist() == ["Suits & Blazers", "Jackets"]
    assert dataset.split("validation").table["image"][0] == str(tmp_path / place / "1.jpg")
    test = dataset.split("test")
    assert test.labels.tolist() == [-1]
    assert test.table["labels"].tolist() == [()]
    assert dataset.table["group"].is_unique  # photo 1 is there three times, once a split


def test_a_test_split_without_labels_and_addresses_that_are_no_text(tmp_path):
    lay_out(tmp_path)
    urls = [["https://x/\ud800"], [], {"a": 1}]
    images = [{"image_id": number, "url": url} for number, url in enumerate(urls, 1)]
    (tmp_path / "test.json").write_text(json.dumps({"images": images, "annotations": None}))
    add_photos(tmp_path / "test", [1, 2, 3])
    table = imaterialist.read(tmp_path).table
    test = table[table["split"] == "test"]
    assert test["url"].tolist() == ["https://x/\ud800", [], {"a": 1}] and test["labels"].tolist() == [()] * 3


def test_photos_that_were_not_downloaded(tmp_path):
    """Most addresses may be dead: any share may be absent, but not everything."""
    dataset = imaterialist.read(lay_out(tmp_path / "a", photos=[2]))
    assert dataset.table["image_id"].tolist() == [2]
    assert "4 of 5 images listed are absent (80.00%)" in dataset.notes[0]
    with pytest.raises(DataError, match=r"train\.json: 5 of 5 images listed are absent"):
        imaterialist.read(lay_out(tmp_path / "b", photos=[]))


def change(part, number, **fields):
    data = github(TRAIN)
    entry = data[part][number]
    for name, value in fields.items():
        entry.pop(name)
        if value is not None:
            entry[name] = value
    return data


@pytest.mark.parametrize(("data", "message"), [
    (change("images", 2, image_id=None), r"images\[2\]: lacks the key image_id or imageId"),
    (change("images", 1, url=None), r"images\[1\]: lacks the key url"),
    (change("images", 1, image_id="x"), r"images\[1\]: 'x' is no whole number"),
    (change("images", 1, image_id="9" * 5000), r"images\[1\]: '9{39} is no whole number of at most 18"),
    (change("images", 1, image_id=10 ** 30), r"images\[1\]: 10{30} is no whole number of at most 18"),
    (change("annotations", 2, label_id=["9" * 30]), r"annotations\[2\]: label '9{30}' is no whole number"),
    (change("images", 1, image_id=2.5), r"images\[1\]: 2\.5 is no whole number"),
    (change("images", 4, image_id=1), r"images\[4\]: photo 1 stands twice"),
    (change("annotations", 3, image_id=1), r"annotations\[3\]: photo 1 stands twice"),
    (change("annotations", 3, image_id=8), r"annotations\[3\]: photo 8 is not among the images"),
    (change("annotations", 0, label_id=None), r"annotations\[0\]: lacks the key label_id or lab"),
    (change("annotations", 2, label_id=[92, 229]), r"annotations\[2\]: there is no label 229"),
    (change("annotations", 1, label_id=["0"]), r"annotations\[1\]: there is no label 0"),
    (change("annotations", 1, label_id=["x"]), r"annotations\[1\]: label 'x' is no whole number"),
    (change("annotations", 1, label_id=91), r"annotations\[1\]: its labels are no list"),
    *((change("annotations", 1, label_id=[92, label]), rf"annotations\[1\]: label {shown} is no whole number")
      for label, shown in ((91.7, r"91\.7"), (True, "True"), ("9_1", "'9_1'"), (" 91", "' 91'"), ({}, r"\{\}"),
                           ([91], r"\[91\]"), (-91, "-91"), ("９１", "'９１'"))),
    (change("annotations", 1, label_id=[None]), r"annotations\[1\]: label None is no whole number"),
    (change("images", 1, image_id=-2), r"images\[1\]: -2 is no whole number"),
    (change("images", 1, image_id=True), r"images\[1\]: True is no whole number"),
    (github(TRAIN) | {"annotations": 5}, r"lacks the key 'annotations'"),
    ({"images": github(TRAIN)["images"]}, r"lacks the key 'annotations'"),
    ({"annotations": []}, r"lacks the key 'images'"),
    ([], r"lacks the key 'images'"),
    ({"images": [3], "annotations": [3]}, r"images\[0\]: lacks the key"),
])  # fmt: skip
def test_a_wrong_entry_is_named(tmp_path, data, message):
    lay_out(tmp_path)
    (tmp_path / "train.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match=rf"train\.json,? ?:? ?{message}"):
        imaterialist.read(tmp_path)


@pytest.mark.parametrize(("line", "message"), [
    ("1,1," + "x" * 140_000 + ",category", "line 2: cannot be read as a table"),
    ("9" * 30 + ",1,Hats,category", "line 2: "), ("1," + "9" * 5000 + ",Hats,category", "line 2: ")])
def test_fields_beyond_limits(tmp_path, line, message):
    lay_out(tmp_path)
    (tmp_path / imaterialist.LABEL_MAP).write_text(f"labelId,taskId,labelName,taskName\n{line}\n")
    with pytest.raises(DataError, match=message):
        imaterialist.read_label_map(tmp_path)


def test_a_folder_in_the_place_of_a_list(tmp_path):
    lay_out(tmp_path)
    (tmp_path / "train.json").unlink()
    (tmp_path / "train.json").mkdir()
    with pytest.raises(DataError, match=r"train\.json: cannot be read: a folder"):
        imaterialist.read(tmp_path)


def test_files_that_are_no_json(tmp_path):
    lay_out(tmp_path)
    (tmp_path / "train.json").write_bytes(b'{"images": [\n{"image_id": 1, ')
    with pytest.raises(DataError, match=r"train\.json, line 2, column \d+: not JSON"):
        imaterialist.read(tmp_path)
    (tmp_path / "train.json").write_bytes(b'{"images": [\n"\xff"]}')
    with pytest.raises(DataError, match=r"train\.json, line 2: byte 0xff"):
        imaterialist.read(tmp_path)
    (tmp_path / "train.json").unlink()
    with pytest.raises(DataError, match="holds neither train.json nor val.json"):
        imaterialist.read(tmp_path)


@pytest.mark.parametrize(("text", "message"), [
    ("1,1,Jackets,category\n", r"line 1: the columns should be labelId,taskId,labelName,taskName"),
    ("", r"line 1: the columns"),
    ("labelId,taskId,labelName,taskName\n1,1,A,category\n2,1,B\n", r"line 3: '2,1,B'; two numbers"),
    ("labelId,taskId,labelName,taskName\n1,x,A,category\n", r"line 2: '1,x,A,category'"),
    ("labelId,taskId,labelName,taskName\n1,1,A,category\n1,1,B,category\n",
     r"line 3: label 1 stands twice"),
])  # fmt: skip
def test_a_wrong_label_map(tmp_path, text, message):
    lay_out(tmp_path)
    (tmp_path / imaterialist.LABEL_MAP).write_text(text)
    with pytest.raises(DataError, match=rf"label_map_228\.csv, {message}"):
        imaterialist.read(tmp_path)
    (tmp_path / imaterialist.LABEL_MAP).unlink()
    with pytest.raises(DataError, match=r"label_map_228\.csv: no such file"):
        imaterialist.read(tmp_path)


def test_ten_categories_map_every_label():
    assert len(imaterialist.CATEGORY_OF) == 105  # as many as the official group "category" has
    classes = set(imaterialist.CATEGORY_OF.values()) - {None, imaterialist.IGNORED}
    assert classes == set(deepfashion.CATEGORIES)


PHOTOS = {
    "one label": ((91, 17), "coat and jacket"),
    "two labels of one class": ((92, 169), "trousers"),
    "worn with shoes and tights": ((36, 83, 89), "dress"),
    "an occasion's dress is also a dress": ((62, 48), "special occasion"),
    "suit": ((183,), "suits"),
    "two classes": ((18, 92), None),
    "a garment outside the ten besides": ((36, 189), None),
    "an occasion's dress with a jacket": ((48, 62, 91), None),
    "outside the ten": ((189,), None),
    "shoes alone": ((83,), None),
    "no category label": ((66, 70), None),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_which_class_a_photo_has(tmp_path, name):
    labels, expected = PHOTOS[name]
    dataset = imaterialist.read(lay_out(tmp_path, train={1: labels, 2: (91,)}))
    label_map = imaterialist.read_label_map(tmp_path)
    paper = imaterialist.ten_categories(dataset, label_map)
    assert dict(zip(paper.table["image_id"], paper.table["label"])).get(1) == expected


def test_ambiguous_photos_are_dropped_and_counted(tmp_path):
    train = {number: labels for number, (labels, _) in enumerate(PHOTOS.values(), start=1)}
    dataset = imaterialist.read(lay_out(tmp_path, train=train))
    paper = imaterialist.ten_categories(dataset, imaterialist.read_label_map(tmp_path))
    assert len(paper) == 5
    assert "3 photos show garments of several classes and count as none." in paper.notes
    assert "6 of 11 rows belong to none of the 10 classes and are left out." in paper.notes


def test_ten_categories_are_balanced_and_split(tmp_path):
    train = {number: ((36,), (91,), (92,))[number % 3] for number in range(1, 181)}
    dataset = imaterialist.read(lay_out(tmp_path, train=train))
    label_map = imaterialist.read_label_map(tmp_path)
    paper = imaterialist.ten_categories(dataset, label_map, per_class=40, seed=2)
    counts = paper.counts().loc[["dress", "coat and jacket", "trousers"]]
    assert counts["train"].tolist() == [28] * 3
    assert counts["validation"].tolist() == counts["test"].tolist() == [6] * 3
    assert paper.classes == deepfashion.CATEGORIES
    assert "suits: 0 rows, fewer than 40; all are taken." in paper.notes
    again = imaterialist.ten_categories(dataset, label_map, per_class=40, seed=2)
    assert paper.table.equals(again.table)


def test_a_label_without_a_decision(tmp_path):
    dataset = imaterialist.read(lay_out(tmp_path))
    label_map = imaterialist.read_label_map(tmp_path)
    with pytest.raises(DataError, match="the mapping to ten classes lacks 'Jeans'"):
        mapping = {name: own for name, own in imaterialist.CATEGORY_OF.items() if name != "Jeans"}
        imaterialist.ten_categories(dataset, label_map, mapping=mapping)


def test_labels_keep_their_owner_whatever_the_order(tmp_path):
    rng = np.random.default_rng(0)
    train = {int(number): tuple(rng.choice(list(CHOSEN), rng.integers(0, 4), False).tolist())
             for number in rng.permutation(200) + 1}
    lay_out(tmp_path, train=train)
    data = kaggle(train)
    rng.shuffle(data["annotations"])
    (tmp_path / "train.json").write_text(json.dumps(data))
    table = imaterialist.read(tmp_path).table
    assert dict(zip(table["image_id"], table["labels"])) == train
