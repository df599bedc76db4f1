"""What all tests share: no network, a cache of their own, and the way to the real data."""

import gc
import os
import sys
from pathlib import Path

import pytest

# Kernels and other processes started by tests are not seen by pytest-socket; a dead proxy stops
# whatever in them asks for an address outside this machine.
os.environ.update(dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"),
                                "http://127.0.0.1:9"), NO_PROXY="localhost,127.0.0.1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Where it finds this, jsonschema, which nbformat asks, prepares forty grammars of addresses in each process, for a
# second and a half. No address is checked here.
sys.modules.setdefault("rfc3987_syntax", None)

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_collection_finish():
    """What is imported by now stays. The collector need not look through it again and again: networks are made of many
    small objects, and with TensorFlow in memory a sixth of their making was such looking."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def course():
    from fashion_tf.classroom.course import load_course

    return load_course(REPOSITORY / "course.yml")


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Samples are drawn into a folder of the test run, not into the user's cache: once for all of
    pytest-xdist's processes, whose own folders lie side by side."""
    before = os.environ.get("FASHION_TF_CACHE")
    base = tmp_path_factory.getbasetemp()
    os.environ["FASHION_TF_CACHE"] = str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache")
    yield
    if before is None:
        del os.environ["FASHION_TF_CACHE"]
    else:
        os.environ["FASHION_TF_CACHE"] = before


@pytest.fixture
def real_data():
    """Returns a function: dataset name -> the folder of real data, or skips saying why."""
    from fashion_tf.datasets import find_folder
    from fashion_tf.errors import DataError

    def folder(name):
        try:
            return find_folder(name)
        except DataError as error:
            pytest.skip(f"no real data: {error}")

    return folder


@pytest.fixture
def eagerly():
    """TensorFlow computes at once what it would trace first: a step that is taken a few times is done sooner so."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def traced(eagerly):
    """For a test among such as are run `eagerly`: what users run."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
