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
