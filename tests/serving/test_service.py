"""The service over real HTTP: the same photo gets the same answer as from the package, and nothing leaks."""

import base64
import io
import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import REPOSITORY
from PIL import Image
from served import CLASSES, SIZE, connected, encoded, httpx, loaded, make_photo, post, saved, saved_index

import fashion_tf
from fashion_tf.retrieval import load_index
from fashion_tf.serving import Limits, Service

pytestmark = pytest.mark.slow  # a service is started, and asked over HTTP

KEY = "correct horse"
ENDPOINTS = ("classify", "parse", "similar", "describe")


@pytest.fixture(scope="module")
def client():
    with connected(loaded()) as found:
        yield found


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "coat.jpg"
    path.write_bytes(encoded(make_photo(5, (90, 70)), "JPEG"))
    return path


# The same answers as the package's


def test_classify_answers_as_predict_does(client, photo):
    expected = fashion_tf.predict(saved()["clothes"], photo).iloc[0]
    answer = post(client, "classify", photo.read_bytes()).json()
    assert answer["model"] == "clothes" and answer["label"] == expected["label"]
    assert answer["probability"] == pytest.approx(expected["probability"], abs=1e-6)
    assert [one["probability"] for one in answer["predictions"]] == pytest.approx(
        sorted(expected[list(CLASSES)], reverse=True), abs=1e-6)
    other = post(client, "classify", photo.read_bytes(), model="others", top=1).json()
    assert other["model"] == "others" and len(other["predictions"]) == 1 and other["label"] in "xyz"


def test_parse_answers_as_parse_does(client, photo):
    expected, = fashion_tf.parse(saved()["parser"], photo)
    answer = post(client, "parse", photo.read_bytes()).json()
    mask = Image.open(io.BytesIO(base64.b64decode(answer["mask"])))
    assert mask.mode == "P" and (answer["height"], answer["width"]) == expected.shape == (90, 70)
    np.testing.assert_array_equal(np.asarray(mask), expected)
    for label in answer["labels"]:
        assert label["share"] == pytest.approx((expected == label["number"]).mean())
        assert label["label"] == CLASSES[label["number"]]


def test_similar_answers_as_the_index_does(client, photo):
    index = load_index(saved_index())
    positions, similarities = index.search(index.embed(photo), 4)
    answer = post(client, "similar", photo.read_bytes(), k=4).json()["matches"]
    assert [one["position"] for one in answer] == positions[0].tolist()
    assert [one["similarity"] for one in answer] == pytest.approx(similarities[0].tolist(), abs=1e-6)
    first = answer[0]
    assert first["image"] == f"photo{first['position']}.png" and first["label"] == CLASSES[first["position"] % 3]
    wanted = {"split": "train", "group": str(first["position"]), "price": first["position"] / 4, "kind": "hat/cap"}
    if first["position"] % 2:
        wanted["season"] = "Winter"
    assert first["details"] == wanted  # neither the missing season nor the folder
    assert len(post(client, "similar", photo.read_bytes(), k=100).json()["matches"]) == 12
    blank = post(client, "similar", encoded(np.zeros((9, 9, 3), np.uint8)))
    assert blank.status_code == 422 and "no direction" in blank.json()["detail"]


