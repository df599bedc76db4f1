"""What people who serve models or search photos have reported elsewhere, rebuilt small: here it does not happen."""

import io
import math
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from served import CLASSES, SIZE, connected, encoded, loaded, make_model, make_photo, post, saved

import fashion_tf
from fashion_tf.datasets.table import Dataset
from fashion_tf.predictor import load_predictor
from fashion_tf.retrieval import build_index, nearest
from fashion_tf.retrieval.search import Lists
from fashion_tf.serving import Service
from fashion_tf.serving.models import ServedModel

pytestmark = pytest.mark.slow  # a service is started, and asked over HTTP


@pytest.fixture(scope="module")
def client():
    with connected(loaded()) as found:
        yield found


def test_many_threads_ask_one_model():
    """`model.predict` in several threads fails or mixes answers: github.com/tensorflow/tensorflow/issues/61298,
    github.com/keras-team/keras/issues/5640."""
    predictor = load_predictor(saved()["clothes"])
    model = ServedModel("clothes", predictor)
    pictures = np.stack([make_photo(seed, SIZE) for seed in range(24)])
    expected = predictor.model.predict_on_batch(pictures)
    with ThreadPoolExecutor(12) as pool:  # not warm: the first calls compile, all at once
        found = list(pool.map(model.answer, pictures))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_batches_of_every_size_share_one_graph():
    """A graph is traced for each shape and never freed: github.com/tensorflow/tensorflow/issues/124972, 34907."""
    model = ServedModel("clothes", load_predictor(saved()["clothes"]))
    model.warm()
    for count in (1, 2, 3, 5, 7, 11, 16):
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(model.answer, np.stack([make_photo(seed, SIZE) for seed in range(count)])))
    assert model._together.experimental_get_tracing_count() == 1


def test_the_process_answers_while_a_model_computes(monkeypatch):
    """An `async def` that computes blocks every other request: github.com/vulnerability-lookup/ML-Gateway/pull/6."""
    release, answer = threading.Event(), loaded().models["clothes"].answer
    monkeypatch.setattr(loaded().models["clothes"], "answer", lambda picture: release.wait(20) and answer(picture))
    with connected(loaded()) as client, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(post, client, "classify", encoded(make_photo()))
        time.sleep(0.2)
        began = time.monotonic()
        assert client.get("/livez").status_code == post(client, "parse", encoded(make_photo())).status_code == 200
        assert time.monotonic() - began < 15 and not slow.done()
        release.set()
        assert slow.result().status_code == 200


def test_an_answer_does_not_wait_for_its_heads_acknowledgement(client):
    """Nagle's algorithm and delayed acknowledgements make 40 ms of each answer: found while lesson 35 was timed."""
    times = []
    for _ in range(40):
        began = time.perf_counter()
        assert client.get("/livez").status_code == 200
        times.append(time.perf_counter() - began)
    assert min(times[20:]) < 0.03  # the first answers of a connection are acknowledged at once


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "I;16", "CMYK", "YCbCr", "F"])
def test_photos_of_every_kind_of_pixel_are_read_as_predict_reads_them(client, tmp_path, mode):
    """A fourth channel, or a single one, is an error of shape and a 500: github.com/Oslandia/deeposlandia/pull/122."""
    grey = mode in ("I;16", "F")
    picture = Image.fromarray(make_photo(3)[..., 0].astype(np.uint16 if mode == "I;16" else np.float32)) if grey else (
        Image.fromarray(make_photo(3)).convert("P" if mode == "PA" else mode))
    path = tmp_path / "photo"
    path.write_bytes(encoded(picture, {"CMYK": "TIFF", "F": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG"),
                             **({"transparency": 3} if mode == "PA" else {})))
    answer = post(client, "classify", path.read_bytes())
    try:
        expected = fashion_tf.predict(saved()["clothes"], path).iloc[0]
    except fashion_tf.errors.DataError:
        assert mode == "F" and answer.status_code == 422
    else:
        assert answer.status_code == 200
        assert answer.json()["probability"] == pytest.approx(expected["probability"], abs=1e-6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_photo_that_was_turned_by_the_camera_gets_the_upright_ones_answer(client, kind):
    """A model sees phones' photos sideways, in some formats: github.com/mflux-community/mflux/issues/495."""
    upright = make_photo(1, (64, 48))
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}.get(kind, {})
    expected = post(client, "parse", encoded(upright, kind, **lossless)).json()
    for orientation, turned in ((3, np.rot90(upright, 2)), (6, np.rot90(upright)), (8, np.rot90(upright, 3))):
        exif = Image.Exif()
        exif[0x0112] = orientation
        found = post(client, "parse", encoded(Image.fromarray(np.ascontiguousarray(turned)), kind, exif=exif,
                                              **lossless)).json()
        assert (found["height"], found["width"]) == (64, 48)
        shares = [{one["label"]: one["share"] for one in answer["labels"]} for answer in (found, expected)]
        assert shares[0] == pytest.approx(shares[1], abs=0.02)


def test_a_part_that_is_no_file_is_told_so(client):
    """A part without a file name is a text for the framework: github.com/Kludex/starlette/pull/1704, and the wrong
    field's name a 422 that does not say which is right: github.com/fastapi/fastapi/issues/3306."""
    def sent(disposition, data):
        body = b"--x\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + data + b"\r\n--x--\r\n"
        return client.post("/v1/classify", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})

    photo = encoded(make_photo())
    assert sent(b'name="photo"; filename="blob"', photo).status_code == 200
    for answer in (sent(b'name="photo"', photo), sent(b'name="photo"', bytes(3 << 20)),
                   sent(b'name="file"; filename="a.png"', photo)):
        assert answer.status_code in (400, 422)
        assert "the file 'photo' of a form (multipart/form-data), with a file name" in answer.json()["detail"]
        assert "class" not in answer.json()["detail"]


