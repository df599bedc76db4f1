import cv2
import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("agg")

from fashion_tf import plots


def test_images_are_shown_in_order_with_their_titles():
    images = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 6), np.uint8)
    figure = plots.show_images(images, titles="abcde", columns=3)
    shown = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in shown] == list("abcde")
    assert [int(axis.images[0].get_array().max()) for axis in shown] == [0, 1, 2, 3, 4]
    assert shown[0].images[0].get_clim() == (0, 255)  # a dark picture stays dark


def test_floats_are_shown_on_their_own_scale():
    figure = plots.show_images(np.full((1, 4, 4, 3), 0.5, np.float32))
    assert figure.axes[0].images[0].get_clim() == (0, 1)


def test_rows_of_pictures_bear_their_titles_on_the_left():
    figure = plots.show_images(np.zeros((4, 6, 4), np.uint8), columns=2, row_titles=["above", "below"])
    assert [axis.get_ylabel() for axis in figure.axes if axis.axison] == ["above", "below"]
    assert not any(axis.axison for axis in plots.show_images(np.zeros((4, 6, 4), np.uint8), columns=2).axes)


def test_neighbours_are_framed_by_whether_they_are_right():
    pictures = np.zeros((2, 3, 6, 4, 3), np.uint8)
    titles = [["query", "0.9", "0.8"], ["query", "0.7", "0.6"]]
    figure = plots.show_neighbours(pictures, titles, [[True, False], [False, True]])
    assert [axis.get_title() for axis in figure.axes] == sum(titles, [])
    lines = [axis.spines["left"].get_linestyle() for axis in figure.axes]
    assert lines == ["-", "-", "--", "-", "--", "-"]
    colours = [axis.spines["left"].get_edgecolor()[:3] for axis in figure.axes]
    assert colours[1] == colours[5] and colours[2] == colours[4]
    assert len({colours[0], colours[1], colours[2]}) == 3


def test_learning_curves_name_their_axes_and_start_at_epoch_one():
    history = {"loss": [2, 1], "val_loss": [2, 1.5], "accuracy": [0.1, 0.5], "val_accuracy": [0, 1]}
    figure = plots.plot_learning_curves({"one": history, "two": history})
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "accuracy"]
    assert all(axis.get_xlabel() == "epoch" for axis in figure.axes)
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2]
    labels = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
    assert labels == ["one, training", "one, validation", "two, training", "two, validation"]
    figure = plots.plot_learning_curves({"one": history}, held_out="test")
    assert [text.get_text() for text in figure.axes[-1].get_legend().get_texts()] == ["one, training", "one, test"]


def test_runs_of_one_name_share_colour_dash_and_legend():
    curves = {("one", 1): ([1, 2], [0.1, 0.2]), ("two", 1): ([1, 2], [0.3, 0.4]), ("one", 2): ([1, 3], [0.5, 0.6])}
    axis = plots.plot_curves(curves, "epoch", "accuracy", "Title", {"chance": 0.25}).axes[0]
    first, other, second, chance = axis.lines
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_title()) == ("epoch", "accuracy", "Title")
    assert second.get_xydata().tolist() == [[1, 0.5], [3, 0.6]]
    assert first.get_color() == second.get_color() != other.get_color()
    assert first.get_linestyle() == second.get_linestyle() != other.get_linestyle()
    assert list(chance.get_ydata()) == [0.25, 0.25]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["one", "two", "chance"]
    assert all(tick % 1 == 0 for tick in axis.get_xticks())
    seconds = plots.plot_curves({("one", 1): ([0.5, 1.5, 2.5], [0.1, 0.2, 0.3])}, "seconds", "accuracy").axes[0]
    assert any(tick % 1 for tick in seconds.get_xticks())


