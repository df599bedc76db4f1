"""Getting datasets; a function stands in for the network."""

import hashlib
import shutil
import subprocess
import sys
import types
from dataclasses import replace

import pytest
import requests
from conftest import REPOSITORY

from fashion_tf import cli
from fashion_tf.datasets import READERS, sample_folder
from fashion_tf.datasets.fetch import by_hand, fetch
from fashion_tf.datasets.sources import SOURCES
from fashion_tf.errors import DataError


@pytest.fixture
def network(monkeypatch):
    """Serves what is put into `network.files` (address -> bytes); `network.asked` lists addresses."""
    served = types.SimpleNamespace(files={}, asked=[])

    def download(self, url, output_file, pooch, check_only=False):
        served.asked.append(url)
        if url not in served.files:
            raise requests.ConnectionError("unreachable")
        with open(output_file, "wb") as file:
            file.write(served.files[url])

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", download)
    return served


@pytest.fixture
def mirrored(network, monkeypatch):
    """Fashion-MNIST's sample as the published files, at the second address only."""
    source = SOURCES["fashion-mnist"]
    contents = {path.name: path.read_bytes() for path in sample_folder("fashion-mnist").iterdir()}
    hashes = {name: "md5:" + hashlib.md5(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setitem(SOURCES, "fashion-mnist", replace(source, files=hashes))
    network.files = {source.addresses[1] + name: content for name, content in contents.items()}
    return network


def test_the_second_address_is_tried_and_a_second_call_downloads_nothing(mirrored, tmp_path, capsys):
    arguments = ["data", "fetch", "fashion-mnist", "--to", str(tmp_path)]
    assert cli.main(arguments) == 0
    assert "2,000 train" in capsys.readouterr().out
    assert len(mirrored.asked) == 8
    assert cli.main(arguments) == 0
    assert len(mirrored.asked) == 8


def test_a_file_with_a_wrong_hash_is_not_kept(mirrored, tmp_path):
    name = "t10k-labels-idx1-ubyte.gz"
    mirrored.files[SOURCES["fashion-mnist"].addresses[1] + name] = b"<html>moved</html>"
    with pytest.raises(DataError, match=rf"{name} could not be downloaded") as caught:
        fetch("fashion-mnist", tmp_path)
    assert "by hand" in str(caught.value)
    assert not (tmp_path / "fashion-mnist" / name).exists()


def test_a_repository_is_downloaded_unpacked_and_read(network, tmp_path):
    sample = sample_folder("clothing-dataset-small")
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", sample.parent, sample.name)
    with open(packed, "rb") as file:
        network.files = {SOURCES["clothing-dataset-small"].addresses[0]: file.read()}
    text = fetch("clothing-dataset-small", tmp_path)
    assert "300 train, 60 validation, 60 test" in text
    assert (tmp_path / "clothing-dataset-small" / "train" / "dress").is_dir()
    assert len(network.asked) == 1
    fetch("clothing-dataset-small", tmp_path)
    assert len(network.asked) == 1


def test_archives_put_there_by_hand_are_unpacked(network, tmp_path):
    sample = sample_folder("fashionstyle14")
    (tmp_path / "fashionstyle14").mkdir()
    shutil.make_archive(str(tmp_path / "fashionstyle14" / "FashionStyle14_v1"), "gztar", sample)
    assert "280 rows" in fetch("fashionstyle14", tmp_path)
    assert network.asked == []


@pytest.mark.parametrize("name", ["deepfashion", "deepfashion2", "fashionstyle14", "imaterialist", "cfpd"])
def test_what_cannot_be_downloaded_says_what_to_do(network, tmp_path, name, capsys):
    assert cli.main(["data", "fetch", name, "--to", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "has to be got by hand" in error and "  1. " in error
    assert str(tmp_path / name) in error
    assert network.asked == []


def test_kaggle(network, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(DataError, match="pip install kagglehub"):
        fetch("fashion-product-images", tmp_path)
    sample = sample_folder("fashion-product-images")

    def download(handle):
        assert handle == "paramaggarwal/fashion-product-images-small"
        return str(sample)

    def refuse(handle):
        raise RuntimeError("403 accept the rules first")

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=refuse))
    with pytest.raises(DataError, match="403 accept the rules first"):
        fetch("fashion-product-images", tmp_path)
    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=download))
    assert "600 unsplit" in fetch("fashion-product-images", tmp_path)


def test_every_dataset_has_a_source_and_a_script_and_the_reverse():
    scripts = {path.stem for path in (REPOSITORY / "data_scripts").glob("*.py")} - {"make_sample_data"}
    assert SOURCES.keys() == READERS.keys()
    assert scripts == {name.replace("-", "_") for name in READERS}
    for name in READERS:
        assert SOURCES[name].steps and name in by_hand(name, f"somewhere/{name}")
        text = (REPOSITORY / "data_scripts" / f"{name.replace('-', '_')}.py").read_text()
        assert f'"fetch", "{name}"' in text


def test_a_script_runs(tmp_path):
    answer = subprocess.run(
        [sys.executable, REPOSITORY / "data_scripts" / "deepfashion.py", "--to", str(tmp_path)],
        capture_output=True, text=True)
    assert answer.returncode == 2
    assert "mmlab.ie.cuhk.edu.hk" in answer.stderr
