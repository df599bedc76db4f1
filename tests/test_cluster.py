"""Searches and folds on Ray, and searches on Dask, each in a process of its own: their nodes talk over the machine's
address, which pytest-socket does not allow in this one."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from fashion_tf.cluster import check_backend, connected
from fashion_tf.errors import RunError

LIMIT = 280  # seconds; on two busy cores Ray takes half a minute, or two, to start its nodes

TRIAL = """
import json, os, threading, time
from fashion_tf.search import Stage, greedy_search

def trial(settings, seed, shared):
    with open("calls", "a") as file:
        file.write(f"{settings['a']}\\n")
    work(settings)
    return {"accuracy": settings["a"], "shared": len(shared["pictures"])}

def search(count, backend, **options):
    return greedy_search(trial, [Stage("A", {"a": list(range(count))})], {"a": 0} | START, "journal",
                         shared={"pictures": bytes(20_000_000)}, backend=backend, **options)

def show(result):
    print(json.dumps({"best": result.best["a"], "run": result.run, "rows": result.table.to_dict("list")}))
"""

# The second node finishes one trial and is killed with the next in hand; the first node's wait for it.
NODES = """
import json, os, threading, time

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "300",  # on a busy machine
               "RAY_agent_register_timeout_ms": "300000"}
import ray
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={
    "num_cpus": 1, "temp_dir": FOLDER, "include_dashboard": False, "object_store_memory": 10**8})
second = cluster.add_node(num_cpus=1, object_store_memory=10**8)
ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
START = {"second": second.node_id}

def wait_for(name):
    deadline = time.monotonic() + 60
    while not os.path.exists(name) and time.monotonic() < deadline:
        time.sleep(0.02)

def work(settings):
    if ray.get_runtime_context().get_node_id() != settings["second"]:
        wait_for("killed")
    elif os.path.exists("one on the second"):
        open("in hand", "w").close()
        time.sleep(60)
    else:
        open("one on the second", "w").close()

def kill_second():
    wait_for("in hand")
    cluster.remove_node(second, allow_graceful=False)
    with open("at the kill", "w") as file:
        file.write(open("journal").read())
    open("killed", "w").close()

