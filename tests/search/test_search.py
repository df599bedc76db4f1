"""Searches with trials that cost nothing: what wins, what is kept, and what a killed process loses."""

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fashion_tf.errors import RunError, TrialError
from fashion_tf.search import Stage, greedy_search, grid_search, random_search
from fashion_tf.trials import progress

START = {"a": 1, "b": 0.5, "flip": False, "word": "one", "maybe": None, "sizes": [8]}
A, B = Stage("A", {"a": [1, 2, 3]}), Stage("B", {"b": [0.0, 0.5, 1.0]})


def score(settings):
    return settings["a"] * (1 - settings["b"]) + 2 * (settings["word"] == "two")


def trial(settings, seed, shared):
    """A call is one line in the file `shared`, where one is named."""
    if shared:
        with open(shared, "a") as file:
            file.write(f"{settings['a']} {settings['b']} {seed} {os.getpid()}\n")
    return {"accuracy": score(settings) + seed / 1000, "loss": -score(settings)}


def by_table(settings, seed, shared):
    """The metric stands in `shared`, by the value of a and the seed; None is an error."""
    value = shared[settings["a"]][seed]
    if value is None:
        raise ValueError("no such value")
    return {"accuracy": value}


@pytest.fixture
def run(tmp_path):
    """Runs a search in this process, with its journal in the test's folder."""
    def run(stages, trial=trial, **options):
        options = {"start": START, "journal": tmp_path / "journal.jsonl", "jobs": 1,
                   "progress": False} | options
        return greedy_search(trial, stages, **options)
    return run


