"""The command: started, killed, started again, stopped; and what keeps it from starting."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from served import encoded, httpx, loaded, make_photo, post, saved

from fashion_tf import cli
from fashion_tf.errors import ServiceError
from fashion_tf.serving import Limits, running
from fashion_tf.serving.server import KEY_VARIABLE, serve


@pytest.fixture
def start(tmp_path):
    """Starts the command; gives (process, client) as soon as it listens. What is left running is killed."""
    started = []

    def started_with(*arguments, key=None):
        log = open(tmp_path / "log", "ab")
        environment = {**os.environ, **({KEY_VARIABLE: key} if key else {})}
        process = subprocess.Popen([sys.executable, "-m", "fashion_tf.cli", "serve", *map(str, arguments)], stdout=log,
                                   stderr=subprocess.PIPE, text=True, env=environment)
        started.append((process, log))
        line = process.stderr.readline()
        while line and not re.match("fashion-tf: http", line):
            line = process.stderr.readline()
        address = re.match(r"fashion-tf: (http://\S+)", line)[1]
        return process, httpx.Client(base_url=address, timeout=20, trust_env=False)

    yield started_with
    for process, log in started:
        process.kill()
        process.wait()
        log.close()
        process.stderr.close()


def ready(client, seconds=240):
    """Waits until everything is warm; tells what /livez and /readyz said meanwhile."""
    deadline, seen = time.monotonic() + seconds, []
    while time.monotonic() < deadline:
        try:
            seen.append((client.get("/livez").status_code, client.get("/readyz").status_code))
        except httpx.TransportError:
            seen.append(None)
        if seen[-1] == (200, 200):
            return seen
        time.sleep(0.05)
    raise AssertionError(seen[-5:])


@pytest.mark.slow
def test_killed_it_starts_again_and_stopped_it_finishes_what_it_accepted(start, tmp_path):
    photo = encoded(make_photo())
    process, client = start(saved()["clothes"], "--port", 0, "--no-page")
    ready(client)
    first = post(client, "classify", photo).json()
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    (tmp_path / "log").write_bytes(b"")  # its last line may have been cut off
    with pytest.raises(httpx.TransportError):
        post(client, "classify", photo)
    port = client.base_url.port
    process, client = start(saved()["clothes"], "--port", port, "--no-page")  # at once on the port that was its own
    assert client.base_url.port == port
    ready(client)
    assert post(client, "classify", photo).json() == first

    request = httpx.Request("POST", f"http://127.0.0.1:{port}/v1/classify", files={"photo": photo})
    body = request.read()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as accepted:
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        accepted.sendall(f"POST /v1/classify HTTP/1.1\r\n{head}\r\n".encode() + body[:100])
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        accepted.sendall(body[100:])
        answer = b""
        while part := accepted.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 ") and first["label"].encode() in answer
    assert process.wait(20) in (0, -signal.SIGTERM)
    assert {"/livez", "/readyz", "/v1/classify"} == {
        json.loads(line)["path"] for line in (tmp_path / "log").read_text().splitlines()}


@pytest.mark.slow
@pytest.mark.parametrize("told, codes", [(signal.SIGTERM, (0, -signal.SIGTERM)),
                                         (signal.SIGINT, (0, 130, -signal.SIGINT))])
def test_stopped_while_it_loads_it_ends_without_a_word(start, told, codes):
    process, client = start(saved()["clothes"], "--port", 0)
    assert client.get("/livez").status_code == 200
    process.send_signal(told)
    assert process.wait(60) in codes
    assert "Traceback" not in process.stderr.read()


def test_a_model_that_cannot_be_loaded_stops_it(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for arguments, said in (([str(tmp_path / "empty")], "predictor.json: no such file"),
                            (["--index", str(tmp_path / "empty")], "index.json: no such file")):
        assert cli.main(["serve", *arguments, "--port", "0"]) == 2
        error = capsys.readouterr().err
        assert said in error and "http://" not in error  # no address that never answers
    (tmp_path / "empty" / "predictor.json").write_text(json.dumps(
        {"format": 1, "task": "classification", "classes": ["coat"], "image_size": [32, 32], "about": {}}))
    assert cli.main(["serve", str(tmp_path / "empty"), "--port", "0"]) == 2  # what only loading shows
    assert "http://" in capsys.readouterr().err


@pytest.mark.parametrize("arguments, message", [
    ([], "There is nothing to serve"),
    (["there/clothes", "here/clothes"], "both would be served as 'clothes'"),
    (["clothes", "--port", "99999"], "127.0.0.1:99999 cannot be listened on"),
    (["clothes", "--host", "203.0.113.7"], "203.0.113.7:8000 cannot be listened on")])
def test_what_keeps_it_from_starting(capsys, arguments, message):
    assert cli.main(["serve", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_service_in_a_thread_ends_with_its_block():
    with running(loaded()) as address:
        assert httpx.get(f"{address}/livez", trust_env=False).json() == {"state": "alive"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/livez", trust_env=False)
    with pytest.raises(KeyError), running(loaded()) as address:
        raise KeyError
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/livez", trust_env=False)
    with pytest.raises(ServiceError, match="does not start"), running(loaded(), Limits(active=0)):
        pass


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(ServiceError, match="cannot be listened on .* choose another --host or --port"):
            serve([saved()["clothes"]], port=taken.getsockname()[1])


def test_an_empty_key_is_no_key(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, " ")
    with pytest.raises(ServiceError, match=f"{KEY_VARIABLE} is empty"):
        serve([saved()["clothes"]])


def test_without_its_extra_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    monkeypatch.delitem(sys.modules, "fashion_tf.serving")
    assert cli.main(["serve", "clothes"]) == 2
    assert "The service needs python_multipart: pip install 'fashion_tf[serve]'" in capsys.readouterr().err


def test_it_listens_on_this_machine_alone_unless_told_otherwise():
    options = cli._parser().parse_args(["serve", "clothes"])
    assert options.host == "127.0.0.1" and options.cors == []
