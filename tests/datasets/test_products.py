import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_tf.datasets import products
from fashion_tf.datasets.images import read_image
from fashion_tf.errors import DataError

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage"
NAMED = HEADER + ",productDisplayName"
REAL = Path(os.environ.get("FASHION_TF_DATA", "no-such-folder")) / products.NAME


def row(identity, name=None, category="Apparel", colour="Black", year="2011"):
    line = f"{identity},Men,{category},Topwear,Tshirts,{colour},Fall,{year},Casual"
    return line if name is None else f"{line},{name}"


def lay_out(folder, lines, pictures):
    (folder / "images").mkdir(parents=True)
    for identity in pictures:
        Image.new("RGB", (6, 8), (identity % 256, 0, 0)).save(folder / "images" / f"{identity}.jpg")
    data = "\n".join(lines) + "\n"
    (folder / "styles.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def test_fields(tmp_path):
    dataset = products.read(lay_out(tmp_path, [
        NAMED, row(7, "Puma Men Black T-shirt"),
        row(9, "Nike Shoe", "Footwear", colour="NA", year="2012.0"), row(8, "", year=""),
    ], [7, 8, 9]))
    table = dataset.table
    assert table["id"].tolist() == [7, 9, 8]
    assert table["label"].tolist() == ["Apparel", "Footwear", "Apparel"]
    assert table["image"].tolist()[0] == str(tmp_path / "images" / "7.jpg")
    assert table["year"].tolist()[:2] == [2011, 2012]
    assert table["year"].isna().tolist() == [False, False, True]
    assert table["baseColour"].isna().tolist() == [False, True, False]
    assert table["productDisplayName"].isna().tolist() == [False, False, True]
    assert dataset.classes == products.CLASSES
    assert set(table["split"]) == {""}
    assert dataset.notes == ()
    assert read_image(table["image"][0]).shape == (8, 6, 3)


def test_commas_in_the_name_are_part_of_it(tmp_path):
    """Kaggle's file has 22 such rows: pandas reads 'Expected 10 fields in line 3, saw 12'."""
    dataset = products.read(lay_out(tmp_path, [
        NAMED, row(1, "Plain"), row(2, "Pack of 3, Red, Blue Socks"), row(3, "Last"),
    ], [1, 2, 3]))
    assert dataset.table["productDisplayName"].tolist() == [
        "Plain", "Pack of 3, Red, Blue Socks", "Last"]


def test_names_that_a_tool_has_quoted(tmp_path):
    dataset = products.read(lay_out(tmp_path, [
        NAMED, row(1, '"Pack of 3, ""Classic"" Socks"'), row(2, 'A 15" Laptop Bag')], [1, 2]))
    assert dataset.table["productDisplayName"].tolist() == [
        'Pack of 3, "Classic" Socks', 'A 15" Laptop Bag']


def test_without_the_name_column(tmp_path):
    dataset = products.read(lay_out(tmp_path, [HEADER, row(1), row(2)], [1, 2]))
    assert dataset.table["group"].tolist() == ["id 1", "id 2"]
    assert "no column productDisplayName" in dataset.notes[0]


def test_colour_variants_share_a_group(tmp_path):
    dataset = products.read(lay_out(tmp_path, [
        NAMED, row(1, "Puma Men Black T-shirt"),
        row(2, "Puma Men Navy Blue T-Shirt", colour="Navy Blue"),
        row(3, "Puma Women Black T-shirt"), row(4, ""), row(5, "Black"),
    ], [1, 2, 3, 4, 5]))
    groups = dataset.table["group"].tolist()
    assert groups[0] == groups[1] == "puma men t shirt"
    assert len(set(groups)) == 4
    assert groups[3:] == ["id 4", "id 5"]  # nothing left of the name


def test_absent_pictures_are_left_out_and_counted_however_many(tmp_path):
    lines = [HEADER, *(row(identity) for identity in range(1, 101))]
    dataset = products.read(lay_out(tmp_path, lines, [50]))
    assert dataset.table["id"].tolist() == [50]
    assert "99 of 100" in dataset.notes[0]


def test_another_ending_is_taken_and_a_link_out_is_refused(tmp_path):
    folder = lay_out(tmp_path / "data", [HEADER, row(1), row(2)], [1, 2])
    (folder / "images" / "1.jpg").rename(folder / "images" / "1.JPG")
    (folder / "images" / "._1.jpeg").touch()
    dataset = products.read(folder)
    assert [image.rpartition("/")[2] for image in dataset.table["image"]] == ["1.JPG", "2.jpg"]
    assert any("1 images have another ending than listed" in note for note in dataset.notes)
    (folder / "images" / "2.jpg").rename(tmp_path / "private.jpg")
    (folder / "images" / "2.jpg").symlink_to(tmp_path / "private.jpg")
    with pytest.raises(DataError, match=r"2\.jpg: leads out of the dataset's folder"):
        products.read(folder)


def test_no_picture_at_all(tmp_path):
    with pytest.raises(DataError, match=r"styles\.csv: 2 of 2 images listed are absent"):
        products.read(lay_out(tmp_path, [HEADER, row(1), row(2)], []))


def test_paper_categories(tmp_path):
    lines = [NAMED, row(1, "a", "Personal Care"), row(2, "b", "Accessories"), row(3, "c"),
             row(4, "d", "Footwear")]
    chosen = products.paper_categories(products.read(lay_out(tmp_path, lines, [1, 2, 3, 4])))
    assert chosen.classes == ("Apparel", "Footwear", "Accessories")
    assert chosen.table["id"].tolist() == [2, 3, 4]
    assert chosen.labels.tolist() == [2, 0, 1]


@pytest.mark.parametrize(("lines", "message"), [
    ([], "line 1: lacks the column"),
    ([HEADER], "holds no products"),
    (["id,gender,masterCategory"], r"line 1: lacks the column\(s\) subCategory, articleType"),
    (["productDisplayName," + HEADER], "line 1: productDisplayName must be the last column"),
    (["image," + HEADER], "line 1: the column 'image' stands there twice, or is one that is made here"),
    ([HEADER + ",split"], "line 1: the column 'split' stands there twice, or is one that is made here"),
    ([HEADER + ",id"], "line 1: the column 'id' stands there twice"),
    ([HEADER, row(1), "2,Men,Apparel"], "line 3: 3 fields where the header has 9"),
    ([HEADER, row(1) + ",more"], "line 2: 10 fields where the header has 9"),
    ([NAMED, row(1)], "line 2: 9 fields where the header has 10"),
    ([HEADER, row(1), "", row(1)], "line 4: the id 1 stands already at line 2"),
    ([HEADER, row("01"), row(1)], "line 3: the id 1 stands already at line 2"),
    ([HEADER, row("x1")], "line 2: the id 'x1' is no whole number"),
    ([HEADER, row("9" * 5000)], "line 2: the id '9{40}' is no whole number of at most 18 digits"),
    ([HEADER, row("9" * 19)], "line 2: the id '9{19}' is no whole number"),
    ([HEADER, row("../1")], "line 2: the id '../1' is no whole number"),
    ([HEADER, row(1, category="Toys")], "line 2: unknown masterCategory 'Toys'"),
    ([HEADER, row(1, year="Fall")], "line 2: 'Fall' is no year"),
])
def test_malformed(tmp_path, lines, message):
    with pytest.raises(DataError, match=r"styles\.csv.*" + message):
        products.read(lay_out(tmp_path, lines, [1]))


def test_not_utf_8(tmp_path):
    folder = lay_out(tmp_path, [NAMED, row(1, "a")], [1])
    with open(folder / "styles.csv", "ab") as file:
        file.write(row(2, "Caf").encode() + b"\xe9\n")
    with pytest.raises(DataError, match=r"styles\.csv, line 3: byte 0xe9 is not UTF-8"):
        products.read(folder)


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match=r"styles\.csv: no such file"):
        products.read(tmp_path)
    (tmp_path / "styles.csv").write_text(f"{HEADER}\n{row(1)}\n")
    with pytest.raises(DataError, match=r"images: no such folder"):
        products.read(tmp_path)


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"FASHION_TF_DATA has no {products.NAME}")
def test_real():
    dataset = products.read(REAL)
    assert len(dataset) == 4_800
    assert "34,863 of 39,663" in dataset.notes[0]
    chosen = products.paper_categories(dataset)
    assert np.bincount(chosen.labels).tolist() == [2_662, 1_071, 1_045]
    assert dataset.table["year"].dropna().between(2007, 2019).all()
    assert read_image(dataset.table["image"][0]).shape == (224, 224, 3)


