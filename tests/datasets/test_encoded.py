"""Encoded pictures at the one door: what is told from their first bytes, and what each may cost."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, features

from fashion_tf.datasets import encoded
from fashion_tf.datasets.encoded import EncodedPicture, Raster, picture_kind
from fashion_tf.datasets.images import read_image
from fashion_tf.errors import DataError

RAMP = np.linspace(20, 230, 40 * 60 * 3).reshape(40, 60, 3).astype(np.uint8)


def encode(kind, array=RAMP, **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def with_chunks(png, *chunks):
    """A PNG with more chunks behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


# Formats


@pytest.mark.parametrize(("kind", "options", "tolerance"), [
    ("PNG", {}, 0), ("BMP", {}, 0), ("TIFF", {}, 0), ("TIFF", {"compression": "tiff_lzw"}, 0),
    ("TIFF", {"compression": "tiff_adobe_deflate"}, 0), ("WebP", {"lossless": True}, 0), ("GIF", {}, 40),
    ("JPEG", {"quality": 95}, 6), ("JPEG", {"quality": 95, "progressive": True}, 6), ("AVIF", {"quality": 95}, 8),
    ("MPO", {"quality": 95}, 6)])  # fmt: skip
def test_formats_are_told_by_their_content(tmp_path, kind, options, tolerance):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    (tmp_path / "photo.txt").write_bytes(encode(kind, **options))
    picture = read_image(tmp_path / "photo.txt")
    assert picture.shape == RAMP.shape and np.abs(picture.astype(int) - RAMP).max() <= tolerance
    assert picture_kind((tmp_path / "photo.txt").read_bytes()[:64]) == {"MPO": "JPEG"}.get(kind, kind)


def test_the_first_frame_of_a_film(tmp_path):
    frames = [Image.fromarray(np.full((8, 9, 3), value, np.uint8)) for value in (200, 10)]
    for name in ("a.gif", "a.webp", "a.png", "a.tiff"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **(
            {"lossless": True} if name == "a.webp" else {}))
        assert (read_image(tmp_path / name) == 200).all(), name


def test_heic(tmp_path):
    """Telephones' format: read where pillow-heif is there, otherwise told."""
    head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    assert picture_kind(head) == "HEIC"
    try:
        import pillow_heif
    except ImportError:
        with pytest.raises(DataError, match=r"a\.heic: a HEIC picture, which needs .*pip install pillow-heif"):
            EncodedPicture(head, "a.heic")
        return
    exif = Image.Exif()
    exif[0x0112] = 6
    pillow_heif.from_pillow(Image.fromarray(RAMP)).save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    picture = read_image(tmp_path / "a.heic")
    assert np.abs(picture.astype(int) - np.rot90(RAMP, -1)).mean() < 4


# Turned pictures


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_and_boxes_follow_the_pixels(orientation):
    raster = Raster(40, 60, orientation)
    pixels = np.zeros((40, 60), np.uint8)
    pixels[5:12, 20:50] = 1
    upright = raster.turn(pixels)
    assert upright.shape == raster.upright
    x1, y1, x2, y2 = (int(side) for side in raster.turn_box((20, 5, 50, 12)))
    assert upright[y1:y2, x1:x2].all() and upright.sum() == (x2 - x1) * (y2 - y1)
    pixels[:] = 0
    pixels[7, 30] = 1
    (x, y), = raster.turn_points([[30.5, 7.5]])
    assert np.argwhere(raster.turn(pixels)).tolist() == [[int(y), int(x)]]
    assert raster.turn_box(None) is None
    x1, y1, x2, y2 = raster.turn_box((50, 5, 20, 12))  # an empty box does not become a full one
    assert x2 <= x1 or y2 <= y1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_formats_that_turn_themselves(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.tiff", "a.avif"):
        if name == "a.avif" and not features.check("avif"):
            continue
        Image.fromarray(RAMP).save(tmp_path / name, exif=exif, **({"quality": 95} if name == "a.avif" else {}))
        picture = EncodedPicture((tmp_path / name).read_bytes(), name)
        assert picture.raster == (40, 60, orientation), name
        expected = picture.raster.turn(Image.fromarray(RAMP))
        assert np.abs(read_image(tmp_path / name).astype(int) - np.array(expected)).mean() < 4, name


# Metadata against pixels

EXIF = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # orientation 6, by TIFF 6.0, section 2


@pytest.mark.parametrize("metadata", [
    chunk(b"eXIf", b"no EXIF at all"), chunk(b"eXIf", EXIF, crc=1), chunk(b"eXIf", EXIF[:12]),
    chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"), chunk(b"tEXt", b"Comment\0" + b"x" * (3 << 20)),
    chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80 << 20))), chunk(b"zTXt", b"Comment\0\0damaged"),
    chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(80 << 20))), chunk(b"iCCP", b"profile\0\0damaged"),
    chunk(b"iTXt", b"\0"), chunk(b"pHYs", b""), chunk(b"gAMA", b""), chunk(b"cHRM", b"1"), chunk(b"tIME", b"", crc=3),
])  # fmt: skip
def test_metadata_of_a_png_does_its_pixels_no_harm(metadata):
    picture = EncodedPicture(with_chunks(encode("PNG"), metadata), "a.png")
    assert picture.raster == (40, 60, 1)
    np.testing.assert_array_equal(np.array(picture.decode()), RAMP)