def test_a_turned_photo_is_put_upright_and_broken_exif_is_no_error(client):
    upright = make_photo(1, (64, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    turned = encoded(np.rot90(upright), "PNG", exif=exif)
    plain = post(client, "parse", encoded(upright)).json()
    assert post(client, "parse", turned).json() == plain
    for damaged in (b"Exif\0\0MM\0*\xff\xff\xff\xff\xff\xff", b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"):
        assert post(client, "parse", encoded(upright, "JPEG", exif=damaged)).status_code == 200


def test_sixteen_clients_at_once_get_their_own_answers(client):
    photos = [encoded(make_photo(seed)) for seed in range(16)]
    alone = [post(client, "classify", photo).json() for photo in photos]
    start = threading.Barrier(16)

    def ask(number):
        start.wait(10)
        found = []
        for turn in range(6):
            answer = post(client, "classify", photos[(number + turn) % 16])
            found.append((answer.status_code, answer.json(), alone[(number + turn) % 16]))
        return found

    with ThreadPoolExecutor(16) as pool:
        answers = [one for found in pool.map(ask, range(16)) for one in found]
    assert len(answers) == 96
    for status, answer, expected in answers:
        assert status == 200 and answer["label"] == expected["label"]
        assert answer["probability"] == pytest.approx(expected["probability"], abs=1e-5)


@pytest.mark.slow
def test_memory_stays_flat(client):
    psutil = pytest.importorskip("psutil")
    process, photo = psutil.Process(), encoded(make_photo(3, (400, 300)))

    def ask(times):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: post(client, "classify", photo).raise_for_status(), range(times)))
        return process.memory_info().rss

    before = min(ask(60) for _ in range(3))
    after = min(ask(60) for _ in range(3))
    assert after - before < 20 << 20, f"180 calls took {(after - before) >> 20} MB"


# What is there, and whether it is ready


def test_state_and_models(client):
    assert client.get("/livez").json() == {"state": "alive"}
    assert client.get("/readyz").json() == {"state": "ready"}
    answer = client.get("/v1/models").json()
    assert [(one["name"], one["task"]) for one in answer["models"]] == [
        ("clothes", "classification"), ("others", "classification"), ("parser", "parsing")]
    assert answer["models"][0]["classes"] == list(CLASSES) and answer["models"][0]["image_size"] == list(SIZE)
    assert answer["index"] == {"name": "drawn photos", "photos": 12}


def test_503_until_every_model_is_warm():
    release, service = threading.Event(), Service([saved()["clothes"]])
    load = service.load
    service.load = lambda: release.wait(20) and load()
    with connected(service) as client:
        assert client.get("/livez").status_code == 200
        for answer in (client.get("/readyz"), client.get("/v1/models"), post(client, "classify", b"")):
            assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
            assert "being loaded" in answer.json()["detail"]
        release.set()
        deadline = time.monotonic() + 20
        while client.get("/readyz").status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert post(client, "classify", encoded(make_photo())).status_code == 200
        for endpoint in ("parse", "similar"):
            answer = post(client, endpoint, encoded(make_photo()))
            assert answer.status_code == 404


@pytest.mark.parametrize("endpoint, query, message", [
    ("classify", {"model": "shoes"}, "There is no model 'shoes' for classification; .* clothes, others"),
    ("classify", {"model": "parser"}, "no model 'parser' for classification"),
    ("parse", {"model": "clothes"}, "no model 'clothes' for parsing")])
def test_an_unknown_model_is_404(client, endpoint, query, message):
    answer = post(client, endpoint, encoded(make_photo()), **query)
    assert answer.status_code == 404 and re.search(message, answer.json()["detail"])


@pytest.mark.parametrize("query", [{"top": 0}, {"top": "many"}, {"top": 10 ** 9}])
def test_a_wrong_parameter_is_422(client, query):
    answer = post(client, "classify", encoded(make_photo()), **query)
    assert answer.status_code == 422 and answer.json()["detail"].startswith("top: Input should be ")


# Examples


def run_python(code, folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        exec(compile(code, "example", "exec"), {})
    finally:
        os.chdir(before)


def curl(command, folder):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_schemas_examples_run(client, photo, endpoint, capsys):
    schema = client.get("/openapi.json").json()
    text = schema["paths"][f"/v1/{endpoint}"]["post"]["description"]
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL))
    here = {kind: block.replace("http://127.0.0.1:8000", str(client.base_url).rstrip("/"))
            for kind, block in blocks.items()}
    run_python(here["python"], photo.parent)
    assert capsys.readouterr().out.strip()
    assert curl(here["sh"], photo.parent) == post(client, endpoint, photo.read_bytes()).json()


def test_the_readmes_examples_run(client, photo, capsys):
    section = re.search(r"\n## A service\n(.*?)\n## ", (REPOSITORY / "README.md").read_text("utf-8"), re.DOTALL)[1]
    section = section.replace("http://127.0.0.1:8000", str(client.base_url).rstrip("/"))
    commands = [line for line in section.splitlines() if line.startswith("curl ")]
    paths = [line.removeprefix("curl ").rpartition("/v1/")[2].rpartition("/")[2] for line in commands]
    assert paths == [*ENDPOINTS, "models", "readyz"]
    for command in commands:
        assert "detail" not in curl(command, photo.parent)
    code, = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    run_python(code, photo.parent)
    assert capsys.readouterr().out.count("\n") >= 6
    assert (photo.parent / "mask.png").stat().st_size


def test_the_schemas_page_is_there(client):
    assert "/openapi.json" in client.get("/docs").text


# The key, other origins, the log


