"""The report of one run: its pages, and what strangers' files do to them."""

import errno
import json
import re

import pytest
from classroom.report.made import COURSE, lesson, notebook, png, text_of, write_run

from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.report import compare, files, format_value, write_report
from fashion_tf.errors import FashionError, RunError
from fashion_tf.files import write_atomically


@pytest.fixture
def report(tmp_path):
    """Returns a function: lessons -> (report.md, report.html) as text; `report.folder`."""
    (tmp_path / "course.yml").write_text(COURSE)
    course = load_course(tmp_path / "course.yml")

    def write(*lessons, notebooks=None, **fields):
        write_run(tmp_path, *lessons, **fields)
        for name, one in (notebooks or {}).items():
            (tmp_path / name).write_text(one if isinstance(one, str) else json.dumps(one))
        markdown, page = write_report(compare([tmp_path], course), tmp_path)
        return markdown.read_text(encoding="utf-8"), page.read_text(encoding="utf-8")

    write.folder, write.course = tmp_path, course
    return write


def test_paper_stands_beside_here(report):
    markdown, page = report(lesson("11"))
    assert "1 of 1 lesson passed" in markdown
    row = next(line for line in markdown.splitlines() if line.startswith("| ours"))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "ours", "0.900", "0.850", "−0.050", "0.100"]
    assert "| others | not reported | 0.850 |" in markdown
    assert "Table 1" in page and "page 3" in page and "−0.050" in page
    assert "Sample data" in markdown and "Sample data" in page


def test_one_record_can_hold_a_whole_table(report):
    file = report.folder / "course.yml"
    file.write_text(COURSE.replace("ours, paper: 0.9, record: accuracy",
                                   "ours, paper: 0.9, record: accuracy, entry: a")
                    .replace("others, record: accuracy",
                             "others, paper: 0.7, record: accuracy, entry: b"))

    def markdown(value):
        report(lesson("11", value=value))  # writes results.json
        return write_report(compare([report.folder], load_course(file)), report.folder)[0].read_text(encoding="utf-8")

    both, one, none = (markdown(value) for value in ({"a": 0.85, "b": None}, {"a": 0.85}, 0.85))
    assert "| ours | 0.900 | 0.850 | −0.050 |" in both
    assert "| others | 0.700 | none | – |" in both and "| a: 0.850; b: none |" in both
    assert "| others | 0.700 | not recorded | – |" in one
    assert "| ours | 0.900 | not recorded | – |" in none


def test_a_value_that_is_not_there_says_why(report):
    markdown, _ = report(lesson("11", "failed", None, reasons=["cell 3: it broke"]),
                         lesson("12", "not run", None, reasons=["needs a GPU"]))
    assert "0 of 2 lessons passed; 1 failed; 1 did not run" in markdown
    assert "not recorded: the lesson failed" in markdown
    assert "lesson not run" in markdown
    assert "cell 3: it broke" in markdown and "needs a GPU" in markdown


def test_lessons_and_papers_that_are_missing_are_named(report):
    markdown, _ = report(lesson("11"))
    assert "Not in this run: lesson 12" in markdown
    assert "Not reproduced yet: A second paper" in markdown


def test_a_missed_floor_is_said(report):
    markdown, page = report(lesson("11", "failed", 0.3))
    assert "| 0.500 (sample): missed |" in markdown
    assert '<td class="verdict missed">0.500 (sample): missed</td>' in page
    assert "| 0.500 (sample): met |" in report(lesson("11"))[0]


def test_the_data_of_each_lesson_are_named(report):
    markdown, _ = report(lesson("11"), lesson("12", parameters={"DATA": "photos/"}), data="photos/")
    assert "- Data: sample (drawn); folder photos\n" in markdown


def test_key_figures_are_shown_and_old_ones_removed(report):
    markdown, page = report(lesson("11", executed="11_one.ipynb"),
                            notebooks={"11_one.ipynb": notebook(text_of(png()), text_of(png(3, 3)))})
    assert (report.folder / "figures/11-2.png").read_bytes() == png(3, 3)
    assert "figures/11-1.png" in markdown
    assert text_of(png()) in page
    report(lesson("11", executed="11_one.ipynb"),
           notebooks={"11_one.ipynb": notebook(text_of(png()))})
    assert not (report.folder / "figures/11-2.png").exists()
    _, page = report(lesson("11", executed="11_one.ipynb"),
                     notebooks={"11_one.ipynb": notebook(text_of(png()), tags=())})
    assert "data:image" not in page


