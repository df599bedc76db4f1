import re

import numpy as np
import pytest

from fashion_tf.datasets import deepfashion
from fashion_tf.errors import DataError

CATEGORIES = {  # the official order and types, as https://github.com/Wuschelbueb/AML19-SelfSupervised
    1: """Anorak Blazer Blouse Bomber Button-Down Cardigan Flannel Halter Henley Hoodie Jacket
          Jersey Parka Peacoat Poncho Sweater Tank Tee Top Turtleneck""".split(),
    2: """Capris Chinos Culottes Cutoffs Gauchos Jeans Jeggings Jodhpurs Joggers Leggings Sarong
          Shorts Skirt Sweatpants Sweatshorts Trunks""".split(),
    3: """Caftan Cape Coat Coverup Dress Jumpsuit Kaftan Kimono Nightdress Onesie Robe Romper
          Shirtdress Sundress""".split(),
}  # fmt: skip
NAMES = [name for names in CATEGORIES.values() for name in names]
TYPES = [kind for kind, names in CATEGORIES.items() for _ in names]
PHOTOS = {  # name -> category, box, split
    "img/Sheer_Pleated-Front_Blouse/img_00000001.jpg": (3, "072 079 232 273", "train"),
    "img/Sheer_Pleated-Front_Blouse/img_00000003.jpg": (3, "067 059 155 161", "val"),
    "img/Denim_Shorts/img_00000001.jpg": (32, "001 002 100 202", "train"),
    "img/Lace_Dress/img_00000002.jpg": (41, "000 000 199 300", "test"),
}
LANDMARKS = {
    "img/Sheer_Pleated-Front_Blouse/img_00000001.jpg":
        "1  1  0 146 102  0 173 095  1 094 242  0 205 255  0 136 229  2 177 232",
    "img/Sheer_Pleated-Front_Blouse/img_00000003.jpg":
        "1  3  0 001 002  0 003 004  0 005 006  0 007 008  0 009 010  0 011 012",
    "img/Denim_Shorts/img_00000001.jpg": "2  1  0 010 020  0 030 040  1 050 060  0 070 080",
    "img/Lace_Dress/img_00000002.jpg": "3  2  " + "  ".join(f"0 {n:03d} {n + 1:03d}"
                                                            for n in range(10, 90, 10)),
}
ATTRIBUTES = ["a-line", "animal print", "cotton knit"]
VALUES = ["-1  1 -1", "-1 -1  0", " 1 -1  1", "-1 -1 -1"]


def write_list(path, header, rows, count=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([str(len(rows) if count is None else count), header, *rows]) + "\n")


def lay_out(folder, annotations="Anno", images="", photos=PHOTOS):
    """The official layout; the columns are parted by as many spaces as there."""
    source = folder / annotations
    write_list(source / "list_category_cloth.txt", "category_name  category_type",
               [f"{name:14} {kind}" for name, kind in zip(NAMES, TYPES)])
    write_list(source / "list_attr_cloth.txt", "attribute_name   attribute_type",
               [f"{name:30} {kind}" for name, kind in zip(ATTRIBUTES, (3, 1, 2))])
    lists = {
        "list_category_img.txt": ("category_label", [v[0] for v in photos.values()]),
        "list_bbox.txt": ("x_1  y_1  x_2  y_2", [v[1] for v in photos.values()]),
        "../Eval/list_eval_partition.txt": ("evaluation_status", [v[2] for v in photos.values()]),
        "list_attr_img.txt": ("attribute_labels", VALUES),
        "list_landmarks.txt": ("clothes_type  variation_type  landmark_visibility_1 ...",
                               [LANDMARKS.get(name, "1 1") for name in photos]),
    }
    for name, (header, values) in lists.items():
        write_list(source / name, f"image_name  {header}",
                   [f"{photo:70} {value}" for photo, value in zip(photos, values)])
    add_images(folder / images, photos)
    return folder


