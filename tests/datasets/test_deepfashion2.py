import json
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from fashion_tf.datasets import deepfashion2
from fashion_tf.datasets.deepfashion2 import polygons_of, rasterise
from fashion_tf.datasets.images import read_annotated, read_mask
from fashion_tf.errors import DataError

# A real annotation, as https://github.com/switchablenorms/DeepFashion2/issues/4 prints it (its
# landmarks, which are not read, left out).
REAL = {
    "item2": {
        "segmentation": [
            [1, 2, 1, 17, 94, 58, 128, 2, 163, 2, 180, 86, 203, 173, 370, 149, 490, 81, 463, 1, 1,
             2],
            [1, 2, 1, 17, 94, 58, 128, 2, 1, 2],
        ],
        "scale": 2, "viewpoint": 2, "zoom_in": 3, "landmarks": [], "style": 0,
        "bounding_box": [0, 0, 495, 179], "category_id": 1, "occlusion": 1,
        "category_name": "short sleeve top",
    },
    "source": "shop",
    "pair_id": 1811,
    "item1": {
        "segmentation": [
            [237, 160, 378, 153, 461, 92, 519, 214, 535, 348, 440, 428, 292, 420, 247, 309, 237,
             160],
        ],
        "scale": 2, "viewpoint": 2, "zoom_in": 1, "landmarks": [], "style": 1,
        "bounding_box": [227, 86, 543, 455], "category_id": 9, "occlusion": 2,
        "category_name": "skirt",
    },
}  # fmt: skip


def item(category=7, polygons=((2, 2, 8, 2, 8, 12, 2, 12),), box=(2, 2, 8, 12), **other):
    return {"category_id": category, "category_name": deepfashion2.CLASSES[category - 1],
            "style": 1, "bounding_box": list(box), "landmarks": [], "scale": 1, "occlusion": 1,
            "zoom_in": 1, "viewpoint": 2, "segmentation": [list(one) for one in polygons], **other}


def photo(*items, pair=1, source="user"):
    return {"source": source, "pair_id": pair,
            **{f"item{number}": one for number, one in enumerate(items, start=1)}}


def lay_out(folder, photos, split="train", size=(20, 16)):
    for part in ("annos", "image"):
        (folder / split / part).mkdir(parents=True, exist_ok=True)
    for number, annotation in enumerate(photos, start=1):
        (folder / split / "annos" / f"{number:06d}.json").write_text(json.dumps(annotation))
        Image.new("RGB", size[::-1]).save(folder / split / "image" / f"{number:06d}.jpg")
    return folder


def brute_force(polygon, size):
    """The even-odd rule asked of every pixel's centre, one by one, in fractions."""
    points = [(Fraction(x), Fraction(y)) for x, y in zip(polygon[::2], polygon[1::2])]
    half = Fraction(1, 2)
    mask = np.zeros(size, np.uint8)
    for row in range(size[0]):
        for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]]):
            if (y1 > row + half) != (y2 > row + half):
                crossing = x1 + (row + half - y1) * (x2 - x1) / (y2 - y1)
                mask[row] ^= np.array([column + half >= crossing for column in range(size[1])])
    return mask


def test_a_real_annotation(tmp_path):
    lay_out(tmp_path, [REAL], size=(480, 560))
    dataset = deepfashion2.read(tmp_path)
    rows = dataset.table.set_index("item")
    assert dataset.classes[0] == "short sleeve top"
    assert dataset.classes[12] == "sling dress"
    assert rows.loc[1, "label"] == "skirt"
    assert rows.loc[2, "label"] == "short sleeve top"
    assert rows.loc[1, "box"] == (227, 86, 543, 455)
    assert rows.loc[2, ["pair_id", "style", "source", "scale", "occlusion", "zoom_in",
                        "viewpoint", "image_id"]].tolist() == [1811, 0, "shop", 2, 1, 3, 2, 1]
    assert set(rows["group"]) == {"train pair 1811"}
    assert set(rows["split"]) == {"train"}
    skirt = read_mask(rows.loc[1, "mask"])
    assert skirt.shape == (480, 560)
    assert (skirt == brute_force(REAL["item1"]["segmentation"][0], (480, 560))).all()
    # Overlapping polygons are united: the second one lies inside the first and changes nothing.
    top = read_mask(rows.loc[2, "mask"])
    first, second = (brute_force(one, (480, 560)) for one in REAL["item2"]["segmentation"])
    assert (top == (first | second)).all()
    assert (top != (first ^ second)).any()


