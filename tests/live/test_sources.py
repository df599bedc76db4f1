"""Frames as they come: videos whole, cut off, turned and empty; folders; cameras faster than anybody works."""

import os
import re
import struct
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from fashion_tf.datasets.files import write_picture
from fashion_tf.errors import DataError
from fashion_tf.live import CameraSource, VideoSource, open_source

unixlike = pytest.mark.skipif(sys.platform == "win32", reason="no such names or devices there")


def make_video(path, count=12, size=(48, 64), rate=12.5):
    """Frame n is grey at 20 n, with a white left half, so that a turned one can be told."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, size[::-1])
    for number in range(count):
        frame = np.full((*size, 3), 15 * number, np.uint8)
        frame[:, :size[1] // 4] = 255
        writer.write(frame)
    writer.release()
    return path


def turned(content, matrix):
    """An MP4 whose track header has another matrix: how a phone says that the film is to be turned."""
    place = content.index(b"tkhd")
    start = place + 4 + 40  # version and flags, times, number, duration, layer, volume
    return content[:start] + struct.pack(">9i", *matrix) + content[start + 36:]


QUARTER = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)  # 90 degrees to the right


def test_a_video_whole(tmp_path):
    source = VideoSource(make_video(tmp_path / "a.mp4"))
    frames = list(source)
    assert [frame.number for frame in frames] == list(range(12)) and source.rate == pytest.approx(12.5)
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(12) / 12.5, atol=0.002)
    for number, frame in enumerate(frames):
        assert frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8
        assert abs(int(frame.image[24, 48, 0]) - 15 * number) < 12 and frame.image[24, 4].min() > 200
    assert source.notes == []


def test_a_portrait_video_stands_upright(tmp_path):
    path = make_video(tmp_path / "a.mp4")
    path.write_bytes(turned(path.read_bytes(), QUARTER))
    frame = next(iter(VideoSource(path)))
    assert frame.image.shape == (64, 48, 3)
    assert frame.image[4, 24].min() > 200 and frame.image[48, 24].max() < 60  # what was left is above


@unixlike
@pytest.mark.parametrize("name", ["12:30.mp4", "file:a.mp4", "clip%02d.mp4", "-"])
def test_a_name_is_a_name_and_no_address(tmp_path, monkeypatch, name):
    """FFmpeg takes "12" for a protocol, and for "file:a.mp4" it would read another film."""
    monkeypatch.chdir(tmp_path)
    make_video("a.mp4", 4)
    os.rename(make_video("made.mp4", 7), name)
    source = open_source(name)
    assert len(list(source)) == 7 and source.rate == pytest.approx(12.5)


def test_a_video_cut_off_says_so_or_is_refused(tmp_path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    noise = np.random.default_rng(0)
    for _ in range(30):
        writer.write(noise.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes()[:int(0.5 * path.stat().st_size)])
    source = VideoSource(path)
    frames = list(source)
    assert 5 < len(frames) < 30
    assert len(source.notes) == 1 and "cut off or damaged" in source.notes[0] and "of the 30 frames" in source.notes[0]


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 99, None])
def test_what_is_no_video(tmp_path, content):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mp4: no (video that OpenCV reads|such file or folder)"):
        list(open_source(path))


def test_a_video_without_frames(tmp_path):
    path = make_video(tmp_path / "a.avi", 0)
    with pytest.raises(DataError, match=r"a\.avi: (holds no frame|no video that OpenCV reads|no such file)"):
        list(VideoSource(path))


def test_a_folder_in_the_order_of_names(tmp_path):
    for number in (3, 1, 2):
        write_picture(tmp_path / f"{number:03d}.png", np.full((8, 9, 3), 10 * number, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    source = open_source(str(tmp_path))
    frames = list(source)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 20, 30]
    assert [frame.seconds for frame in frames] == [0, 1 / 25, 2 / 25]
    assert any("notes.txt" in note for note in source.notes)


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    """As "%d.png" names them; ten among ones would make somebody jump to and fro."""
    for number in (1, 2, 9, 10, 11, 100):
        write_picture(tmp_path / f"shot2_{number}.png", np.full((8, 9, 3), number, np.uint8))
    assert [int(frame.image[0, 0, 0]) for frame in VideoSource(tmp_path)] == [1, 2, 9, 10, 11, 100]


def of_a_browser(path, times):
    """A Matroska file as browsers record it: without a rate, each frame at its own time, in milliseconds."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for number in range(len(times)):
        writer.write(np.full((48, 64, 3), 6 * number, np.uint8))
    writer.release()
    content = bytearray(path.read_bytes())
    place = content.index(b"\x23\xe3\x83")  # DefaultDuration becomes Void
    size = content[place + 3] & 0x7F
    content[place:place + 4 + size] = bytes([0xEC, 0x80 | size + 2]) + bytes(size + 2)
    for cluster in re.finditer(rb"\x1f\x43\xb6\x75", bytes(content)):  # whose own time is added to its blocks
        begins = content.index(b"\xe7", cluster.end()) + 1
        content[begins + 1:begins + 1 + (content[begins] & 0x7F)] = bytes(content[begins] & 0x7F)
    blocks = list(re.finditer(rb"\x81(..)\x80\xff\xd8", bytes(content), re.DOTALL))  # track 1, time, flags, JPEG
    assert len(blocks) == len(times)
    for block, milliseconds in zip(blocks, times):
        content[block.start(1):block.end(1)] = struct.pack(">h", milliseconds)
    length = content.index(b"\x44\x89\x88") + 3  # Duration
    content[length:length + 8] = struct.pack(">d", times[-1] + 80)
    path.write_bytes(content)
    return path


