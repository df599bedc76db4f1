"""Getting datasets; a function stands in for the network."""

import errno
import gzip
import hashlib
import os
import shutil
import stat
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from fashion_tf import cli
from fashion_tf.datasets import disk, fashionista, sample_folder, write_sample
from fashion_tf.datasets.fetch import fetch
from fashion_tf.datasets.sources import SOURCES
from fashion_tf.errors import DataError


@pytest.fixture
def network(monkeypatch):
    """Serves `network.files` (address -> bytes); `network.asked` lists what was asked for."""
    served = types.SimpleNamespace(files={}, asked=[], full=False, announces=False)

    def download(self, url, output_file, pooch, check_only=False):
        served.asked.append(url)
        if url not in served.files:
            raise requests.ConnectionError()  # some errors come without a text
        with open(output_file, "wb") as file:
            if served.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            file.write(served.files[url])

    def head(url, **_):
        answer = requests.Response()
        answer.status_code = 200 if url in served.files else 404
        if served.announces:
            answer.headers["Content-Length"] = str(len(served.files.get(url, b"")))
        return answer

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", download)
    monkeypatch.setattr(requests, "head", head)
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


def test_the_second_address_is_tried_and_a_second_call_downloads_nothing(mirrored, tmp_path,
                                                                         capsys):
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


def test_a_file_that_was_packed_again_or_unpacked_is_kept_and_named(mirrored, tmp_path, capsys):
    folder = shutil.copytree(sample_folder("fashion-mnist"), tmp_path / "fashion-mnist")
    packed, plain = folder / "t10k-labels-idx1-ubyte.gz", folder / "train-labels-idx1-ubyte.gz"
    again = gzip.compress(gzip.decompress(packed.read_bytes()), 1, mtime=7)
    packed.write_bytes(again)
    plain.with_suffix("").write_bytes(gzip.decompress(plain.read_bytes()))
    plain.unlink()
    assert "2,000 train, 500 test" in fetch("fashion-mnist", tmp_path).text()
    assert packed.read_bytes() == again and not plain.exists()
    assert f"{packed}: is there with another hash" in capsys.readouterr().out
    assert mirrored.asked == []


def test_a_full_disk_is_said_and_nothing_is_kept(mirrored, tmp_path):
    mirrored.full = True
    with pytest.raises(DataError, match="ubyte.gz: the disk is full"):
        fetch("fashion-mnist", tmp_path)
    assert list((tmp_path / "fashion-mnist").iterdir()) == []


def test_a_page_in_place_of_an_archive_is_not_kept(network, tmp_path):
    network.files = {SOURCES["clothing-co-parsing"].addresses[0]: b"<html>log in first</html>"}
    with pytest.raises(DataError, match="what was sent is no archive"):
        fetch("clothing-co-parsing", tmp_path)
    assert list((tmp_path / "clothing-co-parsing").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"file/cfpd: cannot be made"):
        fetch("cfpd", tmp_path / "file")


@pytest.mark.slow
def test_a_repository_is_downloaded_unpacked_and_read(network, tmp_path):
    sample = sample_folder("clothing-dataset-small")
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", sample.parent, sample.name)
    with open(packed, "rb") as file:
        network.files = {SOURCES["clothing-dataset-small"].addresses[0]: file.read()}
    text = fetch("clothing-dataset-small", tmp_path).text()
    assert "700 train, 150 validation, 150 test" in text
    assert (tmp_path / "clothing-dataset-small" / "train" / "dress").is_dir()
    assert len(network.asked) == 1
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    fetch("clothing-dataset-small", tmp_path)
    assert len(network.asked) == 1
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}


@pytest.mark.slow
def test_a_repository_got_with_a_browser_is_laid_out(network, tmp_path):
    """Its archive has another name, and the branch's name on its top folder."""
    folder = tmp_path / "clothing-co-parsing"
    folder.mkdir()
    top = shutil.copytree(sample_folder("clothing-co-parsing"),
                          tmp_path / "packed" / "clothing-co-parsing-master")
    shutil.make_archive(str(folder / "clothing-co-parsing-master"), "zip", top.parent)
    assert "140 rows" in fetch("clothing-co-parsing", tmp_path).text()
    assert (folder / "label_list.mat").is_file()
    assert network.asked == []


