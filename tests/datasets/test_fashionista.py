import io

import numpy as np
import pytest
from PIL import Image

from fashion_tf.datasets import fashionista
from fashion_tf.datasets.fashionista import CLASSES, ORIGINAL, ORIGINAL_CLASSES, REFINED
from fashion_tf.datasets.images import read_image, read_mask
from fashion_tf.datasets.matlab import write_version_5
from fashion_tf.errors import DataError

LABELS = np.array([[0, 1, 2], [0, 7, 7], [24, 7, 16], [0, 16, 16]], np.uint8)  # 4 x 3


def encoded(array, kind="PNG", **options):
    buffer = io.BytesIO()
    picture = Image.fromarray(array)
    if palette := options.pop("palette", None):
        picture.putpalette(palette)
    picture.save(buffer, kind, **options)
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(1, -1)


def photo(size=(4, 3), colour=(200, 30, 90)):
    return encoded(np.full((*size, 3), colour, np.uint8), "JPEG", quality=95)


def struct(rows):
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in rows[0]])
    for column, row in enumerate(rows):
        array[0, column] = tuple(row.values())
    return array


def cells(names):
    array = np.empty((1, len(names)), dtype=object)
    array[0, :] = list(names)
    return array


def refined(index, **changed):
    return {"index": float(index), "image": photo(), "annotation": encoded(LABELS), **changed}


def original(index, names=ORIGINAL_CLASSES, **changed):
    """Superpixels 1 to 4: jeans, skin, null, loafers."""
    annotation = {
        "superpixel_map": encoded(np.array([[3, 3, 2], [3, 1, 2], [3, 1, 1], [3, 4, 4]], np.uint8)),
        "superpixel_labels": np.array([[19.0], [56.0], [1.0], [54.0]]), "labels": cells(names),
        **changed.pop("annotation", {})}
    return {"index": float(index), "image": photo(), "pose": struct([{"point": np.ones((14, 2))}]),
            "annotation": struct([annotation]), **changed}


def write(path, truths, test_index=(1,), **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == REFINED:
        more = {"labels": cells(CLASSES), **more}
    write_version_5(path, {"truths": struct(truths),
                           "test_index": np.array([test_index], float), **more})


def test_refined(tmp_path):
    other = encoded(LABELS[::-1].copy())
    write(tmp_path / REFINED, [refined(11), refined(12, annotation=other)])
    dataset = fashionista.read(tmp_path)
    assert dataset.classes == CLASSES
    assert dataset.table["index"].tolist() == [11, 12]
    assert dataset.table["split"].tolist() == ["test", "train"]
    assert (dataset.labels == -1).all()
    assert not any("v0.2.1" in note for note in dataset.notes)
    mask = read_mask(dataset.table["mask"][0])
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, LABELS)
    np.testing.assert_array_equal(read_mask(dataset.table["mask"][1]), LABELS[::-1])
    picture = read_image(dataset.table["image"][0])
    assert picture.shape == (4, 3, 3)
    np.testing.assert_allclose(picture[0, 0].astype(int), (200, 30, 90), atol=6)  # RGB, not BGR


def test_original_is_mapped_and_said_to_be(tmp_path):
    write(tmp_path / "fashionista-v0.2.1" / ORIGINAL, [original(1), original(2)])
    dataset = fashionista.read(tmp_path)
    assert dataset.classes == CLASSES
    assert "It is not refined Fashionista" in dataset.notes[0]
    names = np.array(CLASSES)[read_mask(dataset.table["mask"][0])]
    assert names.tolist() == [
        ["background", "background", "skin"], ["background", "pants/jeans", "skin"],
        ["background", "pants/jeans", "pants/jeans"], ["background", "shoes", "shoes"]]


def test_more_than_255_superpixels(tmp_path):
    """Such a map is a PNG of 16 bits."""
    superpixels = np.array([[300, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]], np.uint16)
    labels = np.ones((300, 1))
    labels[299] = 56
    write(tmp_path / ORIGINAL, [original(1, annotation={
        "superpixel_map": encoded(superpixels), "superpixel_labels": labels})])
    mask = read_mask(fashionista.read(tmp_path).table["mask"][0])
    np.testing.assert_array_equal(mask, superpixels == 300)


