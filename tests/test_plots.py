import cv2
import matplotlib
import numpy as np
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