@pytest.mark.slow
def test_archives_put_there_by_hand_are_unpacked(network, tmp_path):
    sample = sample_folder("fashionstyle14")
    (tmp_path / "fashionstyle14").mkdir()
    shutil.make_archive(str(tmp_path / "fashionstyle14" / "FashionStyle14_v1"), "gztar", sample)
    assert "280 rows" in fetch("fashionstyle14", tmp_path).text()
    assert network.asked == []


@pytest.mark.slow
def test_an_archive_that_comes_later_is_unpacked_too(network, tmp_path):
    sample, folder = sample_folder("deepfashion2"), tmp_path / "deepfashion2"
    folder.mkdir()
    for split, counted in (("train", "(395 train)"), ("validation", "(395 train, 103 validation)")):
        shutil.make_archive(str(folder / split), "zip", sample, split)
        assert counted in fetch("deepfashion2", tmp_path).text()


@pytest.mark.slow
def test_an_archive_in_a_folder_is_unpacked_there(network, tmp_path):
    """DeepFashion's Img/img.zip, beside annotations that are no archive."""
    folder = shutil.copytree(sample_folder("deepfashion"), tmp_path / "deepfashion")
    (folder / "Img").mkdir()
    shutil.make_archive(str(folder / "Img" / "img"), "zip", folder, "img")
    shutil.rmtree(folder / "img")
    assert "964 rows" in fetch("deepfashion", tmp_path).text()
    assert (folder / "Img" / "img").is_dir()


@pytest.mark.parametrize("name", ["._FashionStyle14_v1.zip", "__MACOSX/._img.tar.gz", ".unpacking-a.zip/img.zip"])
def test_what_systems_and_killed_processes_leave_is_no_archive(network, tmp_path, name):
    folder = shutil.copytree(sample_folder("fashionstyle14"), tmp_path / "fashionstyle14")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\0\5\x16\7")
    assert "280 rows" in fetch("fashionstyle14", tmp_path).text()


@pytest.mark.parametrize("name", [
    "deepfashion", "deepfashion2", "fashionstyle14", "imaterialist", "cfpd"])
