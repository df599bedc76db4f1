"""The command as a user meets it: its help, its answers as text and as JSON, its errors, its exit codes."""

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from conftest import REPOSITORY

from fashion_tf import cli


def parsers(parser=None, name=""):
    """Every command's parser, by the words that reach it."""
    parser = parser or cli._parser()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from parsers(inner, f"{name} {word}".strip())
            return
    yield name, parser


COMMANDS = dict(parsers())


def got(*said):
    """What `fashion_tf.datasets.fetch.fetch` returns, for a dataset without photos to ask for."""
    from fashion_tf.datasets.fetch import Fetched

    return Fetched("fashion-mnist", "data/fashion-mnist", said, None)


def examples(name):
    return [shlex.split(line)[1:] for line in COMMANDS[name].format_help().splitlines()
            if line.startswith("  fashion-tf ")]


def test_help_lists_the_commands():
    answer = subprocess.run([sys.executable, "-m", "fashion_tf.cli", "--help"],
                            capture_output=True, text=True, check=True)
    assert all(command in answer.stdout for command in ("run", "report", "lint", "data"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_are_read_as_they_stand(name):
    found = examples(name)
    assert found, f"fashion-tf {name} --help shows no example"
    for words in found:
        options = cli._parser().parse_args(words)
        assert options.command is COMMANDS[name].get_default("command")
        assert options.json == ("--json" in words)
        assert name == "serve" or cli._parser().parse_args([*words, "--json"]).json


@pytest.mark.parametrize("name", ["lint", "data list", "data sample", "data check"])
def test_examples_run(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASHION_TF_COURSE", str(REPOSITORY / "course.yml"))
    monkeypatch.setenv("FASHION_TF_DATA", str(tmp_path))
    monkeypatch.chdir(REPOSITORY if name == "lint" else tmp_path)
    for words in examples(name):
        if "data" in words[1:] or "--fix" in words:  # real data; changes files
            continue
        assert cli.main(words) == 0, words
        assert capsys.readouterr().out.strip()


def test_examples_of_run_report_and_fetch_reach_what_they_are_for(monkeypatch, capsys, tmp_path):
    from fashion_tf.classroom import report, runner
    from fashion_tf.datasets import fetch

    calls = []
    monkeypatch.setattr(runner, "run_course", lambda *given, say=None: calls.append(given[1:]) or say("\x1b") or [])
    compared = SimpleNamespace(folder="runs/sample")
    monkeypatch.setattr(report, "compare", lambda runs, course: compared)
    monkeypatch.setattr(report, "as_json", lambda comparison: {})
    monkeypatch.setattr(report, "write_report", lambda comparison, folder: (f"{folder}/report.md",))
    monkeypatch.setattr(report, "check_run", lambda run, course: [])
    monkeypatch.setattr(report, "publish", lambda course: ["docs/results.md"])
    monkeypatch.setattr(fetch, "fetch", lambda name, folder, password, photos: got(
        f"{folder}/{name}: {password}, {photos}"))
    monkeypatch.setenv("FASHION_TF_PASSWORD", "secret")
    for name in ("run", "report", "data fetch"):
        for words in examples(name):
            assert cli.main(["--course", str(REPOSITORY / "course.yml"), *words]) == 0
    said = capsys.readouterr().out
    assert calls[0][:2] == (["21", "22"], "sample") and "0 of 0 lessons passed" in said and "\\x1b" in said
    assert "runs/sample/report.md" in said and "data/fashion-mnist: secret, None" in said
    assert "data/imaterialist: secret, 5000" in said


def test_the_settings_in_the_examples_of_run_are_parameters_of_their_lessons():
    from fashion_tf.classroom.course import load_course
    from fashion_tf.classroom.notebooks import find_parameters, read_notebook

    course = load_course(REPOSITORY / "course.yml")
    options = [cli._parser().parse_args(words) for words in examples("run")]
    assert any(one.settings for one in options)
    for one in options:
        for lesson in map(course.lesson, one.lessons):
            _, known = find_parameters(read_notebook(course.notebook_path(lesson)))
            assert {setting.partition("=")[0] for setting in one.settings} <= {parameter.name for parameter in known}


def test_a_wrong_option_and_a_known_error_exit_with_2(capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", "--profile", "fast"])
    assert stopped.value.code == 2
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "results.json" in capsys.readouterr().err


@pytest.mark.parametrize("words", [
    ["stylize", "me.jpg", "--style", "a.jpg", "--out", ""], ["predict", "", "me.jpg"], ["grade", "class", "--out="],
    ["data", "sample", "fashion-mnist", "--to", ""], ["live", "--model", "m", "--headless", "--out", ""]])
def test_an_empty_name_is_not_the_folder_one_is_in(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2 and "an argument is empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words, said", [
    (["grade", "class", "--out", "grades", "--engine", "docker"], "--engine: says how notebooks are run again"),
    (["grade", "class", "--out", "grades", "--cell-minutes", "3"], "--cell-minutes: says how"),
    (["lint", "--rules", "--fix"], "leave the notebooks and --fix out")])
def test_options_that_would_do_nothing_are_refused(words, said, capsys):
    assert cli.main(["--course", str(REPOSITORY / "course.yml"), *words]) == 2
    assert said in capsys.readouterr().err


def test_sigterm_ends_a_command_as_ctrl_c_does(monkeypatch, capsys):
    left = []

    def work(*_):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            left.append("taken away")

    monkeypatch.setattr(cli, "_data_list", work)
    assert cli.main(["data", "list"]) == 143 and left == ["taken away"]
    assert "stopped" in capsys.readouterr().err and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_data_sample_then_check(tmp_path, capsys):
    arguments = ["data", "sample", "fashion-mnist", "--to", str(tmp_path)]
    assert cli.main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == str(tmp_path / "fashion-mnist")
    assert cli.main(["data", "check", "fashion-mnist", str(tmp_path)]) == 0
    assert "2,000 train, 500 test" in capsys.readouterr().out
    assert cli.main(["data", "check", "fashion-mnist", str(tmp_path), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert sum(row["train"] for row in counts.values()) == 2000 and len(counts) == 10
    assert cli.main(arguments) == 2
    assert "is there already" in capsys.readouterr().err


def test_data_list_names_every_dataset(capsys):
    from fashion_tf.datasets import READERS

    assert cli.main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(READERS)
    assert sum("licence:" in line and "account:" in line for line in lines) == len(READERS)
    assert cli.main(["data", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == list(READERS) and all(each["licence"] for each in listed)


def test_lint_rules_are_printed(capsys):
    assert cli.main(["lint", "--rules"]) == 0
    assert "| N10 |" in capsys.readouterr().out
    assert cli.main(["lint", "--rules", "--json"]) == 0
    assert "N10" in {rule["code"] for rule in json.loads(capsys.readouterr().out)}


def test_with_json_the_output_holds_nothing_else(monkeypatch, capsys):
    from fashion_tf.datasets import fetch

    monkeypatch.setattr(fetch, "fetch", lambda *_: print("unpacking ...") or got("read", "note"))
    assert cli.main(["data", "fetch", "fashion-mnist", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"name": "fashion-mnist", "folder": "data/fashion-mnist", "said": ["read", "note"],
                               "whole": True, "photos": None}
    assert err == "unpacking ...\n"


# What leaves the machine


def test_a_password_never_stands_among_the_arguments(monkeypatch, capsys):
    import getpass

    from fashion_tf.datasets import fetch

    given = []
    monkeypatch.setattr(fetch, "fetch", lambda *arguments: given.append(arguments[2]) or got("read"))
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "typed")
    monkeypatch.delenv("FASHION_TF_PASSWORD", raising=False)
    with pytest.raises(SystemExit):
        cli.main(["data", "fetch", "deepfashion2", "--password", "secret"])
    assert cli.main(["data", "fetch", "deepfashion2"]) == 0
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert cli.main(["data", "fetch", "deepfashion2", "--password"]) == 0
    monkeypatch.setenv("FASHION_TF_PASSWORD", "from the environment")
    assert cli.main(["data", "fetch", "deepfashion2"]) == 0
    assert given == [None, "typed", "from the environment"]
    monkeypatch.delenv("FASHION_TF_PASSWORD")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    capsys.readouterr()
    assert cli.main(["data", "fetch", "deepfashion2", "--password"]) == 2
    assert "set the environment variable FASHION_TF_PASSWORD instead" in capsys.readouterr().err


def test_errors_cannot_steer_the_terminal(capsys):
    assert cli.main(["report", "no\x1b[2J\u202esuch"]) == 2
    err = capsys.readouterr().err
    assert "\\x1b[2J\\u202esuch" in err and "\x1b" not in err and err.count("\n") == 1


# Not our errors


@pytest.mark.parametrize("encoding, shown", [
    ("ascii", b"M\\xfcller-\\u043f"), ("latin-1", b"M\\xfcller-\\u043f"), ("utf-8", b"M\\xfcller-\xd0\xbf")])
def test_names_of_every_kind_in_every_terminal(encoding, shown, tmp_path):
    """What the terminal cannot show is escaped; the bytes of the name reach the system as they are."""
    folder = os.fsencode(tmp_path) + b"/" + b"M\xfcller-" + "п".encode()
    os.mkdir(folder)
    with open(folder + b"/results.json", "w") as file:
        file.write("{")
    run = subprocess.run([sys.executable, "-m", "fashion_tf.cli", "report", folder], capture_output=True,
                         env=os.environ | {"PYTHONIOENCODING": encoding,
                                           "FASHION_TF_COURSE": str(REPOSITORY / "course.yml")})
    assert run.returncode == 2 and run.stderr.count(b"\n") == 1
    assert shown + b"/results.json: " in run.stderr and b"no such" not in run.stderr


def test_a_reader_that_has_enough_ends_the_command_quietly():
    command = f"{shlex.quote(sys.executable)} -m fashion_tf.cli data list | head -1; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert run.stderr == "" and re.fullmatch(r"fashion-mnist .*\n(0|141)\n", run.stdout)


def test_a_closed_output_is_no_error(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert cli.main(["data", "list"]) == 141


@pytest.mark.parametrize("words", [
    ["--course", "{folder}", "lint"], ["--course", "{folder}/absent.yml", "lint"], ["report", "{folder}/file"],
    ["data", "check", "fashion-mnist", "{folder}/file"], ["data", "check", "fashion-mnist", "{folder}"],
    ["data", "sample", "fashion-mnist", "--to", "{folder}/file"], ["lint", "{folder}"],
    ["run", "--data", "{folder}/file"]])
def test_files_in_the_place_of_folders_and_the_reverse(words, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FASHION_TF_COURSE", str(REPOSITORY / "course.yml"))
    (tmp_path / "file").write_text("mine")
    code = cli.main([word.format(folder=tmp_path) for word in words])
    out, err = capsys.readouterr()
    said = err or out.splitlines()[0]
    assert code == (1 if words[0] == "lint" else 2) and str(tmp_path) in said and len(said.strip().splitlines()) == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_an_error_of_the_system_is_one_sentence(monkeypatch, capsys):
    from fashion_tf.datasets import fetch

    def refuse(*_):
        raise PermissionError(13, "Permission denied", "/somewhere/data")

    monkeypatch.setattr(fetch, "fetch", refuse)
    assert cli.main(["data", "fetch", "fashion-mnist"]) == 2
    assert capsys.readouterr().err == "fashion-tf: /somewhere/data: permission denied.\n"
