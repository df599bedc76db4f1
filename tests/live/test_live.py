"""Recognition from frames to a table, and the command on a video."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pandas as pd
import pytest

from fashion_tf import cli
from fashion_tf.datasets.files import write_picture
from fashion_tf.errors import DataError
from fashion_tf.live import Frame, MaskFinder, MotionFinder, Recogniser, VideoSource, best, join, recognise
from fashion_tf.live.outputs import VideoWriter, annotated, check_folder
from fashion_tf.live.recognise import make_classifier, part_of
from fashion_tf.live.use import find_by, squares
from fashion_tf.predictor import Predictor, save_predictor
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


def test_the_views_that_decide_are_the_best_of_all():
    """They are kept apart from frame to frame, and the same that one finds by looking through all."""
    generator = np.random.default_rng(5)

    def guessing(crops):
        return generator.dirichlet([1, 1], len(crops))

    recogniser = Recogniser(guessing, CLASSES, whereabouts, keep=5)
    for frame in square(20, blurred=range(3, 9)):
        (track, _, probability), = recogniser.step(frame)
        views = [track.instances[place].probabilities for place in best(track.instances, 5)]
        np.testing.assert_allclose(recogniser.decide(track), join(views), rtol=1e-12)
    assert len(track.instances) == 20 and probability <= recogniser.decide(track).max() + 1e-12


def test_a_stream_without_an_end_keeps_the_best_views_alone_and_decides_alike():
    generator = np.random.default_rng(5)
    frames = list(square(20, [number for number in range(20) if generator.random() < 0.5]))
    whole, forgetful = (Recogniser(bright, CLASSES, whereabouts, keep=4, hold=2) for _ in range(2))
    for frame in frames:
        expected, found = whole.step(frame), forgetful.step(frame)
        forgetful.forget()
        assert [(label, probability) for _, label, probability in found] == [
            (label, probability) for _, label, probability in expected]
    assert [len(track.instances) for track in forgetful.tracker.tracks] == [4]
    assert not forgetful.told and len(forgetful.all_tracks) == 1
    nobody = Frame(99, 9.9, frames[0].image, 0.0)
    forgetful.find = lambda frame: np.zeros((0, 4))
    for _ in range(forgetful.tracker.memory + 1):
        forgetful.step(nobody)
        forgetful.forget()
    assert not (forgetful.all_tracks or forgetful.shown or forgetful.leading or forgetful.tracker.tracks)


@pytest.mark.parametrize("seed", range(2))
def test_two_who_cross_are_known_apart_where_a_camera_drops_frames(seed):
    """While a frame is worked on, the camera goes on and people with it: the further, the longer it takes."""
    gaps = [1] * 6 + np.random.default_rng(seed).choice([1, 2, 7, 9], 20).tolist()
    image, numbers = np.zeros((200, 620, 3), np.uint8), np.cumsum(gaps)
    recogniser = Recogniser(bright, CLASSES, None)
    for number in numbers[numbers < 60].tolist():
        boxes = [[9 * number, 20, 9 * number + 50, 170], [560 - 9 * number, 24, 610 - 9 * number, 174]]
        recogniser.find = lambda frame, boxes=boxes: boxes
        assert [track.number for track, _, _ in recogniser.step(Frame(number, number / 30, image, 0.0))] == [1, 2]


def test_a_short_track_is_not_told_of():
    found = recognise(square(3), Recogniser(bright, CLASSES, whereabouts))
    assert len(found.tracks) == len(found.table) == 0 and found.frames == 3


@pytest.mark.parametrize("name", ["frame", "size", "label"])
def test_a_class_named_like_a_column_is_refused_before_the_first_frame(name):
    """Else all that was seen is lost when the table is made."""
    with pytest.raises(DataError, match=f"has a column '{name}', and the model a class of that name"):
        recognise(square(), Recogniser(bright, ("shirt", name), whereabouts))


def test_nobody():
    found = recognise(square(4), Recogniser(bright, CLASSES, lambda frame: []))
    assert len(found.table) == 0 and list(found.table.columns[-2:]) == list(CLASSES)


def test_the_part_that_is_classified():
    assert part_of((10, 20, 40, 120), (0.1, 0.6), (200, 100)) == (10, 30, 40, 80)
    assert part_of((-9, -50, 500, 900), (0, 1), (200, 100)) == (0, 0, 100, 200)
    assert part_of((120, 300, 130, 310), (0, 1), (200, 100)) == (99, 199, 100, 200)  # outside: never empty


def test_a_persons_mask_is_brought_to_the_frames_size(monkeypatch):
    """The network answers for its own square, whatever the frame's size and shape."""
    from fashion_tf.style import masks

    class Network:
        def __call__(self, photo):
            answer = np.zeros((32, 32, len(masks.PASCAL_VOC)), np.float32)
            answer[..., 0] = 1
            answer[8:24, 16:24] = np.eye(len(masks.PASCAL_VOC))[masks.PASCAL_VOC.index("person")]
            return answer

    monkeypatch.setattr(masks, "PersonFinder", Network)
    (box,) = find_by("person")(np.zeros((120, 160, 3), np.uint8))
    np.testing.assert_allclose(box, [80, 30, 120, 90], atol=3)
    with pytest.raises(DataError, match="bring it to that size"):
        MaskFinder(lambda frame: np.ones((4, 4), bool))(np.zeros((120, 200, 3), np.uint8))