def lay_out_fine(folder, photos=PHOTOS):
    source = folder / "Anno_fine"
    write_list(source / "list_category_cloth.txt", "category_name  category_type",
               [f"{name:14} {kind}" for name, kind in zip(NAMES, TYPES)])
    write_list(source / "list_attr_cloth.txt", "attribute_name  attribute_type",
               ["floral  1", "long_sleeve  2"])
    write_list(source / "list_attr_img.txt", "image_name attribute_labels",
               [f"{name}  {row % 2} 1" for row, name in enumerate(photos)])
    for split in ("train", "val", "test"):
        own = {name: values for name, values in photos.items() if values[2] == split}
        (source / f"{split}.txt").write_text("".join(f"{name}\n" for name in own))
        (source / f"{split}_cate.txt").write_text("".join(f"{v[0]}\n" for v in own.values()))
        (source / f"{split}_bbox.txt").write_text("".join(f"{v[1]}\n" for v in own.values()))
    add_images(folder, photos)
    return folder


def add_images(root, photos):
    for name in photos:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def edit(path, old, new, count=1):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


@pytest.mark.parametrize(("annotations", "images"), [
    ("Anno", ""), ("Anno_coarse", ""), ("Anno", "Img"), ("Anno_coarse", "Img"),
])  # fmt: skip
def test_every_official_layout_reads_alike(tmp_path, annotations, images):
    dataset = deepfashion.read(lay_out(tmp_path, annotations, images))
    table = dataset.table
    assert dataset.classes == tuple(NAMES)
    assert table["image_name"].tolist() == list(PHOTOS)
    assert table["image"].tolist() == [str(tmp_path / images / name) for name in PHOTOS]
    assert table["label"].tolist() == ["Blouse", "Blouse", "Shorts", "Dress"]
    assert table["category_type"].tolist() == ["upper", "upper", "lower", "full"]
    assert table["split"].tolist() == ["train", "validation", "train", "test"]
    assert table["box"].tolist() == [(72, 79, 232, 273), (67, 59, 155, 161), (1, 2, 100, 202),
                                     (0, 0, 199, 300)]
    assert all(type(side) is int for side in table["box"][0])
    assert table["group"].nunique() == 3
    assert table["group"][0] == table["group"][1]
    assert dataset.notes == ("4 photos listed, not the official 289,222: this is a part or a "
                             "sample of DeepFashion.",)


def test_the_fine_annotations(tmp_path):
    dataset = deepfashion.read(lay_out_fine(tmp_path))
    rows = dataset.table.set_index("image_name")
    assert rows.loc["img/Denim_Shorts/img_00000001.jpg", "label"] == "Shorts"
    assert rows.loc["img/Lace_Dress/img_00000002.jpg", "split"] == "test"
    assert rows.loc["img/Lace_Dress/img_00000002.jpg", "box"] == (0, 0, 199, 300)
    assert dataset.split("validation").table["group"].tolist() == ["img/Sheer_Pleated-Front_Blouse"]
    assert "Only the fine annotations are there" in dataset.notes[1]
    attributes = deepfashion.read_attributes(tmp_path, dataset)
    assert attributes.columns.tolist() == ["floral", "long_sleeve"]
    by_name = dict(zip(dataset.table["image_name"], attributes["floral"]))
    assert [by_name[name] for name in PHOTOS] == [-1, 1, -1, 1]


def test_where_both_are_there_one_chooses(tmp_path):
    lay_out(tmp_path, "Anno_coarse")
    lay_out_fine(tmp_path, {name: v for name, v in PHOTOS.items() if "Lace" not in name}
                 | {"img/Other/img_00000001.jpg": (5, "1 1 9 9", "test")})
    assert len(deepfashion.read(tmp_path)) == 4
    assert "Lace" in " ".join(deepfashion.read(tmp_path).table["image_name"])
    fine = deepfashion.read(tmp_path, "fine")
    assert "Lace" not in " ".join(fine.table["image_name"])
    assert len(fine.notes) == 1
    with pytest.raises(DataError, match="annotations coarse and fine, not 'old'"):
        deepfashion.read(tmp_path, "old")


