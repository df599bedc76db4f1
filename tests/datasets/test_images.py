"""Every kind of picture that is read, and every kind that is refused."""

import io
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from fashion_tf.datasets import images
from fashion_tf.datasets.idx import write_idx
from fashion_tf.datasets.images import (
    read_annotated,
    read_image,
    read_images,
    read_mask,
    register_opener,
    resize,
    split_reference,
    upright_points,
)
from fashion_tf.errors import DataError

RAMP = np.linspace(20, 230, 40 * 60 * 3).reshape(40, 60, 3).astype(np.uint8)


@pytest.fixture
def photo():
    """A smooth colour photo of 480 x 320 pixels, as an array."""
    noise = np.random.default_rng(0).integers(0, 256, (320, 480, 3), np.uint8)
    return cv2.GaussianBlur(noise, (31, 31), 0)


@pytest.fixture
def openers(monkeypatch):
    """Openers registered in a test are gone after it."""
    monkeypatch.setattr(images, "_OPENERS", {"image": {}, "mask": {}})


def save(array, path, mode=None, **options):
    Image.fromarray(array).convert(mode).save(path, **options) if mode else Image.fromarray(
        array).save(path, **options)
    return str(path)


# Ordinary files


@pytest.mark.parametrize("name, tolerance", [("a.png", 0), ("a.webp", 0), ("a.jpg", 6)])
def test_formats_give_rgb(tmp_path, photo, name, tolerance):
    options = {"lossless": True} if name.endswith("webp") else {"quality": 95, "subsampling": 0}
    picture = read_image(save(photo, tmp_path / name, **(options if "png" not in name else {})))
    assert picture.dtype == np.uint8 and picture.shape == (320, 480, 3)
    assert np.abs(picture.astype(int) - photo).max() <= tolerance


@pytest.mark.parametrize("name", ["grey.png", "grey.jpg"])
def test_grey_file_becomes_rgb(tmp_path, name):
    picture = read_image(save(np.full((8, 9), 77, np.uint8), tmp_path / name))
    np.testing.assert_array_equal(picture, np.full((8, 9, 3), 77))


def test_one_bit_file_is_black_and_white(tmp_path):
    picture = read_image(save(np.array([[0, 255]] * 8, np.uint8), tmp_path / "a.png", mode="1"))
    np.testing.assert_array_equal(picture[0], [[0, 0, 0], [255, 255, 255]])


def test_16_bit_grey_is_scaled_not_clipped(tmp_path):
    values = np.array([[0, 257, 1000, 128 * 257, 65535]], np.uint16)
    picture = read_image(save(values, tmp_path / "a.png"))
    np.testing.assert_array_equal(picture[0, :, 0], [0, 1, 4, 128, 255])


def test_16_bit_colour_is_scaled(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 4, 3), (10 * 257, 20 * 257, 65535), np.uint16))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0, 0], [255, 20, 10])


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_alpha_is_laid_on_white(tmp_path, name):
    pixels = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [200, 0, 0, 128]]], np.uint8)
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    picture = read_image(save(pixels, tmp_path / name, **options))
    np.testing.assert_array_equal(picture[0, :2], [[200, 0, 0], [255, 255, 255]])
    # 128/255 of the colour and 127/255 of white
    np.testing.assert_allclose(picture[0, 2], [227, 127, 127], atol=1)


def test_grey_with_alpha_is_laid_on_white(tmp_path):
    picture = read_image(save(np.array([[[50, 255], [50, 0]]], np.uint8), tmp_path / "a.png"))
    np.testing.assert_array_equal(picture[0], [[50] * 3, [255] * 3])


def test_transparent_palette_entry_is_white(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putdata([0, 1])
    picture.save(tmp_path / "a.png", transparency=1)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], [[10, 20, 30], [255] * 3])


def test_transparent_colour_of_an_rgb_file_is_white(tmp_path):
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    picture = read_image(save(pixels, tmp_path / "a.png", transparency=(4, 5, 6)))
    np.testing.assert_array_equal(picture[0], [[1, 2, 3], [255] * 3])