@pytest.mark.parametrize("size, count", [((120, 160), 1), ((432, 768), 2), ((100, 200), 3), ((640, 360), 2)])
def test_wide_frames_are_looked_at_in_squares(size, count):
    """Together they are the whole frame, each is square, and neighbours overlap."""
    windows, seen = squares(size), np.zeros(size, int)
    for window in windows:
        seen[window] += 1
    assert len(windows) == count and seen.min() == 1
    if count > 1:
        assert seen.max() > 1 and {seen[window].shape for window in windows} == {(min(size), min(size))}


def test_somebody_thin_in_a_wide_frame_is_found(monkeypatch):
    from fashion_tf.style import masks

    class Network:
        """Knows somebody only where they are wide enough in its own 32 x 32 pixels."""

        def __call__(self, photo):
            small = cv2.resize(photo, (32, 32), interpolation=cv2.INTER_AREA)[..., 0] > 100
            answer = np.zeros((32, 32, len(masks.PASCAL_VOC)), np.float32)
            answer[..., 0] = 0.5
            answer[..., masks.PASCAL_VOC.index("person")] = small & (small.sum(axis=1, keepdims=True) >= 5)
            return answer

    monkeypatch.setattr(masks, "PersonFinder", Network)
    frame = np.zeros((120, 240, 3), np.uint8)
    frame[20:110, 40:64] = 200  # three pixels of the whole frame's 32, six of a square's
    (box,) = find_by("person")(frame)
    np.testing.assert_allclose(box, [40, 20, 64, 110], atol=6)


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
    assert cli.main([*arguments, "--among", "light"]) == 0
    assert json.loads(capsys.readouterr().out)["tracks"][0]["label"] == "light"
    assert cli.main(arguments) == 0 and capsys.readouterr()
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


def test_only_some_classes_come_into_question():
    """Their probabilities are those of the model, given that it is one of them."""
    class Fixed(keras.Model):
        def call(self, pictures, training=False):
            return keras.ops.ones((keras.ops.shape(pictures)[0], 1)) * np.float32([[0.5, 0.1, 0.3, 0.1]])

    predictor = Predictor(Fixed(), ("dress", "shirt", "coat", "hat"), (8, 8))
    crops = [np.full((9, 7, 3), 100, np.uint8)] * 2
    np.testing.assert_allclose(make_classifier(predictor)(crops), [[0.5, 0.1, 0.3, 0.1]] * 2, atol=1e-6)
    np.testing.assert_allclose(make_classifier(predictor, ["coat", "shirt"])(crops), [[0.75, 0.25]] * 2, atol=1e-6)
    with pytest.raises(DataError, match="knows no class 'sock'; it knows dress, shirt, coat, hat"):
        make_classifier(predictor, ["coat", "sock"])