def test_lists_in_another_order_are_joined_by_name(tmp_path):
    lay_out(tmp_path)
    path = tmp_path / "Anno" / "list_bbox.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], *reversed(lines[2:])]) + "\n")
    assert deepfashion.read(tmp_path).table["box"].tolist()[0] == (72, 79, 232, 273)


def test_attributes(tmp_path):
    dataset = deepfashion.read(lay_out(tmp_path))
    attributes = deepfashion.read_attributes(tmp_path, dataset)
    assert attributes.columns.tolist() == ATTRIBUTES
    assert attributes.to_numpy().tolist() == [[-1, 1, -1], [-1, -1, 0], [1, -1, 1], [-1, -1, -1]]
    assert (attributes.dtypes == np.int8).all()
    part = deepfashion.read_attributes(tmp_path, dataset.where([2, 0]))
    assert part.to_numpy().tolist() == [[1, -1, 1], [-1, 1, -1]]


@pytest.mark.parametrize("values", ["-1  1", "-1  1 -1  1", "-1  1  2", "-1  x -1", ""])
def test_malformed_attributes(tmp_path, values):
    dataset = deepfashion.read(lay_out(tmp_path))
    edit(tmp_path / "Anno" / "list_attr_img.txt", "-1  1 -1", values)
    with pytest.raises(DataError, match=r"list_attr_img\.txt, line 3: 3 values of 1, 0 or -1"):
        deepfashion.read_attributes(tmp_path, dataset)


def test_absent_attributes(tmp_path):
    dataset = deepfashion.read(lay_out(tmp_path))
    edit(tmp_path / "Anno" / "list_attr_img.txt", "img/Denim_Shorts", "img/Denim_Short")
    with pytest.raises(DataError, match=r"list_attr_img\.txt: lacks img/Denim_Shorts/img_0000000"):
        deepfashion.read_attributes(tmp_path, dataset)
    (tmp_path / "Anno" / "list_attr_img.txt").unlink()
    with pytest.raises(DataError, match="no such file"):
        deepfashion.read_attributes(tmp_path, dataset)


def test_landmarks_stand_under_their_names(tmp_path):
    dataset = deepfashion.read(lay_out(tmp_path))
    landmarks = deepfashion.read_landmarks(tmp_path, dataset)
    assert landmarks.shape == (4, 8, 3)
    assert landmarks.dtype == np.float32
    place = deepfashion.LANDMARKS.index
    blouse, shorts, dress = landmarks[0], landmarks[2], landmarks[3]
    assert blouse[place("right collar")].tolist() == [0, 173, 95]
    assert blouse[place("left sleeve")].tolist() == [1, 94, 242]
    assert blouse[place("left hem")].tolist() == [0, 136, 229]
    assert blouse[place("right hem")].tolist() == [2, 177, 232]
    assert np.isnan(blouse[[place("left waistline"), place("right waistline")]]).all()
    assert shorts[place("left waistline")].tolist() == [0, 10, 20]
    assert shorts[place("left hem")].tolist() == [1, 50, 60]
    assert np.isnan(shorts[:4]).all()
    assert dress[:, 1].tolist() == list(range(10, 90, 10))
    swapped = deepfashion.read_landmarks(tmp_path, dataset.where([3, 2]))
    assert swapped[0].tolist() == dress.tolist()


@pytest.mark.parametrize(("old", "new", "message"), [
    ("2  1  0 010", "1  1  0 010", "line 5: the clothes type, 1, 2 or 3, and 6, 4 or 8 landmarks"),
    ("2  1  0 010", "7  1  0 010", "line 5: the clothes type"),
    ("0 070 080", "0 070", "line 5: the clothes type"),
    ("0 070 080", "0 070 x", "not a list of landmarks"),
    ("img/Denim_Shorts/", "img/Other/", "lacks img/Denim_Shorts/img_00000001.jpg"),
    ("4\n", "5\n", "line 1: announces 5 rows, and 4 follow"),
])  # fmt: skip
def test_malformed_landmarks(tmp_path, old, new, message):
    dataset = deepfashion.read(lay_out(tmp_path))
    edit(tmp_path / "Anno" / "list_landmarks.txt", old, new)
    with pytest.raises(DataError, match=message):
        deepfashion.read_landmarks(tmp_path, dataset)


