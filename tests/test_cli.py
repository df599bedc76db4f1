import subprocess
import sys

import pytest

from fashion_tf import cli
from fashion_tf.errors import DataError


def test_help_lists_the_commands():
    answer = subprocess.run([sys.executable, "-m", "fashion_tf.cli", "--help"],
                            capture_output=True, text=True, check=True)
    assert all(command in answer.stdout for command in ("run", "report", "lint", "data"))


def test_a_wrong_option_and_a_known_error_exit_with_2(capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", "--profile", "fast"])
    assert stopped.value.code == 2
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "results.json" in capsys.readouterr().err


def test_data_sample_then_check(tmp_path, capsys):
    arguments = ["data", "sample", "fashion-mnist", "--to", str(tmp_path)]
    assert cli.main(arguments) == 0
    assert cli.main(["data", "check", "fashion-mnist", str(tmp_path)]) == 0
    assert "2,000 train, 500 test" in capsys.readouterr().out
    assert cli.main(arguments) == 2
    assert "is there already" in capsys.readouterr().err


def test_data_list_names_every_dataset(capsys):
    from fashion_tf.datasets import READERS

    assert cli.main(["data", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(READERS)


def test_lint_rules_are_printed(capsys):
    assert cli.main(["lint", "--rules"]) == 0
    assert "| N10 |" in capsys.readouterr().out


class TestFetch:
    """Downloads are served by a function in place of the network."""

    @pytest.fixture
    def files(self, tmp_path, monkeypatch):
        """The sample's files as the published ones; returns (their bytes, asked addresses)."""
        import hashlib

        from fashion_tf.datasets import fashion_mnist, sample_folder

        folder = sample_folder("fashion-mnist")
        contents = {path.name: path.read_bytes() for path in folder.iterdir()}
        monkeypatch.setattr(fashion_mnist, "DOWNLOADS", {
            name: "md5:" + hashlib.md5(content).hexdigest() for name, content in contents.items()})
        asked = []

        def download(self, url, output_file, pooch, check_only=False):
            import requests

            asked.append(url)
            name = url.rpartition("/")[2]
            if contents[name] is None or url.startswith(fashion_mnist.ADDRESSES[0]):
                raise requests.ConnectionError("unreachable")
            with open(output_file, "wb") as file:
                file.write(contents[name])

        monkeypatch.setattr("pooch.HTTPDownloader.__call__", download)
        return contents, asked

    def test_the_second_address_is_tried_and_a_second_call_downloads_nothing(self, files, tmp_path,
                                                                             capsys):
        _, asked = files
        assert cli.main(["data", "fetch", "fashion-mnist", "--to", str(tmp_path)]) == 0
        assert "2,000 train" in capsys.readouterr().out
        assert len(asked) == 8
        assert cli.main(["data", "fetch", "fashion-mnist", "--to", str(tmp_path)]) == 0
        assert len(asked) == 8

    def test_a_wrong_file_is_not_kept(self, files, tmp_path):
        from fashion_tf.datasets.fetch import fetch

        contents, _ = files
        name = "t10k-labels-idx1-ubyte.gz"
        contents[name] = b"<html>moved</html>"
        with pytest.raises(DataError, match=rf"{name} could not be downloaded") as caught:
            fetch("fashion-mnist", tmp_path)
        assert "by hand" in str(caught.value)
        assert not (tmp_path / "fashion-mnist" / name).exists()