def test_numbers_that_are_none_do_not_break_an_answer(tmp_path):
    """NaN and infinity are no JSON, and one in a row fails the whole answer:
    github.com/different-ai/embedbase/issues/77, github.com/volcengine/OpenViking/pull/880."""
    with connected(served_index(tmp_path, price=[math.inf, math.nan, -math.inf, 2.5])) as client:
        answer = post(client, "similar", encoded(make_photo(0)))
        assert answer.status_code == 200
        assert [one["details"].get("price") for one in sorted(answer.json()["matches"], key=lambda one: one["position"])
                ] == [None, None, None, 2.5]


def test_no_cosine_is_above_one():
    """Sums of rounded products are, and fail a test of range: github.com/facebookresearch/faiss/issues/915,
    github.com/milvus-io/milvus/issues/33480."""
    pytest.importorskip("faiss", reason="the extra [faiss] is not installed")
    vectors = np.random.default_rng(0).standard_normal((4000, 96)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert (np.einsum("ij,ij->i", vectors, vectors) > 1).any() or (vectors @ vectors.T).max() > 1
    for found in (nearest(vectors, vectors, 1), Lists(vectors).nearest(vectors, 1)):
        assert found[1].max() <= 1


def test_a_photo_of_a_large_index_finds_itself():
    """A photo of the index is not among hundreds found: github.com/marqo-ai/marqo/issues/207."""
    pytest.importorskip("faiss", reason="the extra [faiss] is not installed")
    vectors = np.abs(np.random.default_rng(1).standard_normal((5000, 32))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_array_equal(Lists(vectors).nearest(vectors, 1)[0][:, 0], np.arange(5000))


def test_garments_of_one_image_are_told_apart(tmp_path):
    """One image comes several times and nothing says why: github.com/uhh-lt/dats/issues/443."""
    boxes = [(0, 0, 20, 30), (20, 0, 40, 30), (0, 0, 40, 60), (5, 5, 30, 50)]
    with connected(served_index(tmp_path, same_image=True, box=boxes)) as client:
        matches = post(client, "similar", encoded(make_photo(0))).json()["matches"]
        assert len({one["image"] for one in matches}) == 1
        assert sorted(tuple(one["box"]) for one in matches) == sorted(boxes)
    with connected(served_index(tmp_path)) as client:
        assert {one["box"] for one in post(client, "similar", encoded(make_photo(0))).json()["matches"]} == {None}


def test_who_left_is_not_computed_for(monkeypatch):
    """Requests are computed for clients that have gone: github.com/Lightning-AI/LitServe/issues/165,
    github.com/waybarrios/vllm-mlx/pull/457."""
    from fashion_tf.serving import app

    release, decode, asked = threading.Event(), app.decode_picture, []
    monkeypatch.setattr(app, "decode_picture", lambda *arguments: release.wait(20) and decode(*arguments))
    monkeypatch.setattr(loaded().models["clothes"], "answer", lambda picture: asked.append(1) or np.ones(3) / 3)
    with connected(loaded()) as client:
        request = client.build_request("POST", "/v1/classify", files={"photo": encoded(make_photo())})
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as connection:
            connection.sendall(f"POST /v1/classify HTTP/1.1\r\n{head}\r\n".encode() + request.read())
            time.sleep(0.3)
        time.sleep(0.3)
        release.set()
        time.sleep(0.3)
        assert not asked
        assert post(client, "classify", encoded(make_photo())).status_code == 200 and asked


def served_index(folder, same_image=False, **columns):
    """A service of an index of four photos, or of four rows of one."""
    for seed in range(4):
        Image.open(io.BytesIO(encoded(make_photo(seed)))).save(folder / f"photo{seed}.png")
    table = pd.DataFrame({"image": [str(folder / f"photo{0 if same_image else seed}.png") for seed in range(4)],
                          "label": pd.Categorical([CLASSES[0]] * 4, CLASSES), "split": "train",
                          "group": list("abcd"), **columns})
    index = build_index(Dataset("photos", table, CLASSES), make_model("embedding"), SIZE, crop_to_box="box" in columns)
    service = Service([], index.save(folder / "index"))
    service.load()
    return service
