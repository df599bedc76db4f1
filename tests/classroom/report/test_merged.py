"""Several runs beside the papers: which run speaks, columns, tables of two sides, what others published, JSON."""

import json
import re
import shutil
import time as time_module

import pytest
from classroom.report.made import COURSE, lesson, notebook, png, results, text_of, write_run

from fashion_tf import cli
from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.report import as_html, as_json, as_markdown, compare, write_report
from fashion_tf.errors import RunError

TABLE = """
      - title: Table 4
        where: page 5
        sides: [rate, regularizer]
        baseline: guess
        rows:
          - {row: ["0.1", L1], paper: 0.65, record: grid, entry: "0.1 L1", published: {them: 0.66}}
          - {row: ["0.1", L2], paper: 0.78, record: grid, entry: "0.1 L2"}
          - {row: ["1", L2], paper: 0.8, record: grid, entry: "1 L2"}
"""
TWO_SIDES = COURSE.replace("lessons:", """published:
  them: {source: "Somebody <b>else</b>, 2014", protocol: With the tags given.}
lessons:""").replace("      accuracy: {", "      grid: {meaning: a table, kind: description, metric: share}\n"
                     "      guess: {meaning: of a guess, kind: baseline}\n      accuracy: {", 1).replace(
    "                                               {row: others, record: accuracy}]}\n",
    "                                               {row: others, record: accuracy}]}" + TABLE, 1)


def day(number):
    return {"started": f"2026-01-{number:02}T03:04:05+00:00"}


@pytest.fixture
def course(tmp_path):
    (tmp_path / "course.yml").write_text(TWO_SIDES)
    return load_course(tmp_path / "course.yml")


def with_grid(value=0.85, **grid):
    one = lesson("11", value=value)
    one["records"] |= {"grid": {"value": {name.replace("_", " "): part for name, part in grid.items()}},
                       "guess": {"value": 0.25}}
    return one


def lines_of(markdown, beginning):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()
            if line.startswith(f"| {beginning}")]


def test_profiles_stand_side_by_side_each_with_its_date_data_and_machine(course, tmp_path):
    sample = write_run(tmp_path / "sample", lesson("11", value=0.7), **day(1))
    real = write_run(tmp_path / "real", lesson("11", value=0.91, parameters={"DATA": "data/"}, seed=7), **day(2),
                     profile="real", data="data/", machine={"system": "Linux", "cores": 16, "gpus": ["H100"]})
    for order in ([sample, real], [real, sample]):
        markdown = as_markdown(compare(order, course))
        assert lines_of(markdown, "row") == [["row", "paper", "here: sample data", "here: real data",
                                              "real data − paper", "naive baseline"]]
        assert lines_of(markdown, "ours") == [["ours", "0.900", "0.700", "0.910", "+0.010", "0.100"]]
        assert lines_of(markdown, "real") == [["real", "real data", "2026-01-02 03:04 UTC", "folder data",
                                               "Linux, 16 cores, H100", "newest for lesson 11"]]
        assert lines_of(markdown, "accuracy")[0][2:] == ["0.700", "0.910", "0.100",
                                                         "0.500 (sample): met; 0.600 (real): met"]
        assert "Sample data: 1 of 1 lesson passed. Real data: 1 of 1 lesson passed" in markdown
        assert "Seeds of real: SEED 7 in every lesson that has one" in markdown


def test_of_two_runs_of_a_profile_the_newest_speaks_for_each_lesson(course, tmp_path):
    old = write_run(tmp_path / "old", lesson("11", value=0.6), lesson("12", value=0.7), **day(1))
    new = write_run(tmp_path / "new", lesson("11", value=0.8), lesson("12", "not run", None), **day(3))
    later = write_run(tmp_path / "later", lesson("11", "failed", 0.3, reasons=["too low"]), **day(2))
    markdown = as_markdown(compare([new, later, old], course))
    assert lines_of(markdown, "ours")[0][2] == "0.800" and lines_of(markdown, "ours")[1][2] == "0.700"
    assert [lines_of(markdown, name)[0][-1] for name in ("new", "later", "old")] == [
        "newest for lesson 11; a newer run has lesson 12", "a newer run has lesson 11",
        "newest for lesson 12; a newer run has lesson 11"]