@pytest.mark.parametrize("metadata", [
    segment(0xE1, b"Exif\0\0" + b"no EXIF"), segment(0xE1, b"Exif\0\0" + EXIF[:12]), segment(0xE2, b"ICC_PROFILE\0"),
    segment(0xE2, b"MPF\0damaged"), segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04"), segment(0xFE, b"x" * 60000) * 60,
    segment(0xE1, b"Exif\0\0" + bytes(60000)) * 60, b"\xff" * 1000,
])  # fmt: skip
def test_metadata_of_a_jpeg_does_its_pixels_no_harm(metadata):
    data = encode("JPEG")
    picture = EncodedPicture(data[:2] + metadata + data[2:], "a.jpg")
    assert picture.raster == (40, 60, 1)
    np.testing.assert_array_equal(np.array(picture.decode()), np.array(Image.open(io.BytesIO(data))))


def test_exif_is_read_where_it_is_sound():
    png = with_chunks(encode("PNG"), chunk(b"eXIf", EXIF))
    assert EncodedPicture(png, "a.png").raster == (40, 60, 6)
    late = encode("PNG")[:-12] + chunk(b"eXIf", EXIF) + encode("PNG")[-12:]  # behind the pixels, which is allowed
    assert EncodedPicture(late, "a.png").raster == (40, 60, 6)
    data = encode("JPEG")
    jpeg = data[:2] + segment(0xE1, b"Exif\0\0" + EXIF) + data[2:]
    assert EncodedPicture(jpeg, "a.jpg").raster == (40, 60, 6)
    big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0"
    assert EncodedPicture(data[:2] + segment(0xE1, b"Exif\0\0" + big) + data[2:], "a.jpg").raster.orientation == 8


def test_what_follows_a_jpeg_is_not_read():
    """Telephones append a film or a second picture."""
    data = encode("JPEG")
    picture = EncodedPicture(data + b"\xff\xda" * 5000, "a.jpg")
    assert picture.scans == 1 and picture.decode().size == (60, 40)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WebP", "GIF", "BMP", "TIFF"])