def run(video, model, out, *more):
    return cli.main(["live", "--source", str(video), "--model", str(model), "--find", "all", "--headless", "--out",
                     str(out), *more])


def test_a_foreign_video_beside_our_table_stays(model, video, tmp_path, capsys):
    assert run(video, model, tmp_path, "--frames", "8") == 0
    (tmp_path / "live.mp4").write_text("MY FAMILY VIDEO")
    assert run(video, model, tmp_path, "--frames", "8") == 2
    assert "was not written here" in capsys.readouterr().err
    assert (tmp_path / "live.mp4").read_text() == "MY FAMILY VIDEO"
    (tmp_path / "live.mp4").unlink()
    (tmp_path / "live.mp4").symlink_to(video)
    assert run(video, model, tmp_path, "--frames", "8") == 2 and (tmp_path / "live.mp4").is_symlink()
    (tmp_path / "live.mp4").unlink()
    (tmp_path / "live.mp4").mkdir()
    assert run(video, model, tmp_path, "--frames", "8") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["live.csv", "live.mp4"]
    assert run(video, model, model) == 2 and "model's own folder" in capsys.readouterr().err


def test_a_video_that_is_not_whole_replaces_nothing(model, video, tmp_path, monkeypatch):
    writer = VideoWriter(tmp_path / "live.mp4", 12)
    frames = list(VideoSource(video))[:6]
    for frame in frames:
        writer(frame, [])
    writer.keep()
    before = (tmp_path / "live.mp4").read_bytes()
    writer = VideoWriter(tmp_path / "live.mp4", 12)
    for frame in frames:
        writer(frame, [])
    writer.count += 3  # as if the disk had taken no more
    with pytest.raises(DataError, match=r"6 of its 9 frames could be written; is the disk full\?"):
        writer.keep()
    writer.drop()
    assert (tmp_path / "live.mp4").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_odd_sizes_and_odd_rates_are_written(tmp_path):
    for rate in (333.333, 999.99, 29.97002997):
        writer = VideoWriter(tmp_path / "live.mp4", rate)
        writer(Frame(0, 0.0, np.full((101, 151, 3), 200, np.uint8), 0.0), [])
        writer.keep()
        frame, = VideoSource(tmp_path / "live.mp4")
        assert frame.image.shape == (102, 152, 3) and frame.image[50, 75].min() > 150


def test_a_label_is_within_the_picture_and_in_its_own_alphabet():
    """Somebody at the right edge or at the top is named as readably as somebody in the middle."""
    image = np.zeros((200, 300, 3), np.uint8)

    def drawn(box, label="long sleeve top"):
        track = SimpleNamespace(box=box, number=1)
        return (annotated(image, [(track, label, 1.0)]) != 0).any(-1)

    middle = drawn((80, 90, 120, 180))
    written = middle[:90].sum()  # above the box
    for box in ((255, 90, 295, 180), (-10, 90, 30, 180)):
        assert drawn(box)[:90].sum() == written
    assert drawn((80, 0, 120, 90))[:25, 121:].sum() > 0
    assert (drawn((80, 90, 120, 180), "юбка") != drawn((80, 90, 120, 180), "куса")).any()
    assert not image.any()


@pytest.mark.parametrize("rate", [5, 30, 60])
def test_a_cameras_video_lasts_as_long_as_it_was_looked_at(tmp_path, rate):
    writer = VideoWriter(tmp_path / "live.mp4", None)
    for number in range(3 * rate + 1):
        writer(Frame(number, number / rate, np.zeros((48, 64, 3), np.uint8), 0.0), [])
    writer.keep()
    source = VideoSource(tmp_path / "live.mp4")
    assert len(list(source)) / source.rate == pytest.approx(3.0, abs=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="a name that is no UTF-8 is a Linux file system's")