def test_refined_is_preferred(tmp_path):
    write(tmp_path / ORIGINAL, [original(1)])
    write(tmp_path / REFINED, [refined(1)])
    assert REFINED in fashionista.read(tmp_path).table["mask"][0]


def test_palette_and_colour_masks(tmp_path):
    palette = encoded(LABELS, palette=[255 - i // 3 for i in range(768)])
    colour = encoded(np.stack([LABELS, LABELS * 3, LABELS * 5], axis=-1))
    write(tmp_path / REFINED, [refined(1, annotation=palette), refined(2, annotation=colour)])
    table = fashionista.read(tmp_path).table
    np.testing.assert_array_equal(read_mask(table["mask"][0]), LABELS)
    np.testing.assert_array_equal(read_mask(table["mask"][1]), LABELS)


def test_grey_photo(tmp_path):
    write(tmp_path / REFINED, [refined(1, image=encoded(np.full((4, 3), 90, np.uint8), "JPEG"))])
    assert read_image(fashionista.read(tmp_path).table["image"][0]).shape == (4, 3, 3)


def test_official_split(tmp_path):
    """411, 45 and 229 of 685; the tenth, twentieth, ... of those not in test are validation."""
    generator = np.random.default_rng(0)
    test = np.sort(generator.permutation(np.arange(1, 686))[:229])
    image = photo()
    truths = [{"index": float(number), "image": image, "annotation": image}
              for number in range(1, 686)]
    write(tmp_path / REFINED, truths, test)
    dataset = fashionista.read(tmp_path)
    table = dataset.table
    assert table["split"].value_counts().to_dict() == {"train": 411, "test": 229, "validation": 45}
    assert table["index"][table["split"] == "test"].tolist() == test.tolist()
    others = [number for number in range(1, 686) if number not in set(test)]
    assert table["index"][table["split"] == "validation"].tolist() == others[9::10]
    assert dataset.notes == ()


def test_logical_test_index(tmp_path):
    write(tmp_path / REFINED, [refined(number) for number in range(1, 5)], (0, 1, 0, 1))
    assert fashionista.read(tmp_path).table["split"].tolist() == ["train", "test"] * 2


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"holds neither fashionista-v1\.0\.mat nor"):
        fashionista.read(tmp_path)


def test_cut_off(tmp_path):
    write(tmp_path / REFINED, [refined(1), refined(2)])
    path = tmp_path / REFINED
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DataError, match=r"fashionista-v1\.0\.mat.*cut off or damaged"):
        fashionista.read(tmp_path)


def without(record, *fields):
    return {name: value for name, value in record.items() if name not in fields}


@pytest.mark.parametrize(("name", "truths", "more", "message"), [
    (REFINED, [refined(1), refined(1)], {}, "truths: the number 1 stands there twice"),
    (REFINED, [refined(1.5)], {}, r"truths\(1\)\.index: .* is no whole number"),
    (REFINED, [without(refined(1), "image")], {}, r"truths\(1\) lacks image"),
    (REFINED, [refined(1)], {"labels": cells(CLASSES[1:])}, "its 24 labels are not the 25"),
    (REFINED, [refined(1)], {"test_index": (2,)}, "test_index must hold whole numbers from 1 to 1"),
    (REFINED, [refined(1), refined(2), refined(3)], {"test_index": (0, 3)}, "counts from 1"),
    (REFINED, [refined(1), refined(2), refined(3)], {"test_index": (3, 3)},
     "test_index: the number 3 stands there twice"),
    (ORIGINAL, [original(1, names=ORIGINAL_CLASSES[::-1])], {}, "its 56 labels are not the 56"),
    (ORIGINAL, [refined(1)], {}, r"truths\(1\)\.annotation lacks labels, superpixel_labels"),
])
def test_malformed(tmp_path, name, truths, more, message):
    write(tmp_path / name, truths, **more)
    with pytest.raises(DataError, match=message) as error:
        fashionista.read(tmp_path)
    assert name in str(error.value)