@pytest.mark.parametrize("first", ["folder", "file"])
def test_a_run_and_the_file_that_was_published_of_it_are_one(course, tmp_path, first):
    """Given twice, it would be newer than itself."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "11_x.ipynb").write_text(json.dumps(notebook(text_of(png()))))
    run = write_run(tmp_path / "run", lesson("11", executed="11_x.ipynb"), **day(1))
    published = tmp_path / "published.json"
    shutil.copy(run / "results.json", published)
    other = write_run(tmp_path / "other", lesson("12"), **day(1))
    paths = [run, published] if first == "folder" else [published, run]
    found = compare([*paths, run, other], course)
    assert [one.name for one in found.runs] == ["run", "other"]
    assert found.folder == (run if first == "folder" else None)
    markdown = as_markdown(found)
    assert "a newer run has" not in markdown and "newest for lesson 11" in markdown
    assert markdown.count("figures/11-1.png") == 1


def test_runs_that_are_called_alike_are_told_apart(course, tmp_path):
    """The same name in two places: each value is of the run that is named beside it."""
    paths = [write_run(tmp_path / place / "run", lesson(number, value=value), **day(place_number))
             for place_number, (place, number, value) in enumerate(
                 [("a", "11", 0.6), ("b", "12", 0.7), ("c", "12", 0.8)], 1)]
    (tmp_path / "d").mkdir()
    paths.append(write_run(tmp_path / "d" / "run (2)", lesson("11", value=0.9), **day(4)))
    found = as_json(compare(paths, course))
    assert [run["name"] for run in found["runs"]] == ["run", "run (3)", "run (4)", "run (2)"]
    told = {entry["id"]: entry["results"]["sample"] for entry in found["lessons"]}
    assert told["11"]["run"] == "run (2)" and told["11"]["records"]["accuracy"] == 0.9
    assert told["12"]["run"] == "run (4)" and told["12"]["records"]["loss_share"] == 0.8


@pytest.mark.skipif(not hasattr(time_module, "tzset"), reason="this system's zone cannot be set")
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_which_run_is_the_newest_is_the_same_in_every_time_zone(course, tmp_path, monkeypatch, zone):
    """A time that names no zone is of UTC, whoever reads it."""
    times = {"first": "2026-01-02T02:00:00+09:00", "second": "2026-01-02", "third": "2026-01-01T20:00:00-05:00",
             "fourth": "2026-01-02T03:04:05", "fifth": "20260102T030406Z"}
    paths = [write_run(tmp_path / name, lesson("11", value=0.5 + number / 100), started=time)
             for number, (name, time) in enumerate(times.items())]
    monkeypatch.setenv("TZ", zone)
    time_module.tzset()
    try:
        found = compare(reversed(paths), course)
    finally:
        monkeypatch.undo()
        time_module.tzset()
    assert [run.name for run in found.runs] == list(times)
    assert found.runs[3].started.isoformat() == "2026-01-02T03:04:05+00:00"
    assert lines_of(as_markdown(found), "ours")[0][2] == "0.540"


def test_rehearsals_are_left_out_and_alone_refused(course, tmp_path):
    sample = write_run(tmp_path / "sample", lesson("11"))
    rehearsal = write_run(tmp_path / "try", lesson("12", value=0.01), profile="rehearsal")
    markdown = as_markdown(compare([sample, rehearsal], course))
    assert "Left out: rehearsal try" in markdown and "0.010" not in markdown
    with pytest.raises(RunError, match="try: a rehearsal .* measures means nothing"):
        compare([rehearsal], course)


@pytest.mark.parametrize(("guess", "baseline"), [(0.25, "0.250"), (0.05, "0.100")])
def test_all_rows_of_a_table_have_the_better_baseline_of_run_and_course(tmp_path, guess, baseline):
    """Else a network whose row has no floor is held against less than the one below it."""
    rows = '          - {row: "1, L2", paper: 0.8, record: accuracy}'
    text = TWO_SIDES.replace('        sides: [rate, regularizer]\n', "").replace(
        '["0.1", L1]', '"0.1, L1"').replace('["0.1", L2]', '"0.1, L2"').replace(
        '          - {row: ["1", L2], paper: 0.8, record: grid, entry: "1 L2"}', rows)
    (tmp_path / "course.yml").write_text(text)
    one = with_grid(**{"0.1_L1": 0.5, "0.1_L2": 0.6})
    one["records"]["guess"]["value"] = guess
    markdown = as_markdown(compare([write_run(tmp_path / "run", one, **day(1))], load_course(tmp_path / "course.yml")))
    assert [lines_of(markdown, row)[0][-1] for row in ("0.1, L1", "0.1, L2", "1, L2")] == [baseline] * 3


def test_a_table_of_two_sides_stands_as_the_paper_prints_it(course, tmp_path):
    sample = write_run(tmp_path / "sample", with_grid(**{"0.1_L1": 0.5, "0.1_L2": 0.6, "1_L2": None}), **day(1))
    real = write_run(tmp_path / "real", with_grid(**{"0.1_L1": 0.7}), **day(2), profile="real")
    comparison = compare([sample, real], course)
    markdown, page = as_markdown(comparison), as_html(comparison)
    table = markdown[markdown.index("#### Table 4"):markdown.index("Not in these runs")].splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in table if line.startswith("|")] == [
        [r"rate \\ regularizer", "", "L1", "L2"], ["---", "---", "---:", "---:"],
        ["0.1", "paper", "0.650", "0.780"], ["", "others", "0.660 (a)", "–"],
        ["", "here: sample data", "0.500", "0.600"], ["", "here: real data (sample data)", "0.700", "–"],
        ["1", "paper", "–", "0.800"], ["", "others", "–", "–"],
        ["", "here: sample data", "–", "–"], ["", "here: real data (sample data)", "–", "–"]]
    assert "Naive baseline: 0.250." in table
    assert any(line.startswith("(a) Somebody &lt;b&gt;else&lt;/b&gt;, 2014. With the tags given.") for line in table)
    assert page.count('<th scope="rowgroup" rowspan="4">') == 2 and "Somebody &lt;b&gt;else" in page


def test_a_table_of_which_the_paper_knows_nothing_has_no_line_for_it(course, tmp_path):
    file = tmp_path / "course.yml"
    file.write_text(TWO_SIDES.replace(", paper: 0.65, record: grid", ", record: grid").replace(
        ", paper: 0.78, record: grid", ", record: grid").replace(", paper: 0.8, record: grid", ", record: grid"))
    run = write_run(tmp_path / "run", with_grid(**{"0.1_L1": 0.5}))
    table = as_markdown(compare([run], load_course(file))).partition("#### Table 4")[2].partition("Not in this run")[0]
    assert "| paper |" not in table and "|  | here: sample data | 0.500 | – |" in table


def test_what_others_published_is_a_column_with_its_protocol(course, tmp_path):
    file = tmp_path / "course.yml"
    file.write_text(TWO_SIDES.replace("{row: ours, paper: 0.9, record: accuracy}",
                                      "{row: ours, paper: 0.9, record: accuracy, published: {them: 0.898}}"))
    markdown = as_markdown(compare([write_run(tmp_path / "run", lesson("11"))], load_course(file)))
    assert lines_of(markdown, "row")[0][:3] == ["row", "paper", "others"]
    assert lines_of(markdown, "ours")[0][:4] == ["ours", "0.900", "0.898 (a)", "0.850"]
    assert "(a) Somebody" in markdown


def test_the_most_serious_runs_figures_are_shown(course, tmp_path):
    folders = []
    for number, profile in enumerate(("real", "sample"), 1):
        folder = write_run(tmp_path / profile, lesson("11", executed="11_one.ipynb"), **day(number), profile=profile)
        (folder / "11_one.ipynb").write_text(json.dumps(notebook(text_of(png(number, number)))))
        folders.append(folder)
    out = tmp_path / "together"
    markdown, _ = write_report(compare(folders, course), out)
    assert (out / "figures/11-1.png").read_bytes() == png(1, 1)
    assert "(real data)" in markdown.read_text()
    assert sorted(path.name for path in out.iterdir()) == ["figures", "report.html", "report.md"]


def test_files_and_folders_of_files_are_runs(course, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    for number, profile in enumerate(("sample", "real"), 1):
        (runs / f"{profile}.json").write_text(json.dumps(results(lesson("11"), **day(number), profile=profile)))
    assert [run.name for run in compare([runs], course).runs] == ["sample", "real"]
    assert [run.name for run in compare([runs / "real.json"], course).runs] == ["real"]
    (runs / "._real.json").write_bytes(b"\0\5\x16\7")  # what macOS leaves on a disk of another system
    assert [run.name for run in compare([runs], course).runs] == ["sample", "real"]
    (runs / "link.json").symlink_to(runs / "real.json")
    with pytest.raises(RunError, match="link.json: cannot be read: it is a link"):
        compare([runs], course)


def test_a_lesson_that_this_release_lacks_is_known_by_its_own(course, tmp_path):
    other = write_run(tmp_path / "other", lesson("11"), lesson("12", lesson="77"), fashion_tf="9.0.0")
    assert list(compare([other], course).runs[0].results) == ["11"]
    with pytest.raises(RunError, match="lesson 2 of the list: lesson"):
        compare([write_run(tmp_path / "own", lesson("11"), lesson("12", lesson="77"))], course)


def test_machines_get_the_numbers(course, tmp_path, capsys):
    sample = write_run(tmp_path / "sample", with_grid(**{"0.1_L1": 0.5}), lesson("12", "not run", None))
    write_run(tmp_path / "try", lesson("11"), profile="rehearsal")
    assert cli.main(["--course", str(tmp_path / "course.yml"), "report", str(sample), str(tmp_path / "try"),
                     "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["written"] == [str(sample / "report.md"), str(sample / "report.html")]
    del found["written"]
    assert found == as_json(compare([sample, tmp_path / "try"], course))
    assert set(found) == {"schema", "runs", "left_out", "papers", "lessons"} and found["schema"] == 1
    assert found["left_out"] == ["try"]
    run, = found["runs"]
    assert (run["name"], run["profile"], run["data"], run["started"], run["lessons"]) == (
        "sample", "sample", "sample", "2026-01-02T03:04:05+00:00", ["11", "12"])
    assert run["machine"]["cores"] == 2 and run["versions"]["keras"] == ["3"]
    one, grid, two = found["papers"][0]["tables"]
    assert one["rows"][0] == {"row": "ours", "paper": 0.9, "here": {"sample": 0.85}, "baseline": {"sample": 0.1},
                              "published": []}
    assert (grid["lesson"], grid["sides"], grid["where"]) == ("11", ["rate", "regularizer"], "page 5")
    assert grid["rows"][0] == {
        "row": ["0.1", "L1"], "paper": 0.65, "here": {"sample": 0.5}, "baseline": {"sample": 0.25},
        "published": [{"value": 0.66, "source": "Somebody <b>else</b>, 2014", "protocol": "With the tags given."}]}
    assert grid["rows"][1]["here"] == {} and two["sides"] == []
    results_of = {entry["id"]: entry["results"]["sample"] for entry in found["lessons"]}
    assert results_of["11"]["records"]["guess"] == 0.25 and results_of["11"]["seconds"] == 61.0
    assert results_of["12"]["status"] == "not run" and results_of["12"]["run"] == "sample"


def test_where_a_report_goes_is_asked_where_it_is_not_known(course, tmp_path, capsys):
    file = tmp_path / "one.json"
    file.write_text(json.dumps(results(lesson("11"))))
    report = ["--course", str(tmp_path / "course.yml"), "report"]
    assert cli.main([*report, str(file)]) == 2
    assert re.search("one.json: no folder of a run; say with --out DIR", capsys.readouterr().err)
    assert cli.main([*report, str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == []
    assert cli.main([*report, str(file), "--out", str(tmp_path / "new" / "out")]) == 0
    assert (tmp_path / "new/out/report.html").exists()
    assert cli.main(report) == 2 and "Say which run" in capsys.readouterr().err