def test_landmarks_are_the_coarse_annotations_alone(tmp_path):
    dataset = deepfashion.read(lay_out_fine(tmp_path))
    with pytest.raises(DataError, match="holds no folder Anno_coarse or Anno"):
        deepfashion.read_landmarks(tmp_path, dataset)


@pytest.mark.parametrize(("file", "old", "new", "message"), [
    ("Anno/list_category_img.txt", "4\n", "5\n", r"line 1: announces 5 rows, and 4 follow"),
    ("Anno/list_category_img.txt", "4\nimage_name", "image_name",
     r"line 1: 'image_name  category_label'; the number of rows belongs there"),
    ("Anno/list_category_img.txt", " 32\n", " 51\n", r"line 5: categories are 1 to 50, not 51"),
    ("Anno/list_category_img.txt", " 32\n", " 0\n", r"line 5: categories are 1 to 50, not 0"),
    ("Anno/list_category_img.txt", " 32\n", " 3.5\n", r"line 5: category is '3\.5', no whole num"),
    ("Anno/list_category_img.txt", " 32\n", "\n", r"line 5: 1 fields where 2 belong"),
    ("Anno/list_category_img.txt", " 32\n", " 32 7\n", r"line 5: 3 fields where 2 belong"),
    ("Anno/list_category_img.txt", " 32\n", " 32 7 8\n", r"line 5: 4 fields where 2 belong"),
    ("Anno/list_category_img.txt", "img_00000003", "img_00000001",
     r"line 4: img/Sheer_Pleated-Front_Blouse/img_00000001\.jpg stands already in line 3"),
    ("Anno/list_bbox.txt", "072 079 232 273", "072 079 232", r"line 3: 4 fields where 5 belong"),
    ("Anno/list_bbox.txt", "072 079 232", "072 abc 232", r"line 3: y1 is 'abc', no whole number"),
    ("Anno/list_bbox.txt", "img/Lace_Dress", "img/Lace_Dres",
     r": lacks img/Lace_Dress/img_00000002\.jpg, .*list_category_img\.txt, line 6"),
    ("Anno/list_bbox.txt", "4\n", "four\n", r"line 1: 'four'; the number of rows"),
    ("Eval/list_eval_partition.txt", " val\n", " validate\n",
     r"line 4: a photo is in train, val, test, not in 'validate'"),
    ("Anno/list_category_cloth.txt", "Anorak         1", "Anorak         4",
     r"line 3: category type 4"),
    ("Anno/list_category_cloth.txt", "Anorak         1", "Anorak",
     r"line 3: 'Anorak'; a name and a type's number"),
    ("Anno/list_category_cloth.txt", "Blazer  ", "Anorak  ", r"line 4: 'Anorak' stands twice"),
    ("Anno/list_category_cloth.txt", "50\n", "46\n", r"line 1: announces 46 categories, and 50"),
])  # fmt: skip
def test_a_malformed_list_is_named_with_its_line(tmp_path, file, old, new, message):
    edit(lay_out(tmp_path) / file, old, new)
    with pytest.raises(DataError, match=f"{file}.*{message}"):
        deepfashion.read(tmp_path)


def test_an_extra_row_in_one_list(tmp_path):
    path = lay_out(tmp_path) / "Anno" / "list_bbox.txt"
    write_list(path, "x", [*path.read_text().splitlines()[2:], "img/Extra/1.jpg 1 2 3 4"])
    with pytest.raises(DataError, match=r"list_bbox\.txt: lists img/Extra/1\.jpg, which list_cat"):
        deepfashion.read(tmp_path)


@pytest.mark.parametrize("file", [
    "Anno/list_category_cloth.txt", "Anno/list_category_img.txt", "Anno/list_bbox.txt",
    "Eval/list_eval_partition.txt",
])  # fmt: skip
def test_absent_lists(tmp_path, file):
    (lay_out(tmp_path) / file).unlink()
    with pytest.raises(DataError, match=rf"{file.rpartition('/')[2]}: no such file"):
        deepfashion.read(tmp_path)