def test_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(products, "SAMPLE_PRODUCTS", 60)
    monkeypatch.setattr(products, "SAMPLE_ABSENT", 5)
    for name in "ab":
        products.write_sample(tmp_path / name, seed=3)
    files = sorted(file.relative_to(tmp_path / "a") for file in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 61
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    dataset = products.read(tmp_path / "a")
    assert len(dataset) == 60
    assert "listed are absent" in dataset.notes[0]
    assert set(dataset.table["label"]) == set(products.PAPER_CLASSES)
    assert dataset.table["group"].nunique() < 50  # colour variants
    assert read_image(dataset.table["image"][0]).shape == (*products.SAMPLE_SIZE, 3)


def test_sample_has_names_with_commas_and_empty_fields(tmp_path, monkeypatch):
    monkeypatch.setattr("fashion_tf.datasets.products.write_picture", lambda path, image: None)
    products.write_sample(tmp_path)
    lines = (tmp_path / "styles.csv").read_text().splitlines()
    assert any(line.count(",") > 9 for line in lines)
    table = products._read_styles(tmp_path / "styles.csv")
    assert 5 < table["usage"].isna().sum() < 40 and 0 < table["season"].isna().sum() < 10
    assert not table.drop(columns=["usage", "season"]).isna().any(axis=None)