def test_without_the_key_nothing_but_the_state_is_told(monkeypatch):
    spooled = []
    monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile",
                        lambda *arguments, **options: spooled.append(1) or tempfile.SpooledTemporaryFile(
                            *arguments, **options))
    with connected(loaded(), Limits(body_bytes=1 << 20), key=KEY) as client:
        photo = encoded(make_photo())
        assert [client.get(path).status_code for path in ("/livez", "/readyz", "/docs", "/openapi.json")] == [200] * 4
        for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": KEY + "x"}, {"X-API-Key": KEY[:-1]},
                        {"X-API-Key": "schlüssel".encode()}):
            for answer in (client.get("/v1/models", headers=headers), client.get("/v1/nothing", headers=headers),
                           client.post("/v1/classify", files={"photo": photo}, headers=headers)):
                assert answer.status_code == 401 and "X-API-Key" in answer.json()["detail"]
                assert answer.headers["WWW-Authenticate"]
        large = client.post("/v1/classify", content=bytes(2 << 20))
        assert large.status_code == 413  # counted before the key is asked for
        assert not spooled
        answer = client.post("/v1/classify", files={"photo": photo}, headers={"x-api-key": KEY})
        assert answer.status_code == 200 and spooled
        schemes = client.get("/openapi.json").json()["components"]["securitySchemes"]
        assert [one["name"] for one in schemes.values()] == ["X-API-Key"]


def test_the_key_is_compared_in_constant_time(monkeypatch):
    from fashion_tf.serving import bounds

    compared, compare = [], bounds.hmac.compare_digest
    monkeypatch.setattr(bounds, "hmac", SimpleNamespace(
        compare_digest=lambda *both: compared.append(both) or compare(*both)))
    with connected(loaded(), key=KEY) as client:
        assert client.get("/v1/models", headers={"X-API-Key": "wrong"}).status_code == 401
    assert compared == [(b"wrong", KEY.encode())]


def test_other_origins_read_nothing_unless_named(client, monkeypatch):
    page = {"Origin": "https://shop.example"}
    assert "access-control-allow-origin" not in client.get("/livez", headers=page).headers
    with connected(loaded(), Limits(body_bytes=1 << 20), key=KEY, origins=[page["Origin"]]) as other:
        monkeypatch.setattr("fashion_tf.serving.answers.parsing", lambda *_: 1 / 0)
        known = {**page, "X-API-Key": KEY}
        photo = {"photo": encoded(make_photo())}
        answers = [other.get("/livez", headers=page), other.get("/v1/models", headers=page),
                   other.get("/v1/nothing", headers=known), other.post("/v1/classify", headers=known),
                   other.post("/v1/classify", headers=known, content=bytes(2 << 20)),
                   other.post("/v1/parse", headers=known, files=photo)]
        assert [one.status_code for one in answers] == [200, 401, 404, 422, 413, 500]
        for answer in answers:
            assert answer.headers["access-control-allow-origin"] == page["Origin"]
        asked = other.options("/v1/classify", headers={**page, "Access-Control-Request-Method": "POST",
                                                       "Access-Control-Request-Headers": "x-api-key"})
        assert asked.status_code == 200 and "X-API-Key" in asked.headers["access-control-allow-headers"]
        foreign = other.get("/livez", headers={"Origin": "https://elsewhere.example"})
        assert "access-control-allow-origin" not in foreign.headers


def test_what_fails_here_is_told_to_the_log_alone(client, monkeypatch, caplog):
    def fail(*_):
        raise FileNotFoundError("/srv/secret/place")

    monkeypatch.setattr("fashion_tf.serving.answers.parsing", fail)
    answer = post(client, "parse", encoded(make_photo()))
    assert answer.status_code == 500 and answer.json() == {"detail": "The service failed on this request; its log "
                                                                     "says why."}
    assert client.get("/livez").status_code == 200  # over the same connection
    assert "/srv/secret/place" in caplog.text


def test_no_answer_names_a_place_on_this_machine(client, photo):
    answers = [client.get(path) for path in ("/livez", "/readyz", "/v1/models", "/openapi.json", "/v1/nothing")]
    answers += [post(client, endpoint, data) for endpoint in ENDPOINTS
                for data in (photo.read_bytes(), b"", b"GIF89a", photo.read_bytes()[:200])]
    answers.append(post(client, "classify", photo.read_bytes(), model=str(saved()["clothes"])[1:]))
    for answer in answers:
        text = answer.text.replace(str(saved()["clothes"])[1:], "")  # what the client said itself
        for place in (tempfile.gettempdir(), str(Path.home()), str(REPOSITORY), "site-packages", "Traceback"):
            assert place not in text