def test_absent_folders(tmp_path):
    with pytest.raises(DataError, match="holds no folder Anno_coarse or Anno or Anno_fine"):
        deepfashion.read(tmp_path)
    lay_out(tmp_path, photos={})
    with pytest.raises(DataError, match="neither img nor Img/img"):
        deepfashion.read(tmp_path)


def test_text_that_is_not_utf_8(tmp_path):
    path = lay_out(tmp_path) / "Anno" / "list_bbox.txt"
    path.write_bytes(path.read_bytes().replace(b"Lace", b"L\xe9ce"))
    with pytest.raises(DataError, match=r"list_bbox\.txt, line 6: byte 0xe9 is not UTF-8"):
        deepfashion.read(tmp_path)


@pytest.mark.parametrize(("file", "text", "message"), [
    ("train_cate.txt", "3\n", r"train_cate\.txt: 1 rows for the 2 photos of train\.txt"),
    ("train_cate.txt", "3\n77\n", r"train_cate\.txt, line 2: categories are 1 to 50, not 77"),
    ("train_bbox.txt", "1 2 3 4\n1 2 3\n", r"train_bbox\.txt, line 2: 3 fields where 4 belong"),
    ("val.txt", "img/a b.jpg\n", r"val\.txt, line 1: 2 fields where 1 belong"),
    ("test.txt", "img/Denim_Shorts/img_00000001.jpg\n", r"stands in the lists of two splits"),
    ("train.txt", "img/a.jpg\nimg/a.jpg\n", r"train\.txt, line 2: img/a\.jpg stands already"),
])  # fmt: skip
def test_malformed_fine_lists(tmp_path, file, text, message):
    (lay_out_fine(tmp_path) / "Anno_fine" / file).write_text(text)
    with pytest.raises(DataError, match=message):
        deepfashion.read(tmp_path)


def many(count):
    return {f"img/Item_{row // 4}/img_{row:08d}.jpg": (1 + row % 50, "1 1 20 30", "train")
            for row in range(count)}


def test_absent_images_are_counted_or_an_error(tmp_path):
    lay_out(tmp_path, photos=many(60))
    (tmp_path / "img" / "Item_2" / "img_00000009.jpg").unlink()
    dataset = deepfashion.read(tmp_path)
    assert len(dataset) == 59
    assert "1 of 60 images listed are absent (1.67%)" in dataset.notes[-1]
    for row in range(20, 24):
        (tmp_path / "img" / "Item_5" / f"img_{row:08d}.jpg").unlink()
    with pytest.raises(DataError, match=r"list_category_img\.txt: 5 of 60 images listed are abs"):
        deepfashion.read(tmp_path)


def test_empty_boxes_are_left_out_and_counted(tmp_path):
    photos = many(60) | {"img/Item_0/img_00000001.jpg": (2, "20 1 20 30", "train")}
    dataset = deepfashion.read(lay_out(tmp_path, photos=photos))
    assert len(dataset) == 59
    assert dataset.notes[0].startswith("1 photos have an empty box and are left out, the first "
                                       "being img/Item_0/img_00000001.jpg")


def test_ten_categories_map_every_category():
    assert set(deepfashion.CATEGORY_OF) == set(NAMES)
    assert {name for name in deepfashion.CATEGORY_OF.values() if name} == \
        set(deepfashion.CATEGORIES)
    assert len(deepfashion.CATEGORIES) == 10


def big(tmp_path, per_category=40):
    photos = {}
    for number, name in enumerate(NAMES, start=1):
        for row in range(per_category):
            title = f"{('Sequined_', 'Cotton_')[row % 2]}{name}_{row // 4}"
            photos[f"img/{title}/img_{row:08d}.jpg"] = (number, "1 1 20 30", "train")
    return deepfashion.read(lay_out(tmp_path, photos=photos))


