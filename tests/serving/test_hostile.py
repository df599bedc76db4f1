"""What strangers send: refused with a sentence, in bounded time, and the service goes on."""

import contextlib
import io
import logging
import re
import socket
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image
from served import connected, encoded, loaded, make_photo, post, saved

import fashion_tf
from fashion_tf.errors import DataError
from fashion_tf.serving import Limits

pytestmark = pytest.mark.slow  # a service is started, and asked over HTTP

BOUNDS = Limits(body_bytes=4 << 20, body_seconds=1, head_seconds=1, drain_seconds=0.5)


@pytest.fixture(scope="module")
def client():
    with connected(loaded(), BOUNDS) as found:
        yield found


@contextlib.contextmanager
def raw(client):
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as connection:
        yield connection


def received(connection):
    """Everything until the service closes the connection."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(side):
    """A few kilobytes that unfold to `side` x `side` pixels."""
    packer, rows = zlib.compressobj(9), []
    row = b"\0" + bytes(side * 3)
    for _ in range(side if side < 8000 else 64):
        rows.append(packer.compress(row))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"".join(rows) + packer.flush())
            + chunk(b"IEND", b""))


def many_frames(count, kind):
    frames = [Image.fromarray(make_photo(seed % 9, (40, 30))) for seed in range(count)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


SVG = b"""<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="fetch('http://127.0.0.1/')">
<script>alert(1)</script><image href="file:///etc/passwd"/></svg>"""
PHOTO = encoded(make_photo(), "JPEG")
REFUSED = {
    "0 bytes": b"", "one byte": b"\xff", "text": b"a coat", "a script": b"#!/bin/sh\nrm -rf /\n", "SVG": SVG,
    "HTML": b"<html><script>alert(1)</script></html>", "PDF": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nsystemdict /deletefile known\n",
    "a zip": b"PK\x03\x04" + bytes(60), "a pickle": b"cos\nsystem\n(S'id'\ntR.", "PPM": b"P6 9 9 255\n" + bytes(243),
    "a bomb": png_bomb(30000), "a JPEG cut off": PHOTO[:len(PHOTO) // 2], "a JPEG's beginning": PHOTO[:20],
    "a PNG cut off": encoded(make_photo())[:900], "a PNG of no size": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)),
    "a polyglot that begins as HTML": b"<script>alert(1)</script>" + PHOTO,
    "WebP's header alone": b"RIFF\x24\0\0\0WEBPVP8 ", "a damaged PNG": encoded(make_photo()).replace(b"IDAT", b"IDAX"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("endpoint", ["classify", "parse", "similar"])
def test_what_is_no_photo_is_422_that_says_why(client, endpoint, name):
    began = time.monotonic()
    answer = post(client, endpoint, REFUSED[name])
    assert answer.status_code == 422, answer.text
    detail = answer.json()["detail"]
    assert detail.startswith("The photo: ") and len(detail) < 400
    assert answer.headers["content-type"] == "application/json"  # nothing that was sent comes back as a page
    assert time.monotonic() - began < 15
    assert post(client, "classify", PHOTO).status_code == 200


def test_photos_with_something_behind_them_are_their_photo(client):
    """A polyglot: a JPEG for one reader, an archive or a page for another."""
    plain = post(client, "classify", PHOTO).json()
    for tail in (b"PK\x05\x06" + bytes(18), b"<script>alert(1)</script>", bytes(100_000)):
        assert post(client, "classify", PHOTO + tail).json() == plain


def test_formats_are_told_by_their_content(client):
    picture = make_photo(4)
    for kind in ("PNG", "WEBP"):
        data = encoded(picture, kind, **({"lossless": True} if kind == "WEBP" else {}))
        answer = client.post("/v1/classify", files={"photo": ("../../etc/passwd\0.exe", data, "text/html")})
        assert answer.status_code == 200
        assert answer.json()["probability"] == pytest.approx(
            post(client, "classify", encoded(picture)).json()["probability"], abs=1e-6)


@pytest.mark.parametrize("arguments, status", [
    ({"content": b"{}", "headers": {"Content-Type": "application/json"}}, {422}),
    ({"content": PHOTO, "headers": {"Content-Type": "image/jpeg"}}, {422}),
    ({"data": {"photo": "text"}}, {422}),
    ({"files": {"picture": PHOTO}}, {422}),
    ({"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data"}}, {400}),
    ({"content": b"--y\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, {400, 422}),
    ({"content": b"", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, {400, 422}),
    ({"files": [("photo", b"x")] * 2000}, {400}),
    ({"files": {"photo": PHOTO}, "headers": {"Content-Encoding": "gzip"}}, {200}),
])
def test_other_bodies_than_a_photos_form_are_refused(client, arguments, status):
    answer = client.post("/v1/classify", **arguments)
    assert answer.status_code in status, answer.text
    assert status == {200} or isinstance(answer.json()["detail"], str)


def test_10_gb_announced_are_refused_before_they_are_sent(client):
    with raw(client) as connection:
        began = time.monotonic()
        connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 10737418240\r\n\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"larger than 4,194,304 bytes" in answer
    assert b"connection: close" in answer and time.monotonic() - began < 15


def test_chunks_are_counted_as_they_arrive(client):
    form = b"--x\r\nContent-Disposition: form-data; name=photo; filename=a\r\n\r\n"

    def chunks():
        yield form
        for _ in range(100):
            yield bytes(100_000)

    answer = client.post("/v1/classify", content=chunks(),
                         headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 413
    with raw(client) as connection:  # and without an end
        connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                           b"Content-Type: multipart/form-data; boundary=x\r\n\r\n%x\r\n%s\r\n" % (len(form), form))
        sent = 0
        try:
            while sent < 200 << 20:
                connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
                sent += 65536
        except OSError:
            pass
    assert sent <= BOUNDS.body_bytes + BOUNDS.drain_bytes + (32 << 20)
    assert post(client, "classify", PHOTO).status_code == 200


def test_a_body_that_drips_is_stopped_and_hinders_nobody(client):
    head = (b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            b"--x\r\nContent-Disposition: form-data; name=photo; filename=a\r\n\r\n")
    began = time.monotonic()
    slow = [socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(head)
        answered = None
        while answered is None and time.monotonic() - began < 10:
            for connection in slow[:3]:
                connection.sendall(b"-")
            assert post(client, "classify", PHOTO).status_code == 200
            slow[0].settimeout(0.05)
            try:
                answered = slow[0].recv(65536)
            except TimeoutError:
                continue
        while answered and b"longer than 1 seconds" not in answered:  # the head and the body may come apart
            slow[0].settimeout(10)
            answered += slow[0].recv(65536) or b"\nclosed"
            assert not answered.endswith(b"closed"), answered
        assert answered.startswith(b"HTTP/1.1 408 ")
        slow[99].settimeout(10)
        assert b" 408 " in received(slow[99])
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize("beginning", [b"", b"GET /li", b"GET /livez HTTP/1.1\r\nX-A: "])
def test_a_connection_that_does_not_begin_is_closed(client, beginning):
    with raw(client) as connection:
        began = time.monotonic()
        connection.sendall(beginning)
        assert received(connection) == b""
        assert 0.5 < time.monotonic() - began < 8


def test_more_connections_than_there_may_be_are_told_when_to_come_back():
    page = {"Origin": "https://shop.example"}
    with connected(loaded(), Limits(connections=5), origins=[page["Origin"]]) as client, contextlib.ExitStack() as idle:
        def opened():
            return idle.enter_context(raw(client))

        def comes_to(status):  # as soon as the service has noticed what was opened or closed
            deadline = time.monotonic() + 10
            while client.get("/livez").status_code != status and time.monotonic() < deadline:
                time.sleep(0.02)

        comes_to(200)
        for _ in range(5):
            opened()
        comes_to(503)
        for answer in (client.get("/livez", headers=page), client.get("/livez", headers=page)):
            assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
            assert answer.headers["access-control-allow-origin"] == page["Origin"]
            assert "connections" in answer.json()["detail"]
        assert post(client, "classify", PHOTO).status_code == 503
        idle.close()
        comes_to(200)
        assert post(client, "classify", PHOTO).status_code == 200
        began = time.monotonic()
        received([opened() for _ in range(12)][-1])  # beyond twice as many nothing is answered, and nothing waited for
        assert time.monotonic() - began < Limits().head_seconds / 2


def test_who_waits_to_be_told_to_send_is_told_not_to(client):
    """curl asks before it sends a large file."""
    with raw(client) as connection:
        connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n"
                           b"Expect: 100-continue\r\n\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"100 Continue" not in answer
    form = b"--x\r\nContent-Disposition: form-data; name=photo; filename=a\r\n\r\n" + PHOTO + b"\r\n--x--\r\n"
    with raw(client) as connection:
        connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                           b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(form))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(form)
        assert received(connection).startswith(b"HTTP/1.1 200 ")


def test_who_hangs_up_while_sending_leaves_no_error_in_the_log(client, caplog):
    for part in (b"", b"--x\r\nContent-Disposition: form-data; name=photo; filename=a\r\n\r\n" + bytes(70_000)):
        with raw(client) as connection:
            connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                               b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + part)
            time.sleep(0.1)
    time.sleep(0.3)
    assert post(client, "classify", PHOTO).status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("text", [
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(50), b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n"])
def test_what_is_no_http_is_400(client, text):
    with raw(client) as connection:
        connection.sendall(text)
        assert re.match(rb"HTTP/1.1 4\d\d |$", received(connection))
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("path", ["/..%2f..%2fetc/passwd", "//v1/classify", "/v1/classify/", "/v1/%00"])
def test_other_paths_are_not_found(client, path):
    assert client.get(path, headers={"Host": "elsewhere.example"}).status_code == 404  # and lead nowhere else


@pytest.mark.parametrize("kind, count", [("GIF", 300), ("WEBP", 60), ("PNG", 60), ("TIFF", 60), ("AVIF", 5)])
def test_the_first_frame_of_many_is_taken(client, kind, count):
    moving = many_frames(count, kind)
    began = time.process_time()
    answer = post(client, "classify", moving)
    assert answer.status_code == 200 and time.process_time() - began < 3
    still = post(client, "classify", encoded(Image.open(io.BytesIO(moving)).convert("RGB")))
    assert answer.json()["probability"] == pytest.approx(still.json()["probability"], abs=1e-6)


def test_a_photo_of_extreme_shape_is_answered(client):
    for shape in ((1, 1, 3), (1, 20000, 3), (20000, 1, 3)):
        picture = np.full(shape, 200, np.uint8)
        assert post(client, "parse", encoded(picture)).status_code == 200


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "ICO",
                                  "JPEG2000", "TGA"])
def test_the_formats_are_those_of_predict(client, tmp_path, kind):
    """The same door: what `fashion_tf.predict` takes is taken here, and what it refuses is refused alike."""
    path = tmp_path / "photo"
    path.write_bytes(encoded(Image.fromarray(make_photo(7)).resize((32, 32)), kind))
    answer = post(client, "classify", path.read_bytes())
    try:
        expected = fashion_tf.predict(saved()["clothes"], path).iloc[0]
    except DataError as error:
        assert kind in ("PPM", "ICO", "JPEG2000", "TGA") and answer.status_code == 422
        assert answer.json()["detail"] == str(error).replace(str(path), "The photo")
    else:
        assert answer.status_code == 200 and answer.json()["label"] == expected["label"]
        assert answer.json()["probability"] == pytest.approx(expected["probability"], abs=1e-6)
