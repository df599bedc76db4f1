"""Frames from a camera, a video file or a folder of pictures."""

import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.terminal import native_messages_hidden

FRAME_SECONDS = 5.0  # how long a camera may be silent before it counts as gone
FAILING_SECONDS = 1.0  # how long each reading of a camera may fail: single ones do, the first and now and then
LIKELY_RATE = 60.0  # frames a second above which a file's own word is held against its frames' times
FOLDER_RATE = 25.0  # frames a second that a folder of pictures is taken to have


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        number: From 0, counted at the source: a gap says that frames were dropped.
        seconds: When it was taken, from the first frame on.
        image: uint8 (height, width, 3), RGB, upright.
        taken: `time.monotonic()` when it was read.
    """

    number: int
    seconds: float
    image: np.ndarray
    taken: float


class VideoSource:
    """A video file or a folder, frame by frame; nothing is dropped.

    Args:
        path: A video that OpenCV reads, or a folder of pictures, in the order of their names, 2 before 10.

    Attributes:
        notes: Decisions and findings, one printable sentence each, such as a video that is cut off.
        rate: Frames a second, as the file says, or as its first frames' times do where it says nothing that can be;
            0 where neither does.
        whole: Whether all of it could be read, as far as it was.

    Raises:
        DataError: The file is absent, no video, or has no frame; the folder has no picture.
    """

    live = False

    def __init__(self, path):
        self.path, self.notes, self.whole = Path(path), [], True
        if self.path.is_dir():
            from fashion_tf.predictor.photos import find_photos

            files, others = find_photos(self.path)
            self.files = sorted(files, key=_numbers_as_such)
            self.notes += [f"{self.path / name}: no picture; left out" for name in others]
            self.rate = FOLDER_RATE
        elif self.path.is_file():
            self.rate = _rate(str(self.path))
            self.capture = _opened(str(self.path))
        else:
            what = "neither a file nor a folder" if self.path.exists() else "no such file or folder"
            raise DataError(f"{path}: {what}; give a camera's number (0), a video or a folder of pictures.")

    def __iter__(self):
        frames = self._pictures() if self.path.is_dir() else self._video()
        seen = False
        for frame in frames:
            seen = True
            yield frame
        if not seen:
            raise DataError(f"{self.path}: holds no frame that can be read.")

    def _pictures(self):
        from fashion_tf.datasets.images import read_image

        for number, file in enumerate(self.files):
            try:
                image = read_image(file)
            except DataError as error:
                self.notes.append(f"{error} It is left out.")
                self.whole = False
                continue
            yield Frame(number, number / self.rate, image, time.monotonic())

    def _video(self):
        import cv2

        number, before, longest = 0, -1.0, 0.0
        declared, rate = (self.capture.get(what) for what in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS))
        while True:
            good, image = self.capture.read()
            if not good:
                break
            # Of a variable frame rate only the file's own times are right; some files have none.
            stamp = self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000  # of the frame just read
            seconds = stamp if stamp > before or number == 0 else before + 1 / (self.rate or FOLDER_RATE)
            yield Frame(number, seconds, _rgb(image), time.monotonic())
            longest = max(longest, seconds - before) if number else 0.0
            number, before = number + 1, seconds
        self.capture.release()
        # Some files count one too many; of others the count is their length times a rate that they do not have.
        if 0 < number < declared - 1 and (rate <= 0 or declared / rate - before > 2.5 * max(longest, 1 / rate)):
            self.notes.append(f"{self.path}: {number:,} of the {declared:,.0f} frames that it declares can be read; it "
                              "is cut off or damaged.")
            self.whole = False


class CameraSource:
    """A camera's newest frame: a thread of its own reads all, and only the last is kept.

    So whoever takes frames slowly never falls behind; what was not taken is counted in `dropped`.

    Args:
        camera: Its number, from 0, or its device, such as /dev/video0. Anything with `read()` as `cv2.VideoCapture` has
            may stand in.

    Raises:
        DataError: There is no such camera; later, while frames are taken: it is gone.
    """

    live = True

    def __init__(self, camera):
        named = isinstance(camera, (int, str, os.PathLike))
        self.name = f"camera {camera}" if named else "the camera"
        self.capture = _opened(camera) if named else camera
        self.rate, self.notes, self.dropped, self.failure = 0.0, [], 0, None
        self.fresh, self.newest, self.ended = threading.Condition(), None, False
        self.thread = threading.Thread(target=self._read, daemon=True)

    def __iter__(self):
        self.thread.start()
        try:
            while True:
                with self.fresh:
                    there = self.fresh.wait_for(lambda: self.newest or self.ended, FRAME_SECONDS)
                    frame, self.newest = self.newest, None
                if frame is None:
                    state = "is gone" if there else f"has sent nothing for {FRAME_SECONDS:g} s"
                    state += f" ({self.failure})" if self.failure else ""
                    raise DataError(f"{self.name} {state}. Is it plugged in, and free of other programs?")
                yield frame
        finally:
            self.ended = True
            self.thread.join(FRAME_SECONDS)

    def _read(self):
        number, began, last = 0, None, time.monotonic()
        while not self.ended:
            try:
                good, image = self.capture.read()
                image, self.failure = _rgb(image) if good else None, None
            except Exception as error:  # OpenCV raises what some drivers stumble over
                good, self.failure = False, error
            now = time.monotonic()
            if not good and now - last < FAILING_SECONDS:
                time.sleep(0.01)
                continue
            with self.fresh:
                if not good:
                    self.ended = True
                else:
                    began, last = now if began is None else began, now
                    self.dropped += self.newest is not None
                    self.newest = Frame(number, now - began, image, now)
                self.fresh.notify()
            number += 1
        if hasattr(self.capture, "release"):
            self.capture.release()


def open_source(source):
    """A camera for a whole number ("0" too) or a device, whose name stays the same when others are plugged in; else a
    `VideoSource`."""
    if isinstance(source, int) or str(source).isdecimal():
        return CameraSource(int(source))
    return CameraSource(source) if Path(source).is_char_device() else VideoSource(source)


def whole_name(path):
    """A path as OpenCV takes it: as bytes, for it crashes on a name that is no UTF-8, and from the root on, for FFmpeg
    takes what stands before a colon, as in 12:30.mp4, for a protocol."""
    return os.fsencode(Path(path).absolute())


def _rgb(image):
    """A frame as OpenCV gives it, its colours in the kit's order. Some cameras' are grey, or have a fourth channel."""
    channels = image.reshape(*image.shape[:2], -1)[..., :3]
    return np.ascontiguousarray(np.broadcast_to(channels[..., ::-1], (*image.shape[:2], 3)))


def _opened(source):
    import cv2

    with native_messages_hidden():  # a missing camera is told in a sentence below
        capture = cv2.VideoCapture(source if isinstance(source, int) else whole_name(source))
    if not capture.isOpened():
        capture.release()
        camera = isinstance(source, int) or Path(source).is_char_device()
        what = f"Camera {source} cannot be opened." if camera else f"{source}: no video that OpenCV reads."
        raise DataError(f"{what} Give a camera's number, a video file or a folder of pictures.")
    # Upright by the file's own rotation. OpenCV has changed its mind on the default, so it is said here.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return capture


def _rate(path):
    """A video's frames a second. What browsers and web cameras record often says 1,000, the parts of a second in which
    it counts: then the mean of its first frames' times is nearer."""
    import cv2

    capture = _opened(path)
    rate, times = capture.get(cv2.CAP_PROP_FPS), []
    if not 0 < rate <= LIKELY_RATE:
        while len(times) < 60 and capture.grab():
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        if len(times) > 1 and times[-1] > times[0]:
            rate = (len(times) - 1) / (times[-1] - times[0])
    capture.release()
    return float(rate) if np.isfinite(rate) and 0 < rate <= 1000 else 0.0


def _numbers_as_such(path):
    """Sorts names by the numbers in them: frame 2 comes before frame 10."""
    parts = re.split(r"(\d+)", os.path.basename(path))
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path