def test_the_page_loads_nothing_and_runs_nothing(report):
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    _, page = report(lesson("11", "failed", evil, reasons=[evil], executed="11_one.ipynb"),
                     notebooks={"11_one.ipynb": notebook(text_of(png()))})
    assert "<script" not in page and "<img src=x" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")


def test_text_cannot_break_a_markdown_table(report):
    markdown, _ = report(lesson("11", value="a | b\n| c | <i>d</i>"))
    rows = [line for line in markdown.splitlines() if line.startswith("| accuracy")]
    assert len(rows) == 1
    assert rows[0].replace(r"\|", "").count("|") == 6
    assert "<i>" not in markdown


@pytest.mark.parametrize(("picture", "reason"), [
    ("!!", "not valid base64"), (text_of(b"GIF89a" + bytes(60)), "not a PNG"),
    (text_of(png()[:-12]), "cut off"), (3, "not text"), (text_of(png(20_001, 1)), "pixels"),
])
def test_what_is_no_picture_is_left_out_and_said(report, picture, reason):
    markdown, page = report(lesson("11", executed="11_one.ipynb"),
                            notebooks={"11_one.ipynb": notebook(picture)})
    assert "data:image" not in page
    assert reason in markdown


@pytest.mark.parametrize("content", ["{", "[]", '{"cells": [1]}'])
def test_a_damaged_notebook_costs_its_figures_only(report, content):
    markdown, _ = report(lesson("11", executed="11_one.ipynb"), notebooks={"11_one.ipynb": content})
    assert "No key figures" in markdown and "0.850" in markdown


@pytest.mark.parametrize(("change", "message"), [
    ({"profile": "fast"}, "profile"), ({"seconds": "long"}, "seconds"), ({"started": "now"}, "started"),
    ({"lessons": [lesson("11", lesson="77")]}, "lesson"),
    ({"lessons": [lesson("11", status="fine")]}, "status"),
    ({"lessons": [lesson("11", executed="../../etc/x.ipynb")]}, "executed"),
    ({"lessons": [lesson("11"), lesson("11")]}, "once"),
    ({"lessons": [lesson("11", records={"accuracy": 3})]}, "accuracy"),
    ({"schema": 7}, "schema"),
    ({"machine": {"cores": 10 ** 400}}, "machine is .* expected finite numbers"),
    ({"lessons": [lesson("11", parameters={"RATE": [-10 ** 400]})]}, "lesson 11: parameters is .* finite numbers"),
    ({"lessons": [lesson("11", seed=10 ** 400)]}, "lesson 11: seed is inf; expected finite numbers"),
])
def test_a_damaged_results_file_names_the_field(report, change, message):
    with pytest.raises(FashionError, match=message) as caught:
        report(**change)
    assert "results.json" in str(caught.value)


def test_links_of_a_strangers_folder_are_refused(report, tmp_path_factory):
    private = tmp_path_factory.mktemp("private")
    (private / "11-1.png").write_bytes(b"holiday")
    (private / "11_one.ipynb").write_text(json.dumps(notebook(text_of(png()))))
    (report.folder / "11_one.ipynb").symlink_to(private / "11_one.ipynb")
    markdown, page = report(lesson("11", executed="11_one.ipynb"))
    assert "it is a link" in markdown and "data:image" not in page
    for name, target in (("figures", private), ("report.md", private / "11-1.png"), ("report.html", "nowhere")):
        (report.folder / name).rename(report.folder / f"earlier-{name}")
        (report.folder / name).symlink_to(target)
        with pytest.raises(RunError, match=f"{name}: a link"):
            report(lesson("11"))
        (report.folder / name).unlink()
        (report.folder / f"earlier-{name}").rename(report.folder / name)
    assert sorted(path.name for path in private.iterdir()) == ["11-1.png", "11_one.ipynb"]
    assert (private / "11-1.png").read_bytes() == b"holiday"
    (report.folder / "results.json").rename(private / "results.json")
    (report.folder / "results.json").symlink_to(private / "results.json")
    with pytest.raises(RunError, match="results.json: cannot be read: it is a link"):
        compare([report.folder], report.course)


