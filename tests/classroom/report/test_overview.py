"""The overview: where each mark stands, what is left out, and that it is a picture which does nothing."""

import xml.etree.ElementTree as ElementTree

import pytest
from classroom.report.made import COURSE, lesson, write_run

from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.report import as_html, as_markdown, compare, write_report
from fashion_tf.classroom.report.overview import LEFT, PLOT, TOP, dots, panels, picture, summary


@pytest.fixture
def compared(tmp_path):
    """Returns a function: lessons -> their comparison."""
    def make(*lessons, course=COURSE, **fields):
        (tmp_path / "course.yml").write_text(course)
        return compare([write_run(tmp_path, *lessons, **fields)], load_course(tmp_path / "course.yml"))

    return make


def marks(svg):
    """Title -> (x, y) of each circle or shape that has one."""
    found = {}
    for group in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g"):
        title = group.find("{http://www.w3.org/2000/svg}title")
        circle = group.find("{http://www.w3.org/2000/svg}circle")
        if title is not None:
            found[title.text] = (float(circle.get("cx")), float(circle.get("cy")), circle.get("fill"))
    return found


def test_a_mark_stands_where_the_paper_and_the_run_say(compared):
    comparison = compared(lesson("11", value=0.4), lesson("12", value=0.05))
    found = marks(picture(comparison))
    assert list(found) == ["Lesson 11, Table 1, ours: paper 0.900, here 0.400, naive baseline 0.100",
                           "Lesson 12, Table 2, ours: paper 0.800, here 0.050, naive baseline 0.100"]
    (x, y, fill), (_, _, open_fill) = found.values()
    assert (x, y) == (round(LEFT + 0.9 * PLOT, 1), round(TOP + 0.6 * PLOT, 1))
    assert fill != "#fff" and open_fill == "#fff"  # no better than the naive baseline
    _, told = summary(comparison)
    assert "0 of 2 values lie within 0.05 of the paper's, 0 above and 2 below; 1 are no better" in told


def test_only_shares_that_both_know_are_marks(compared):
    course = COURSE.replace("baseline: 0.1, floors: {sample: 0.5, real: 0.6, paper: 0.7}}",
                            "kind: description, metric: amount}", 1)
    comparison = compared(lesson("11"), lesson("12", value=0.8), course=course)
    assert [dot.lesson for dot in dots(comparison)["sample"]] == ["12"]
    for value in (None, "much", 7.5, -1, True):
        assert dots(compared(lesson("12", value=0.8) | {"records": {"loss_share": {"value": value}}})) == {}


def test_without_a_mark_there_is_no_picture(compared):
    comparison = compared(lesson("11", "not run", None))
    assert (panels(comparison), picture(comparison), summary(comparison)) == ([], None, [])
    assert "<svg" not in as_html(comparison) and "![" not in as_markdown(comparison)


def test_a_report_keeps_its_overview_beside_it(compared, tmp_path):
    markdown, page = write_report(compared(lesson("11")), tmp_path)
    assert "](figures/overview.svg)" in markdown.read_text()
    assert (tmp_path / "figures/overview.svg").read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert page.read_text().count("<svg") == 2  # a panel and the legend
    write_report(compared(lesson("11", "not run", None)), tmp_path)
    assert not (tmp_path / "figures/overview.svg").exists()


def test_names_in_the_overview_are_text(compared):
    course = COURSE.replace("row: ours", "row: \"<script>alert('x')</script>\"").replace("The | first", "<b>&")
    comparison = compared(lesson("11"), course=course)
    for drawn in (picture(comparison), *panels(comparison)):
        assert "<script" not in drawn and "<b>" not in drawn
        ElementTree.fromstring(drawn)  # well-formed
    assert "<script" not in as_html(comparison)


def test_the_same_runs_give_the_same_picture(compared):
    assert picture(compared(lesson("11"))) == picture(compared(lesson("11")))
