"""Recognition from frames to a table, and the command on a video."""

import json

import cv2
import keras
import numpy as np
import pandas as pd
import pytest

from fashion_tf import cli
from fashion_tf.errors import DataError
from fashion_tf.live import Frame, MaskFinder, Recogniser, VideoSource, recognise
from fashion_tf.live.outputs import check_folder
from fashion_tf.live.recognise import part_of
from fashion_tf.predictor import save_predictor
from fashion_tf.wardrobe.clips import draw_clip

CLASSES = ("dark", "light")


def bright(crops):
    """Light is what is bright in the middle: a classifier by hand."""
    light = np.array([crop[crop.shape[0] // 3:, crop.shape[1] // 4:].mean() / 255 for crop in crops])
    return np.stack([1 - light, light], axis=1)


def square(count=20, blurred=()):
    """A bright square walks over black; in `blurred` frames it is a blur that says "dark"."""
    for number in range(count):
        image = np.zeros((90, 160, 3), np.uint8)
        x = 5 + 6 * number
        image[20:80, x:x + 30] = 250 - 40 * (np.indices((60, 30)).sum(0) % 2)[..., None]
        if number in blurred:
            image = cv2.blur(image, (9, 9)) // 3
        yield Frame(number, number / 10, image, 0.0)


def whereabouts(frame):
    columns = np.flatnonzero(frame.max(axis=(0, 2)) > 40)
    return [[columns[0], 20, columns[-1] + 1, 80]]


def test_good_views_outvote_blurred_ones():
    blurred = range(4, 16)
    found = recognise(square(20, blurred), Recogniser(bright, CLASSES, whereabouts, keep=4))
    assert found.frames == 20 and len(found.table) == 20
    assert found.table["label"].value_counts()["dark"] == len(blurred)  # most frames alone are wrong
    assert list(found.tracks["label"]) == ["light"]
    kept = found.table[found.table["kept"]]
    assert len(kept) == 4 and not set(kept["frame"]) & set(blurred) and (kept["why_not"] == "").all()
    assert set(found.table[found.table["frame"].isin(blurred)]["why_not"]) == {"blurred"}
    np.testing.assert_allclose(found.table[list(CLASSES)].sum(axis=1), 1)
    assert (found.table["decided"] == "light").all()  # four good views were in before the bad ones came


def test_a_short_track_is_not_told_of():
    found = recognise(square(3), Recogniser(bright, CLASSES, whereabouts))
    assert len(found.tracks) == len(found.table) == 0 and found.frames == 3


def test_nobody():
    found = recognise(square(4), Recogniser(bright, CLASSES, lambda frame: []))
    assert len(found.table) == 0 and list(found.table.columns[-2:]) == list(CLASSES)


def test_the_part_that_is_classified():
    assert part_of((10, 20, 40, 120), (0.1, 0.6), (200, 100)) == (10, 30, 40, 80)
    assert part_of((-9, -50, 500, 900), (0, 1), (200, 100)) == (0, 0, 100, 200)
    assert part_of((120, 300, 130, 310), (0, 1), (200, 100)) == (99, 199, 100, 200)  # outside: never empty


def test_a_persons_mask_is_brought_to_the_frames_size(monkeypatch):
    """The network answers for its own square, whatever the frame's size and shape."""
    from fashion_tf.live.use import _finder
    from fashion_tf.style import masks

    class Network:
        def __call__(self, photo):
            answer = np.zeros((32, 32, len(masks.PASCAL_VOC)), np.float32)
            answer[..., 0] = 1
            answer[8:24, 16:24] = np.eye(len(masks.PASCAL_VOC))[masks.PASCAL_VOC.index("person")]
            return answer

    monkeypatch.setattr(masks, "PersonFinder", Network)
    (box,) = _finder("person")(np.zeros((120, 200, 3), np.uint8))
    np.testing.assert_allclose(box, [100, 30, 150, 90], atol=3)
    with pytest.raises(DataError, match="bring it to that size"):
        MaskFinder(lambda frame: np.ones((4, 4), bool))(np.zeros((120, 200, 3), np.uint8))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    picture = keras.Input((16, 16, 3))
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(picture))
    layer = keras.layers.Dense(2, activation="softmax")
    network = keras.Model(picture, layer(mean))
    layer.set_weights([np.array([[-4, 4]] * 3, float), np.array([3, -3], float)])
    folder = tmp_path_factory.mktemp("saved") / "model"
    save_predictor(folder, network, CLASSES, 16)
    return folder


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path, clip = tmp_path_factory.mktemp("clip") / "walk.avi", draw_clip(np.random.default_rng(2), 36)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 12, (240, 180))
    for frame in clip.frames:
        writer.write(frame[..., ::-1])
    writer.release()
    return path


def test_the_command_writes_a_table_and_a_video(model, video, tmp_path, capsys):
    out = tmp_path / "seen"
    arguments = ["live", "--source", str(video), "--model", str(model), "--headless", "--out", str(out), "--json"]
    assert cli.main(arguments) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["frames"] == 36 and len(said["tracks"]) == 1 and said["tracks"][0]["label"] in CLASSES
    table = pd.read_csv(out / "live.csv")
    assert set(table["track"]) == {1} and table["kept"].sum() == 8
    source = VideoSource(out / "live.mp4")
    frames = list(source)
    assert len(frames) == 36 and source.rate == pytest.approx(12) and frames[0].image.shape == (180, 240, 3)
    # Boxes are drawn where the table says.
    row = table.iloc[len(table) // 2]
    before = list(VideoSource(video))[int(row["frame"])].image.astype(int)
    after = frames[int(row["frame"])].image.astype(int)
    changed = np.abs(after - before).max(axis=-1)
    assert changed[int(row["y1"]):int(row["y2"]), int(row["x1"]):int(row["x1"]) + 2].mean() > 3 * changed.mean()
    assert cli.main(arguments) == 0  # its own files are written anew
    assert [path.name for path in sorted(out.iterdir())] == ["live.csv", "live.mp4"]


def test_what_was_not_written_here_stays(model, video, tmp_path, capsys):
    (tmp_path / "live.csv").write_text("mine")
    command = ["live", "--source", str(video), "--model", str(model), "--headless", "--out", str(tmp_path)]
    assert cli.main(command) == 2
    assert "was not written here" in capsys.readouterr().err and (tmp_path / "live.csv").read_text() == "mine"
    with pytest.raises(DataError, match="holds, the source"):
        check_folder(video.parent, video.parent)
    with pytest.raises(DataError, match="is a file"):
        check_folder(video, 0)


@pytest.mark.parametrize("more, words", [
    (["--headless"], "needs --out"), (["--headless", "--out", "o", "--part", "0.6", "0.1"], "the smaller first"),
    (["--headless", "--out", "o", "--find", "nowhere"], "nowhere"),
    (["--headless", "--out", "o", "--source", "absent.mp4"], "absent.mp4: no such file or folder"),
    (["--headless", "--out", "o", "--source", "97"], "Camera 97 cannot be opened"),
    ([], "No window can be opened here")])
def test_what_cannot_be_done_is_said(model, video, tmp_path, monkeypatch, capsys, more, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if not more:
        monkeypatch.setattr(cv2, "namedWindow", lambda name: (_ for _ in ()).throw(cv2.error("no display")))
    assert cli.main(["live", "--source", str(video), "--model", str(model), *more]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