@pytest.mark.parametrize("name", ["report.md", "report.html", "figures", "figures/11-1.png"])
def test_a_report_replaces_nothing_that_no_report_wrote(report, name):
    path = report.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"mine")
    with pytest.raises(RunError, match=f"{name}: a file, which no report wrote"):
        report(lesson("11", executed="11_one.ipynb"), notebooks={"11_one.ipynb": notebook(text_of(png()))})
    assert path.read_bytes() == b"mine"


def test_only_figures_of_the_earlier_report_are_removed(report):
    figures = {"11_one.ipynb": notebook(text_of(png()), text_of(png(3, 3)))}
    report(lesson("11", executed="11_one.ipynb"), notebooks=figures)
    (report.folder / "figures" / "12-1.png").write_bytes(b"mine")
    report(lesson("11"))
    assert [path.name for path in sorted((report.folder / "figures").iterdir())] == ["12-1.png", "overview.svg"]


@pytest.mark.parametrize("written", range(5))
@pytest.mark.parametrize("earlier", [False, True])
def test_a_report_that_was_cut_short_is_written_the_next_time(report, monkeypatch, earlier, written):
    """By a full disk, say: it leaves nothing that the next report takes for somebody else's."""
    (report.folder / "11_one.ipynb").write_text(json.dumps(notebook(text_of(png()), text_of(png(3, 3)))))
    if earlier:  # with figures of other names
        report(lesson("11"), lesson("12", executed="11_one.ipynb"))
    left = [None] * written

    def fill(path, content):
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        left.pop()
        write_atomically(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomically", fill)
        with pytest.raises(RunError, match="No space left on device"):
            report(lesson("11", executed="11_one.ipynb"))
    markdown, _ = report(lesson("11", executed="11_one.ipynb"))
    names = [f"figures/{path.name}" for path in sorted((report.folder / "figures").iterdir())]
    assert names == ["figures/11-1.png", "figures/11-2.png", "figures/overview.svg"]
    assert all(f"]({name})" in markdown for name in names)


@pytest.mark.parametrize("text", [
    "1. Look", "10) März", "7.", "2026. It was", "% of all", "%", "(here)=", "(a) and (b)=", "- a", "+ b", "# c", "-1",
    "5-fold"])
def test_a_text_keeps_its_letters_however_it_begins(report, text):
    """As plain Markdown, and as MyST, which the book is made of."""
    myst = pytest.importorskip("myst_parser.parsers.mdit", reason="the book's Markdown: pip install -e '.[book]'")
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from myst_parser.config.main import MdParserConfig

    markdown, _ = report(lesson("11", "failed", None, reasons=[text]))
    line = next(line for line in markdown.partition("**failed**")[2].splitlines() if line.startswith("- "))
    for reader in (MarkdownIt("commonmark"), myst.create_md_parser(MdParserConfig(), RendererHTML)):
        assert reader.render(line).replace("\n", "") == f"<ul><li>{text}</li></ul>"
        assert reader.render(line[2:]).replace("\n", "") == f"<p>{text}</p>"


def test_nothing_in_the_markdown_becomes_a_link_or_calls_somebody(report):
    markdown, _ = report(lesson("11", "failed", None, reasons=[
        "see http://evil.example/x, www.evil.example, mailto:a@b.example; cc @everyone, closes #12 and o/r#3"]))
    line = next(line for line in markdown.splitlines() if "evil" in line)
    shown = line.replace("&#8203;", "\u200b")
    assert not re.search(r"://|www\.\w|mailto:\w|@\w|#\d", shown)
    assert shown.replace("\u200b", "").startswith("- see http://evil.example/x, www.evil.example, mailto:a@b.example")


def test_no_results_at_all(report):
    with pytest.raises(RunError, match="no such file"):
        compare([report.folder / "nowhere"], report.course)


@pytest.mark.parametrize(("value", "text"), [
    (0.9132, "0.913"), (70000, "70,000"), (-0.05, "−0.050"), (1e-5, "1e−05"), (True, "yes"),
    (None, "none"), ("a\nb", "a b"), ([1, 2], "[1, 2]"), (0.0, "0.000"), (-0.0, "0.000"), ({"a": -0.0}, "a: 0.000"),
])
def test_values_read_alike_everywhere(value, text):
    assert format_value(value) == text