def test_every_request_is_a_line_of_json_in_the_log(client, caplog):
    def lines(path):
        found = [json.loads(record.getMessage()) for record in caplog.records if record.name == "fashion_tf.access"]
        return [line for line in found if line["path"] == path]

    with caplog.at_level(logging.INFO, "fashion_tf.access"):
        data = encoded(make_photo())
        assert post(client, "classify", data).status_code == 200
        assert client.get("/v1/none%0Asuch", headers={"X-API-Key": KEY}).status_code == 404
        # A line is written after its answer has gone, so one of an earlier test's may still come first.
        wait_until(lambda: lines("/v1/classify") and lines("/v1/none\nsuch"))
    assert KEY not in caplog.text
    first, second = lines("/v1/classify")[-1], lines("/v1/none\nsuch")[-1]
    assert (first["method"], first["status"]) == ("POST", 200)
    assert first["bytes_in"] > len(data) and first["bytes_out"] > 0 and first["milliseconds"] > 0
    assert first["client"] == "127.0.0.1" and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", first["time"])
    assert second["status"] == 404


# Too much, and nobody there


def held_photos(monkeypatch):
    """Decoding waits until it is released; tells what was decoded."""
    from fashion_tf.serving import app

    release, begun, decode = threading.Event(), [], app.decode_picture

    def held(data, *arguments):
        begun.append(data)
        release.wait(20)
        return decode(data, *arguments)

    monkeypatch.setattr(app, "decode_picture", held)
    return release, begun


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_more_requests_than_places_are_told_to_come_back(monkeypatch):
    release, begun = held_photos(monkeypatch)
    photo = encoded(make_photo())
    with connected(loaded(), Limits(active=3)) as client, ThreadPoolExecutor(3) as pool:
        accepted = [pool.submit(post, client, "classify", photo) for _ in range(3)]
        wait_until(lambda: len(begun) >= min(3, os.cpu_count()))
        time.sleep(0.1)
        refused = post(client, "classify", photo)
        assert refused.status_code == 503 and refused.headers["Retry-After"] == "1"
        assert client.get("/livez").status_code == 200
        release.set()
        assert [one.result().status_code for one in accepted] == [200] * 3
        assert post(client, "classify", photo).status_code == 200


def test_a_full_queue_of_the_model_is_503(client, monkeypatch):
    from fashion_tf.serving.models import Busy

    def full(picture):
        raise Busy("More photos are waiting.")

    monkeypatch.setattr(loaded().models["clothes"], "answer", full)
    answer = post(client, "classify", encoded(make_photo()))
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"


def test_an_answer_that_takes_too_long_is_503(monkeypatch):
    release, _ = held_photos(monkeypatch)
    with connected(loaded(), Limits(answer_seconds=0.2)) as client:
        answer = post(client, "classify", encoded(make_photo()))
        assert answer.status_code == 503 and "took too long" in answer.json()["detail"]
        release.set()


def test_nothing_is_done_for_clients_that_gave_up(monkeypatch):
    release, begun = held_photos(monkeypatch)
    asked = []
    monkeypatch.setattr(loaded().models["clothes"], "answer", lambda picture: asked.append(1) or np.ones(3, "float32"))
    cores = os.cpu_count()
    with connected(loaded()) as client:
        def give_up(_):
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v1/classify", files={"photo": encoded(make_photo())}, timeout=0.7)

        with ThreadPoolExecutor(cores + 5) as pool:
            list(pool.map(give_up, range(cores + 5)))
        time.sleep(0.2)
        release.set()
        assert post(client, "classify", encoded(make_photo())).status_code == 200
    # What was being decoded is decoded to its end; what waited is not, and no model is asked.
    assert len(begun) <= cores + 1 and len(asked) == 1


def test_a_mask_larger_than_the_bound_is_not_made():
    with connected(loaded(), Limits(mask_pixels=60 * 40)) as client:
        assert post(client, "parse", encoded(make_photo(0, (60, 40)))).status_code == 200
        answer = post(client, "parse", encoded(make_photo(0, (60, 41))))
        assert answer.status_code == 422 and "41 x 60 pixels" in answer.json()["detail"]