def test_lines_on_a_logarithmic_scale_keep_their_colours_across_panels():
    figure = plots.plot_log_lines({"there": {"a": [1, 10], "b": [1, 0.1]}, "back": {"b": [2, 3]}}, "block", "size",
                                  ("limit", 0.5))
    there, back = figure.axes
    assert [axis.get_yscale() for axis in figure.axes] == ["log", "log"]
    assert [axis.get_title() for axis in figure.axes] == ["there", "back"]
    assert there.lines[0].get_xydata().tolist() == [[0, 1], [1, 10]]
    assert there.lines[1].get_color() == back.lines[0].get_color() != there.lines[0].get_color()
    assert list(back.lines[1].get_ydata()) == [0.5, 0.5]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "limit"]


def test_the_paper_and_this_run_stand_in_one_panel_a_table_with_the_best_ringed():
    index = pd.MultiIndex.from_tuples([("One", "a"), ("One", "b"), ("One", "c"), ("Two", "a"), ("Two", "b")])
    table = pd.DataFrame({"paper": [0.1, 0.3, 0.2, 0.5, 0.4], "here": [0.2, None, 0.6, None, None]}, index)
    figure = plots.plot_paper_and_here(table, "accuracy", chance=0.1)
    one, two, empty = figure.axes
    assert (one.get_title(), two.get_title(), empty.axison) == ("One", "Two", False)
    assert figure.get_supylabel() == "accuracy"
    paper, best_paper, here, best_here, chance = one.lines
    assert paper.get_ydata().tolist() == [0.1, 0.3, 0.2] and here.get_ydata()[[0, 2]].tolist() == [0.2, 0.6]
    assert [*zip(best_paper.get_xdata(), best_paper.get_ydata())] == [("b", 0.3)]
    assert [*zip(best_here.get_xdata(), best_here.get_ydata())] == [("c", 0.6)]
    assert list(chance.get_ydata()) == [0.1, 0.1]
    assert len(two.lines) == 4  # nothing of this run to ring
    assert [text.get_text() for text in one.get_legend().get_texts()] == ["paper", "here", "chance"]


def test_the_confusion_matrix_counts_per_true_class():
    truth, predicted = [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]
    figure = plots.plot_confusion_matrix(truth, predicted, ("a", "b", "never"))
    axis = figure.axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")
    shares = axis.collections[0].get_array().reshape(3, 3)
    assert shares.tolist() == pytest.approx(np.array([[75, 25, 0], [0, 100, 0], [0, 0, 0]]))
    assert [text.get_text() for text in axis.texts] == ["75", "25", "", "", "100", "", "", "", ""]


def test_masks_keep_their_colours_and_the_legend_names_what_occurs():
    names = [f"label {number}" for number in range(60)]
    image = np.zeros((4, 6, 3), np.uint8)
    first, second = np.full((4, 6), 3), np.full((4, 6), 59)
    second[0, 0] = 3
    figure = plots.show_masks([image, image], [first, second], names)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["label 3", "label 59"]
    shown = [axis.images[0] for axis in figure.axes[2:]]
    assert shown[0].cmap(shown[0].norm(3)) == shown[1].cmap(shown[1].norm(3))
    patches = figure.legends[0].get_patches()
    assert patches[0].get_facecolor() == shown[0].cmap(shown[0].norm(3))
    assert len({shown[0].cmap(shown[0].norm(number)) for number in range(60)}) == 60


def test_no_label_looks_like_the_background():
    background, *others = np.array(plots.label_colours(60))
    assert len(np.unique(others, axis=0)) == 59
    assert np.abs(np.array(others) - background).max(axis=1).min() > 0.15


def test_few_labels_have_colours_far_apart():
    lab = cv2.cvtColor(np.float32(plots.label_colours(25))[None], cv2.COLOR_RGB2LAB)[0]
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1) + 1e3 * np.eye(25)
    assert apart.min() > 20  # some 2.3 is the least difference that an eye sees
    assert plots.label_colours(60)[:25] == plots.label_colours(25)


def test_mask_errors_tell_missed_from_invented():
    image = np.full((1, 4, 3), (10, 200, 90), np.uint8)
    picture = plots.mask_errors(image, predicted=[[255, 0, 255, 0]], truth=[[1, 1, 0, 0]])[0]
    assert picture[0].tolist() == [10, 200, 90]  # found: as it is
    assert picture[3].tolist() == [201, 201, 201]  # background: pale grey
    assert picture[1, 2] > picture[1, 0] + 50 and picture[2, 0] > picture[2, 2] + 50  # blue; orange