def test_what_cannot_be_downloaded_says_what_to_do(network, tmp_path, name, capsys):
    assert cli.main(["data", "fetch", name, "--to", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "has to be got by hand" in error and "  1. " in error
    assert str(tmp_path / name) in error
    assert network.asked == []


@pytest.mark.slow
def test_kaggle(network, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(DataError, match=r"pip install -e .\.\[kaggle\]"):
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
    folder = tmp_path / "fashion-product-images"

    def fill(source, target, **_):
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", fill)
        with pytest.raises(DataError, match="No space left"):
            fetch("fashion-product-images", tmp_path)
    assert not (folder / "styles.csv").exists() and not list(folder.glob(".*"))
    assert "600 unsplit" in fetch("fashion-product-images", tmp_path).text()


@pytest.mark.slow
def test_an_archive_over_plain_http_without_a_hash_is_said(network, tmp_path, capsys):
    sample = sample_folder("fashionista")
    packed = shutil.make_archive(str(tmp_path / "packed"), "gztar", sample)
    name, = SOURCES["fashionista"].files
    network.files = {SOURCES["fashionista"].addresses[0] + name: Path(packed).read_bytes()}
    before = os.umask(0o022)
    try:
        fetch("fashionista", tmp_path)
    finally:
        os.umask(before)
    archive = tmp_path / "fashionista" / name
    assert f"{archive}: came over plain http, and no hash of it is published" in capsys.readouterr().out
    assert stat.S_IMODE(archive.stat().st_mode) == 0o644
    assert not [path for path in archive.parent.iterdir() if path.name.startswith(".")]


def test_the_size_is_said_and_nothing_is_asked_where_the_disk_is_too_small(mirrored, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(disk, "free_space", lambda folder: 30_000_000)
    with pytest.raises(DataError, match=r"fashion-mnist: what is downloaded and unpacked needs 30\.6 MB of disk, and "
                                        r"30\.0 MB are free"):
        fetch("fashion-mnist", tmp_path)
    assert mirrored.asked == []
    monkeypatch.setattr(disk, "free_space", lambda folder: 31_000_000)
    fetch("fashion-mnist", tmp_path)
    said = capsys.readouterr().out
    assert "fashion-mnist: 31 MB (measured 2026-11-26); " in said and f"are free in {tmp_path}" in said
    monkeypatch.setattr(disk, "free_space", lambda folder: 0)
    fetch("fashion-mnist", tmp_path)  # nothing is to be downloaded
    assert "measured" not in capsys.readouterr().out


def test_an_archive_that_does_not_fit_is_not_unpacked(network, tmp_path, monkeypatch):
    folder, packed = tmp_path / "fashionstyle14", tmp_path / "packed"
    (packed / "dataset").mkdir(parents=True)
    (packed / "dataset" / "1.jpg").write_bytes(bytes(100_000))
    folder.mkdir()
    shutil.make_archive(str(folder / "FashionStyle14_v1"), "gztar", packed)
    monkeypatch.setattr(disk, "free_space", lambda folder: 1_000)
    with pytest.raises(DataError, match=r"the archive FashionStyle14_v1\.tar\.gz, unpacked, needs .* of disk"):
        fetch("fashionstyle14", tmp_path)
    assert os.listdir(folder) == ["FashionStyle14_v1.tar.gz"]


def test_a_copy_from_kaggle_that_does_not_fit_is_not_made(network, tmp_path, monkeypatch):
    (tmp_path / "from Kaggle" / "images").mkdir(parents=True)
    for name in ("styles.csv", "images/1.jpg"):
        (tmp_path / "from Kaggle" / name).write_bytes(bytes(2_000))
    monkeypatch.setitem(SOURCES, "fashion-product-images", replace(SOURCES["fashion-product-images"], disk=0))
    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(
        dataset_download=lambda _: str(tmp_path / "from Kaggle")))
    monkeypatch.setattr(disk, "free_space", lambda folder: 1_000)
    with pytest.raises(DataError, match="the copy of Kaggle's images needs"):
        fetch("fashion-product-images", tmp_path)
    assert not (tmp_path / "fashion-product-images" / "images").exists()


def test_of_a_copy_from_kaggle_the_pictures_are_taken_and_not_what_macos_says_of_them(network, tmp_path, monkeypatch):
    for name in ("images/1.jpg", "__MACOSX/images/._1.jpg", "styles.csv", "twice/images/2.jpg"):
        (tmp_path / "from Kaggle" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "from Kaggle" / name).write_bytes(b"\0\5\x16\7")
    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(
        dataset_download=lambda _: str(tmp_path / "from Kaggle")))
    with pytest.raises(DataError, match="styles.csv, line 1"):  # which is none here
        fetch("fashion-product-images", tmp_path)
    assert os.listdir(tmp_path / "fashion-product-images" / "images") == ["1.jpg"]


def test_a_size_that_the_server_announces_is_said_and_checked(network, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fashionista, "SAMPLE_COUNT", 6)
    packed = shutil.make_archive(str(tmp_path / "packed"), "gztar", write_sample("fashionista", tmp_path / "sample"))
    name, = SOURCES["fashionista"].files
    network.files = {SOURCES["fashionista"].addresses[0] + name: Path(packed).read_bytes()}
    network.announces, size = True, os.path.getsize(packed)
    monkeypatch.setattr(disk, "free_space", lambda folder: size - 1)
    with pytest.raises(DataError, match=f"{name} needs .* of disk"):
        fetch("fashionista", tmp_path)
    assert network.asked == []
    monkeypatch.setattr(disk, "free_space", lambda folder: 10 ** 9)
    fetch("fashionista", tmp_path)
    assert f"{name}: {disk.as_size(size)}\n" in capsys.readouterr().out and len(network.asked) == 1


@pytest.mark.parametrize(("count", "text"), [
    (0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (30_610_837, "30.6 MB"), (5_000_000_000_000, "5,000.0 GB")])
def test_sizes_as_text(count, text):
    assert disk.as_size(count) == text


def test_what_was_measured_is_checked_against_the_disk():
    for name, source in SOURCES.items():
        assert ("measured" in source.size) <= (source.disk > 0), name
