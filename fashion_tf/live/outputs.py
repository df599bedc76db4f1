"""What live recognition leaves behind: an annotated video and a table, in a folder of their own."""

import os
from pathlib import Path

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.files import write_atomically
from fashion_tf.live.recognise import COLUMNS
from fashion_tf.predictor.outputs import without_formula

TABLE, VIDEO = "live.csv", "live.mp4"
BEGINS = ",".join(COLUMNS)


def check_folder(out, source):
    """Raises DataError unless `out` is a new folder, an empty one, or one that was written here, and not the source."""
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; choose a folder for {TABLE} and {VIDEO}.")
    if not out.is_dir():
        return
    if Path(str(source)).exists() and any(
            os.path.samefile(source, place) for place in (out, out / VIDEO) if place.exists()):
        raise DataError(f"{out}: is, or holds, the source; choose another folder.")
    table = out / TABLE
    if table.is_file():
        with table.open("rb") as file:
            if file.read(len(BEGINS)).decode("utf-8", "replace") == BEGINS and not table.is_symlink():
                return
    if any((out / name).exists() or (out / name).is_symlink() for name in (TABLE, VIDEO)):
        raise DataError(f"{out}: holds a {TABLE} or {VIDEO} that was not written here; choose another folder.")


def annotated(image, answers):
    """A copy of a frame with each track's box, number, label and probability.

    Args:
        image: uint8 (height, width, 3), RGB.
        answers: What `Recogniser.step` returned.
    """
    import cv2

    from fashion_tf.plots import label_colours

    picture = np.array(image, order="C")
    scale = max(0.4, image.shape[0] / 900)
    colours = (np.array(label_colours(25)) * 255).astype(int)[1:]
    for track, label, probability in answers:
        x1, y1, x2, y2 = (int(round(value)) for value in track.box)
        colour = tuple(int(value) for value in colours[track.number % len(colours)])
        cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), colour, 2)
        text = f"{track.number}: {label} {probability:.0%}"
        (wide, tall), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        top = max(0, y1 - tall - below - 2)
        cv2.rectangle(picture, (x1, top), (x1 + wide, top + tall + below + 2), colour, -1)
        dark = sum(colour) < 380
        cv2.putText(picture, text, (x1, top + tall + 1), cv2.FONT_HERSHEY_SIMPLEX, scale,
                    (255, 255, 255) if dark else (0, 0, 0), 1, cv2.LINE_AA)
    return picture


class VideoWriter:
    """Writes annotated frames to a video that is complete or absent.

    Args:
        path: Where; ends in .mp4.
        rate: Frames a second.
    """

    def __init__(self, path, rate):
        self.path, self.rate = Path(path), rate or 25.0
        self.unfinished = self.path.with_name(f".{self.path.stem}.{os.getpid()}.part.mp4")
        self.writer = None

    def __call__(self, frame, answers):
        import cv2

        picture = annotated(frame.image, answers)
        if self.writer is None:
            self.size = picture.shape[1::-1]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.writer = cv2.VideoWriter(str(self.unfinished), cv2.VideoWriter_fourcc(*"mp4v"), self.rate, self.size)
            if not self.writer.isOpened():
                raise DataError(f"{self.path}: no video can be written there.")
        if picture.shape[1::-1] != self.size:  # a folder may hold pictures of several sizes
            picture = cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA)
        self.writer.write(picture[..., ::-1])

    def close(self, keep=True):
        if self.writer is not None:
            self.writer.release()
            os.replace(self.unfinished, self.path) if keep else self.unfinished.unlink(missing_ok=True)


def write_table(out, table):
    """Writes the table of a `Recognition` to `out`/live.csv, whole or not at all."""
    safe = table.rename(columns=without_formula)  # class names may come from strangers
    for column in ("label", "decided"):
        safe[column] = safe[column].map(without_formula)
    Path(out).mkdir(parents=True, exist_ok=True)
    write_atomically(Path(out) / TABLE, safe.to_csv(index=False, lineterminator="\n", float_format="%.6g").encode())