def lines_of(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


# --- what wins ---------------------------------------------------------------------------------


def test_each_stage_keeps_its_winner_for_the_next(run, tmp_path):
    result = run([A, B, Stage("words", {"word": ["one", "two"], "flip": [True, False]})])
    assert result.winners == {"A": {"a": 3}, "B": {"b": 0.0}, "words": {"word": "two", "flip": True}}
    assert result.best == START | {"a": 3, "b": 0.0, "word": "two", "flip": True}
    table = result.table
    assert table["stage"].tolist() == ["A"] * 3 + ["B"] * 3 + ["words"] * 4
    assert table.loc[3:5, "a"].tolist() == [3, 3, 3]  # A's winner
    assert table.loc[6:, ["word", "flip"]].to_numpy().tolist() == [
        ["one", True], ["one", False], ["two", True], ["two", False]]
    assert table["accuracy"].tolist() == pytest.approx([0.5, 1, 1.5, 3, 1.5, 0, 3, 3, 5, 5])
    assert set(table["status"]) == {"finished"}
    # A's winner stands in B as well, B's in the last: ten rows, eight trials.
    assert (len(table), result.trials, result.run) == (10, 8, 8)
    assert len(lines_of(tmp_path / "journal.jsonl")) == 1 + 8


def test_the_smallest_or_a_choice_of_ones_own_may_win(run):
    assert run([Stage("A", A.grid, "loss", "min")]).winners == {"A": {"a": 3}}
    assert run([Stage("A", A.grid, "accuracy", "min")]).winners == {"A": {"a": 1}}
    seen = []

    def second_best(table):
        seen.append(table)
        return table["accuracy"].argsort().iloc[-2]

    result = run([Stage("AB", A.grid | B.grid, pick=second_best)], seeds=(0, 10))
    assert result.winners == {"AB": {"a": 2, "b": 0.0}}
    assert list(seen[0].columns) == ["a", "b", "accuracy", "loss"]
    assert seen[0]["accuracy"].tolist() == pytest.approx(
        [a * (1 - b) + 0.005 for a, b in itertools.product((1, 2, 3), (0, 0.5, 1))])
    for number in (3, -1):
        with pytest.raises(TrialError, match=f"pick returned {number}; there are 3 rows"):
            run([Stage("A", A.grid, pick=lambda table, number=number: number)])


@pytest.mark.parametrize(("values", "winner"), [
    ({1: [0.9, 0.1, 0.2], 2: [0.5, 0.6, 0.5], 3: [0.5, 0.5, 0.5]}, 2),  # not the lucky 0.9
    ({1: [0.5, 0.5, 0.5], 2: [0.9, 0.9, None], 3: [0.4, 0.4, 0.4]}, 1),  # one seed crashed
    ({1: [0.5, 0.5, 0.5], 2: [0.9, math.nan, 0.9], 3: [0.4, 0.4, 0.4]}, 1),
    ({1: [0.5, 0.5, 0.5], 2: [0.9, math.inf, 0.9], 3: [0.4, 0.4, 0.4]}, 1),
    ({1: [0.1, 0.1, 0.1], 2: [0.5, 0.5, 0.5], 3: [0.5, 0.5, 0.5]}, 2),  # the first of equals
])
def test_the_mean_over_the_seeds_decides(run, values, winner):
    result = run([A], by_table, seeds=(0, 1, 2), shared=values)
    assert result.winners == {"A": {"a": winner}}
    table = result.stage_table("A")
    expected = {a: np.nan if None in row or not np.isfinite(row).all() else np.mean(row)
                for a, row in values.items()}
    assert table["accuracy"].to_dict() == pytest.approx(expected, nan_ok=True)
    # The spread is over the seeds that finished.
    assert table.loc[1, "spread"] == pytest.approx(np.std(values[1], ddof=1))


def test_the_grid_is_the_product_of_its_values(tmp_path):
    space = {"a": [1, 2, 3], "b": (0.25, 0.5), "word": ["one", "two"]}
    result = grid_search(trial, space, START, tmp_path / "j", seeds=(0, 7), jobs=1, progress=False)
    expected = [(*values, seed, score(dict(zip(space, values))) + seed / 1000)
                for values in itertools.product(*space.values()) for seed in (0, 7)]
    found = result.table[["a", "b", "word", "seed", "accuracy"]]
    rows = list(found.itertuples(index=False, name=None))
    assert [row[:4] for row in rows] == [row[:4] for row in expected]
    assert [row[4] for row in rows] == pytest.approx([row[4] for row in expected])
    best = max(itertools.product(*space.values()), key=lambda values: score(dict(zip(space, values))))
    assert tuple(result.winners["Grid"].values()) == best == (3, 0.25, "two")


def test_random_search_draws_without_repetition(tmp_path):
    space = {"a": range(1, 7), "b": np.linspace(0, 1, 5), "word": ("one", "two")}

    def drawn(budget, seed=0):
        result = random_search(trial, space, budget, START, tmp_path / "j", draw_seed=seed, jobs=1,
                               progress=False)
        return list(result.table[["a", "b", "word"]].itertuples(index=False, name=None)), result

    ten, result = drawn(10)
    assert len(set(ten)) == 10
    assert result.winners["Random"]["a"] == max(ten, key=lambda values: score(
        dict(zip(space, values))))[0]
    assert drawn(10)[0] == ten
    assert drawn(25)[0][:10] == ten
    assert drawn(10, seed=1)[0] != ten
    everything, result = drawn(1000)
    assert sorted(everything) == sorted(itertools.product(*space.values()))
    assert result.trials == 60
    counts = [sum(values[2] == "one" for values in drawn(10, seed)[0]) for seed in range(20)]
    assert 80 < sum(counts) < 120  # each value as likely as the others
    endless = random_search(trial, {"a": range(10**12)}, 3, START, tmp_path / "j", jobs=1,
                            progress=False)
    assert endless.trials == 3


def test_a_stage_in_the_papers_form(run):
    crossed = Stage("AB", {"a": [3, 1, 2], "b": [1.0, 0.0]})
    odd = [Stage("maybe", {"maybe": [None, 10, 0.5]}), Stage("sizes", {"sizes": [[8], [8, 16]]}),
           Stage("three", {"a": [1, 2], "b": [0.0, 1.0], "flip": [True, False]}),
           Stage("one fixed", {"a": [1, 2], "flip": [True], "b": [0.0, 1.0]})]
    result = run([crossed, *odd])
    table = result.stage_table("AB")
    assert (table.index.name, table.columns.name) == ("a", "b")
    assert (list(table.index), list(table.columns)) == ([3, 1, 2], [1.0, 0.0])
    assert table.to_numpy().tolist() == [[0, 3], [0, 1], [0, 2]]
    assert result.stage_table("maybe").index.tolist() == ["default", 10, 0.5]
    assert result.table.loc[6:8, "maybe"].tolist() == [None, 10, 0.5]  # not NaN, not 10.0
    assert result.stage_table("sizes").index.tolist() == ["[8]", "[8, 16]"]
    assert result.stage_table("three").loc[(2, 0.0, True), "accuracy"] == 2
    assert result.stage_table("one fixed").to_numpy().tolist() == [[1, 0], [2, 0]]
    with pytest.raises(TrialError, match="no stage 'C'; there are AB, maybe"):
        result.stage_table("C")


# --- what fails --------------------------------------------------------------------------------


def failing(settings, seed, shared):
    kind = settings["word"]
    if kind == "raises":
        raise KeyError("colour")
    if kind == "exits":
        sys.exit("enough")
    if kind == "none":
        return None
    return {"nan": {"accuracy": math.nan, "loss": 1.0}, "inf": {"accuracy": 0.99, "loss": math.inf},
            "missing": {"precision": 0.99}, "name": {"accuracy": 0.99, "seconds": 1.0},
            "setting": {"accuracy": 0.99, "a": 1.0}, "one": {"accuracy": 0.5, "loss": 1}}[kind]


def test_a_trial_that_fails_is_recorded_and_never_wins(run, tmp_path):
    stage = Stage("all", {"word": ["raises", "exits", "none", "nan", "inf", "missing", "name",
                                   "setting", "one"]})
    result = run([stage], failing)
    assert result.best["word"] == "one"
    rows = result.table.set_index("word")
    assert rows["status"].to_dict() == {
        "raises": "crashed", "exits": "crashed", "none": "crashed", "nan": "diverged",
        "inf": "diverged", "missing": "crashed", "name": "crashed", "setting": "crashed",
        "one": "finished"}
    assert rows["accuracy"].dropna().to_dict() == {"one": 0.5}
    for kind, message in (("raises", "KeyError: 'colour'"), ("exits", "SystemExit: enough"),
                          ("nan", "accuracy not finite"), ("inf", "loss not finite"),
                          ("missing", "returned no 'accuracy', only precision"),
                          ("name", "metric seconds another name"), ("setting", "metric a another name")):
        assert message in rows.loc[kind, "message"]
    assert run([stage], failing).run == 0  # a failed trial is not tried again by itself
    with pytest.raises(TrialError, match="'bad': no combination finished with every seed: accuracy not"):
        run([Stage("bad", {"word": ["nan", "raises"]})], failing)
    # A metric's name written wrongly costs no trial.
    with pytest.raises(TrialError, match="returned no 'acuracy', only accuracy, loss"):
        run(
            [Stage("all", {"word": ["one"]}, "acuracy")], failing)
    assert run([Stage("all", {"word": ["one"]})], failing).run == 0


def killer(settings, seed, shared):
    if settings["a"] == 2:
        os._exit(3)
    if settings["a"] == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    if settings["a"] == 6:
        tried = Path(shared, "tried")
        if not tried.exists():
            tried.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    with open(Path(shared, "calls"), "a") as file:
        file.write(f"{settings['a']}\n")
    return {"accuracy": settings["a"]}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_trial_that_kills_its_worker_has_crashed_and_the_others_finish(run, tmp_path, capfd):
    stage = Stage("A", {"a": [1, 2, 3, 4, 5, 6, 7]})
    result = run([stage], killer, shared=str(tmp_path), jobs=2)
    rows = result.table.set_index("a")
    assert rows["status"].to_dict() == dict.fromkeys((1, 3, 5, 6, 7), "finished") | {
        2: "crashed", 4: "crashed"}
    assert rows.loc[2, "message"] == "its worker died: EXIT(3)"
    assert rows.loc[4, "message"] == "its worker died: SIGKILL(-9)"
    assert result.best["a"] == 7
    assert len(lines_of(tmp_path / "journal.jsonl")) == 8  # each once
    calls = (tmp_path / "calls").read_text().split()
    # A call is lost with its neighbour's worker at most once for each of the killings.
    assert set(calls) == {"1", "3", "5", "6", "7"} and len(calls) <= 5 + 4
    assert run([stage], killer, shared=str(tmp_path), jobs=2).run == 0
    assert "".join(capfd.readouterr()) == ""


# --- what is refused before any trial ----------------------------------------------------------


@pytest.mark.parametrize(("grid", "message"), [
    ({}, "has no settings"),
    ({"a": []}, "setting 'a': the grid is empty"),
    ({"a": 5}, "5 is no list of values"),
    ({"a": "123"}, "'123' is no list of values"),
    ({"a": {1, 2}}, "is no list of values"),
    ({"colour": [1]}, "setting 'colour': the start has no such setting; it has a, b, flip"),
    ({"seed": [1]}, "setting 'seed': the result's table has a column of this name; give the setting another one"),
    ({"a": [1, "2"]}, "'2' is a str, and the start has 1, a int"),
    ({"a": [True]}, "True is a bool, and the start has 1, a int"),
    ({"flip": [True, 1]}, "1 is a int, and the start has False, a bool"),
    ({"word": [1]}, "1 is a int, and the start has 'one', a str"),
    ({"b": [print]}, "cannot be written to the journal"),
    ({"b": [math.nan]}, "nan cannot be written to the journal; use finite numbers"),
])
def test_a_bad_grid(tmp_path, grid, message):
    journal = tmp_path / "folder" / "journal.jsonl"
    for name, search in (("S", lambda: greedy_search(trial, [A, Stage("S", grid)], START, journal)),
                         ("Grid", lambda: grid_search(trial, grid, START, journal)),
                         ("Random", lambda: random_search(trial, grid, 3, START, journal))):
        with pytest.raises(TrialError) as error:
            search()
        assert message in str(error.value)
        assert str(error.value).startswith(f"Stage '{name}'")
    assert not journal.parent.exists()


def test_good_grids_of_other_types(run):
    result = run([Stage("S", {"a": np.array([2, 4]), "b": [1, np.float32(0.5)], "maybe": ["x", 3, None],
                              "sizes": [[8], (8, 16)], "word": ["one", None]})])
    assert result.trials == 48
    assert result.best == START | {"a": 4, "maybe": "x"}
    assert type(result.best["a"]) is int


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"backend": "spark"}, RunError, "no backend 'spark'; choose loky, ray, dask"),
    ({"jobs": 0}, TrialError, "jobs=0"),
    ({"jobs": -2}, TrialError, "jobs=-2"),
    ({"seeds": ()}, TrialError, "give at least one"),
    ({"seeds": (1, 2, 1)}, TrialError, "each once"),
    ({"seeds": 3}, TrialError, "a list of whole numbers"),
    ({"seeds": (0.5,)}, TrialError, "a list of whole numbers"),
    ({"stages": []}, TrialError, "no stages"),
    ({"stages": [A, B, Stage("A", B.grid)]}, TrialError, "Two stages are named 'A'"),
    ({"stages": [Stage("A", A.grid, pick="most")]}, TrialError, "pick is 'most'"),
    ({"start": START | {"b": print}}, TrialError, "start, setting 'b'.*cannot be written"),
    ({"shared": (number for number in ())}, TrialError, "shared cannot be sent"),
    ({"trial": object()}, TrialError, "give a function"),
])
def test_bad_options(run, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        run(**{"stages": [A]} | options)
    assert not (tmp_path / "journal.jsonl").exists()


def test_a_budget_below_one(tmp_path):
    with pytest.raises(TrialError, match="budget=0"):
        random_search(trial, A.grid, 0, START, tmp_path / "j")


# --- the journal -------------------------------------------------------------------------------


def test_a_record_holds_all_that_a_reader_needs(run, tmp_path):
    began = time.time()
    run([Stage("A", {"a": [2]})], seeds=(4,))
    header, record = lines_of(tmp_path / "journal.jsonl")
    assert header["trial"].endswith("test_search.trial") and header["start"] == START
    assert record["settings"] == START | {"a": 2}
    assert (record["seed"], record["status"], record["message"]) == (4, "finished", "")
    assert record["metrics"] == {"accuracy": 1.004, "loss": -1}
    assert record["seconds"] >= 0
    assert record["versions"]["numpy"] == np.__version__
    ended = time.mktime(time.strptime(record["ended"][:19], "%Y-%m-%dT%H:%M:%S"))
    assert began - 2 < ended < time.time() + 2


def test_searches_over_one_start_share_a_journal_that_only_grows(run, tmp_path):
    journal, calls = tmp_path / "journal.jsonl", tmp_path / "calls"
    options = {"shared": str(calls), "start": START, "journal": journal, "jobs": 1, "progress": False}

    def count():
        return len(calls.read_text().splitlines())

    first = run([A, B], shared=str(calls))
    before = journal.read_bytes()
    assert count() == first.run == 5
    again = run([A, B], shared=str(calls))
    assert (again.run, again.trials, again.winners) == (0, 5, first.winners)
    assert again.table.equals(first.table)
    assert (count(), journal.read_bytes()) == (5, before)
    grid = grid_search(trial, A.grid | B.grid, **options)
    assert (grid.trials, grid.run) == (9, 4)  # the greedy search ran a cross of five
    assert journal.read_bytes().startswith(before)
    assert random_search(trial, A.grid | B.grid, 6, **options).run == 0
    assert run([A], shared=str(calls), seeds=(0, 1)).run == 3
    assert count() == 12
    # 1 and 1.0 are one value.
    assert grid_search(trial, {"a": [1.0, 2.0], "b": [0, 1]}, **options).run == 0


def other_trial(settings, seed, shared):
    return {"accuracy": 1.0}


@pytest.mark.parametrize(("change", "message"), [
    ({"trial": other_trial}, r"the trial \(.*test_search.trial there, .*test_search.other_trial now\)"),
    ({"shared": [1]}, r"the data \(\w{32} there, \w{32} now\)"),
    ({"start": START | {"b": 0.25}}, r"differs in the start's b \(0.5 there, 0.25 now\)\. "),
    ({"start": START | {"flip": 0}}, r"the start's flip \(False there, 0 now\)"),
    ({"start": START | {"epochs": None}}, r"the start's epochs \(absent there, None now\)"),
    ({"start": {name: START[name] for name in list(START)[:-1]}}, r"sizes \(\[8\] there, absent now\)"),
])
def test_a_journal_of_another_search_is_refused(run, tmp_path, change, message):
    journal = tmp_path / "journal.jsonl"
    run([A])
    before = journal.read_bytes()
    with pytest.raises(TrialError, match=message) as error:
        run([A], **change)
    assert str(journal) in str(error.value)
    assert journal.read_bytes() == before
    assert run([A], start=START | {"a": 1.0}).run == 0  # an equal start


@pytest.mark.slow
def test_a_last_line_cut_off_anywhere_costs_one_trial(run, tmp_path, capsys):
    journal = tmp_path / "journal.jsonl"
    whole_result = run([A])
    whole = journal.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(last, len(whole) - 1):
        journal.write_bytes(whole[:end])
        result = run([A])
        assert (result.run, result.winners) == (1, whole_result.winners)
        said = capsys.readouterr().out
        assert (f"{journal}: the last line is cut off; it is dropped" in said) == (end > last)
        assert journal.read_bytes().startswith(whole[:last])
        assert len(lines_of(journal)) == 4
    first = whole.find(b"\n")
    for end in (0, 1, first // 2, first - 1):  # nothing but a part of the header
        journal.write_bytes(whole[:end])
        assert run([Stage("A", {"a": [1]})]).run == 1
        assert lines_of(journal)[0] == json.loads(whole[:first])


@pytest.mark.parametrize("edit", [
    lambda whole: whole.rstrip(b"\n"),
    lambda whole: whole.replace(b"\n", b"\r\n"),
    lambda whole: whole.replace(b"\n", b"\r\n").removesuffix(b"\n"),
    lambda whole: b"\xef\xbb\xbf" + whole,
    lambda whole: b"\n" + whole.replace(b"\n", b"\n\n  \n"),
])
def test_what_an_editor_does_to_a_journal_costs_no_trial(run, tmp_path, capsys, edit):
    journal = tmp_path / "journal.jsonl"
    whole_result = run([A])
    whole = journal.read_bytes()
    journal.write_bytes(edit(whole))
    assert run([A]).run == 0
    assert run([B]).run == 2
    assert run([B]).run == 0
    lines = journal.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert [json.loads(line) for line in lines if line.strip()][:4] == [
        json.loads(line) for line in whole.splitlines()]
    assert run([A]).table.equals(whole_result.table)
    journal.write_bytes(whole.splitlines()[0])  # all trials' lines removed, and the header's end
    assert run([A]).run == 3
    assert len(lines_of(journal)) == 4
    assert "cut off" not in capsys.readouterr().out


def mended(settings, seed, shared):
    if Path(shared).exists():
        return {"accuracy": settings["a"]}
    if settings["a"] == 3:
        return {"loss": 1.0}
    raise ValueError("a typing mistake")


def test_a_failed_trial_is_tried_again_where_asked(run, tmp_path, capsys):
    stage, mark, journal = Stage("A", {"a": [1, 2, 3]}), tmp_path / "mended", tmp_path / "journal.jsonl"
    for _ in range(2):
        with pytest.raises(TrialError) as error:
            run([stage], mended, shared=str(mark))
        assert f"ValueError: a typing mistake ({journal}, line 2)" in str(error.value)
        assert f"returned no 'accuracy', only loss ({journal}, line 4)" in str(error.value)
        assert "retry_failed=True tries them again" in str(error.value)
    with pytest.raises(TrialError, match="line 5"):  # the new attempts' lines
        run([stage], mended, shared=str(mark), retry_failed=True)
    mark.touch()
    with pytest.raises(TrialError, match="a typing mistake"):
        run([stage], mended, shared=str(mark), progress=True)
    assert f"3 trials of this stage stand in {journal} as failed; retry_failed=True" in capsys.readouterr().out
    result = run([stage], mended, shared=str(mark), retry_failed=True)
    assert (result.run, result.best["a"]) == (3, 3)
    assert run([stage], mended, shared=str(mark), retry_failed=True).run == 0
    assert run([stage], mended, shared=str(mark)).best["a"] == 3


@pytest.mark.parametrize("damage", [
    b"[" * 100_000, b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"settings": {}}',
    b'{"settings": [], "seed": 0, "status": "finished", "message": "", "metrics": {}, "seconds": 1}',
    b'{"settings": {}, "seed": 0, "status": "good", "message": "", "metrics": {}, "seconds": 1}',
    b'{"settings": {}, "seed": 0, "status": "finished", "message": "", "metrics": 1, "seconds": 1}',
])
def test_a_damaged_line_is_named(run, tmp_path, damage):
    journal = tmp_path / "journal.jsonl"
    run([A])
    lines = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join([*lines[:2], damage, *lines[3:]]))
    before = journal.read_bytes()
    with pytest.raises(TrialError, match=r"journal.jsonl, line 3: .* Remove the line"):
        run([A])
    assert journal.read_bytes() == before
    journal.write_bytes(b"\n".join([*lines[:2], *lines[3:]]))  # the advice taken
    assert run([A]).run == 1


