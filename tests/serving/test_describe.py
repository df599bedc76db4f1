"""A photo described over HTTP is what the package says of it."""

import io

import numpy as np
import pytest
from describe.described import save_models, write_photo
from PIL import Image
from serving.served import connected, encoded, post

from fashion_tf import cli
from fashion_tf.describe import describe
from fashion_tf.errors import DataError, ServiceError


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_photo(tmp_path_factory.mktemp("photos") / "street.png")[0]


def service(models, parser="parser", **judges):
    from fashion_tf.serving import Service

    made = Service([models[parser]], **{what: models[name] for what, name in judges.items()})
    made.load()
    return made


@pytest.fixture(scope="module")
def client(models):
    with connected(service(models, types="types", styles="styles")) as client:
        yield client


def test_describe_answers_as_the_package_does(client, models, photo):
    expected, = describe(photo, models["parser"], models["types"], models["styles"])
    answer = post(client, "describe", photo.read_bytes()).json()
    assert (answer["height"], answer["width"]) == (96, 64)
    assert [(tuple(one["box"]), one["share"], one["parsed_as"]) for one in answer["garments"]] == [
        (one.box, one.share, one.parsed_as) for one in expected.garments]
    pairs = [*zip([one["type"] for one in answer["garments"]], [one.type for one in expected.garments], strict=True),
             (answer["style"], expected.style)]
    assert [one["type"]["label"] for one in answer["garments"]] == ["coat", "jeans"]
    for found, wanted in pairs:
        assert (found["label"], found["candidates"]) == (wanted.label, wanted.candidates)
        assert [one["label"] for one in found["predictions"]] == list(wanted.probabilities)
        assert [one["probability"] for one in found["predictions"]] == pytest.approx(
            list(wanted.probabilities.values()), abs=1e-6)


def test_a_jpeg_of_another_size_that_lies_on_its_side(client, models, photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    large = Image.open(photo).resize((320, 480), Image.Resampling.NEAREST)
    path = tmp_path / "phone.jpg"
    path.write_bytes(encoded(large.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95))
    expected, = describe(path, models["parser"], models["types"])
    answer = post(client, "describe", path.read_bytes()).json()
    assert (answer["height"], answer["width"]) == (480, 320)
    assert [tuple(one["box"]) for one in answer["garments"]] == [one.box for one in expected.garments]
    assert len(expected.garments) == 2


def test_nobody_dressed_and_not_sure_are_answers(client, photo):
    wall = post(client, "describe", encoded(np.full((50, 50, 3), 255, np.uint8))).json()
    assert wall["garments"] == [] and wall["style"]["label"] is None
    assert wall["style"]["candidates"] == []  # both styles are as probable, and neither has 0.6
    assert [one["probability"] for one in wall["style"]["predictions"]] == pytest.approx([0.5, 0.5], abs=1e-3)


def test_without_styles_there_is_none_and_without_types_nothing_is_described(models, photo):
    with connected(service(models, types="types")) as client:
        assert post(client, "describe", photo.read_bytes()).json()["style"] is None
        assert [one["name"] for one in client.get("/v1/models").json()["describing"]] == ["types"]
    with connected(service(models)) as client:
        answer = post(client, "describe", photo.read_bytes())
        assert answer.status_code == 404 and "--types" in answer.json()["detail"]
        assert client.get("/v1/models").json()["describing"] == []


def test_what_is_served_is_told(client):
    assert [(one["name"], one["task"], one["classes"], one["image_size"])
            for one in client.get("/v1/models").json()["describing"]] == [
        ("types", "classification", ["coat", "jeans"], [32, 32]),
        ("styles", "classification", ["rock", "mode"], [32, 32])]


def test_what_cannot_be_described_is_said(client, monkeypatch):
    from fashion_tf.serving import app

    answer = post(client, "describe", b"no picture")
    assert answer.status_code == 422 and "The photo: not a JPEG" in answer.json()["detail"]
    answer = post(client, "describe", encoded(np.zeros((9, 9, 3), np.uint8)), model="types")
    assert answer.status_code == 404 and "no model 'types' for parsing" in answer.json()["detail"]
    monkeypatch.setattr(app, "DESCRIBED_PIXELS", 1000)
    answer = post(client, "describe", encoded(np.zeros((60, 40, 3), np.uint8)))
    assert answer.status_code == 422 and "40 x 60 pixels; photos of more than 1,000 pixels are not described" in (
        answer.json()["detail"])


@pytest.mark.parametrize(("roles", "message"), [
    ({"types": "uncalibrated"}, "types: this model was saved without a calibration"),
    ({"types": "parser"}, "saved for parsing, not for classification"),
    ({"types": "types", "parser": "types"}, "a parser finds them"),
    ({"styles": "styles"}, "give --types, too")])
def test_models_that_cannot_take_a_part(models, roles, message):
    with pytest.raises((DataError, ServiceError), match=message):
        service(models, **roles)


def test_types_alone_have_no_parser(models):
    from fashion_tf.serving import Service

    with pytest.raises(ServiceError, match="a parser finds them"):
        Service([], stylizer="statistics", types=models["types"])


def test_the_command_takes_them(models, monkeypatch):
    from fashion_tf.serving import server

    given = []
    monkeypatch.setattr(server, "Service", lambda *arguments, **options: given.append((arguments, options)) or exit(0))
    with pytest.raises(SystemExit):
        cli.main(["serve", str(models["parser"]), "--types", str(models["types"]), "--styles", str(models["styles"])])
    assert given == [(([str(models["parser"])], None),
                      {"stylizer": None, "types": str(models["types"]), "styles": str(models["styles"])})]


def test_the_annotated_picture_needs_no_file(models, photo):
    from fashion_tf.describe import annotated_png

    picture = np.asarray(Image.open(photo).convert("RGB"))
    found, = describe(photo, models["parser"], models["types"])
    assert np.asarray(Image.open(io.BytesIO(annotated_png(found, picture)))).shape[:2] == tuple(
        4 * side for side in picture.shape[:2])  # small photos are enlarged