def test_cut_off_pictures_stay_errors(kind):
    data = encode(kind, np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    for kept in (0.2, 0.5, 0.9):
        with pytest.raises(DataError, match="a.bin: "):
            EncodedPicture(data[:int(len(data) * kept)], "a.bin").decode()


# Cost


def scans(number, side=16):
    """A progressive JPEG of one block's height whose first scan is followed by `number` more of nothing."""
    data = encode("JPEG", np.full((side, side, 3), 90, np.uint8), progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * number + b"\xff\xd9"


def test_a_jpeg_of_many_scans_is_refused_before_decoding():
    assert EncodedPicture(scans(1), "a.jpg").scans <= 12
    with pytest.raises(DataError, match=r"a\.jpg: 2,0\d\d scans of 16 x 16 pixels; at most 100"):
        EncodedPicture(scans(2000), "a.jpg")
    data = bytearray(scans(20))
    frame = data.index(b"\xff\xc2")
    data[frame + 5:frame + 9] = struct.pack(">HH", 8000, 8000)
    with pytest.raises(DataError, match="scans of 8000 x 8000 pixels"):
        EncodedPicture(bytes(data), "a.jpg")


def enlarged(width, height, progressive=False):
    data = bytearray(encode("JPEG", progressive=progressive))
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[frame + 5:frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def test_large_jpegs_are_shrunk_or_told_how_to():
    """12,000 x 9,000 pixels: telephones' 108 megapixels."""
    picture = EncodedPicture(enlarged(12_000, 9_000), "a.jpg")
    with pytest.raises(DataError, match=r"12000 x 9000 pixels; .*67,108,864 .*smaller size"):
        picture.decode()
    picture.shrink((224, 224))
    assert picture.shrunk == 8 and picture.cost == 1500 * 1125
    with pytest.raises(DataError, match="67,108,864"):  # all of its coefficients would be in memory
        EncodedPicture(enlarged(12_000, 9_000, progressive=True), "a.jpg")
    with pytest.raises(DataError, match="268,435,456"):
        EncodedPicture(enlarged(30_000, 30_000), "a.jpg")


def test_a_108_megapixel_photo_is_read_small(tmp_path):
    from PIL import ImageDraw

    photo = Image.new("L", (12_000, 9_000), 60)
    ImageDraw.Draw(photo).rectangle((6_000, 0, 12_000, 9_000), fill=180)
    photo.save(tmp_path / "a.jpg", quality=80)
    small = read_image(tmp_path / "a.jpg", (90, 120))
    np.testing.assert_allclose(small[:, 5:55], 60, atol=2)
    np.testing.assert_allclose(small[:, 65:115], 180, atol=2)
    right = read_image(tmp_path / "a.jpg", (30, 40), box=(9_000, 3_000, 12_000, 6_000))
    np.testing.assert_allclose(right, 180, atol=2)


def ifd(*fields):
    return struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", *field) for field in fields) + bytes(4)


@pytest.mark.parametrize(("data", "message"), [
    (b"II*\0\x08\0\0\0" + ifd(*((700 + tag, 7, 1 << 20, 8) for tag in range(100))) + bytes(1 << 20), "announces"),
    (b"II*\0\x08\0\0\0" + ifd((256, 3, 1, 4), (273, 4, 1 << 19, 8)) + bytes(4 << 20), "field 273 announces 524,288"),
    (b"II*\0\x08\0\0\0" + ifd((259, 3, 1, 7)), "compression 7"),
    (b"II*\0\x08\0\0\0" + ifd(*[(0x8769, 4, 1, 8)] * 9), "directories"),
    (b"II*\0\x08\0\0\0" + ifd((0x8769, 4, 1, 26)) + ifd((700, 7, 1 << 30, 8)), "field 700 announces"),
    (b"GIF89a\x01\0\x01\0\0\0\0!\xfe" + (b"\xff" + b"x" * 255) * 9000, "before its first frame"),
    (encode("PNG")[:33] + chunk(b"IDAT", b"") * (1 << 16) + encode("PNG")[33:], "chunks"),
    (b"\xff\xd8" + segment(0xFE, b"") * (1 << 16) + encode("JPEG")[2:], "segments"),
    (b"x" * 100, "not a JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF or HEIC"),
    (b"\0" * 100, "not a JPEG"), (b"", "not a JPEG"), (b"\xff\xd8\xff", "header is damaged"),
])  # fmt: skip
def test_forged_headers_are_refused(data, message):
    with pytest.raises(DataError, match=message):
        EncodedPicture(data, "a.bin")


def test_too_many_bytes(monkeypatch):
    monkeypatch.setattr(encoded, "MAXIMUM_BYTES", 100)
    with pytest.raises(DataError, match=r"a\.png: [\d,]+ bytes; pictures above 100 bytes"):
        EncodedPicture(encode("PNG"), "a.png")


def palette_bomb(side, mode):
    """A few kB that are side x side pixels with transparency, or with 16 bits."""
    depth, colour, row = (1, 3, side // 8) if mode == "P" else (16, 0, 2 * side)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 + row)) for _ in range(side)) + packer.flush()
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)),
                     *([chunk(b"PLTE", bytes(6)), chunk(b"tRNS", b"\x80")] if mode == "P" else []),
                     chunk(b"IDAT", data), chunk(b"IEND", b"")])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
@pytest.mark.parametrize("mode", ["P", "I;16"])
def test_bombs_together_take_no_more_memory_than_one(tmp_path, mode):
    """8,192 x 8,192 pixels, the largest that is read, from two threads at once."""
    data = palette_bomb(8192, mode)
    assert len(data) < 200_000
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(data)
    program = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from fashion_tf.datasets.images import read_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ThreadPoolExecutor(2) as pool:
    for picture in pool.map(lambda path: read_image(path, (64, 64)), sys.argv[1:]):
        assert picture.shape == (64, 64, 3)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    run = subprocess.run([sys.executable, "-c", program, *map(str, sorted(tmp_path.iterdir()))], capture_output=True,
                         text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 550, run.stdout