def test_ten_categories(tmp_path):
    whole = big(tmp_path)
    paper = deepfashion.ten_categories(whole, per_class=20, seed=5)
    assert paper.classes == deepfashion.CATEGORIES
    assert np.bincount(paper.labels).tolist() == [20] * 10
    assert paper.counts()["train"].tolist() == [14] * 10
    assert paper.counts()["validation"].tolist() == [3] * 10
    table = paper.table
    for row in table.itertuples():
        expected = deepfashion.CATEGORY_OF[row.category]
        if expected == "dress" and "Sequined" in row.group:
            expected = "special occasion"
        assert row.label == expected
    assert {"Dress", "Caftan"} & set(table[table["label"] == "special occasion"]["category"])
    assert table.equals(deepfashion.ten_categories(whole, per_class=20, seed=5).table)
    other = deepfashion.ten_categories(whole, per_class=20, seed=6).table
    assert table["image"].tolist() != other["image"].tolist()
    assert whole.table["label"].cat.categories.tolist() == NAMES  # untouched


def test_ten_categories_by_item_and_where_a_class_falls_short(tmp_path):
    whole = big(tmp_path)
    paper = deepfashion.ten_categories(whole, per_class=60, by_group=True)
    assert (paper.table.groupby("group")["split"].nunique() == 1).all()
    assert "suits: 40 rows, fewer than 60; all are taken." in paper.notes
    mixed = deepfashion.ten_categories(whole, per_class=60)
    assert (mixed.table.groupby("group")["split"].nunique() > 1).any()


@pytest.mark.parametrize("name", ["img/../../private.jpg", "/etc/private.jpg", "img\\..\\private.jpg"])
def test_a_name_that_leads_out_of_the_folder(tmp_path, name):
    lay_out(tmp_path, photos={**PHOTOS, name: (3, "001 002 100 202", "train")})
    with pytest.raises(DataError, match=r"list_category_img\.txt, line 7: a photo's path below the dataset's folder"):
        deepfashion.read(tmp_path)


def test_numbers_of_thousands_of_digits(tmp_path):
    lay_out(tmp_path)
    for file, line, field in (("list_category_img.txt", 3, "3"), ("list_category_cloth.txt", 3, "1"),
                              ("list_bbox.txt", 3, "072"), ("list_bbox.txt", 1, "4")):
        path = tmp_path / "Anno" / file
        before = path.read_text()
        lines = before.split("\n")
        lines[line - 1] = re.sub(rf"(^| ){field}( |$)", rf"\g<1>{'9' * 5000}\2", lines[line - 1])
        path.write_text("\n".join(lines))
        with pytest.raises(DataError, match=rf"{file}, line {line}: "):
            deepfashion.read(tmp_path)
        path.write_text(before)
    deepfashion.read(tmp_path)


def test_another_mapping(tmp_path):
    whole = big(tmp_path)
    mapping = deepfashion.CATEGORY_OF | {"Blazer": "special occasion", "Jumpsuit": "suits"}
    paper = deepfashion.ten_categories(whole, 20, mapping=mapping, occasion_words=frozenset())
    assert set(paper.table[paper.table["label"] == "suits"]["category"]) == {"Jumpsuit"}
    assert "Dress" not in set(paper.table[paper.table["label"] == "special occasion"]["category"])
    mapping.pop("Tee")
    with pytest.raises(DataError, match="lacks 'Tee'"):
        deepfashion.ten_categories(whole, mapping=mapping)


def test_289_222_rows_take_seconds(tmp_path):
    """The lists alone: a quadratic reader would take hours."""
    import time

    names = [f"img/Item_{row % 5620}/img_{row:08d}.jpg" for row in range(289_222)]
    write_list(tmp_path / "list.txt", "image_name  category_label",
               [f"{name:70} {row % 50 + 1}" for row, name in enumerate(names)])
    start = time.process_time()
    table = deepfashion._read_list(tmp_path / "list.txt", {"image_name": str, "category": int})
    other = deepfashion._aligned(table.iloc[::-1].reset_index(drop=True), tmp_path / "list.txt",
                                 table, tmp_path / "list.txt")
    assert time.process_time() - start < 10  # 0.6 s on one core of 2.5 GHz
    assert (other["category"] == table["category"]).all()