def test_mask_errors_have_a_row_for_each_network():
    image, mask = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6), np.uint8)
    figure = plots.show_mask_errors([image] * 3, [mask] * 3, {"one": [mask] * 3, "two": [0 * mask] * 3}, list("abc"))
    assert [axis.get_ylabel() for axis in figure.axes[::3]] == ["photo", "one", "two"]
    assert [axis.get_title() for axis in figure.axes[:3]] == list("abc")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["missed", "claimed wrongly"]


def test_label_shares_stand_in_order_in_the_labels_own_colours():
    figure = plots.plot_label_shares([5, 0, 80, 15], ["a", "b", "c", "d"], "photos")
    axis, colours = figure.axes[0], plots.label_colours(4)
    assert [text.get_text() for text in axis.get_xticklabels()] == ["c", "d", "a", "b"]
    assert [bar.get_height() for bar in axis.patches] == [80, 15, 5, 0] and axis.get_yscale() == "log"
    assert [bar.get_facecolor()[:3] for bar in axis.patches] == [tuple(colours[label]) for label in (2, 3, 0, 1)]


def test_parsings_show_photos_masks_and_errors_each_in_its_way():
    photo, mask = np.full((4, 6, 3), 9, np.uint8), np.arange(24).reshape(4, 6) % 3
    figure = plots.show_parsings([[photo, mask, mask == 1]] * 2, ["photo", "truth", "errors"], ["a", "b", "c", "never"],
                                 ["first", "second"], title="some")
    shown = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in shown] == ["photo", "truth", "errors", "", "", ""]
    assert [axis.get_ylabel() for axis in shown[::3]] == ["first", "second"]
    colours = np.array(plots.label_colours(4))
    np.testing.assert_array_equal(shown[0].images[0].get_array(), photo)
    np.testing.assert_array_equal(shown[1].images[0].get_array(), colours[mask])
    assert (shown[2].images[0].get_array() == (mask != 1)).all() and shown[2].images[0].get_clim() == (0, 1)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]


def test_draws_stand_in_a_panel_for_each_parameter_with_the_best_filled():
    table = pd.DataFrame({"width": [1, 2, 3], "weight": [9, 8, 7], "score": [0.1, 0.5, 0.2]})
    figure = plots.plot_draws({"one": table, "other": table + 1}, ["width", "weight"], "score", {"none": 0.3})
    assert [axis.get_xlabel() for axis in figure.axes] == ["width", "weight"]
    dots, best, *others, line = figure.axes[1].lines
    assert (dots.get_xdata().tolist(), dots.get_ydata().tolist()) == ([9, 8, 7], [0.1, 0.5, 0.2])
    assert (list(best.get_xdata()), list(best.get_ydata())) == ([8], [0.5]) and line.get_ydata() == [0.3, 0.3]
    assert dots.get_markerfacecolor() == "none" != best.get_markerfacecolor() and len(others) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "one", "best, one", "other", "best, other", "none"]


def test_histograms_share_their_bins():
    figure = plots.plot_histograms(pd.DataFrame({"a": [0.0, 1, 1, 2], "b": [1.0, 2, 3, 4]}), "gain", "draws")
    axis = figure.axes[0]
    first, second = axis.containers
    assert [bar.get_x() for bar in first] == [bar.get_x() for bar in second] and len(first) == 40
    assert sum(bar.get_height() for bar in first) == sum(bar.get_height() for bar in second) == 4
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("gain", "draws")


def test_reliability_has_a_dot_for_each_bin_that_has_answers():
    sure, right = np.array([0.61, 0.69, 0.95, 1.0, 0.05]), np.array([1, 0, 1, 1, 0], bool)
    axis = plots.plot_reliability({"model": (sure, right)}, bins=10).axes[0]
    dots = axis.collections[0]
    np.testing.assert_allclose(dots.get_offsets(), [[0.05, 0], [0.65, 0.5], [0.975, 1]])
    np.testing.assert_allclose(dots.get_sizes(), [100, 180, 180])