def png_of_one_row(depth, colours, row, transparent):
    """A PNG of one row of pixels, by the PNG specification, with a transparent colour (section 11.3.2.1)."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    width = len(row) * 8 // depth // (1 if colours == 0 else 3)
    return b"\x89PNG\r\n\x1a\n" + b"".join([
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colours, 0, 0, 0)), chunk(b"tRNS", transparent),
        chunk(b"IDAT", zlib.compress(b"\0" + row)), chunk(b"IEND", b"")])


@pytest.mark.parametrize(("depth", "colours", "row", "transparent", "expected"), [
    (2, 0, bytes([0b01_10_01_00]), b"\0\1", [255, 170, 255, 0]),
    (4, 0, b"\x51", b"\0\5", [255, 17]),
    (8, 0, b"\x05\x55", b"\0\5", [255, 85]),
    (16, 0, b"\x80\0\x80\1\0\0", b"\x80\0", [255, 128, 0]),
    (8, 2, b"\1\1\1\2\2\2", b"\0\1\0\1\0\1", [255, 2]),
    (16, 2, b"\1\7\1\7\1\7\2\0\2\0\2\0", b"\1\7\1\7\1\7", [255, 2]),
])
def test_a_transparent_colour_is_told_in_the_files_own_numbers(tmp_path, depth, colours, row, transparent, expected):
    (tmp_path / "a.png").write_bytes(png_of_one_row(depth, colours, row, transparent))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], np.repeat(expected, 3).reshape(-1, 3))


@pytest.mark.parametrize(("dtype", "values", "tags", "message"), [
    (np.float32, (0, 0.5, 1), {}, "floating-point or signed"),
    (np.int32, (0, 1 << 20, 1 << 30), {}, "floating-point or signed"),
    (np.uint16, (0, 32_768, 65_535), {262: 0}, "inverted"),
])
def test_a_tiff_whose_black_and_white_are_not_sure_is_refused(tmp_path, dtype, values, tags, message):
    """Decoded as it is, it would be all black, clipped or a negative."""
    Image.fromarray(np.array([values], dtype)).save(tmp_path / "a.tif", tiffinfo=tags)
    with pytest.raises(DataError, match=f"a.tif: a TIFF of {message}.*Save it as PNG"):
        read_image(tmp_path / "a.tif")


def test_a_tiff_of_16_bits_is_scaled(tmp_path):
    Image.fromarray(np.array([[0, 32_768, 65_535]], np.uint16)).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0, :, 0], [0, 128, 255])


@pytest.mark.parametrize("size", [None, (32, 32)])
def test_cmyk_jpeg_keeps_its_colours(tmp_path, size):
    # Pillow writes Adobe's inverted CMYK, the kind that readers without care show as a negative.
    red = np.full((64, 64, 3), (220, 30, 40), np.uint8)
    picture = read_image(save(red, tmp_path / "a.jpg", mode="CMYK", quality=95), size)
    assert picture.shape[2] == 3
    np.testing.assert_allclose(picture.reshape(-1, 3).mean(0), [220, 30, 40], atol=4)


# How a stored picture must be turned for each value of the EXIF tag (EXIF 2.32, section 4.6.4).
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_exif_turned_pictures_are_put_upright(tmp_path, photo, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if name.endswith("jpg") else (
        {"lossless": True} if name.endswith("webp") else {})
    path = save(photo, tmp_path / name, exif=exif, **options)
    expected = UPRIGHT[orientation](photo)
    picture = read_image(path)
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).mean() < 2
    # The box is meant in the stored picture, the size in the upright one, also where the decoder shrinks.
    part = UPRIGHT[orientation](photo[30:290, 10:210])
    size = (part.shape[0] // 4, part.shape[1] // 4)
    small = read_image(path, size, box=(10, 30, 210, 290))
    reference = cv2.resize(np.ascontiguousarray(part), size[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - reference).mean() < 3


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("square", [False, True])
def test_mask_box_and_landmarks_are_turned_with_their_photo(tmp_path, orientation, square):
    """A green garment on a red ground: the mask lies on it, the box around it, the landmark in it."""
    raster = np.full((60, 60 if square else 40, 3), (200, 30, 30), np.uint8)
    raster[5:20, 10:35] = (30, 200, 30)
    labels = np.zeros(raster.shape[:2], np.uint8)
    labels[5:20, 10:35] = 7
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = save(raster, tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    picture, mask, box = read_annotated(photo, save(labels, tmp_path / "mask.png"), (10, 5, 35, 20))
    garment = picture[..., 1] > 115
    np.testing.assert_array_equal(mask == 7, garment)
    x1, y1, x2, y2 = map(int, box)
    assert garment[y1:y2, x1:x2].all() and garment.sum() == (y2 - y1) * (x2 - x1)
    x, y = upright_points(photo, [[10.5, 5.5]])[0]
    assert garment[int(y), int(x)] and picture.shape[:2] == mask.shape
    np.testing.assert_array_equal(UPRIGHT[orientation](np.dstack([labels] * 3))[..., 0], mask)
    # A mask that its own EXIF data turns is upright, and so is one of the upright size alone.
    turned = save(labels, tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_annotated(photo, turned)[1], mask)
    if orientation >= 5 and not square:
        upright = save(mask, tmp_path / "upright.png")
        np.testing.assert_array_equal(read_annotated(photo, upright)[1], mask)


def test_a_mask_of_another_size_is_refused(tmp_path):
    photo, mask = save(RAMP, tmp_path / "a.png"), save(RAMP[:30, :, 0], tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"mask\.png: a mask of 30 x 60 .*a\.png of 40 x 60"):
        read_annotated(photo, mask)


def test_the_mask_of_a_reader_is_upright_already(tmp_path, openers):
    exif = Image.Exif()
    exif[0x0112] = 3
    photo = save(RAMP, tmp_path / "a.jpg", exif=exif)
    labels = np.zeros((40, 60), np.uint8)
    labels[0, 0] = 1
    register_opener("mask", "own.mat", lambda path, index: labels)
    np.testing.assert_array_equal(read_annotated(photo, "own.mat")[1], labels)


# Size and box


@pytest.mark.parametrize("size", [(320, 480), (100, 150), (37, 53), (400, 600)])
def test_size_agrees_with_opencv(tmp_path, photo, size):
    path = save(photo, tmp_path / "a.jpg", quality=95)
    method = cv2.INTER_AREA if size[0] <= 320 else cv2.INTER_LINEAR
    reference = cv2.resize(photo, size[::-1], interpolation=method)
    picture = read_image(path, size)
    assert picture.shape == (*size, 3)
    assert np.abs(picture.astype(int) - reference).mean() < 2


def test_the_decoder_shrinks_without_a_shift(tmp_path):
    """A JPEG decoded at 1/8 of an odd size still lies where the full one lies."""
    x = np.tile(np.linspace(0, 255, 403).astype(np.uint8), (301, 1))
    path = save(np.dstack([x] * 3), tmp_path / "a.jpg", quality=98)
    picture = read_image(path, (30, 40))
    reference = resize(read_image(path), (30, 40))
    assert np.abs(picture.astype(int) - reference).max() <= 2


def test_a_small_box_keeps_its_detail(tmp_path):
    """The decoder must not shrink the photo below what the box alone needs."""
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    path = save(stripes, tmp_path / "a.jpg", quality=98, subsampling=0)
    picture = read_image(path, (50, 50), box=(100, 100, 150, 150))
    assert np.abs(picture.astype(int) - stripes[100:150, 100:150]).mean() < 5


def test_box_without_size_cuts_whole_pixels(tmp_path):
    path = save(RAMP, tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(path, box=(5, 3, 25, 33)), RAMP[3:33, 5:25])
    np.testing.assert_array_equal(read_image(path, box=(5.6, 3.2, 24.1, 32.5)), RAMP[3:33, 5:25])


def test_box_is_clipped_at_the_edges(tmp_path):
    path = save(RAMP, tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(path, box=(-9, -2, 999, 10)), RAMP[:10])


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (60, 0, 70, 9), (-9, 0, 0, 9),
                                 (0, 0, float("nan"), 9)])
@pytest.mark.parametrize("size", [None, (8, 8)])
def test_empty_box_is_refused(tmp_path, box, size):
    path = save(RAMP, tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png.*box.*60 x 40"):
        read_image(path, size, box)


# Refused files


def test_absent_file(tmp_path):
    with pytest.raises(DataError, match=r"none\.jpg: no such picture"):
        read_image(tmp_path / "none.jpg")


def test_folder(tmp_path):
    with pytest.raises(DataError, match="not a file"):
        read_image(tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file(tmp_path):
    path = save(RAMP, tmp_path / "a.png")
    os.chmod(path, 0)
    with pytest.raises(DataError, match=r"a\.png: cannot be read"):
        read_image(path)


def test_empty_file(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DataError, match=r"a\.jpg: empty"):
        read_image(tmp_path / "a.jpg")


def test_web_page_under_a_picture_s_name(tmp_path):
    (tmp_path / "a.jpg").write_text("<!DOCTYPE html><title>404</title>")
    with pytest.raises(DataError, match=r"a\.jpg: not a JPEG.*<!DOCTYPE"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("name", ["a.eps", "a.ppm", "a.pdf", "a.tga", "a.ico"])
def test_other_format_is_refused(tmp_path, name):
    save(RAMP, tmp_path / name)
    (tmp_path / name).rename(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="a.jpg: not a JPEG, PNG, WebP"):
        read_image(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="a.jpg: not a JPEG, PNG, WebP"):
        read_mask(tmp_path / "a.jpg")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("size", [None, (20, 20)])
def test_cut_off_file(tmp_path, photo, name, kept, size):
    path = tmp_path / name
    save(photo, path)
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * kept)])
    with pytest.raises(DataError, match=name):
        read_image(path, size)


def test_damaged_png(tmp_path, photo):
    path = tmp_path / "a.png"
    save(photo, path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2:len(data) // 2 + 50] = bytes(50)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.png: damaged"):
        read_image(path)


def test_too_many_bytes(tmp_path, monkeypatch):
    path = save(RAMP, tmp_path / "a.png")
    monkeypatch.setattr(images, "MAXIMUM_BYTES", 100)
    with pytest.raises(DataError, match=r"a\.png: .* bytes; pictures above 100 bytes"):
        read_image(path)


def forged(name, side):
    """A small file whose header promises side x side pixels."""
    buffer = io.BytesIO()
    kind = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[name.rpartition(".")[2]]
    Image.fromarray(RAMP[:16, :16].copy()).save(buffer, kind, **(
        {"lossless": True} if kind == "WEBP" else {}))
    data = bytearray(buffer.getvalue())
    if kind == "PNG":
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif kind == "JPEG":
        frame = data.index(b"\xff\xc0")
        data[frame + 5:frame + 9] = struct.pack(">HH", side, side)
    else:  # lossless WebP: 14 bits each of width - 1 and height - 1 after the signature byte
        data[21:25] = struct.pack("<I", (side - 1) | (side - 1) << 14)
    return bytes(data)


# 9,000 passes Pillow's own check, 12,000 makes it warn, 60,000 makes it refuse (as we do).
@pytest.mark.parametrize("name, side", [
    ("a.png", 9_000), ("a.png", 12_000), ("a.png", 60_000), ("a.jpg", 9_000), ("a.jpg", 60_000),
    ("a.webp", 9_000), ("a.webp", 16_000)])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_too_many_pixels_are_refused_before_decoding(tmp_path, monkeypatch, name, side):
    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    (tmp_path / name).write_bytes(forged(name, side))
    with pytest.raises(DataError, match=rf"{name}: .*pictures above [\d,]+ pixels are refused"):
        read_image(tmp_path / name)


def test_forged_header_of_bearable_size(tmp_path):
    (tmp_path / "a.png").write_bytes(forged("a.png", 300))
    with pytest.raises(DataError, match=r"a\.png: damaged or cut off"):
        read_image(tmp_path / "a.png")


# Masks


def test_mask_keeps_label_numbers(tmp_path):
    labels = np.arange(200, dtype=np.uint8).reshape(10, 20)
    np.testing.assert_array_equal(read_mask(save(labels, tmp_path / "a.png")), labels)


def test_palette_mask_gives_numbers_not_colours(tmp_path):
    labels = np.array([[0, 1], [2, 1]], np.uint8)
    picture = Image.fromarray(labels)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    assert picture.mode == "P"
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), labels)


def test_one_bit_mask(tmp_path):
    path = save(np.array([[0, 255], [255, 0]], np.uint8), tmp_path / "a.png", mode="1")
    np.testing.assert_array_equal(read_mask(path), [[0, 1], [1, 0]])


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("colour", [0, 3])
def test_masks_of_few_bits_keep_their_numbers(tmp_path, bits, colour):
    """Grey (0) and palette (3) PNG files, written here by the PNG specification, section 11."""
    labels = np.arange(2 ** bits, dtype=np.uint8)[None].repeat(3, axis=0)
    (tmp_path / "a.png").write_bytes(png(labels, bits, colour))
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), labels)
    photo = read_image(tmp_path / "a.png")  # as a photo, its grey reaches white
    assert photo.max() == 255 if colour == 0 else photo.max() == 10 * (2 ** bits - 1)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(labels, bits, colour, *more):
    """A PNG file of the given depth and colour type; `more` chunks stand before its pixels."""
    rows = np.unpackbits(labels[..., None], axis=-1)[..., 8 - bits:].reshape(len(labels), -1)
    data = b"".join(b"\0" + np.packbits(row).tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", labels.shape[1], labels.shape[0], bits, colour, 0, 0, 0)
    palette = [chunk(b"PLTE", bytes(np.repeat(np.arange(2 ** bits) * 10 % 256, 3).tolist()))] if colour == 3 else []
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *more, *palette,
                     chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")])


def test_16_bit_mask(tmp_path):
    path = save(np.array([[3, 255]], np.uint16), tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(path), [[3, 255]])
    path = save(np.array([[3, 256]], np.uint16), tmp_path / "b.png")
    with pytest.raises(DataError, match=r"b\.png: label number 256"):
        read_mask(path)


def test_mask_is_resized_by_nearest_pixel(tmp_path):
    labels = np.zeros((40, 40), np.uint8)
    labels[:, 20:] = 9
    path = save(labels, tmp_path / "a.png")
    mask = read_mask(path, size=(10, 10), box=(10, 0, 30, 40))
    np.testing.assert_array_equal(mask, np.repeat([[0] * 5 + [9] * 5], 10, axis=0))


@pytest.mark.parametrize("name, message", [("a.png", "one channel"), ("a.jpg", "JPEG format"),
                                           ("a.webp", "WebP format")])
def test_colour_or_lossy_mask_is_refused(tmp_path, name, message):
    with pytest.raises(DataError, match=f"{name}: .*{message}"):
        read_mask(save(RAMP, tmp_path / name))


def test_absent_mask(tmp_path):
    with pytest.raises(DataError, match="no such picture"):
        read_mask(tmp_path / "none.png")


# Packed files and openers


@pytest.mark.parametrize("reference, parts", [
    ("a/b.mat#12", ("a/b.mat", 12)), ("a/b.jpg", ("a/b.jpg", None)), ("a/#1.jpg", ("a/#1.jpg", None)),
    ("a#b", ("a#b", None)), ("a#²", ("a#²", None)), ("#3#4", ("#3", 4))])
def test_split_reference(reference, parts):
    assert split_reference(reference) == parts


@pytest.fixture
def packed(tmp_path):
    array = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    write_idx(tmp_path / "a.gz", array)
    return tmp_path / "a.gz", array


def test_idx_pictures(packed):
    path, array = packed
    np.testing.assert_array_equal(read_images([f"{path}#2", f"{path}#0"]), array[[2, 0]])
    np.testing.assert_array_equal(read_image(f"{path}#1"), array[1])
    assert read_images([f"{path}#2"], size=(8, 10)).shape == (1, 8, 10)


def test_idx_pictures_of_two_files(packed, tmp_path):
    path, array = packed
    write_idx(tmp_path / "b.gz", array + 100)
    found = read_images([f"{tmp_path / 'b.gz'}#1", f"{path}#2", f"{tmp_path / 'b.gz'}#0"])
    np.testing.assert_array_equal(found, [array[1] + 100, array[2], array[0] + 100])
    write_idx(tmp_path / "c.gz", array[:, :2])
    with pytest.raises(DataError, match=r"c\.gz: pictures of \(2, 5\)"):
        read_images([f"{path}#2", f"{tmp_path / 'c.gz'}#0"])


def test_idx_faults(packed, tmp_path):
    path, _ = packed
    for read in (read_image, lambda reference: read_images([reference])):
        with pytest.raises(DataError, match="holds 3 pictures, asked for number 3"):
            read(f"{path}#3")
        with pytest.raises(DataError, match="is gone"):
            read(f"{tmp_path / 'none'}#0")


def test_opener_gives_arrays_or_bytes(tmp_path, openers):
    buffer = io.BytesIO()
    Image.fromarray(RAMP).save(buffer, "PNG")
    calls = []

    def open_image(path, index):
        calls.append((path, index))
        return buffer.getvalue() if index == 0 else RAMP[:, :, 0]

    register_opener("image", ".MAT", open_image)
    register_opener("mask", ".mat", lambda path, index: RAMP[:, :, index])
    np.testing.assert_array_equal(read_image("x/y.mat#0"), RAMP)
    np.testing.assert_array_equal(read_image("x/y.mat#1"), np.dstack([RAMP[:, :, 0]] * 3))
    assert calls == [("x/y.mat", 0), ("x/y.mat", 1)]
    np.testing.assert_array_equal(read_mask("x/y.mat#1"), RAMP[:, :, 1])
    assert read_images(["x/y.mat#0", "x/y.mat#1"], size=(4, 4)).shape == (2, 4, 4, 3)


def test_longest_ending_wins(openers):
    register_opener("mask", ".mat", lambda path, index: np.zeros((1, 1), np.uint8))
    register_opener("mask", "special.mat", lambda path, index: np.ones((1, 1), np.uint8))
    assert read_mask("a/other.mat")[0, 0] == 0
    assert read_mask("a/Special.mat")[0, 0] == 1


@pytest.mark.parametrize("array", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8),
                                   np.zeros(4, np.uint8)])
def test_opener_that_returns_no_picture(openers, array):
    register_opener("image", ".mat", lambda path, index: array)
    with pytest.raises(DataError, match=r"a\.mat#1: its reader returned"):
        read_image("a.mat#1")


# Many


def test_pictures_of_one_size_are_stacked(tmp_path):
    paths = [save(RAMP + shift, tmp_path / f"{shift}.png") for shift in range(5)]
    np.testing.assert_array_equal(read_images(paths), [RAMP + shift for shift in range(5)])


def test_pictures_of_two_sizes_need_a_size(tmp_path):
    paths = [save(RAMP, tmp_path / "a.png"), save(RAMP[:9], tmp_path / "b.png")]
    with pytest.raises(DataError, match=r"b\.png: .*pass size"):
        read_images(paths)
    assert read_images(paths, size=(12, 10)).shape == (2, 12, 10, 3)


def test_all_failures_are_told_together(tmp_path):
    good = save(RAMP, tmp_path / "a.png")
    with pytest.raises(DataError) as caught:
        read_images([good, *(tmp_path / f"{number}.jpg" for number in range(12)), good])
    message = str(caught.value)
    assert "12 of 14 pictures cannot be read" in message and "and 2 more" in message
    assert message.count("no such picture file") == 10


def test_no_pictures():
    with pytest.raises(DataError, match="the table is empty"):
        read_images([])


@pytest.mark.real_data
def test_real_photos(real_data):
    folder = real_data("clothing-dataset-small")
    paths = sorted(folder.glob("validation/*/*.jpg"))[::20]
    for path in paths:
        reference = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        picture = read_image(path)
        assert picture.shape == reference.shape
        # Two builds of libjpeg may round differently.
        assert np.abs(picture.astype(int) - reference).mean() < 1
        # The whole photo decoded and then resized; the decoder's own shrinking is no worse a blur.
        whole = Image.fromarray(reference).resize((96, 128), Image.Resampling.BILINEAR)
        small = read_image(path, (128, 96)).astype(int)
        assert np.abs(small - whole).mean() < 5
        assert abs(small.mean() - reference.mean()) < 0.5


def test_opacity_is_kept_where_there_is_some(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (6, 4, 3), np.uint8)
    opacity = np.uint8([[255, 255, 255, 0]] * 6)
    Image.fromarray(np.dstack([colours, opacity])).save(tmp_path / "cut_out.png")
    assert (images.read_with_opacity(tmp_path / "cut_out.png")[0] == np.dstack([colours, opacity])).all()
    Image.fromarray(np.dstack([colours, np.full_like(opacity, 255)])).save(tmp_path / "opaque.png")
    Image.fromarray(colours).save(tmp_path / "plain.png")
    for name in ("opaque.png", "plain.png"):
        assert (images.read_with_opacity(tmp_path / name)[0] == colours).all()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.dstack([colours, opacity])).save(tmp_path / "turned.png", exif=exif)
    turned, profile = images.read_with_opacity(tmp_path / "turned.png")
    assert (turned == np.rot90(np.dstack([colours, opacity]), -1)).all() and profile is None
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        images.read_with_opacity(tmp_path / "empty.png")


def screens_profile():
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.webp", "photo.tiff"])
def test_a_colour_profile_is_handed_on(tmp_path, name):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
    for profile in (screens_profile(), screens_profile() + bytes(150_000)):  # the second takes three parts of a JPEG
        picture.save(tmp_path / name, icc_profile=profile)
        assert images.read_with_opacity(tmp_path / name)[1] == profile


def test_a_profile_that_is_damaged_or_of_no_rgb_picture_is_not_handed_on(tmp_path):
    whole = screens_profile()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
    for number, profile in enumerate((whole[:-1], whole[:100], whole[:16] + b"CMYK" + whole[20:],
                                      whole[:36] + b"----" + whole[40:], whole + bytes(5 << 20))):
        picture.save(tmp_path / f"{number}.png", icc_profile=profile)
        array, found = images.read_with_opacity(tmp_path / f"{number}.png")
        assert found is None and (array == np.array(picture)).all()
    data = (tmp_path / "0.png").read_bytes()
    place = data.index(b"iCCP")
    (tmp_path / "damaged.png").write_bytes(data[:place + 30] + b"\0" * 20 + data[place + 50:])
    assert images.read_with_opacity(tmp_path / "damaged.png")[1] is None
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", icc_profile=whole[:16] + b"CMYK" + whole[20:])
    assert images.read_with_opacity(tmp_path / "cmyk.jpg")[1] is None
    picture.save(tmp_path / "cut.jpg", icc_profile=whole)
    data = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[:data.index(b"ICC_PROFILE") + 12])  # nothing follows its name
    with pytest.raises(DataError, match="cut.jpg"):
        images.read_with_opacity(tmp_path / "cut.jpg")
