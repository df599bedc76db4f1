"""What live recognition leaves behind: an annotated video and a table, in a folder of their own."""

import os
import struct
from pathlib import Path

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.files import write_atomically
from fashion_tf.live.recognise import COLUMNS
from fashion_tf.live.sources import whole_name
from fashion_tf.predictor.outputs import check_place, without_formula
from fashion_tf.terminal import native_messages_hidden

TABLE, VIDEO, _NAME = "live.csv", "live.mp4", b"fashion_tf live"
BEGINS = ",".join(COLUMNS)
RATE = 25.0  # frames a second where a source does not say
# At the end of every video that is written here: a box of an MP4 file that players skip.
MARK = struct.pack(">I", 8 + len(_NAME)) + b"free" + _NAME


def check_folder(out, source, models=()):
    """Raises DataError unless live.csv and live.mp4 may be written into `out`: a folder that can be made or written to,
    which is not, and does not hold, the source, is no model's own, and holds no such file that was not written here."""
    out = Path(out)
    for model in (None, *models):
        check_place(out, model)
    if Path(str(source)).exists() and any(
            os.path.samefile(source, place) for place in (out, out / VIDEO) if place.exists()):
        raise DataError(f"{out}: is, or holds, the source; choose another folder.")
    for name, ours in ((TABLE, _begins), (VIDEO, _is_marked)):
        path = out / name
        if os.path.lexists(path) and (path.is_symlink() or not path.is_file() or not ours(path)):
            raise DataError(f"{path}: was not written here, and would be replaced; choose another folder.")


def _begins(path):
    with path.open("rb") as file:
        return file.read(len(BEGINS)) == BEGINS.encode()


def _is_marked(path):
    with path.open("rb") as file:
        file.seek(-min(len(MARK), path.stat().st_size), os.SEEK_END)
        return file.read() == MARK


def annotated(image, answers):
    """A copy of a frame with each track's box, number, label and probability.

    Args:
        image: uint8 (height, width, 3), RGB.
        answers: What `Recogniser.step` returned.
    """
    import cv2

    from fashion_tf.annotate import draw_label
    from fashion_tf.plots import label_colours

    picture = np.array(image, order="C")
    scale = max(0.4, image.shape[0] / 900)
    colours = (np.array(label_colours(25)) * 255).astype(int)[1:]
    for track, label, probability in answers:
        x1, y1, x2, y2 = (int(round(value)) for value in track.box)
        colour = tuple(int(value) for value in colours[track.number % len(colours)])
        cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), colour, 2)
        draw_label(picture, (x1, y1), f"{track.number}: {label} {probability:.0%}", colour, scale, above=True)
    return picture


class VideoWriter:
    """Writes annotated frames to a video that is complete or absent.

    Args:
        path: Where; ends in .mp4.
        rate: Frames a second. None, of a camera: `RATE`; a frame is repeated, or left out, as the frames' times ask.
    """

    def __init__(self, path, rate):
        self.path, self.paced = Path(path), rate is None
        rate = rate or RATE
        self.rate = round(rate, 2 if rate < 655 else 0)  # MPEG-4 counts time in at most 65,535 parts of a second
        self.unfinished = self.path.with_name(f".{self.path.stem}.{os.getpid()}.part.mp4")
        self.writer, self.count = None, 0

    def __call__(self, frame, answers):
        import cv2

        picture = annotated(frame.image, answers)
        if self.writer is None:
            self._open(picture)
        width, height = self.size
        if picture.shape[0] > height or picture.shape[1] > width:
            picture = cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA)
        # A folder may hold pictures of several sizes, and a side may be odd, which MPEG-4 does not know.
        below, right = height - picture.shape[0], width - picture.shape[1]
        picture = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT)
        due = max(0, round(frame.seconds * self.rate) + 1 - self.count) if self.paced else 1
        for _ in range(due):
            self.writer.write(picture[..., ::-1])
        self.count += due

    def _open(self, picture):
        import cv2

        height, width = (side + side % 2 for side in picture.shape[:2])
        self.size = width, height
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with native_messages_hidden():
            self.writer = cv2.VideoWriter(whole_name(self.unfinished), cv2.VideoWriter_fourcc(*"mp4v"), self.rate,
                                          self.size)
        if not self.writer.isOpened():
            raise DataError(f"{self.path}: no MPEG-4 video of {width} x {height} pixels and {self.rate:g} frames a "
                            "second can be written there. Sides go up to 8,191 pixels.")

    def keep(self):
        """Ends the video and puts it in its place.

        Raises:
            DataError: Not all of it is there, as on a full disk; what stood in its place stays.
        """
        import cv2

        if self.writer is None:
            return
        self.writer.release()
        with native_messages_hidden():
            written = cv2.VideoCapture(whole_name(self.unfinished))
        count = int(written.get(cv2.CAP_PROP_FRAME_COUNT)) if written.isOpened() else 0
        written.release()
        try:
            if count < self.count:
                raise OSError(f"{count:,} of its {self.count:,} frames could be written; is the disk full?")
            with self.unfinished.open("ab") as file:
                file.write(MARK)
            os.replace(self.unfinished, self.path)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written: {error.strerror or error}") from None

    def drop(self):
        """Leaves nothing behind but a video that was kept."""
        if self.writer is not None:
            self.writer.release()
            self.unfinished.unlink(missing_ok=True)


def write_table(out, table):
    """Writes the table of a `Recognition` to `out`/live.csv, whole or not at all."""
    safe = table.rename(columns=without_formula)  # class names may come from strangers
    for column in ("label", "decided"):
        safe[column] = safe[column].map(without_formula)
    Path(out).mkdir(parents=True, exist_ok=True)
    write_atomically(Path(out) / TABLE, safe.to_csv(index=False, lineterminator="\n", float_format="%.6g").encode())
