"""Fetching photos by their addresses, from a local server that misbehaves in every way named here."""

import asyncio
import inspect
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from PIL import Image

import fashion_tf
from fashion_tf import cli
from fashion_tf.classroom.course import load_course
from fashion_tf.datasets import addresses, disk, imaterialist
from fashion_tf.datasets.categories import ten_categories
from fashion_tf.datasets.fetch import fetch as fetch_dataset
from fashion_tf.datasets.photos import Photo, fetch_photos
from fashion_tf.errors import DataError


def picture(size=(48, 64), kind="JPEG", seed=0):
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


PHOTO = picture()


class Server(ThreadingHTTPServer):
    """Answers by the first part of the path: /well/7.jpg, /gone/8.jpg, ..."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.agents, self.cookies, self.times = Counter(), set(), set(), []
        self.at_once = self.most_at_once = 0
        self.lock, self.stop, self.delay = threading.Lock(), threading.Event(), 0.0
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass  # clients that hang up are part of the tests


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status=200, body=b"", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server = self.server
        with server.lock:
            server.asked[self.path] += 1
            server.agents.add(self.headers["User-Agent"])
            server.cookies.add(self.headers["Cookie"])
            server.times.append(time.monotonic())
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            server.stop.wait(server.delay)
            getattr(self, self.path.split("/")[1])()
        finally:
            with server.lock:
                server.at_once -= 1

    def well(self):
        self.answer(body=PHOTO, Content_Type="text/html")  # what it is, its bytes tell

    def png(self):
        self.answer(body=picture(kind="PNG"))

    def sticky(self):
        """A cookie of its own for each photo; who brings many back sends more than a server reads."""
        self.answer(body=PHOTO, Set_Cookie=f"seen{sum(self.server.asked.values())}={'x' * 2000}; Path=/")

    def gone(self):
        self.answer(404, b"gone")

    def page(self):
        self.answer(body=b"<!DOCTYPE html><title>Not here any more</title>", Content_Type="image/jpeg")

    def cut(self):
        self.answer(body=PHOTO[:len(PHOTO) // 2])

    def short(self):
        """Announces more than it sends."""
        self.answer(body=PHOTO[:-9], length=len(PHOTO))
        self.close_connection = True

    def long(self):
        """Announces less than it sends."""
        self.answer(body=PHOTO, length=200)
        self.close_connection = True

    def huge(self):
        self.answer(body=PHOTO, length=10 ** 12)
        self.close_connection = True

    def endless(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(10_000):
            self.wfile.write(bytes(1 << 14))

    def bomb(self):
        """A few bytes that announce a picture of 4,000 million pixels."""
        head = bytearray(picture(kind="PNG"))
        head[16:24] = (65_000).to_bytes(4) * 2
        head[29:33] = zlib.crc32(head[12:29]).to_bytes(4)
        self.answer(body=bytes(head))

    def pixel(self):
        self.answer(body=picture((1, 1), "PNG"))

    def packed(self):
        self.answer(body=b"\x1f\x8b", Content_Encoding="aws-chunked, GZIP")

    def wordy(self):
        """Says that it packs, in words that pack nothing, as stores of files do."""
        self.answer(body=PHOTO, Content_Encoding=("UTF-8", "", "none", "aws-chunked")[int(self.path[-5])])

    def private(self):
        self.answer(body=PHOTO, X_Robots_Tag="all, noimageai")

    def unseen(self):
        self.answer(body=PHOTO, X_Robots_Tag="none")

    def small(self):
        self.answer(body=PHOTO, X_Robots_Tag="max-image-preview: none, all")

    def unlearnt(self):
        self.answer(body=PHOTO, X_Robots_Tag="NoML")

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(PHOTO)))
        self.end_headers()
        for byte in PHOTO:
            self.wfile.write(bytes([byte]))
            if self.server.stop.wait(0.05):
                return

    def header(self):
        """Its head alone never ends."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.server.stop.wait(0.05):
            self.wfile.write(b"x")

    def moved(self):
        self.answer(302, Location=self.path.replace("moved", "well"))

    def circle(self):
        self.answer(302, Location=self.path)

    def onwards(self):
        self.answer(302, Location=self.path + "/on")

    def inwards(self):
        self.answer(302, Location="http://127.0.0.2/secret.jpg")

    def named(self):
        self.answer(302, Location=f"http://inside.example:{self.server.server_address[1]}/well/secret.jpg")

    def file(self):
        self.answer(302, Location="file:///etc/hosts")

    def nowhere(self):
        """To a host and to a port that nobody can have."""
        self.answer(302, Location="http://xn--a.com/" if self.path.endswith("1.jpg") else "http://127.0.0.1:99999/")

    def busy(self):
        first = self.server.asked[self.path] == 1
        self.answer(429, Retry_After="1") if first else self.well()

    def tomorrow(self):
        self.answer(503, Retry_After=format_datetime(datetime.now(UTC) + timedelta(days=1)))

    def broken(self):
        self.answer(500) if self.server.asked[self.path] < 3 else self.well()

    def numbered(self):
        """Answers with the status that the path ends with."""
        self.answer(int(self.path.split("/")[2][:3]))


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(addresses, "is_public", lambda host: _public_or_here(host))
    monkeypatch.setattr(addresses, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(addresses, "SECONDS", 1)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    server.server_close()


real_is_public = addresses.is_public


def _public_or_here(host):
    return host == "127.0.0.1" or real_is_public(host)


def fetch(folder, addresses, count=None):
    """(what came of it, the reason of each dead address by the first part of its path)."""
    listed = [Photo(address, str(folder / "train" / f"{number}.jpg")) for number, address in enumerate(addresses)]
    done = fetch_photos({"all": listed}, len(listed) if count is None else count, folder / "dead.jsonl")
    lines = (folder / "dead.jsonl").read_text().splitlines() if (folder / "dead.jsonl").exists() else []
    return done, {entry["url"]: entry["why"] for entry in map(json.loads, lines)}


@pytest.mark.parametrize("way", ["well", "png", "moved", "busy", "broken", "small"])
def test_a_photo_comes(server, tmp_path, way):
    done, dead = fetch(tmp_path, [f"{server.address}/{way}/1.jpg"])
    assert (done.there, done.fetched, dead, done.whole) == (1, 1, {}, True)
    content = (tmp_path / "train" / "0.jpg").read_bytes()
    assert content == (picture(kind="PNG") if way == "png" else PHOTO) and done.bytes == len(content)
    assert os.listdir(tmp_path / "train") == ["0.jpg"]


@pytest.mark.parametrize(("way", "why"), [
    ("gone", "HTTP 404"),
    ("page", r"no picture: 0\.jpg: not a JPEG"),
    ("cut", r"no picture: 0\.jpg: damaged or cut off"),
    ("long", r"no picture: 0\.jpg: its header is damaged"),
    ("short", "answer breaks off"),
    ("huge", "too large: announces 1000000000000 bytes"),
    ("endless", r"too large: more than 16,777,216 bytes"),
    ("bomb", r"no picture: 0\.jpg: 65000 x 65000 pixels; pictures above"),
    ("pixel", "no picture: 1 x 1 pixels"),
    ("packed", "packed: sent as aws-chunked, GZIP"),
    ("private", "its owner opts out: X-Robots-Tag: all, noimageai"),
    ("unlearnt", "its owner opts out: X-Robots-Tag: NoML"),
    ("unseen", "its owner opts out: X-Robots-Tag: none"),
    ("circle", "redirects in a circle"),
    ("onwards", "more than 5 redirects"),
    ("inwards", "not a public host: http://127.0.0.2/secret.jpg"),
    ("file", "not http or https: file:.*/etc/hosts"),
])
def test_a_dead_address_is_listed_with_its_reason_and_not_asked_again(server, tmp_path, way, why):
    address = f"{server.address}/{way}/1.jpg"
    done, dead = fetch(tmp_path, [address])
    assert re.match(why, dead[address])
    assert (done.there, done.dead.total(), done.whole) == (0, 1, True)
    assert os.listdir(tmp_path / "train") == []
    asked = server.asked.total()
    again, _ = fetch(tmp_path, [address])
    assert server.asked.total() == asked and (again.dead_before, again.dead.total()) == (1, 0)
    (tmp_path / "dead.jsonl").unlink()
    fetch(tmp_path, [address])
    assert server.asked.total() > asked


@pytest.mark.parametrize("address", [
    "file:///etc/passwd", "ftp://example.org/1.jpg", "data:image/png;base64,AA", "gopher://example.org", "1.jpg", "",
    "http://", "http://[::1", "http://10.0.0.1/1.jpg", "http://[::1]/1.jpg",
    "http://169.254.169.254/latest/meta-data", "http://[::ffff:192.168.0.1]/1.jpg", "http://[fe80::1]/1.jpg",
    "http://[2002:0a00:0001::]/1.jpg", "http://0.0.0.0/1.jpg", "http://224.0.0.1/1.jpg", "http://xn--a.com/1.jpg",
    "http://127.0.0.1:99999/1.jpg", "http://127.0.0.1:0/1.jpg", "http://127.0.0.1:-1/1.jpg"])
def test_addresses_that_are_never_asked(server, tmp_path, address):
    done, dead = fetch(tmp_path, [address])
    assert dead[address].split(":")[0] in ("not http or https", "no address", "not a public host")
    assert done.dead.total() == 1 and not server.asked


def test_what_is_no_address_stops_nobody_elses_photo(server, tmp_path):
    """Neither in the list nor where a server redirects to; a host's name and a port are judged late."""
    wrong = ["http://xn--a.com/1.jpg", "http://example.org:99999/1.jpg", f"{server.address}/nowhere/1.jpg",
             f"{server.address}/nowhere/2.jpg"]
    done, dead = fetch(tmp_path, [*wrong, f"{server.address}/well/1.jpg"])
    assert done.there == 1 and {dead[address].split(":")[0] for address in wrong} == {"no address"} and done.whole


@pytest.mark.parametrize(("before", "after"), [(" ", ""), ("", "\n"), ("\t", " \r\n")])
def test_blanks_around_an_address_are_none_of_it(server, tmp_path, before, after):
    done, dead = fetch(tmp_path, [f"{before}{server.address}/well/1.jpg{after}"])
    assert done.there == 1 and not dead and list(server.asked) == ["/well/1.jpg"]


def test_a_name_that_leads_into_the_own_network_is_not_asked(server, tmp_path, monkeypatch):
    """Whether at once, or after a redirect: the connection's other end is what counts, whatever the name was."""
    real = socket.getaddrinfo

    def lookup(host, *rest, **named):
        host = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if host == "inside.example" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    # The server's address counts as public where it is given as such, and as private where a name leads to it.
    peers = []

    def public(host):
        if "_check_peer" in {frame.function for frame in inspect.stack(0)}:
            peers.append(host)
            return len(peers) == 1
        return _public_or_here(host)

    monkeypatch.setattr(addresses, "is_public", public)
    address = f"{server.address}/named/1.jpg"
    _, dead = fetch(tmp_path, [address])
    assert dead[address] == "not a public host: its name leads to 127.0.0.1"
    assert peers == ["127.0.0.1", "127.0.0.1"] and list(server.asked) == ["/named/1.jpg"]


@pytest.mark.parametrize("way", ["drip", "header"])
def test_what_never_ends_is_left_for_another_run(server, tmp_path, way):
    began = time.monotonic()
    done, dead = fetch(tmp_path, [f"{server.address}/{way}/1.jpg"])
    assert time.monotonic() - began < 20
    assert done.unreached == {"too slow": 1} and not dead and not done.whole
    assert os.listdir(tmp_path / "train") == []
    assert "Not reached: 1 photo: too slow 1." in done.text() and "Run it again later" in done.text()


def test_a_host_is_left_alone_as_long_as_it_asks(server, tmp_path):
    began = time.monotonic()
    done, _ = fetch(tmp_path, [f"{server.address}/busy/1.jpg"])
    assert done.there == 1 and server.asked["/busy/1.jpg"] == 2
    assert server.times[1] - server.times[0] > 0.9 and time.monotonic() - began < 20


@pytest.mark.parametrize("status", [407, 408, 425, 429, 500, 503, 507, 509, 511, 520, 521, 522, 524, 525, 530])
def test_what_is_wrong_with_a_host_is_not_held_against_its_photos(server, tmp_path, status):
    """Numbers from 500 on are as many as there are networks before a host."""
    done, dead = fetch(tmp_path, [f"{server.address}/numbered/{status}.jpg"])
    assert done.unreached == {f"HTTP {status}": 1} and not dead and not done.whole
    assert server.asked.total() == addresses.TRIES


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_what_is_wrong_with_a_photo_is_asked_once(server, tmp_path, status):
    done, dead = fetch(tmp_path, [f"{server.address}/numbered/{status}.jpg"])
    assert list(dead.values()) == [f"HTTP {status}"] and done.whole and server.asked.total() == 1


def test_no_cookie_is_brought_back(server, tmp_path):
    done, dead = fetch(tmp_path, [f"{server.address}/sticky/{number}.jpg" for number in range(60)])
    assert (done.there, dead, server.cookies) == (60, {}, {None})


def test_words_that_pack_nothing_keep_no_photo_away(server, tmp_path):
    done, dead = fetch(tmp_path, [f"{server.address}/wordy/{number}.jpg" for number in range(4)])
    assert (done.there, dead) == (4, {})
    assert {path.read_bytes() for path in (tmp_path / "train").iterdir()} == {PHOTO}


@pytest.mark.parametrize(("text", "seconds"), [
    ("7", 7), (" 0 ", 0), ("9" * 5000, 999_999_999), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ("-1", None), ("1.5", None), ("soon", None), ("", None), (None, None),
    ("Fri, 31 Dec 99999999999 00:00:00 GMT", None)])
def test_what_retry_after_says(text, seconds):
    assert addresses._seconds(text) == seconds


@pytest.mark.parametrize(("date", "seconds"), [
    ("Thu, 01 Jan 1970 00:00:30 GMT", 60), ("Thu, 01 Jan 1970 00:09:00 GMT", 0), ("now", 0), (None, 0)])
def test_a_moment_is_held_against_the_answers_own_clock(date, seconds):
    assert addresses._seconds("Thu, 01 Jan 1970 00:01:30 GMT", date) == seconds


def test_a_host_that_asks_for_a_day_is_asked_no_more(server, tmp_path):
    done, dead = fetch(tmp_path, [f"{server.address}/tomorrow/{number}.jpg" for number in range(200)])
    assert server.asked.total() <= addresses.AT_ONCE_FROM_A_HOST and not dead and not done.whole
    assert "it asks to be left alone for 86," in done.text()


def test_a_host_that_is_gone_is_given_up(tmp_path, server, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    done, dead = fetch(tmp_path, [f"{nobody}/{number}.jpg" for number in range(2_000)])
    assert done.there == 0 and not dead and not done.whole
    assert addresses.SILENT_IN_A_ROW <= done.unreached["no connection"] < addresses.SILENT_IN_A_ROW + addresses.AT_ONCE
    assert len(done.given_up) == 1


def test_a_host_with_nothing_but_dead_addresses_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(addresses, "DEAD_IN_A_ROW", 30)
    done, dead = fetch(tmp_path, [f"{server.address}/gone/{number}.jpg" for number in range(500)])
    assert 30 <= len(dead) < 30 + addresses.AT_ONCE and server.asked.total() == len(dead) and not done.whole


def test_enough_of_each_class_the_first_that_can_be_had_and_never_too_many(server, tmp_path):
    """Every third address is dead: the next in the list stands in for it."""
    def listed(name, count):
        return [Photo(f"{server.address}/{'gone' if number % 3 == 0 else 'well'}/{name}{number}.jpg",
                      str(tmp_path / "train" / f"{name}{number}.jpg")) for number in range(count)]

    server.delay = 0.01
    classes = {"a": listed("a", 100), "b": listed("b", 100), "few": listed("few", 10)}
    done = fetch_photos(classes, 20, tmp_path / "dead.jsonl")
    expected = {f"{name}{number}.jpg" for name, last in (("a", 29), ("b", 29), ("few", 9))
                for number in range(last + 1) if number % 3}
    assert {path.name for path in (tmp_path / "train").iterdir()} == expected
    assert (done.wanted, done.there, done.dead.total(), done.whole) == (50, 46, 24, True)
    assert server.asked.total() == 70
    assert server.most_at_once <= addresses.AT_ONCE_FROM_A_HOST
    agent, = server.agents
    assert agent.startswith(f"fashion_tf/{fashion_tf.__version__} (+")
    assert load_course(REPOSITORY / "course.yml").repository in agent
    again = fetch_photos(classes, 20, tmp_path / "dead.jsonl")
    assert (again.before, again.fetched, again.dead_before) == (46, 0, 24) and server.asked.total() == 70


def test_reasons_are_counted(server, tmp_path):
    done, _ = fetch(tmp_path, [f"{server.address}/{way}/{number}.jpg" for number, way in
                               enumerate(["well", "gone", "gone", "page", "well", "pixel"])])
    assert done.dead == {"HTTP 404": 2, "no picture": 2}
    assert "2 of 6 photos are there: 0 from before, 2 fetched" in done.text()
    assert "Dead addresses: 4 (4 found now: HTTP 404 2, no picture 2)" in done.text()


def test_one_picture_in_the_place_of_many_is_told(server, tmp_path):
    ways = [("png", "well")[number % 2] for number in range(25)]
    done, _ = fetch(tmp_path, [f"{server.address}/{way}/{number}.jpg" for number, way in enumerate(ways)])
    assert done.alike == {str(tmp_path / "train" / "0.jpg"): 13, str(tmp_path / "train" / "1.jpg"): 12}
    assert f"13 photos are the same picture as {tmp_path / 'train' / '0.jpg'}, byte for byte" in done.text()
    done, _ = fetch(tmp_path / "few", [f"{server.address}/well/{number}.jpg" for number in range(9)])
    assert done.alike == {}


KILLED = """
import sys
from fashion_tf.datasets import addresses, photos
addresses.is_public = lambda host: True
folder, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
listed = [photos.Photo(f"{address}/{'gone' if number % 5 == 0 else 'well'}/{number}.jpg",
                       f"{folder}/train/{number}.jpg") for number in range(count)]
print(photos.fetch_photos({"all": listed}, count, f"{folder}/dead.jsonl").there)
"""


@pytest.mark.slow
def test_killed_at_any_time_and_resumed(server, tmp_path):
    server.delay = 0.02
    count, kills = 120, 0
    command = [sys.executable, "-c", KILLED, str(tmp_path), server.address, str(count)]
    for progress in (10, 35, 60):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while len(list(tmp_path.glob("train/*.jpg"))) < progress and time.monotonic() < until:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += process.returncode == -signal.SIGKILL
        for path in tmp_path.glob("train/*.jpg"):
            assert path.read_bytes() == PHOTO
    assert kills == 3
    (tmp_path / "train" / ".7.jpg.0123456789ab.part").write_bytes(PHOTO[:99])
    with open(tmp_path / "dead.jsonl", "ab") as file:
        file.write(b'{"photo": "train/5')
    before = server.asked.copy()
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "96", answer.stderr
    assert {path.name for path in (tmp_path / "train").iterdir()} == {
        f"{number}.jpg" for number in range(count) if number % 5}
    lines = [json.loads(line)["url"] for line in (tmp_path / "dead.jsonl").read_text().splitlines()]
    assert sorted(lines) == sorted(f"{server.address}/gone/{number}.jpg" for number in range(0, count, 5))
    # Only what was not there was asked for again.
    assert (server.asked - before).total() <= count - 60 * 5 // 4 + 2


def test_ctrl_c_stops_it_and_keeps_what_came(server, tmp_path):
    server.delay = 0.05
    # A test run in the background hands on an ignored SIGINT; a person's terminal does not.
    program = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{KILLED}"
    command = [sys.executable, "-c", program, str(tmp_path), server.address, "400"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while len(list(tmp_path.glob("train/*.jpg"))) < 10:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=20)[1].splitlines()[-1]
    assert len(list(tmp_path.glob("train/*.jpg"))) >= 10 and not list(tmp_path.glob("train/.*.part"))


TERMINATED = """
import sys
from fashion_tf import cli
from fashion_tf.datasets import addresses
addresses.is_public = lambda host: True
sys.exit(cli.main(sys.argv[1:]))
"""


def test_a_signal_stops_the_command_with_a_sentence(server, tmp_path, monkeypatch):
    monkeypatch.setattr(imaterialist, "SAMPLE_COUNTS", {"train": 60, "validation": 3, "test": 3})
    place, server.delay = lay_out(tmp_path, server.address), 0.1
    process = subprocess.Popen([sys.executable, "-c", TERMINATED, "data", "fetch", "imaterialist", "--to",
                                str(tmp_path / "data")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while len(list(place.glob("train/*.jpg"))) < 3 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 143 and not list(place.glob("train/.*"))
    assert said == "fashion-tf: stopped. What is done is kept: run it again to go on (lessons: with --resume).\n"


def test_what_is_no_photo_where_one_goes(server, tmp_path):
    """A link to nowhere is replaced, an empty file, too; a folder is named, and a link out of the dataset refused, for
    no reader would follow it."""
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "0.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "train" / "1.jpg").touch()
    urls = [f"{server.address}/well/{number}.jpg" for number in range(3)]
    done, _ = fetch(tmp_path, urls)
    assert (done.before, done.fetched) == (0, 3) and not (tmp_path / "nowhere").exists()
    (tmp_path / "folder" / "train" / "0.jpg").mkdir(parents=True)
    with pytest.raises(DataError, match="0.jpg.*: cannot be written"):
        fetch(tmp_path / "folder", urls)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "train").symlink_to(tmp_path / "train")
    asked = server.asked.total()
    with pytest.raises(DataError, match="linked/train: leads out of the dataset's folder"):
        fetch(tmp_path / "linked", urls)
    assert server.asked.total() == asked


@pytest.mark.parametrize("line", ["[]", "null", "{}", '{"photo": ["1.jpg"], "url": "x"}', "", "[" * 100_000])
def test_a_list_of_dead_addresses_that_is_none(server, tmp_path, line):
    (tmp_path / "dead.jsonl").write_text(f'{{"photo": "train/1.jpg", "url": "x"}}\n{line}\n')
    with pytest.raises(DataError, match=r"dead\.jsonl, line 2: is no entry"):
        fetch(tmp_path, [f"{server.address}/well/1.jpg"])


def test_too_small_a_disk_is_found_out_early(server, tmp_path, monkeypatch):
    """No size is published: after a hundred photos their mean tells what is still to come."""
    monkeypatch.setattr(disk, "free_space", lambda folder: 100 * len(PHOTO))
    with pytest.raises(DataError, match=r"the 200 photos still to come, by the mean of 100, needs .* of disk"):
        fetch(tmp_path, [f"{server.address}/well/{number}.jpg" for number in range(300)])
    assert 100 <= len(list(tmp_path.glob("train/*.jpg"))) < 100 + addresses.AT_ONCE


def test_within_a_notebook_it_says_what_to_do(tmp_path):
    async def cell():
        fetch(tmp_path, [])

    with pytest.raises(DataError, match="!fashion-tf data fetch"):
        asyncio.run(cell())


def lay_out(folder, address):
    """The sample's lists with addresses of the server, and none of its photos."""
    imaterialist.write_sample(folder / "drawn")
    place = folder / "data" / "imaterialist"
    place.mkdir(parents=True)
    (place / imaterialist.LABEL_MAP).write_bytes((folder / "drawn" / imaterialist.LABEL_MAP).read_bytes())
    for name in ("train.json", "validation.json"):
        text = (folder / "drawn" / name).read_text()
        data = json.loads(text.replace("https://example.invalid", f"{address}/well"))
        for number, image in enumerate(data["images"]):
            if number % 4 == 0:
                image["url"] = [f"{address}/gone/{number}.jpg"]
        (place / name).write_text(json.dumps(data))
    return place


@pytest.mark.slow
def test_the_command_fetches_the_ten_classes(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(imaterialist, "SAMPLE_COUNTS", {"train": 100, "validation": 20, "test": 3})
    place = lay_out(tmp_path, server.address)
    arguments = ["data", "fetch", "imaterialist", "--to", str(tmp_path / "data"), "--photos", "50"]
    assert cli.main([*arguments, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["name"] == "imaterialist" and value["whole"]
    counted = value["photos"]
    assert counted["wanted"] == counted["there"] == counted["fetched"] == 50
    assert counted["dead"]["HTTP 404"] == len((place / "dead_photos.jsonl").read_text().splitlines()) > 0
    dataset = ten_categories("imaterialist", tmp_path / "data", per_class=5)
    assert dataset.counts().sum(axis=1).sum() == 50
    assert Counter(dataset.table["label"]) == dict.fromkeys(dataset.classes, 5)
    assert cli.main(arguments) == 0
    assert "50 of 50 photos are there: 50 from before, 0 fetched" in capsys.readouterr().out
    server.shutdown()
    server.server_close()  # another run may bring the ten that are missing now
    assert cli.main([*arguments[:-1], "60"]) == 1
    assert "50 of 60 photos are there" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "message"), [
    (["imaterialist", "--photos", "9"], "9 photos do not go round: there are 10 classes"),
    (["cfpd", "--photos", "9"], "cfpd: comes whole"),
])
def test_a_number_of_photos_that_makes_no_sense(server, tmp_path, arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(imaterialist, "SAMPLE_COUNTS", {"train": 3, "validation": 3, "test": 3})
    lay_out(tmp_path, server.address)
    assert cli.main(["data", "fetch", *arguments, "--to", str(tmp_path / "data")]) == 2
    assert message in capsys.readouterr().err


def test_lists_that_are_absent_are_named_with_where_they_are_had(tmp_path, monkeypatch):
    monkeypatch.setattr(imaterialist, "SAMPLE_COUNTS", {"train": 3, "validation": 3, "test": 3})
    place = lay_out(tmp_path, "http://127.0.0.1:9")
    for path in Path(place).glob("*.json"):
        path.unlink()
    with pytest.raises(DataError, match=r"holds neither train\.json .*kaggle\.com/c/imaterialist"):
        fetch_dataset("imaterialist", tmp_path / "data")
