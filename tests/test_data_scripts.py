"""Each dataset has a reader, a source and a script; each script runs."""

import ast
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import REPOSITORY

from fashion_tf import cli
from fashion_tf.datasets import READERS, reader
from fashion_tf.datasets.fetch import by_hand
from fashion_tf.datasets.sources import SOURCES

FOLDER = REPOSITORY / "data_scripts"


def script(name):
    return FOLDER / f"{name.replace('-', '_')}.py"


def run(name, *arguments):
    return subprocess.run([sys.executable, script(name), *arguments], capture_output=True,
                          text=True)


def test_every_dataset_has_a_source_and_a_script_and_the_reverse():
    assert SOURCES.keys() == READERS.keys()
    assert set(FOLDER.glob("*.py")) == {script(name) for name in (*READERS, "make-live-model", "make-sample-data",
                                                                  "make-sample-weights")}


@pytest.mark.parametrize("name", READERS)
def test_a_script_states_the_facts_and_hands_its_options_on(name, monkeypatch):
    """The docstring repeats the source's facts for whoever opens the file; they must agree."""
    code = script(name).read_text(encoding="utf-8")
    text = " ".join(ast.get_docstring(ast.parse(code)).split())
    source = SOURCES[name]
    assert (f"Size and terms: {source.size}; licence: {reader(name).LICENCE}; account: "
            f"{source.account}. FOLDER/{name} then holds ") in text
    called = []
    monkeypatch.setattr(cli, "main", lambda arguments: called.append(arguments) or 0)
    monkeypatch.setattr(sys, "argv", [str(script(name)), "--to", "somewhere"])
    with pytest.raises(SystemExit) as stopped:
        exec(compile(code, script(name), "exec"), {"__name__": "__main__"})
    assert stopped.value.code == 0
    assert called == [["data", "fetch", name, "--to", "somewhere"]]


@pytest.mark.parametrize("name", READERS)
def test_the_steps_by_hand_are_numbered_and_name_an_address_and_the_folder(name):
    text = by_hand(name, f"somewhere/{name}")
    numbers = [int(number) for number in re.findall(r"^  (\d+)\. ", text, re.MULTILINE)]
    assert len(numbers) >= 3 and numbers == list(range(1, len(numbers) + 1))
    assert "http" in text and f"into somewhere/{name}." in text


def test_a_script_runs_by_itself(tmp_path):
    answer = run("deepfashion", "--to", str(tmp_path))
    assert answer.returncode == 2
    assert "mmlab.ie.cuhk.edu.hk" in answer.stderr
    assert run("make-sample-data").returncode == 1


@pytest.mark.parametrize("data, folder, message", [
    ("sample", "taken", "taken: is there already and holds no predictor; choose another folder"),
    ("nowhere", "new", "nowhere")])
def test_what_hinders_the_live_model_is_said_before_it_is_trained(tmp_path, monkeypatch, data, folder, message):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["make_live_model", data, folder])
    with pytest.raises(SystemExit, match=f"^make_live_model: .*{message}"):
        exec(compile(script("make-live-model").read_text(encoding="utf-8"), "make_live_model", "exec"),
             {"__name__": "__main__"})
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.slow
def test_the_live_model_is_trained_and_live_takes_it(tmp_path, monkeypatch, capsys):
    from fashion_tf.live.recognise import make_classifier
    from fashion_tf.predictor import load_predictor

    found = {"__name__": "make_live_model"}
    exec(compile(script("make-live-model").read_text(encoding="utf-8"), "make_live_model", "exec"), found)
    found |= {"BACKBONE": "small_resnet", "WEIGHTS": "wardrobe", "FROZEN": "c4", "IMAGE_SIZE": 64, "EPOCHS": 1}
    monkeypatch.setattr(sys, "argv", ["make_live_model", "sample", str(tmp_path / "model")])
    found["main"]()
    assert "of 19 people held out are named rightly" in capsys.readouterr().out
    predictor = load_predictor(tmp_path / "model")
    assert predictor.classes == ("longsleeve", "outwear", "shirt", "t-shirt")
    views = [np.full((90, 70, 3), shade, np.uint8) for shade in (30, 200)]
    np.testing.assert_allclose(make_classifier(predictor, ("shirt", "outwear"))(views).sum(axis=1), 1)
