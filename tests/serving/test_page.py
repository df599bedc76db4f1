"""What stands between the page and strangers: the few addresses of Gradio that are needed, bounded uploads, no file of
this machine; and what happens without Gradio, with a key, in a notebook, at the end."""

import base64
import logging
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from served import connected, encoded, httpx, loaded, make_photo, post, saved

from fashion_tf import cli
from fashion_tf.errors import ServiceError
from fashion_tf.serving import Limits, page, running, show_page
from fashion_tf.serving.models import PhotoRefused
from fashion_tf.serving.page import check_installed
from fashion_tf.serving.page.files import own_folder
from fashion_tf.serving.page.gate import POLICY

pytestmark = pytest.mark.slow  # a service is started, and asked over HTTP

KEY = "correct horse"
BOUNDS = Limits(body_bytes=1 << 20)


@pytest.fixture(scope="module")
def client():
    pytest.importorskip("gradio", reason="Gradio is not installed (pip install 'fashion_tf[page]')")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fashion_tf.serving.page.camera.STREAM_SECONDS", 1.0)  # a stream's answer ends with it
        with running(loaded(), BOUNDS, page=True) as address, httpx.Client(
                base_url=address, timeout=20, trust_env=False) as found:
            yield found


def test_the_page_is_there_beside_the_api(client):
    assert client.get("/", follow_redirects=True).url.path == "/page/"
    assert client.get("/page", follow_redirects=True).url.path == "/page/"
    answer = client.get("/page/")
    assert answer.status_code == 200 and answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert post(client, "classify", encoded(make_photo())).status_code == 200
    assert "/page" not in client.get("/openapi.json").text


@pytest.mark.parametrize("path", [
    "monitoring", "monitoring/summary", "gradio_api/openapi.json", "gradio_api/runs", "gradio_api/run-history/buckets",
    "gradio_api/proxy=http://127.0.0.1:9/", "gradio_api/vibe-code", "gradio_api/profiling/traces", "login_check",
    "gradio_api/file=http://127.0.0.1:9/", "gradio_api/file=/etc/passwd", "gradio_api/file=../../../etc/passwd",
    "gradio_api/file%3D/etc/passwd", "gradio_api/file=/%2e%2e/etc/passwd", "gradio_api/file=pyproject.toml",
    "gradio_api/file=fashion_tf/cli.py", "gradio_api/call/classify", "assets/..%2f..%2fapp.py", "gradio_api/deep_link"])
def test_other_addresses_of_gradio_are_not_there(client, path):
    answer = client.get(f"/page/{path}")
    assert answer.status_code in (403, 404) and "root:" not in answer.text and "import" not in answer.text


@pytest.mark.parametrize("path", [
    "gradio_api/process_recording", "gradio_api/vibe-edit", "gradio_api/run/classify", "gradio_api/api/classify",
    "gradio_api/call/classify", "gradio_api/call/v2/classify", "login", "gradio_api/run-history/connect"])
def test_nor_what_gradio_takes(client, path):
    assert client.post(f"/page/{path}", json={"data": []}).status_code == 404


def upload(client, data, name="photo.png"):
    return client.post("/page/gradio_api/upload", files={"files": (name, data)})


def test_uploads_are_bounded_and_come_back_to_who_knows_their_name_alone(client):
    photo = encoded(make_photo())
    path, = upload(client, photo, "../../etc/passwd").json()
    assert client.get(f"/page/gradio_api/file={path}").content == photo
    for answer in (upload(client, bytes((1 << 20) - 1000)), upload(client, bytes(5 << 20))):
        assert answer.status_code == 413
    folder = path.rpartition("/")[0].rpartition("/")[0]
    assert client.get(f"/page/gradio_api/file={folder}").status_code in (403, 404)
    script, = upload(client, b"<script>alert(1)</script>", "page.html").json()
    answer = client.get(f"/page/gradio_api/file={script}")
    assert "attachment" in answer.headers["content-disposition"] or not answer.headers["content-type"].startswith(
        "text/html")


def ask(client, function, data, session="abc"):
    """Asks as the browser does; what the page says."""
    body = {"fn_index": function, "data": data, "session_hash": session}
    joined = client.post("/page/gradio_api/queue/join", json=body)
    assert joined.status_code == 200, joined.text
    with client.stream("GET", f"/page/gradio_api/queue/data?session_hash={session}") as stream:
        for line in stream.iter_lines():
            if "process_completed" in line:
                return line
    raise AssertionError("no answer")


def functions(client):
    """The numbers of the page's functions, by name."""
    return {one["api_name"]: one["id"] for one in client.get("/page/config").json()["dependencies"]}


@pytest.mark.parametrize("meta", [{"meta": {"_type": "gradio.FileData"}}, {}])
@pytest.mark.parametrize("path", ["/etc/passwd", "pyproject.toml", "http://127.0.0.1:9/a.png", "/dev/zero", "a\0b",
                                  "/proc/self/environ", ".", ""])
def test_a_photo_is_no_path_on_this_machine(client, path, meta):
    """Neither a path nor an address is opened that a visitor names; with Gradio's mark of a file, and without."""
    answer = ask(client, functions(client)["classify"], [{"path": path, "url": path, **meta}, "clothes"])
    assert '"success":false' in answer or "The photo: empty (0 bytes)" in answer
    assert "root:" not in answer and "hatchling" not in answer and "PATH=" not in answer