def while_killed(function, *arguments, **options):
    thread = threading.Thread(target=kill_second)
    thread.start()
    result = function(*arguments, **options)
    thread.join()
    deadline = time.monotonic() + 60  # the cluster takes some seconds to believe it
    while all(node["Alive"] for node in ray.nodes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    print(json.dumps([sum(node["Alive"] for node in ray.nodes()), len(ray.nodes())]))
    ray.shutdown()
    cluster.shutdown()
    return result
"""

SEARCH = TRIAL + NODES + """
show(while_killed(search, 6, "ray", jobs=2))
"""

FOLDS = NODES + """
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from fashion_tf.crossval import cross_validate, make_folds

labels = np.arange(100) % 4
inputs = np.random.default_rng(0).normal(size=(100, 3)) + labels[:, None]
inputs = np.column_stack([np.arange(100), inputs])  # the row's number first
folds = make_folds(labels, 5)

class Forest(RandomForestClassifier):
    def fit(self, inputs, labels):
        if self.second is not None:
            held_out = set(range(100)) - set(inputs[:, 0].astype(int))
            with open("calls", "a") as file:
                file.write(f"{[min(fold.test) for fold in folds].index(min(held_out))}\\n")
            work({"second": self.second})
        return super().fit(inputs[:, 1:], labels)

    def predict_proba(self, inputs):
        return super().predict_proba(inputs[:, 1:])

def forest(seed, second):
    model = Forest(10, random_state=seed)
    model.second = second
    return model

found = while_killed(cross_validate, forest, inputs, labels, folds, "journal", START, jobs=2, backend="ray",
                     progress=False)
here = cross_validate(forest, inputs, labels, folds, "here", {"second": None}, progress=False)
print(json.dumps({"ran": found.ran, "accuracy": found.table["accuracy"].tolist(),
                  "same": bool((found.out_of_fold() == here.out_of_fold()).all()), "here": here.ran}))
"""

DASK = TRIAL + """
START = {}

def work(settings):
    if settings["a"] == 2:
        os._exit(1)
    time.sleep(0.2)

if __name__ == "__main__":
    show(search(5, "dask"))
    print(json.dumps(search(5, "dask").run))
"""


def run_script(folder, text):
    """The lines of JSON that it printed. It and its children are gone afterwards."""
    (folder / "script.py").write_text(text)
    with open(folder / "output", "w+") as output:
        # A file and not a pipe: what is started in the background may hold a pipe open.
        process = subprocess.Popen([sys.executable, "script.py"], cwd=folder, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = process.wait(timeout=LIMIT)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)  # Ray ends its nodes on it
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
    text = (folder / "output").read_text()
    assert code == 0, text
    return [json.loads(line) for line in text.splitlines() if line.startswith(("{", "[")) or line.isdigit()]


needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: .[cluster]")


def run_on_nodes(tmp_path, text):
    folder = tempfile.mkdtemp(prefix="ray-")  # the path of a socket in it may have 107 characters
    try:
        return run_script(tmp_path, f"FOLDER = {folder!r}\n" + text)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_only_the_one_in_hand_ran_again(tmp_path, count, number):
    """`number` gives a trial's number in 0 .. count - 1 from its settings; "calls" has that of each that began."""
    journal, at_the_kill = (tmp_path / name for name in ("journal", "at the kill"))
    assert journal.read_bytes().startswith(at_the_kill.read_bytes())
    kept, written = ([json.loads(line)["settings"][number] for line in file.read_text().splitlines()[1:]]
                     for file in (at_the_kill, journal))
    calls = [int(call) for call in (tmp_path / "calls").read_text().split()]
    assert len(kept) == 1 and calls.count(kept[0]) == 1  # finished on the node that is gone, and kept
    assert sorted(written) == list(range(count))
    assert len(calls) == count + 1 and set(calls) == set(range(count))  # the one in hand ran again


@needs_ray
def test_a_ray_node_that_is_killed_costs_only_its_trial(tmp_path):
    alive, found = run_on_nodes(tmp_path, SEARCH)
    assert alive == [1, 2]
    assert (found["best"], found["run"]) == (5, 6)
    assert found["rows"]["status"] == ["finished"] * 6
    assert set(found["rows"]["shared"]) == {20_000_000}
    check_only_the_one_in_hand_ran_again(tmp_path, 6, "a")


@needs_ray
def test_a_ray_node_that_is_killed_costs_a_cross_validation_only_its_fold(tmp_path):
    alive, found = run_on_nodes(tmp_path, FOLDS)
    assert alive == [1, 2]
    assert (found["ran"], found["here"], found["same"]) == (5, 5, True)  # as without a cluster, to the last digit
    check_only_the_one_in_hand_ran_again(tmp_path, 5, "fold")


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None,
                    reason="Dask is not installed: .[cluster]")
def test_dask_runs_trials_and_survives_one_that_kills_its_worker(tmp_path):
    found, again = run_script(tmp_path, DASK)
    assert found["rows"]["status"] == ["finished"] * 2 + ["crashed"] + ["finished"] * 2
    assert found["rows"]["message"][2] == "its worker died each time: KilledWorker"
    assert (found["best"], found["run"], again) == (4, 5, 0)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls.count("2") == 4  # bounded


def test_one_process_needs_no_cluster(monkeypatch):
    for name in ("ray", "ray.util.joblib", "dask.distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    with connected("loky"):
        pass
    check_backend("loky")


@pytest.mark.parametrize(("backend", "module"), [("ray", "ray.util.joblib"),
                                                 ("dask", "dask.distributed")])
def test_what_is_missing_is_named(monkeypatch, backend, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RunError, match=rf"--backend {backend} needs .*\.\[cluster\]"), connected(backend):
        pass
    with pytest.raises(RunError, match="no backend 'spark'; choose loky, ray, dask"), connected("spark"):
        pass