def test_pairs_are_groups_within_a_split(tmp_path):
    lay_out(tmp_path, [photo(item(), pair=1), photo(item(), item(1), pair=1, source="shop"),
                       photo(item(), pair=2)])
    lay_out(tmp_path, [photo(item(13), pair=1)], "validation")
    dataset = deepfashion2.read(tmp_path)
    assert dataset.table["group"].tolist() == [*["train pair 1"] * 3, "train pair 2",
                                               "validation pair 1"]
    assert dataset.table["split"].tolist() == [*["train"] * 4, "validation"]
    assert dataset.labels.tolist() == [6, 6, 0, 6, 12]
    assert dataset.notes == ("3 train and 1 validation photos, not the official 191,961 and "
                             "32,153: this is a part or a sample of DeepFashion2.",)


def test_one_split_is_enough(tmp_path):
    dataset = deepfashion2.read(lay_out(tmp_path, [photo(item())], "validation"))
    assert set(dataset.table["split"]) == {"validation"}
    assert "0 train and 1 validation" in dataset.notes[0]


@pytest.mark.parametrize("seed", range(8))
def test_rasterise_is_exact(seed):
    rng = np.random.default_rng(seed)
    polygon = rng.uniform(-5, 45, 2 * rng.integers(3, 12)).tolist()
    assert (rasterise([polygon], (30, 40)) == brute_force(polygon, (30, 40))).all()
    whole = rng.integers(0, 40, 2 * rng.integers(3, 12)).tolist()  # corners on whole pixels
    assert (rasterise([whole], (30, 40)) == brute_force(whole, (30, 40))).all()


def test_rasterise_counts_the_pixels_of_a_rectangle():
    mask = rasterise([[2, 3, 7, 3, 7, 9, 2, 9]], (12, 10))
    assert mask.dtype == np.uint8
    assert mask.sum() == 5 * 6  # cv2.fillPoly would say 6 * 7
    assert mask[3:9, 2:7].all()


def test_neighbours_share_no_pixel():
    rng = np.random.default_rng(0)
    for _ in range(20):
        (ax, ay), (bx, by) = rng.uniform(0, 30, (2, 2))
        left = rasterise([[ax, 0, ax, ay, bx, by, bx, 30, -40, 30, -40, 0]], (30, 30))
        right = rasterise([[ax, 0, ax, ay, bx, by, bx, 30, 70, 30, 70, 0]], (30, 30))
        assert (left + right == 1).all()


def test_polygons_in_parts_give_the_same_mask(monkeypatch):
    generator = np.random.default_rng(5)
    polygon = generator.uniform(-20, 120, 400).tolist()
    whole = deepfashion2.rasterise([polygon], (90, 100))
    monkeypatch.setattr(deepfashion2, "_CROSSINGS_AT_A_TIME", 97)
    np.testing.assert_array_equal(deepfashion2.rasterise([polygon], (90, 100)), whole)