def test_an_upload_is_classified_as_the_api_does(client):
    photo = encoded(make_photo())
    path, = upload(client, photo).json()
    sent = {"path": path, "meta": {"_type": "gradio.FileData"}}
    answer = ask(client, functions(client)["classify"], [sent, "clothes"])
    expected = post(client, "classify", photo).json()
    assert f'"label":"{expected["label"]}"' in answer
    found = re.findall(r'"confidence":([\d.e-]+)', answer)
    assert [float(one) for one in found] == pytest.approx([one["probability"] for one in expected["predictions"]])


def test_a_label_of_the_model_before_is_a_sentence(client):
    """Who chooses another model may still choose among the labels of the one before."""
    from fashion_tf.serving.page import tabs

    served = SimpleNamespace(name="clothes", classes=("coat", "hat"))
    with pytest.raises(PhotoRefused, match="The model clothes has no class dress"):
        tabs._looked(served, b"", None, "dress")


def test_a_cameras_frame_is_read_as_any_other(client):
    frame = functions(client)["frame"]

    def said(address):
        return ask(client, frame, [{"url": address}, None, "clothes", "the whole picture"])

    photo = encoded(make_photo())
    expected = post(client, "classify", photo).json()
    assert f"1: {expected['label']}<" in said("data:image/png;base64," + base64.b64encode(photo).decode())
    for broken in ("data:image/png;base64,!!", "data:image/png;base64,", "data:,"):
        assert "The photo: empty (0 bytes)" in said(broken)


def test_with_a_key_the_page_asks_for_it_as_a_password():
    pytest.importorskip("gradio", reason="Gradio is not installed (pip install 'fashion_tf[page]')")
    with running(loaded(), BOUNDS, KEY, page=True) as address, httpx.Client(
            base_url=address, timeout=20, trust_env=False) as client:
        for path in ("/", "/page", "/page/", "/page/config", "/page/gradio_api/file=x"):
            for options in ({}, {"auth": ("me", "wrong")}, {"headers": {"Authorization": "Basic ?"}},
                            {"headers": {"Authorization": "Bearer x"}}):
                answer = client.get(path, **options)
                assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert client.get("/page/", auth=("", KEY)).status_code == 200
        assert client.get("/v1/models", auth=("", KEY)).status_code == 401  # programs bring the header
        assert client.get("/pagelike").headers["WWW-Authenticate"] == "ApiKey"


def test_an_open_page_does_not_keep_the_server_from_ending(caplog):
    pytest.importorskip("gradio", reason="Gradio is not installed (pip install 'fashion_tf[page]')")
    with httpx.Client(timeout=20, trust_env=False) as client:
        with running(loaded(), BOUNDS, page=True) as address:
            stream = client.stream("GET", f"{address}/page/gradio_api/heartbeat/abc")
            assert "ALIVE" in next(stream.__enter__().iter_text())
            began = time.monotonic()
        assert time.monotonic() - began < 20
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs ``fashion-tf serve``, which builds its application and listens, but serves nobody; what it says."""
    monkeypatch.setattr("fashion_tf.serving.server.bounded_server",
                        lambda application, limits: SimpleNamespace(run=lambda sockets: None))

    def said(*options):
        assert cli.main(["serve", str(saved()["clothes"]), "--port", "0", *options]) == 0
        return capsys.readouterr().err

    return said


def test_the_command_serves_the_page_unless_told_otherwise(command):
    pytest.importorskip("gradio", reason="Gradio is not installed (pip install 'fashion_tf[page]')")
    assert "(the page; how programs ask: /docs)" in command()
    assert "(how to ask: /docs)" in command("--no-page")


def test_what_was_sent_is_deleted(monkeypatch):
    pytest.importorskip("gradio", reason="Gradio is not installed (pip install 'fashion_tf[page]')")
    monkeypatch.setattr(page, "LOOK_SECONDS", 1)
    monkeypatch.setattr(page, "FORGET_SECONDS", 1)
    with running(loaded(), BOUNDS, page=True) as address, httpx.Client(
            base_url=address, timeout=20, trust_env=False) as client:
        path, = upload(client, encoded(make_photo(77))).json()
        assert Path(path).is_file() and Path(path).is_relative_to(own_folder())
        assert own_folder().stat().st_mode & 0o077 == 0
        deadline = time.monotonic() + 20
        while Path(path).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not Path(path).exists()


def test_without_gradio_the_rest_is_served_and_a_sentence_says_what_to_install(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ServiceError, match=r"The page needs Gradio 6, and gradio is not installed: pip install "
                                           r"'fashion_tf\[page\]'"):
        check_installed()
    said = command()
    assert "pip install 'fashion_tf[page]' (--no-page leaves it out)" in said and "(how to ask: /docs)" in said
    assert "Gradio" not in command("--no-page")


def test_an_old_gradio_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", SimpleNamespace(__version__="3.50.2"))
    with pytest.raises(ServiceError, match="and this is Gradio 3.50.2"):
        check_installed()


def test_without_the_page_its_address_is_not_there():
    with connected(loaded()) as client:
        assert [client.get(path).status_code for path in ("/", "/page/", "/page")] == [404] * 3


def test_it_opens_in_a_notebook_and_in_colab(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda value: shown.append(value.data))
    show_page("http://127.0.0.1:4321", 500)
    assert 'src="http://127.0.0.1:4321/page/"' in shown[0] and 'allow="camera"' in shown[0] and "500px" in shown[0]
    opened = []
    output = SimpleNamespace(serve_kernel_port_as_iframe=lambda port, **options: opened.append((port, options)))
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace(output=output))
    show_page("http://127.0.0.1:4321", 500)
    assert opened == [(4321, {"path": "/page/", "height": 500})]
