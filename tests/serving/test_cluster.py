"""Replicas: the same answers from two of them, by another process each."""

import os
import socket

import pytest
from served import encoded, httpx, make_photo, post, saved

from fashion_tf.errors import ServiceError
from fashion_tf.serving import cluster
from fashion_tf.serving.server import KEY_VARIABLE

KEY = "correct horse"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def ray(monkeypatch):
    ray = pytest.importorskip("ray", reason="Ray is not installed (pip install 'ray[serve]')")
    serve = pytest.importorskip("ray.serve", reason="Ray Serve is not installed (pip install 'ray[serve]')")
    for name, value in (("USAGE_STATS_ENABLED", "0"), ("agent_register_timeout_ms", "300000"),  # on a busy machine
                        ("raylet_start_wait_time_s", "300")):
        monkeypatch.setenv(f"RAY_{name}", value)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
             runtime_env={"env_vars": {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "TF_CPP_MIN_LOG_LEVEL": "3"}})
    yield ray
    serve.shutdown()
    ray.shutdown()


def test_two_replicas_answer_alike(ray, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    port, photo = free_port(), encoded(make_photo())
    cluster.deploy([saved()["clothes"]], port=port, replicas=2, cpus=0.5)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
        assert client.get("/v1/models").status_code == 401
        client.headers["X-API-Key"] = KEY
        assert client.get("/readyz").json() == {"state": "ready"}
        answers = [post(client, "classify", photo) for _ in range(20)]
        assert {one.status_code for one in answers} == {200}
        assert len({one.json()["label"] for one in answers}) == 1
        assert post(client, "classify", b"a coat").status_code == 422
        assert post(client, "classify", photo, model="none").status_code == 404
        assert client.post("/v1/classify", content=bytes(17 << 20)).status_code == 413
    from ray import serve

    replicas = serve.status().applications["fashion_tf"].deployments["fashion_tf"].replica_states
    assert {str(getattr(state, "value", state)): count for state, count in replicas.items()} == {"RUNNING": 2}


def test_what_cannot_be_deployed_is_told_here(monkeypatch):
    pytest.importorskip("ray.serve", reason="Ray Serve is not installed (pip install 'ray[serve]')")
    with pytest.raises(ServiceError, match="nothing to serve"):
        cluster.application({})
    with pytest.raises(ServiceError, match="no argument 'replica'"):
        cluster.application({"models": "clothes", "replica": 2})


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ServiceError, match=r"pip install 'ray\[serve\]'"):
        cluster.deploy(["clothes"])