def test_a_polygon_takes_little_memory_or_is_refused(tmp_path):
    """200 kB of corners that go up and down a picture of 8,000 rows took 2.8 GB."""
    import tracemalloc

    corners = 2_000
    polygon = np.stack([np.linspace(0, 999, corners), np.tile([0, 8000], corners // 2)], axis=1).ravel()
    tracemalloc.start()
    mask = deepfashion2.rasterise([polygon], (8_000, 1_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mask.any() and peak < 220e6
    many = [round(value, 1) for value in np.tile(polygon, 10).tolist()]
    lay_out(tmp_path, [photo(item(polygons=[many]))], size=(8000, 1000))
    reference = deepfashion2.read(tmp_path).table["mask"][0]
    with pytest.raises(DataError, match=r"000001\.json: item1\.segmentation: the polygons cross [\d,]+ rows"):
        read_mask(reference)


def test_degenerate_polygons_cover_nothing():
    assert rasterise([[], [1, 1], [1, 1, 5, 5], [1, 1, 5, 1, 9, 1]], (8, 8)).sum() == 0
    assert rasterise([[-9, -9, 99, -9, 99, 99, -9, 99]], (8, 8)).all()


@pytest.mark.parametrize("density", [0.1, 0.4, 0.6, 0.9])
def test_outlines_give_the_mask_back(density):
    rng = np.random.default_rng(int(density * 10))
    for _ in range(40):
        mask = (rng.random(rng.integers(1, 40, 2)) < density).astype(np.uint8)  # holes, islands
        polygons = polygons_of(mask)
        assert (rasterise(polygons, mask.shape) == mask).all()
        assert all(type(value) is int for polygon in polygons for value in polygon)
    assert polygons_of(np.zeros((5, 5))) == []


def broken(**changes):
    """A photo whose only item has other fields, or lacks those that are None."""
    fields = item() | changes
    return photo({name: value for name, value in fields.items() if value is not None})


@pytest.mark.parametrize(("annotation", "message"), [
    (broken(category_id=14), r"item1\.category_id is 14; classes are 1 to 13"),
    (broken(category_id=0), r"item1\.category_id is 0"),
    (broken(category_id="7"), r"item1\.category_id is '7'"),
    (broken(category_name="skirt"), r"item1 is of category 7, shorts, but .* is 'skirt'"),
    (broken(category_id=None), r"item1 lacks the key 'category_id'"),
    (broken(segmentation=None), r"item1 lacks the key 'segmentation'"),
    (broken(viewpoint=None), r"item1 lacks the key 'viewpoint'"),
    (broken(bounding_box=[1, 2, 3]), r"item1\.bounding_box must be four numbers"),
    (broken(bounding_box=[1, 2, 3, float("nan")]), r"item1\.bounding_box must be four numbers"),
    (broken(segmentation=[1, 2, 3]), r"item1\.segmentation must be a list of polygons"),
    (broken(occlusion=4), r"item1\.occlusion is 4; it should be 1, 2 or 3"),
    (broken(style=-1), r"item1\.style is -1; it should be 0 or more"),
    (broken(style=10 ** 30), r"item1\.style is 10{30}; it should be 0 or more"),
    (broken(bounding_box=[1, 2, 3, 10 ** 400]), r"item1\.bounding_box must be four numbers"),
    (photo(item(), pair=10 ** 30), r"pair_id is 10{30}, no whole number of at most 18"),
    (photo() | {"item" + "9" * 5000: item()}, r"item9{36} is not an item"),
    (photo(item(), pair="7"), r"pair_id is '7', no whole number"),
    (photo(item(), source="web"), r"source is 'web'"),
    ({"source": "user", "item1": item()}, r"lacks the key 'pair_id'"),
    ({"pair_id": 3}, r"lacks the key 'source'"),
    (photo(item()) | {"note": 1}, r"note is not an item"),
    ([photo(item())], r"not an annotation of a photo"),
])  # fmt: skip
def test_a_wrong_annotation_is_named_with_its_key(tmp_path, annotation, message):
    with pytest.raises(DataError, match=rf"000001\.json: {message}"):
        deepfashion2.read(lay_out(tmp_path, [annotation]))


@pytest.mark.parametrize(("data", "message"), [
    (b'{"source": "user",\n"pair_id": ', r"000001\.json, line 2, column \d+: not JSON"),
    (b"[" * 100_000, r"000001\.json: JSON nested too deeply"),
    (b'{"pair_id": ' + b"9" * 5000 + b"}", r"000001\.json: holds a number of thousands of digits"),
    (b" " * (9 << 20), r"000001\.json: 9,437,184 bytes; .* above 8,388,608 bytes"),
    (b"", r"000001\.json, line 1, column 1: not JSON"),
    (b'{"source": "user",\n"caf\xe9": 1}', r"000001\.json, line 2: byte 0xe9 is not UTF-8"),
])  # fmt: skip
def test_files_that_are_no_json(tmp_path, data, message):
    lay_out(tmp_path, [photo(item())])
    (tmp_path / "train" / "annos" / "000001.json").write_bytes(data)
    with pytest.raises(DataError, match=message):
        deepfashion2.read(tmp_path)


def test_absent_folders(tmp_path):
    with pytest.raises(DataError, match="holds neither of the folders train and validation"):
        deepfashion2.read(tmp_path)
    (tmp_path / "train" / "annos").mkdir(parents=True)
    with pytest.raises(DataError, match="image: no such folder"):
        deepfashion2.read(tmp_path)
    (tmp_path / "train" / "image").mkdir()
    with pytest.raises(DataError, match="annos: holds no annotations"):
        deepfashion2.read(tmp_path)


def test_names_and_numbers_of_files(tmp_path):
    annotations = lay_out(tmp_path, [photo(item())]) / "train" / "annos"
    (annotations / "._000001.json").touch()  # what macOS leaves behind is passed over
    assert len(deepfashion2.read(tmp_path)) == 1
    (annotations / "1.json").touch()
    with pytest.raises(DataError, match=r"1\.json: number 1 is there already as 000001\.json"):
        deepfashion2.read(tmp_path)
    (annotations / "1.json").rename(annotations / "one.json")
    with pytest.raises(DataError, match=r"one\.json: files here are named by six digits"):
        deepfashion2.read(tmp_path)


def test_a_turned_photo_turns_its_mask(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    images = lay_out(tmp_path, [photo(item())]) / "train" / "image"
    Image.new("RGB", (16, 20)).save(images / "000001.jpg", exif=exif)
    table = deepfashion2.read(tmp_path).table
    expected = np.zeros((20, 16), np.uint8)
    expected[2:12, 2:8] = 1
    picture, mask, box = read_annotated(table["image"][0], table["mask"][0], table["box"][0])
    np.testing.assert_array_equal(mask, np.rot90(expected, -1))
    assert picture.shape == (16, 20, 3) and box == (8, 2, 18, 8)


def test_endings_in_any_case(tmp_path):
    folder = lay_out(tmp_path, [photo(item())]) / "train"
    (folder / "image" / "000001.jpg").rename(folder / "image" / "000001.JPG")
    (folder / "image" / "Thumbs.db").touch()
    table = deepfashion2.read(tmp_path).table
    assert table["image"][0].endswith("000001.JPG") and read_mask(table["mask"][0]).sum() == 60


def test_absent_images_are_counted_or_an_error(tmp_path):
    images = lay_out(tmp_path, [photo(item())] * 30) / "train" / "image"
    (images / "000009.jpg").unlink()
    (images / "000077.jpg").touch()
    dataset = deepfashion2.read(tmp_path)
    assert len(dataset) == 29
    assert 9 not in set(dataset.table["image_id"])
    assert "train: 1 photos have no annotation and are left out" in dataset.notes[0]
    assert "1 of 30 images listed are absent (3.33%)" in dataset.notes[1]
    (images / "000010.jpg").unlink()
    with pytest.raises(DataError, match=r"annos: 2 of 30 images listed are absent \(6\.7%"):
        deepfashion2.read(tmp_path)


def test_garments_without_box_or_polygon_are_counted(tmp_path):
    lay_out(tmp_path, [photo(item(), item(box=(5, 5, 5, 9)), item(polygons=((1, 1, 2, 2),)),
                             item(polygons=()))])
    dataset = deepfashion2.read(tmp_path)
    assert dataset.table["item"].tolist() == [1]
    assert dataset.notes[0].startswith("train: 1 garments have an empty box")
    assert dataset.notes[1].startswith("train: 2 garments have no polygon")


def test_masks_that_cannot_be_drawn(tmp_path):
    lay_out(tmp_path, [photo(item(polygons=((2, 2, 8, 2, 8, 12, 2),)))])
    mask = deepfashion2.read(tmp_path).table["mask"][0]
    with pytest.raises(DataError, match=r"000001\.json: item1\.segmentation\[0\] is no list of x"):
        read_mask(mask)
    with pytest.raises(DataError, match="has no item9 with a segmentation"):
        read_mask(mask.replace("#1", "#9"))
    with pytest.raises(DataError, match="no such file"):
        read_mask(mask.replace("000001", "000002"))


def test_a_mask_has_the_size_of_its_photo(tmp_path):
    lay_out(tmp_path, [photo(item())], size=(14, 9))
    mask = read_mask(deepfashion2.read(tmp_path).table["mask"][0])
    assert mask.shape == (14, 9)
    assert mask.sum() == 60
    assert mask[2:12, 2:8].all()


def test_balanced(tmp_path):
    photos = [photo(*(item(category) for category in range(1, 14)), pair=number // 2)
              for number in range(12)]
    photos += [photo(*[item(1)] * 5, pair=99)] * 4
    lay_out(tmp_path, photos)
    lay_out(tmp_path, photos[:3], "validation")
    paper = deepfashion2.balanced(deepfashion2.read(tmp_path), per_class=20, seed=1)
    assert np.bincount(paper.labels).tolist() == [20] * 13
    assert set(paper.table["split"]) == {"train"}
    tops = paper.table[paper.table["label"] == "short sleeve top"]
    assert (tops["copy"] == 0).all()  # 32 of them: thinned
    rare = paper.table[paper.table["label"] == "sling"]
    assert rare["mask"].nunique() == 12  # every one is there, eight of them again
    assert (rare["copy"] > 0).sum() == 8
    assert deepfashion2.PAPER_PER_CLASS == 1_985
    again = deepfashion2.balanced(deepfashion2.read(tmp_path), per_class=20, seed=1)
    assert paper.table.equals(again.table)