def test_a_browsers_recording_has_its_frames_rate_and_is_whole(tmp_path):
    """OpenCV says 1,000 frames a second, and as many frames as that would be."""
    times = np.cumsum([0, *np.random.default_rng(0).integers(20, 140, 39)])
    path = of_a_browser(tmp_path / "a.mkv", times)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == 1000 and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 1000
    source = VideoSource(path)
    frames = list(source)
    np.testing.assert_allclose([frame.seconds for frame in frames], times / 1000, atol=1e-6)
    assert source.rate == pytest.approx(39_000 / times[-1], rel=0.01)
    assert source.whole and not source.notes
    path.write_bytes(path.read_bytes()[:path.stat().st_size * 6 // 10])  # cut off, it says so
    source = VideoSource(path)
    assert len(list(source)) < 30 and not source.whole and "cut off or damaged" in source.notes[0]


class Camera:
    """Gives a frame every `pause` seconds, `count` times, then nothing more; readings in `failing` bring none."""

    def __init__(self, count, pause, failing=()):
        self.count, self.pause, self.given, self.released = count, pause, 0, threading.Event()
        self.failing, self.asked = failing, 0

    def read(self):
        time.sleep(self.pause)
        self.asked += 1
        if self.given == self.count or self.asked in self.failing:
            return False, None
        self.given += 1
        return True, np.full((4, 4, 3), self.given % 256, np.uint8)

    def release(self):
        self.released.set()


class Device:
    """A `cv2.VideoCapture` of a camera that answers."""

    def __init__(self, name):
        self.name = name

    def isOpened(self):
        return True

    def set(self, what, value):
        return True


def test_slow_work_gets_the_newest_frame():
    camera = Camera(10_000, 0.002)
    source, numbers, behind = CameraSource(camera), [], []
    for frame in source:
        numbers.append(frame.number)
        behind.append(camera.given - 1 - frame.number)
        until = camera.given + 8  # slow work: the camera goes on for eight frames
        while camera.given < until:
            time.sleep(0.002)
        if len(numbers) == 6:
            break
    assert np.diff(numbers).min() >= 7  # it skips
    assert source.dropped >= sum(np.diff(numbers) - 1)
    # A queue would be behind by eight frames more each time: by forty at the end.
    assert max(behind) < 8
    assert camera.released.wait(10)


def test_quick_work_gets_every_frame():
    source = CameraSource(Camera(8, 0.1))
    numbers = []
    with pytest.raises(DataError, match="is gone"):
        for frame in source:
            numbers.append(frame.number)
    assert numbers == list(range(8)) and source.dropped == 0


def test_a_reading_that_fails_is_no_end(monkeypatch):
    """The first ones of a camera that warms up, and single ones later; its first frame is at 0 seconds all the same."""
    monkeypatch.setattr("fashion_tf.live.sources.FAILING_SECONDS", 0.5)
    source, frames = CameraSource(Camera(5, 0.1, failing=(1, 2, 3, 6, 8))), []
    with pytest.raises(DataError, match="is gone"):
        for frame in source:
            frames.append(frame)
    assert [frame.number for frame in frames] == list(range(5))
    assert frames[0].seconds == 0 and (np.diff([frame.seconds for frame in frames]) > 0.01).all()


def test_a_camera_that_falls_silent(monkeypatch):
    monkeypatch.setattr("fashion_tf.live.sources.FRAME_SECONDS", 0.05)
    with pytest.raises(DataError, match=r"has sent nothing for 0\.05 s"):
        next(iter(CameraSource(Camera(1, 0.3))))


def test_what_a_driver_raises_is_a_reading_that_fails(monkeypatch):
    """Now and then it is no end; for long it is one, told with its reason, and no thread dies unheard."""
    monkeypatch.setattr("fashion_tf.live.sources.FAILING_SECONDS", 0.2)

    class Stumbling(Camera):
        def read(self):
            if self.asked >= 6 or self.asked == 2:
                self.asked += 1
                raise cv2.error("Unknown C++ exception from OpenCV code")
            return super().read()

    camera, numbers = Stumbling(9, 0.01), []
    with pytest.raises(DataError, match=r"is gone \(Unknown C\+\+ exception from OpenCV code\)\. Is it plugged in"):
        for frame in CameraSource(camera):
            numbers.append(frame.number)
    assert numbers[-1] == 4 and camera.released.wait(10)


@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_a_grey_camera_is_not_mirrored(channels):
    """Its frames have two dimensions, and turning the colours round would turn them."""
    camera = Camera(1, 0.01)
    camera.read = lambda: (True, np.arange(12, dtype=np.uint8).reshape(3, 4, *(1 for _ in channels))
                           + np.zeros(channels or (), np.uint8))
    frame = next(iter(CameraSource(camera)))
    assert frame.image.shape == (3, 4, 3) and (frame.image == np.arange(12).reshape(3, 4, 1)).all()


def test_there_is_no_such_camera():
    with pytest.raises(DataError, match="Camera 97 cannot be opened"):
        open_source("97")


@unixlike
def test_a_camera_is_found_by_its_device(tmp_path, monkeypatch):
    """Its number changes with what else is plugged in, its name in /dev/v4l/by-id does not."""
    with pytest.raises(DataError, match="Camera /dev/null cannot be opened"):
        open_source("/dev/null")
    monkeypatch.setattr(cv2, "VideoCapture", Device)
    source = open_source("/dev/null")
    assert source.live and source.name == "camera /dev/null" and source.capture.name == b"/dev/null"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: neither a file nor a folder; give a camera's number"):
        open_source(tmp_path / "pipe")
