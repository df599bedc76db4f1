"""Photos described: which garments are found, what the answers say, what is written, and what cannot be."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from describe.described import LABELS, save_models, write_photo
from PIL import Image

from fashion_tf import cli, predictor
from fashion_tf.datasets import ccp, deepfashion2
from fashion_tf.describe import (
    Answer,
    Calibration,
    Description,
    Garment,
    annotated_png,
    describe,
    describe_to,
    find_garments,
)
from fashion_tf.errors import DataError


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_photo(tmp_path_factory.mktemp("photos") / "street.png")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_models(tmp_path_factory.mktemp("models"))


# --- finding -----------------------------------------------------------------------------------


def test_garments_are_found_without_specks_skin_and_bags(photo):
    found = find_garments(photo[1], LABELS)
    assert [garment.name for garment in found] == ["jacket/blazer", "pants/jeans"]
    assert [garment.box for garment in found] == [(16, 20, 48, 52), (20, 52, 44, 92)]
    np.testing.assert_array_equal(found[1].mask, photo[1] == 3)
    assert not found[0].mask[2:5, 56:60].any() and found[0].share == 32 * 32 / (96 * 64)


def test_an_open_coat_is_two_halves_and_nobody_wears_nothing():
    mask = np.zeros((40, 40), int)
    mask[5:35, 5:12] = mask[5:35, 20:26] = 2
    garment, = find_garments(mask, LABELS)
    assert garment.box == (5, 5, 26, 35)
    assert find_garments(np.zeros((40, 40), int), LABELS) == []
    tiny = np.zeros((40, 40), int)
    tiny[0:3, 0:3] = 3
    assert find_garments(tiny, LABELS) == [] and len(find_garments(tiny, LABELS, least=0.005)) == 1


@pytest.mark.parametrize("name", [*deepfashion2.CLASSES, *ccp.GARMENTS, "top", "outerwear", "bottoms", "Jacket/Blazer"])
def test_whatever_a_parser_of_garments_calls_them_is_found(name):
    mask = np.zeros((40, 40), int)
    mask[5:35, 5:30] = 1
    assert [garment.name for garment in find_garments(mask, ("background", name))] == [name]


@pytest.mark.parametrize("name", ["background", "null", "skin", "hair", "shoes", "bag", "hat", "socks", "belt"])
def test_what_is_no_garment_is_not(name):
    assert find_garments(np.ones((40, 40), int), ("background", name)) == []


# --- describing --------------------------------------------------------------------------------


def test_a_photo_is_described_with_what_the_models_say(photo, models):
    row, = describe(photo[0], models["parser"], models["types"], models["styles"])
    assert [garment.parsed_as for garment in row.garments] == ["jacket/blazer", "pants/jeans"]
    assert [garment.type.label for garment in row.garments] == ["coat", "jeans"]
    for garment in row.garments:
        assert sum(garment.type.probabilities.values()) == pytest.approx(1)
        assert garment.type.candidates == [garment.type.label]
        assert next(iter(garment.type.probabilities)) == garment.type.label
    expected = predictor.load_predictor(models["styles"]).predict(str(photo[0]))
    assert row.style.probabilities[expected["label"][0]] == pytest.approx(expected["probability"][0], abs=1e-5)
    assert "coat (" in row.text() and row.text().startswith(str(photo[0]))


def loaded(models, name, calibration):
    model = predictor.load_predictor(models[name])
    return predictor.Predictor(model.model, model.classes, model.image_size, model.task,
                               model.about | {"calibration": calibration.as_json()})


def test_several_or_none_are_not_sure(photo, models):
    for threshold, count in ((0.0, 2), (1.0, 0)):
        hot = loaded(models, "types", Calibration(20.0, threshold, 0.9, 100))
        row, = describe(photo[0], models["parser"], hot)
        assert row.style is None
        assert all(garment.type.label is None and len(garment.type.candidates) == count for garment in row.garments)
        assert ("not sure: coat or jeans" if count else "not sure, like nothing known") in row.text()


def test_a_photo_with_no_person_has_no_garment(tmp_path, models):
    Image.new("RGB", (80, 80), "white").save(tmp_path / "wall.png")
    row, = describe(tmp_path / "wall.png", models["parser"], models["types"])
    assert row.garments == [] and row.text().endswith("no garment found")


def test_pictures_are_written_and_none_is_replaced(photo, models, tmp_path):
    done = describe_to([str(photo[0])], models["parser"], models["types"], models["styles"], tmp_path / "out")
    before, after = (np.asarray(Image.open(path).convert("RGB")) for path in (photo[0], tmp_path / "out/street.png"))
    assert after.shape == (4 * before.shape[0], 4 * before.shape[1], 3)  # small photos are enlarged
    assert 0.02 < (np.abs(before.astype(int) - after[2::4, 2::4]) > 64).any(-1).mean() < 0.9
    assert done.rows[0].garments[0].type.label == "coat"
    assert annotated_png(done.rows[0], before) == (tmp_path / "out/street.png").read_bytes()
    with pytest.raises(DataError, match="is there already"):
        describe_to([str(photo[0])], models["parser"], models["types"], out=tmp_path / "out")


def test_a_narrow_picture_names_as_many_candidates_as_fit(monkeypatch):
    written, write = [], cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda picture, text, place, font, scale, *more: (
        written.append((place, text, cv2.getTextSize(text, font, scale, 1)[0][0])),
        write(picture, text, place, font, scale, *more)))
    names = ["long sleeve outwear", "short sleeve outwear", "long sleeve dress", "vest dress"]
    unsure = Answer(None, names, dict.fromkeys(names, 0.25))
    for width, times, most in ((900, 1, 4), (340, 1, 2), (45, 4, 0)):
        written.clear()
        row = Description("", [Garment((0, 20, 40, 60), 0.1, "top", unsure)])
        annotated_png(row, np.zeros((340, width, 3), np.uint8))
        (place, text, length), = written
        assert text == unsure.text(most) and place[0] >= 0 and place[0] + length <= times * width


@pytest.mark.parametrize(("shape", "times"), [((400, 336), 1), ((335, 600), 2), ((120, 200), 3), ((20, 3000), 4)])
def test_a_small_picture_is_enlarged_and_its_boxes_with_it(shape, times):
    grey = np.full((*shape, 3), 128, np.uint8)
    row = Description("", [Garment((10, 0, 19, shape[0] - 1), 0.1, "top", Answer("coat", ["coat"], {"coat": 1.0}))])
    drawn = np.asarray(Image.open(io.BytesIO(annotated_png(row, grey))))
    assert drawn.shape == (times * shape[0], times * shape[1], 3)
    left, low = times * 10, times * (shape[0] - 1) - 1  # the lower left corner of the box
    assert (drawn[low, left] != 128).any() and (drawn[low, left - 3] == 128).all()


@pytest.mark.parametrize(("one", "other"), [("Mantel", "Mäntel"), ("юбка", "юбки"), ("外套", "裙子")])
def test_names_in_every_alphabet_can_be_read_in_the_picture(one, other):
    """A font without a letter draws the same empty box for each."""
    def drawn(name):
        row = Description("", [Garment((5, 5, 60, 60), 0.1, "top", Answer(name, [name], {name: 1.0}))])
        return annotated_png(row, np.zeros((120, 200, 3), np.uint8))

    assert drawn(one) != drawn(other)


def test_a_class_that_is_called_over_several_lines_is_one_line():
    name = "coat\n\x1b[2J"
    row = Description("a.jpg", [Garment((5, 5, 60, 60), 0.1, "top", Answer(name, [name], {name: 1.0}))])
    assert row.text() == r"a.jpg: coat\n\x1b[2J (100%)"
    assert annotated_png(row, np.zeros((120, 400, 3), np.uint8)) == annotated_png(
        Description("", [Garment((5, 5, 60, 60), 0.1, "top", Answer(r"coat\n\x1b[2J", [], {r"coat\n\x1b[2J": 1.0}))]),
        np.zeros((120, 400, 3), np.uint8))


def test_what_cannot_be_read_is_named_and_left_out(photo, models, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match="broken.jpg"):
        describe([str(photo[0]), str(tmp_path / "broken.jpg")], models["parser"], models["types"])
    done = describe_to([str(photo[0]), str(tmp_path / "broken.jpg")], models["parser"], models["types"])
    assert len(done.rows) == 1 and done.skipped[0][0].endswith("broken.jpg")
    with pytest.raises(DataError, match="broken.jpg"):
        describe_to([str(tmp_path / "broken.jpg")], models["parser"], models["types"])


@pytest.mark.parametrize(("roles", "message"), [
    (("parser", "uncalibrated"), "types: this model was saved without a calibration"),
    (("types", "types"), "saved for classification, not for parsing"),
    (("parser", "parser"), "saved for parsing, not for classification")])
def test_models_that_cannot_take_a_part(photo, models, roles, message):
    with pytest.raises(DataError, match=message):
        describe(photo[0], *(models[role] for role in roles))


@pytest.mark.parametrize("crop", [{"masking": "black"}, {"square": -1}, {"square": True}, []])
def test_a_crop_that_cannot_be(photo, models, crop):
    model = predictor.load_predictor(models["types"])
    model = predictor.Predictor(model.model, model.classes, model.image_size, model.task, model.about | {"crop": crop})
    with pytest.raises(DataError, match="types: the model's crop is"):
        describe(photo[0], models["parser"], model)


def test_the_command(photo, models, tmp_path, capsys):
    options = ["describe", str(photo[0]), "--parser", str(models["parser"]), "--types", str(models["types"])]
    assert cli.main([*options, "--styles", str(models["styles"]), "--out", str(tmp_path / "seen")]) == 0
    assert "coat (" in capsys.readouterr().out and (tmp_path / "seen" / "street.png").is_file()
    assert cli.main([*options, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["rows"][0]["garments"][0]["type"]["label"] == "coat" and value["rows"][0]["style"] is None


def test_pictures_go_to_no_link_and_into_no_model(photo, models, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/street.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match="is a link"):
        describe_to([str(photo[0])], models["parser"], models["types"], out=tmp_path / "out")
    for name in ("parser", "types", "styles"):
        with pytest.raises(DataError, match="model's own folder"):
            describe_to([str(photo[0])], models["parser"], models["types"], models["styles"], out=models[name])


def test_a_photo_too_large_is_left_out_alone(photo, models, tmp_path, monkeypatch):
    Image.new("RGB", (120, 90), "navy").save(tmp_path / "large.jpg")
    monkeypatch.setattr("fashion_tf.datasets.encoded.MAXIMUM_PIXELS", 100 * 100)
    small = tmp_path / "small.png"
    Image.open(photo[0]).resize((60, 80)).save(small)
    done = describe_to([str(tmp_path / "large.jpg"), str(small)], models["parser"], models["types"])
    assert [row.image for row in done.rows] == [str(small)] and done.skipped[0][0].endswith("large.jpg")


def test_a_parser_that_answers_nan_is_an_error(photo, models, monkeypatch):
    parser = predictor.load_predictor(models["parser"])
    monkeypatch.setattr(parser.model, "predict_on_batch", lambda batch: np.full((len(batch), 8, 8, 3), np.nan))
    with pytest.raises(DataError, match="NaN"):
        describe([str(photo[0])], parser, models["types"])


def test_each_picture_is_written_as_soon_as_it_stands(photo, models, tmp_path, monkeypatch):
    from fashion_tf.describe import use

    second, seen = tmp_path / "second.png", []
    Image.open(photo[0]).save(second)

    def stopped(pictures, *rest, find=use.find_garments):
        seen.append(sorted(path.name for path in (tmp_path / "out").glob("*")))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return find(pictures, *rest)

    monkeypatch.setattr(use, "find_garments", stopped)
    with pytest.raises(KeyboardInterrupt):
        use.describe_to([str(photo[0]), str(second)], models["parser"], models["types"], out=tmp_path / "out")
    assert seen == [[], [Path(photo[0]).stem + ".png"]]
    assert len(list((tmp_path / "out").glob("*.png"))) == 1


def test_a_photo_named_twice_is_described_once(photo, models, monkeypatch):
    monkeypatch.chdir(Path(photo[0]).parent)
    done = describe_to([str(photo[0]), Path(photo[0]).name], models["parser"], models["types"])
    assert [row.image for row in done.rows] == [str(photo[0])]
