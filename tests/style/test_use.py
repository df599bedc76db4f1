"""`fashion_tf.stylize` and the command: garments found by a parser, everything else as it was, bad input in a
sentence."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import fashion_tf
from fashion_tf.cli import main
from fashion_tf.errors import DataError
from fashion_tf.style import use
from fashion_tf.style.use import stylize_to, without_specks

CLASSES = ("background", "t-shirt", "jeans", "shoes")


@pytest.fixture(scope="module")
def parser(tmp_path_factory):
    """Red pixels are a T-shirt, blue ones jeans, all others background."""
    import keras

    from fashion_tf.models.backbones import InputScaling
    from fashion_tf.predictor import save_predictor

    pictures = keras.Input((32, 32, 3))
    head = keras.layers.Conv2D(len(CLASSES), 1, activation="softmax")
    model = keras.Model(pictures, head(InputScaling("tf")(pictures)))
    kernel = np.float32([[0, 9, -9, -9], [0, -9, -9, -9], [0, -9, 9, -9]])[None, None]
    head.set_weights([kernel, np.float32([0, -9, -9, -30])])
    return save_predictor(tmp_path_factory.mktemp("models") / "parser", model, CLASSES, 32, "parsing")


def dressed(height=160, width=120, trousers=True):
    """Somebody's red T-shirt above blue jeans, before a green wall; and where the T-shirt is."""
    photo = np.full((height, width, 3), (110, 170, 110), np.uint8)
    photo[height // 8:height // 2, width // 4:3 * width // 4] = (220, 40, 50)
    shirt = (photo == (220, 40, 50)).all(-1)
    if trousers:
        photo[height // 2:7 * height // 8, width // 4:3 * width // 4] = (30, 40, 210)
    noise = np.random.default_rng(0).integers(-8, 9, photo.shape)
    return (photo + noise).clip(0, 255).astype(np.uint8), shirt


@pytest.fixture
def files(tmp_path):
    """Paths: a photo, and a painting of stripes."""
    y, x = np.mgrid[:90, :70]
    Image.fromarray(dressed()[0]).save(tmp_path / "me.png")
    Image.fromarray(np.where(((x // 6) % 2)[..., None], (250, 220, 40), (20, 20, 90)).astype(np.uint8)).save(
        tmp_path / "stripes.png")
    return tmp_path / "me.png", tmp_path / "stripes.png"


def test_a_garment_is_painted_and_nothing_else(files, parser):
    (photo, shirt), (path, painting) = dressed(), files
    for garment in ("top", "t-shirt"):
        result, = fashion_tf.stylize(path, painting, garment, parser, stylizer="statistics")
        changed = (result != photo).any(-1)
        assert not changed[~shirt].any() and changed[shirt].mean() > 0.9
    whole, = fashion_tf.stylize(path, painting, stylizer="statistics")
    assert (whole != photo).any(-1).mean() > 0.95


def test_a_colour_with_and_without_a_painting(files, parser):
    (photo, shirt), (path, painting) = dressed(), files
    recoloured, = fashion_tf.stylize(path, garment="top", parser=parser, colour="teal")
    assert (recoloured[~shirt] == photo[~shirt]).all()
    red, green, blue = recoloured[shirt].mean(0)
    assert red < green and red < blue
    both, = fashion_tf.stylize([path], [painting], "top", parser, colour="teal", stylizer="statistics")
    assert (both[~shirt] == photo[~shirt]).all() and (both != recoloured).any()


def test_a_garment_that_is_not_there_leaves_the_photo_and_is_said(files, parser, tmp_path, capsys):
    Image.fromarray(dressed(trousers=False)[0]).save(tmp_path / "bare.png")
    before = np.array(Image.open(tmp_path / "bare.png"))
    result, = fashion_tf.stylize(tmp_path / "bare.png", files[1], "trousers", parser, stylizer="statistics")
    assert (result == before).all()
    code = main(["stylize", str(tmp_path / "bare.png"), str(files[0]), "--style", str(files[1]), "--garment",
                 "trousers", "--parser", str(parser), "--stylizer", "statistics", "--out", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert code == 1 and "unchanged. There is no trousers in this photo; found: t-shirt." in said
    assert (np.array(Image.open(tmp_path / "out" / "bare.png")) == before).all()
    assert (np.array(Image.open(tmp_path / "out" / "me.png")) != dressed()[0]).any()


def test_the_command_writes_what_the_function_gives_and_answers_in_json(files, parser, tmp_path, capsys):
    path, painting = files
    arguments = ["stylize", str(path), "--style", str(painting), "--style", str(path), "--share", "3", "--share", "1",
                 "--strength", "0.8", "--garment", "top", "--parser", str(parser), "--stylizer", "statistics", "--out",
                 str(tmp_path / "out"), "--json"]
    assert main(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    expected, = fashion_tf.stylize(path, [painting, path], "top", parser, strength=0.8, shares=[3, 1],
                                   stylizer="statistics")
    row, = answer["rows"]
    assert (np.array(Image.open(row["picture"])) == expected).all()
    assert row["changed"] == pytest.approx((expected != dressed()[0]).any(-1).mean()) and not row["note"]
    assert main(arguments) == 0  # its own pictures are replaced


def test_opacity_and_orientation_are_kept_and_metadata_is_not(files, parser, tmp_path):
    photo, shirt = dressed()
    opacity = np.full(photo.shape[:2], 255, np.uint8)
    opacity[:10] = 0
    Image.fromarray(np.dstack([photo, opacity])).save(tmp_path / "cut_out.png")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera's name"
    Image.fromarray(photo).save(tmp_path / "turned.png", exif=exif)
    done = stylize_to(tmp_path / "out", [tmp_path / "cut_out.png", tmp_path / "turned.png"], styles=[files[1]],
                      garment="top", parser=parser, stylizer="statistics")
    assert [row["note"] for row in done.rows] == ["", ""]
    cut_out = np.array(Image.open(tmp_path / "out" / "cut_out.png"))
    assert (cut_out[..., 3] == opacity).all() and (cut_out[~shirt] == np.dstack([photo, opacity])[~shirt]).all()
    assert (cut_out[shirt] != np.dstack([photo, opacity])[shirt]).any()
    turned = Image.open(tmp_path / "out" / "turned.png")
    upright = np.rot90(photo, -1)
    assert turned.size == (160, 120) and not turned.getexif() and b"camera" not in (
        tmp_path / "out" / "turned.png").read_bytes()
    outside = ~np.rot90(shirt, -1)
    assert (np.array(turned)[outside] == upright[outside]).all()


def test_a_painting_with_opacity_is_laid_on_white(files, tmp_path):
    clear = np.zeros((40, 40, 4), np.uint8)
    clear[:20] = (200, 30, 30, 255)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    Image.fromarray(np.where(clear[..., 3:] > 0, clear[..., :3], 255).astype(np.uint8)).save(tmp_path / "white.png")
    one, other = (fashion_tf.stylize(files[0], tmp_path / name, stylizer="statistics")[0]
                  for name in ("clear.png", "white.png"))
    assert (one == other).all()


def test_a_photo_of_one_pixel(files, parser, tmp_path):
    Image.new("RGB", (1, 1), (220, 40, 50)).save(tmp_path / "dot.png")
    for options in ({}, {"garment": "top", "parser": parser}):
        result, = fashion_tf.stylize(tmp_path / "dot.png", files[1], stylizer="statistics", **options)
        assert result.shape == (1, 1, 3)


@pytest.mark.parametrize("options, said", [
    ({"styles": []}, "Nothing to do"),
    ({"styles": [], "colour": "red"}, "A colour is for one garment"),
    ({"garment": "top"}, "give the folder of a parser"),
    ({"garment": "cape", "parser": "parser"}, "'cape'; choose"),
    ({"garment": "top", "parser": "parser", "colour": "rot"}, "'rot' is no colour"),
    ({"strength": 2}, "strength=2"),
    ({"shares": [1, 2]}, "2 shares"),
    ({"stylizer": "magenta"}, "magenta_prediction_model.tflite"),
    ({"parser": "no such folder", "garment": "top"}, "no such file"),
])
def test_wrong_use_is_told_before_any_work(files, parser, tmp_path, monkeypatch, options, said):
    monkeypatch.setenv("FASHION_TF_WEIGHTS", str(tmp_path))
    if options.get("parser") == "parser":
        options = {**options, "parser": parser}
    with pytest.raises(DataError, match=said):
        stylize_to(tmp_path / "out", [files[0]], **{"styles": [files[1]], "stylizer": "statistics", **options})
    assert not (tmp_path / "out").exists()


def test_photos_and_other_peoples_files_are_not_replaced(files, tmp_path):
    path, painting = files
    options = {"styles": [painting], "stylizer": "statistics"}
    with pytest.raises(DataError, match="its picture would replace it"):
        stylize_to(tmp_path, [path], **options)
    (tmp_path / "out").mkdir()
    Image.new("RGB", (3, 3)).save(tmp_path / "out" / "me.png")
    with pytest.raises(DataError, match="is no picture of this command"):
        stylize_to(tmp_path / "out", [path], **options)


def test_a_photo_that_cannot_be_read_is_left_out_and_a_huge_one_refused(files, tmp_path, capsys):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)) + chunk(
        b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "huge.png").write_bytes(huge)
    code = main(["stylize", str(files[0]), str(tmp_path / "huge.png"), "--style", str(files[1]), "--stylizer",
                 "statistics", "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert code == 1 and "huge.png: 60000 x 60000 pixels" in said.err and "me.png" in said.out
    with pytest.raises(DataError, match="60000 x 60000 pixels"):
        fashion_tf.stylize(files[0], tmp_path / "huge.png", stylizer="statistics")


def test_specks_of_a_mask_are_taken_for_errors():
    mask = np.zeros((100, 100), bool)
    mask[10:60, 10:60] = mask[70:90, 70:90] = True
    whole = mask.copy()
    mask[95, 95] = mask[5:9, 80:84] = True
    assert (without_specks(mask) == whole).all()
    assert not without_specks(np.zeros((9, 9), bool)).any()


def test_the_surroundings_of_a_garment():
    mask = np.zeros((100, 80), bool)
    mask[20:61, 70:80] = True
    rows, columns = use.surroundings(mask)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (14, 67, 64, 86)
    assert mask[rows, columns].sum() == mask.sum()
    mask[0, 0] = True
    assert mask[use.surroundings(mask)].shape == (73, 80)  # 60 rows, and 0.15 of 79 columns


def test_opacity_laid_on_white():
    photo = np.uint8([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]])
    assert use.on_white(photo)[0].tolist() == [[200, 100, 0], [255, 255, 255], [244, 224, 204]]


def test_a_painting_is_not_replaced_by_a_picture(tmp_path):
    photo, out = tmp_path / "coat.jpg", tmp_path / "out"
    Image.fromarray(np.random.default_rng(0).integers(20, 255, (40, 30, 3), np.uint8)).save(photo)
    stylize_to(out, [str(photo)], styles=[str(photo)], stylizer="statistics")
    with pytest.raises(DataError, match="is a painting, and a picture would replace it"):
        stylize_to(out, [str(photo)], styles=[str(out / "coat.png")], stylizer="statistics")


def test_a_black_photo_costs_itself_alone(tmp_path):
    for name, low in (("a", 40), ("b", 0), ("c", 40)):
        Image.fromarray(np.random.default_rng(0).integers(low, low * 5 + 1, (40, 30, 3), np.uint8)).save(
            tmp_path / f"{name}.png")
    done = stylize_to(tmp_path / "out", [str(tmp_path / f"{name}.png") for name in "abc"],
                      styles=[str(tmp_path / "a.png")], stylizer="statistics")
    assert [row["image"][-5:] for row in done.rows] == ["a.png", "c.png"]
    assert done.skipped[0][0].endswith("b.png") and "black" in done.skipped[0][1]


RECOLOURED = {"styles": (), "colour": "red", "garment": "top", "parser": "p"}


@pytest.mark.parametrize("options, words", [
    ({"parser": "nowhere"}, "name it"), ({"shares": [1.0], **RECOLOURED}, "are of paintings"),
    ({"strength": 0.5, **RECOLOURED}, "are of paintings"), ({"strength": 1.0, **RECOLOURED}, "are of paintings"),
    ({"stylizer": "statistics", **RECOLOURED}, "are of paintings")])
def test_options_that_would_do_nothing_are_refused(tmp_path, options, words):
    Image.new("RGB", (9, 9), "teal").save(tmp_path / "a.png")
    with pytest.raises(DataError, match=words):
        stylize_to(tmp_path / "out", [str(tmp_path / "a.png")], **{"styles": [str(tmp_path / "a.png")]} | options)


def test_a_photo_named_twice_is_painted_once(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = stylize_to(tmp_path / "out", ["stripes.png", "me.png", "./me.png", str(tmp_path / "me.png")],
                      styles=[files[1]], stylizer="statistics")
    assert [row["image"] for row in done.rows] == ["stripes.png", "me.png"]


def test_colours_mean_what_they_meant(files, parser, tmp_path):
    """A photo with the colour profile of a wide screen: outside the garment a screen shows the same colours."""
    from PIL import ImageCms

    photo, shirt = dressed()
    wide = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(wide[place:place + 4]): place for place in range(132, 132 + 12 * int.from_bytes(wide[128:132]), 12)}
    red, green = (slice(place + 4, place + 12) for place in (tags[b"rXYZ"], tags[b"gXYZ"]))
    wide[red], wide[green] = wide[green], wide[red]  # its red and green are exchanged
    Image.fromarray(photo).save(tmp_path / "wide.png", icc_profile=bytes(wide))
    stylize_to(tmp_path / "out", [tmp_path / "wide.png"], styles=[files[1]], garment="top", parser=parser,
               stylizer="statistics")

    def shown(path):
        with Image.open(path) as picture:
            given = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
            return np.array(ImageCms.profileToProfile(picture, given, ImageCms.createProfile("sRGB")))

    before, after = shown(tmp_path / "wide.png"), shown(tmp_path / "out" / "wide.png")
    assert (before[~shirt] == after[~shirt]).all() and np.abs(before.astype(int) - photo).max() > 50
