"""A photo painted or recoloured over HTTP is what the package makes of it."""

import base64
import functools
import io
from pathlib import Path

import numpy as np
import pytest
from serving.served import _root, connected, encoded

import fashion_tf
from fashion_tf.style.stylizers import StatisticsStylizer

CLASSES = ("background", "t-shirt", "jeans")


@functools.cache
def parser():
    """Red pixels are a T-shirt, blue ones jeans, all others background."""
    import keras

    from fashion_tf.models.backbones import InputScaling
    from fashion_tf.predictor import save_predictor

    pictures = keras.Input((32, 32, 3))
    head = keras.layers.Conv2D(3, 1, activation="softmax")
    model = keras.Model(pictures, head(InputScaling("tf")(pictures)))
    head.set_weights([np.float32([[0, 9, -9], [0, -9, -9], [0, -9, 9]])[None, None], np.float32([0, -9, -9])])
    return save_predictor(Path(_root().name) / "dressed", model, CLASSES, 32, "parsing")


def dressed(trousers=False):
    photo = np.full((96, 72, 3), (110, 170, 110), np.uint8)
    photo[12:48, 18:54] = (220, 40, 50)
    shirt = (photo == (220, 40, 50)).all(-1)
    if trousers:
        photo[48:84, 18:54] = (30, 40, 210)
    return photo, shirt


def stripes():
    columns = np.where((np.arange(50) // 5 % 2)[:, None], (250, 220, 40), (20, 20, 90))
    return np.broadcast_to(columns, (40, 50, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def client():
    from fashion_tf.serving import Service

    service = Service([parser()], stylizer="statistics")
    service.load()
    with connected(service) as client:
        yield client


def ask(client, photo, painting=None, **query):
    files = {"photo": ("photo", encoded(photo))}
    if painting is not None:
        files["style"] = ("style", encoded(painting) if isinstance(painting, np.ndarray) else painting)
    return client.post("/v1/stylize", files=files, params=query)


def picture_of(answer):
    from PIL import Image

    assert answer.status_code == 200, answer.text
    return np.array(Image.open(io.BytesIO(base64.b64decode(answer.json()["picture"]))))


def test_a_recoloured_garment_is_the_packages(client, tmp_path):
    photo, shirt = dressed()
    (tmp_path / "me.png").write_bytes(encoded(photo))
    answer = ask(client, photo, garment="top", colour="teal")
    expected, = fashion_tf.stylize(tmp_path / "me.png", garment="top", parser=parser(), colour="teal")
    found = picture_of(answer)
    assert (found == expected).all() and (found[~shirt] == photo[~shirt]).all()
    assert answer.json()["changed"] == pytest.approx((found != photo).any(-1).mean())
    assert (answer.json()["height"], answer.json()["width"]) == (96, 72)


def test_a_painted_garment_and_a_painted_photo(client):
    photo, shirt = dressed()
    found = picture_of(ask(client, photo, stripes(), garment="top", strength=0.9))
    assert (found[~shirt] == photo[~shirt]).all() and (found[shirt] != photo[shirt]).any()
    whole = picture_of(ask(client, photo, stripes()))
    from fashion_tf.datasets.images import resize

    assert (whole == StatisticsStylizer()(photo, resize(stripes(), (512, 512)))).all()


@pytest.mark.parametrize("query, painting, status, said", [
    ({"garment": "trousers", "colour": "red"}, None, 422, "There is no trousers in this photo; found: t-shirt"),
    ({"garment": "cape", "colour": "red"}, None, 422, "'cape'; choose"),
    ({"garment": "top", "colour": "rot"}, None, 422, "'rot' is no colour"),
    ({"colour": "red"}, None, 422, "A colour is for one garment"),
    ({}, None, 422, "Nothing to do"),
    ({"garment": "top"}, b"no picture", 422, "The style: not a JPEG"),
    ({"strength": 2}, True, 422, "strength"),
    ({"strength": 1, "garment": "top", "colour": "red"}, None, 422, "A strength is of a style"),
    ({"garment": "top", "colour": "red", "model": "nobody"}, None, 404, "no model 'nobody'"),
])
def test_what_cannot_be_done_is_said(client, query, painting, status, said):
    answer = ask(client, dressed()[0], stripes() if painting is True else painting, **query)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_a_large_photo_is_refused_and_a_service_without_a_stylizer_says_so(client, monkeypatch):
    from fashion_tf.serving import Service, app

    monkeypatch.setattr(app, "PAINTED_PIXELS", 1000)
    answer = ask(client, dressed()[0], garment="top", colour="red")
    assert answer.status_code == 422 and "72 x 96 pixels" in answer.json()["detail"]
    monkeypatch.undo()
    service = Service([parser()])
    service.load()
    with connected(service) as other:
        answer = ask(other, dressed()[0], stripes())
        assert answer.status_code == 404 and "No stylizer" in answer.json()["detail"]
        assert ask(other, dressed()[0], garment="top", colour="red").status_code == 200


def test_a_photos_colour_profile_is_kept(client):
    from PIL import Image, ImageCms

    profile, content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), io.BytesIO()
    Image.fromarray(dressed()[0]).save(content, "JPEG", icc_profile=profile)
    answer = client.post("/v1/stylize", files={"photo": content.getvalue()}, params={"garment": "top", "colour": "red"})
    with Image.open(io.BytesIO(base64.b64decode(answer.json()["picture"]))) as picture:
        assert picture.info["icc_profile"] == profile