@pytest.mark.parametrize(("name", "truth", "message"), [
    (REFINED, refined(1, annotation=encoded(LABELS + 1)), "annotation: label 25 at row 2, column 0"),
    (REFINED, refined(1, image=photo((3, 4))), "a mask of 4 x 3 pixels .* a picture of 3 x 4"),
    (REFINED, refined(1, annotation=encoded(LABELS)[:, :40]), "annotation: its header is damaged"),
    (REFINED, refined(1, annotation=np.ones((3, 4))), "annotation: not the bytes of an encoded"),
    (ORIGINAL, original(1, annotation={"superpixel_labels": np.ones((3, 1))}),
     r"superpixel_map: superpixels 1 to 4, but superpixel_labels has entries 1 to 3"),
    (ORIGINAL, original(1, annotation={"superpixel_labels": np.array([[1], [2], [57], [1]])}),
     "annotation: label 56.* at row 0, column 0; the labels are 0 to 55"),
    (ORIGINAL, original(1, annotation={"superpixel_map": encoded(np.zeros((4, 3, 3), np.uint8))}),
     "superpixel_map: a PNG of one channel belongs here, not 3"),
])
def test_bad_mask(tmp_path, name, truth, message):
    write(tmp_path / name, [truth])
    reference = fashionista.read(tmp_path).table["mask"][0]
    with pytest.raises(DataError, match=message) as error:
        read_mask(reference)
    assert f"{tmp_path / name}: truths(1).annotation" in str(error.value)


def test_eps_starts_no_program(tmp_path, monkeypatch):
    """Pillow would hand EPS to Ghostscript, a program that runs the file."""
    import subprocess

    monkeypatch.setattr(subprocess, "check_call", lambda *_, **__: pytest.fail("started a program"))
    eps = encoded(np.dstack([LABELS] * 3), "EPS")
    write(tmp_path / REFINED, [refined(1, image=eps), refined(2, annotation=eps)])
    table = fashionista.read(tmp_path).table
    for read, reference in ((read_image, table["image"][0]), (read_mask, table["mask"][0]),
                            (read_mask, table["mask"][1])):
        with pytest.raises(DataError, match=r"not a JPEG.*%!PS"):
            read(reference)


def test_a_turned_photo_turns_its_mask(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    write(tmp_path / REFINED, [refined(1, image=encoded(np.full((4, 3, 3), 100, np.uint8), "JPEG", exif=exif))])
    table = fashionista.read(tmp_path).table
    assert read_image(table["image"][0]).shape == (3, 4, 3)
    np.testing.assert_array_equal(read_mask(table["mask"][0]), np.rot90(LABELS, -1))


def test_grey_masks_of_four_bits(tmp_path):
    """Packed by hand after the PNG specification: two pixels a byte, a filter byte before each row."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    labels = np.array([[0, 1, 8, 15]] * 4, np.uint8)
    png = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 4, 0, 0, 0, 0))
           + chunk(b"IDAT", zlib.compress(b"\x00\x01\x8f" * 4)) + chunk(b"IEND", b""))
    write(tmp_path / REFINED, [refined(1, image=photo((4, 4)), annotation=np.frombuffer(png, np.uint8).reshape(1, -1))])
    np.testing.assert_array_equal(read_mask(fashionista.read(tmp_path).table["mask"][0]), labels)


def test_damaged_photo(tmp_path):
    write(tmp_path / REFINED, [refined(1, image=photo()[:, :60])])
    with pytest.raises(DataError, match=REFINED):
        read_image(fashionista.read(tmp_path).table["image"][0])


def test_reference_beyond_the_end(tmp_path):
    write(tmp_path / REFINED, [refined(1)])
    with pytest.raises(DataError, match="holds 1 photos, counted from 0; asked for number 1"):
        read_image(f"{tmp_path / REFINED}#1")


def test_sample(tmp_path, monkeypatch):
    from fashion_tf.wardrobe import draw_person

    monkeypatch.setattr(fashionista, "SAMPLE_COUNT", 20)
    for name in "ab":
        (tmp_path / name).mkdir()
        fashionista.write_sample(tmp_path / name, seed=3)
    assert (tmp_path / "a" / REFINED).read_bytes() == (tmp_path / "b" / REFINED).read_bytes()
    dataset = fashionista.read(tmp_path / "a")
    assert dataset.table["split"].value_counts().to_dict() == {
        "train": 13, "validation": 1, "test": 6}
    drawing = draw_person(np.random.Generator(np.random.PCG64([3, 3])), fashionista.SAMPLE_SIZE)
    np.testing.assert_array_equal(read_mask(dataset.table["mask"][0]), drawing.labels)
    picture = read_image(dataset.table["image"][0])
    assert np.abs(picture.astype(int) - drawing.image).mean() < 4  # JPEG of the same drawing