@pytest.mark.parametrize("content", [
    b"notes", b"notes\nand more", b"{}\n", b"[1]\n", b'{"journal": 2, "start": {}}\n',
    b'{"journal": 1, "start": []}\n', b'{"journal": 1, "start": {}}\n', b"\x00\x01\xff", b"\n",
    b'{"accuracy": 0.5}'])
def test_a_file_that_is_no_journal_is_left_alone(run, tmp_path, content):
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(content)
    with pytest.raises(TrialError, match="is no journal of trials; choose another"):
        run([A])
    assert journal.read_bytes() == content


def test_a_journal_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").touch()
    for path, message in ((tmp_path, "a folder stands where the journal should be"),
                          (tmp_path / "file" / "journal", "no file can be written")):
        with pytest.raises(TrialError, match=message):
            run([A], journal=path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_two_searches_may_not_write_at_once(run, tmp_path):
    def nested(settings, seed, shared):
        try:
            run([A])
        except TrialError as error:
            assert f"journal.jsonl: this journal is in use by process {os.getpid()} " in str(error)
            return {"accuracy": 1}
        return {"accuracy": 0}

    assert run([Stage("A", {"a": [1]})], nested).table["accuracy"].tolist() == [1]
    assert run([Stage("A", {"a": [1]})], nested).run == 0  # the lock went with the search


# --- processes ---------------------------------------------------------------------------------


def look(settings, seed, shared):
    names = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"
    time.sleep(0.02)
    return {"accuracy": settings["a"], "pid": os.getpid(), "sum": int(shared["pictures"].sum()),
            "mapped": isinstance(shared["pictures"], np.memmap),
            "threads": sum(int(os.environ[name]) for name in names)}


def test_workers_stay_and_read_large_arrays_from_one_file(run, monkeypatch):
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    pictures = np.ones((20, 1024, 1024), np.uint8)
    stages = [Stage("six", {"a": [1, 2, 3, 4, 5, 6]}), Stage("two", {"word": ["two", "three"]}),
              Stage("four", {"b": [0.0, 1.0, 2.0, 3.0]})]
    rows = run(stages, look, shared={"pictures": pictures, "name": "sample"}, jobs=2).table
    assert len(rows["pid"].unique()) == 2 and os.getpid() not in set(rows["pid"])
    assert rows["mapped"].all() and (rows["sum"] == pictures.size).all()
    assert (rows["threads"] == 3 * max(1, os.cpu_count() // 2)).all()


class Locked:
    """Pickles, but cannot be read back."""

    def __reduce__(self):
        return int, ("no number",)


def test_what_no_worker_can_read_is_nobodys_crash(run, tmp_path):
    with pytest.raises(TrialError, match=r"loky workers cannot go on: ValueError: invalid literal.*journal.jsonl"):
        run([A], shared=Locked(), jobs=2)
    assert len(lines_of(tmp_path / "journal.jsonl")) == 1  # no trial is blamed


SCRIPT = """
import os, signal, time
from fashion_tf.search import Stage, greedy_search

def trial(settings, seed, shared):
    with open("calls", "a") as file:
        file.write(f"{settings['a']} {settings['b']} {seed} {os.getpid()}\\n")
    time.sleep(0.15)
    return {"accuracy": settings["a"] - (settings["b"] - 2) ** 2 + seed / 100}

if __name__ == "__main__":
    # A test run in the background hands on an ignored SIGINT; a person's terminal does not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stages = [Stage("A", {"a": [1, 2, 3, 4, 5]}), Stage("B", {"b": [0, 1, 2, 3]})]
    result = greedy_search(trial, stages, {"a": 0, "b": 0}, "journal", seeds=(0, 1), jobs=2)
    print(result.best, result.trials, result.run)
"""


def start(folder):
    (folder / "script.py").write_text(SCRIPT)
    return subprocess.Popen([sys.executable, "script.py"], cwd=folder, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_lines(path, count, process):
    deadline = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)


def calls_of(folder):
    return [tuple(line.split()[:3]) for line in (folder / "calls").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_killed_search_goes_on_where_it_was(tmp_path):
    journal, kills = tmp_path / "journal", []
    for lines in (4, 13):  # in the first stage, and in the second
        process = start(tmp_path)
        wait_for_lines(journal, lines, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        before = journal.read_bytes()
        before = before[:before.rfind(b"\n") + 1]
        kept = [tuple(str(value) for value in (*record["settings"].values(), record["seed"]))
                for record in map(json.loads, before.splitlines()[1:])]
        assert lines - 1 <= len(kept) < lines + 2
        kills.append((kept, len(calls_of(tmp_path))))
    output, errors = start(tmp_path).communicate(timeout=60)
    # Five values of a with two seeds, then three more of b: what an undisturbed run finds.
    assert output.splitlines()[-1] == f"{{'a': 5, 'b': 2}} 16 {16 - len(kept)}"
    assert errors == ""
    calls = calls_of(tmp_path)
    for kept, so_far in kills:
        assert not set(kept) & set(calls[so_far:])
    # Two workers, killed twice: what each had in hand, and one more whose result the search had not yet read.
    assert len(set(calls)) == 16 and len(calls) <= 16 + 2 * 2 * 2
    assert journal.read_bytes().startswith(before)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("whom", ["the search", "its terminal's group"])
def test_an_interrupted_search_ends_its_workers_and_keeps_its_journal(tmp_path, whom):
    process = start(tmp_path)
    wait_for_lines(tmp_path / "journal", 4, process)
    (os.kill if whom == "the search" else os.killpg)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode and "KeyboardInterrupt" in errors
    workers = {int(line.split()[3]) for line in (tmp_path / "calls").read_text().splitlines()}
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    done = len(lines_of(tmp_path / "journal")) - 1
    assert 3 <= done < 10
    output, _ = start(tmp_path).communicate(timeout=60)
    assert output.splitlines()[-1] == f"{{'a': 5, 'b': 2}} 16 {16 - done}"


# --- what one sees -----------------------------------------------------------------------------


def test_nothing_is_written_over_where_nobody_looks(run, capsys):
    run([A, B], progress=True)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_line_with_the_time_left(run, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0)
    clock = itertools.count(0, 30)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    run([A], progress=True)
    output = capsys.readouterr().out
    lines = output.split("\r")
    assert output.count("\n") == 1 and output.endswith("\n")
    assert [line.split(",")[0].strip() for line in lines[1:-1]] == [
        f"A: trial {number} of 3" for number in range(4)]
    assert "about" in lines[3] and "left" in lines[3] and "left" not in lines[1]
    assert lines[-1].startswith("3 trials asked for, 3 run now, in ")
    widths = [len(line) for line in lines[1:]]
    assert all(after >= len(before.rstrip()) for before, after in zip(lines[1:], widths[1:]))


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"),
                                               (7500, "2 h 5 min")])
def test_durations(seconds, text):
    assert progress.duration(seconds) == text


@pytest.mark.slow
def test_a_notebook_shows_one_table_and_no_errors(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (
        "import time\nfrom IPython.core.displaypub import DisplayPublisher\n"
        "from fashion_tf import search\n"
        "updates = []\n"
        "publisher = get_ipython().display_pub\n"
        "publish = publisher.publish\n"
        "def spy(data, metadata=None, **more):\n"
        "    updates.append((more.get('update', False), data))\n"
        "    return publish(data, metadata, **more)\n"
        "publisher.publish = spy\n"
        "def trial(settings, seed, shared):\n"
        "    time.sleep(0.2)\n"
        "    return {'accuracy': settings['a'] / 8}\n",
        "found = search.greedy_search(trial, [search.Stage('A<B', {'a': list(range(6))})], {'a': 0},\n"
        "                             'journal', jobs=2)",
        "print(len(updates), updates[0][0], all(update for update, _ in updates[1:]))\n"
        "print(updates[-2][1]['text/html'])")])
    NotebookClient(notebook, timeout=60, kernel_name="python3",
                   resources={"metadata": {"path": str(tmp_path)}}).execute()
    output, = notebook.cells[1].outputs
    assert output.output_type == "display_data"
    assert output.data["text/plain"].startswith("6 trials asked for, 6 run now, in ")
    assert "<table" not in output.data["text/html"]
    said = notebook.cells[2].outputs
    assert [one.name for one in said] == ["stdout"]
    count, first, later = said[0].text.splitlines()[0].split()
    assert int(count) >= 4 and (first, later) == ("False", "True")
    assert "A&lt;B: trial" in said[0].text and "<td>finished</td>" in said[0].text


def test_the_plot_has_a_panel_for_each_stage(run):
    import matplotlib

    matplotlib.use("agg")
    stages = [Stage("plain", {"b": [0.5, 0.0, 1.0]}), Stage("crossed", {"a": [1, 2], "maybe": [None, 3]}),
              Stage("boolean", {"flip": [True, False]}), Stage("text", {"word": ["one", "two"]}),
              Stage("maybe", {"maybe": [None, 10]}, "loss", "min")]
    result = run(stages, seeds=(0, 1))
    figure = result.plot(chance=0.1, columns=4)
    shown = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title() for axis in shown] == [stage.name for stage in stages]
    ticks = [[text.get_text() for text in axis.get_xticklabels()] for axis in shown]
    assert ticks == [["0.5", "0", "1"], ["1", "2"], ["True", "False"], ["one", "two"], ["default", "10"]]

    def drawn(axis, marker, filled):
        return [line for line in axis.lines if line.get_marker() == marker and line.get_linestyle()
                == "None" and (line.get_markerfacecolor() != "white") == filled]

    for axis, places in zip(shown, ([1], [1], [0], [1], [0])):
        winner, = [line for marker in "os" for line in drawn(axis, marker, True)]
        assert winner.get_xdata().tolist() == places
    dots, = drawn(shown[0], "o", False)
    assert dots.get_ydata().tolist() == result.table.loc[:5, "accuracy"].tolist()  # every seed
    labels = [text.get_text() for text in shown[1].get_legend().get_texts()]
    assert labels == ["default", "3"]
    assert (shown[0].get_ylabel(), shown[4].get_ylabel()) == ("accuracy", "loss")
    assert shown[0].get_ylim() == shown[3].get_ylim() != shown[4].get_ylim()


def test_a_metric_that_is_no_number_is_named_with_its_line(tmp_path):
    """A tool that rewrote the journal may have made texts of its numbers."""
    from fashion_tf.trials.journal import Journal, make_record

    journal = Journal(tmp_path / "journal.jsonl", "trial", "data", {"rate": 0.1})
    journal.open()
    journal.append(make_record({"rate": 0.1}, 0, "finished", metrics={"accuracy": 0.5, "loss": float("nan")}))
    journal.close()
    journal.open()  # null, a metric that was not finite, is read
    journal.close()
    journal.path.write_text(journal.path.read_text().replace("0.5}", '"0.5"}').replace("0.5,", '"0.5",'))
    with pytest.raises(TrialError, match="line 2: .*the metric accuracy is '0.5'"):
        journal.open()
