import subprocess
import sys

import pytest

from fashion_tf import cli


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
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(READERS)
    assert sum("licence:" in line and "account:" in line for line in lines) == len(READERS)


def test_lint_rules_are_printed(capsys):
    assert cli.main(["lint", "--rules"]) == 0
    assert "| N10 |" in capsys.readouterr().out