def test_a_name_that_is_no_utf_8(model, video, tmp_path):
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    strange.mkdir()
    shutil.copy(video, strange / "walk.avi")
    assert run(strange / "walk.avi", model, strange / "out", "--frames", "8") == 0
    assert sorted(path.name for path in (strange / "out").iterdir()) == ["live.csv", "live.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="no file there has a colon in its name")
def test_a_folder_with_the_time_in_its_name(model, video, tmp_path, monkeypatch):
    """As `date -Iseconds` gives it; FFmpeg takes what stands before the colon for a protocol."""
    monkeypatch.chdir(tmp_path)
    assert run(video, model, "2026-11-26T12:30", "--frames", "8") == 0
    assert sorted(path.name for path in Path("2026-11-26T12:30").iterdir()) == ["live.csv", "live.mp4"]


def test_a_picture_that_cannot_be_read_is_left_out_and_told(model, video, tmp_path, capsys):
    for frame in list(VideoSource(video))[:10]:
        write_picture(tmp_path / "in" / f"{frame.number:02d}.png", frame.image)
    (tmp_path / "in" / "04.png").write_text("no picture")
    assert run(tmp_path / "in", model, tmp_path / "out", "--json") == 1
    said = capsys.readouterr()
    assert "04.png" in said.err and json.loads(said.out)["frames"] == 9


def test_what_was_seen_until_it_was_stopped_is_kept():
    def stop(frame, found):
        if frame.number == 7:
            raise KeyboardInterrupt

    found = recognise(square(), Recogniser(bright, CLASSES, whereabouts), stop)
    assert found.frames == 8 and len(found.table) == 8 and not found.whole and found.notes == ["Stopped by Ctrl-C."]


def test_what_was_seen_until_a_camera_went_away_is_kept():
    class Camera:
        live = True

        def __iter__(self):
            yield from square(9)
            raise DataError("camera 0 is gone.")

    found = recognise(Camera(), Recogniser(bright, CLASSES, whereabouts))
    assert len(found.table) == 9 and found.notes == ["camera 0 is gone."]


def test_frames_of_another_size_are_another_view():
    find = MotionFinder()
    for size in ((90, 160), (130, 200)):
        for number in range(6):
            image = np.zeros((*size, 3), np.uint8)
            image[20:80, 20 * number:20 * number + 30] = 250
            boxes = find(image)
        assert len(boxes) and boxes[:, 2].max() <= size[1]


@pytest.mark.parametrize("more", [("--keep", "0"), ("--keep", "-1"), ("--frames", "0"), ("--frames", "-3")])
def test_counts_below_one_are_refused(model, video, tmp_path, capsys, more):
    assert run(video, model, tmp_path / "out", *more) == 2
    assert "must be 1 or more" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_sigterm_leaves_no_half_a_video(model, tmp_path, monkeypatch, capsys):
    """What was seen until then is kept, as with Ctrl-C."""
    written, write = [], VideoWriter.__call__

    def terminated(self, frame, answers):
        write(self, frame, answers)
        written.append(frame)
        if len(written) == 3:
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL  # which would end the test run
            os.kill(os.getpid(), signal.SIGTERM)

    frame, folder, out = np.zeros((64, 64, 3), np.uint8), tmp_path / "frames", tmp_path / "seen"
    folder.mkdir()
    for number in range(40):
        cv2.imwrite(str(folder / f"{number:02}.png"), frame + number)
    monkeypatch.setattr(VideoWriter, "__call__", terminated)
    arguments = ["live", "--source", str(folder), "--model", str(model), "--find", "all", "--headless",
                 "--out", str(out)]
    assert cli.main(arguments) == 1 and "Stopped by Ctrl-C" in capsys.readouterr().err  # it was not seen whole
    assert sorted(path.name for path in out.iterdir()) == ["live.csv", "live.mp4"]
    assert 3 <= len(list(VideoSource(out / "live.mp4"))) < 40
