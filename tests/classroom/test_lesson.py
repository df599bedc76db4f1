import re

import pytest

from fashion_tf.classroom.lesson import paper_beside_here, prepare_device, start_lesson
from fashion_tf.errors import CourseError, RunError


def test_start_prints_versions_and_hides_nothing_after(capfd):
    import os

    start_lesson("11")
    out, _ = capfd.readouterr()
    assert out.startswith("Lesson 11 on Python 3.")
    assert "tensorflow 2." in out
    os.write(2, b"still heard")
    assert "still heard" in capfd.readouterr().err


def test_one_seed_gives_one_result(capsys):
    import keras

    def draw(seed):
        prepare_device(seed)
        layer = keras.layers.Dense(3)
        layer.build((None, 4))
        return layer.kernel.numpy().tolist()

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)
    assert "seed 3; float32" in capsys.readouterr().out


def test_mixed_precision_needs_a_gpu():
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    with pytest.raises(RunError, match="there is no GPU"):
        prepare_device(0, mixed_precision=True)


def test_the_papers_values_stand_beside_the_measured(course):
    measured = {row.record: 0.5 for table in course.lesson("11").tables for row in table.rows}
    table = paper_beside_here("11", measured).data
    assert list(table.columns) == ["paper", "here"]
    assert table["paper"].iloc[0] == 0.9  # the paper, section IV
    assert (table["here"] == 0.5).all()
    assert list(paper_beside_here("11", measured, ["Fashion-MNIST, test accuracy"]).data["here"]) == [
        *table["here"]]
    with pytest.raises(CourseError, match="no table 'Table 9'; it has Fashion-MNIST"):
        paper_beside_here("11", measured, ["Table 9"])
    with pytest.raises(CourseError, match="no measured value for better_cnn"):
        paper_beside_here("11", {name: 1 for name in measured if not name.startswith("better")})


def test_a_table_of_two_sides_is_shown_as_the_paper_prints_it(course):
    from bs4 import BeautifulSoup

    titles = ["Rotation", "Shear", "Learning rate and regularizer", "What the search found"]
    measured = {}
    for table in course.lesson("22").tables:
        for row in table.rows if table.title in titles else ():
            if row.entry:
                measured.setdefault(row.record, {})[row.entry] = 0.5
            else:
                measured[row.record] = 0.5
    measured["regularizer"] |= {"1, L2": 0.25, "1, L1": None}
    beside = paper_beside_here("22", measured, titles)
    assert beside.data.loc[("Learning rate and regularizer", "1, L2"), "here"] == 0.25  # a line for each value
    angles, grid, found = BeautifulSoup(beside._repr_html_(), "html.parser").find_all("table")
    rows = [[cell.get_text() for cell in line.find_all(["th", "td"])] for line in grid.find("tbody").find_all("tr")]
    assert rows[4:] == [["1", "paper", "0.730", "0.800", "0.750"], ["here", "–", "0.250", "0.500"]]  # table 4
    assert len(rows) == 6 and "L1 & L2" in grid.find("thead").get_text()
    assert re.fullmatch("Learning rate and regularizer. .*, table 4", grid.find("caption").get_text())
    assert [len(table.find("tbody").find_all("tr")) for table in (angles, found)] == [8, 3]
    assert "Learning rate and regularizer" in repr(beside)
