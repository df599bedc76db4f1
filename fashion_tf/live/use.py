"""The command `fashion-tf live`: a saved classifier on a camera, a video or a folder of frames."""

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.live.finders import MaskFinder, MotionFinder
from fashion_tf.live.outputs import TABLE, VIDEO, VideoWriter, annotated, check_folder, write_table
from fashion_tf.live.recognise import Recogniser, make_classifier, recognise
from fashion_tf.live.sources import open_source
from fashion_tf.terminal import count_of

QUIT = (ord("q"), 27)  # in the window: q or Escape


@dataclass(frozen=True)
class Seen:
    """What `live` did: plain values, for people and machines."""

    source: str
    frames: int
    dropped: int
    frames_a_second: float
    oldest_frame: float
    tracks: list
    notes: list
    written: list
    whole: bool

    def text(self):
        lines = [f"{one['track']}: {one['label']} ({one['probability']:.0%} by its best views), "
                 f"frames {one['first']} to {one['last']}" for one in self.tracks]
        lines = lines or ["nobody was seen for long enough"]
        return "\n".join([*lines, *(f"wrote {path}" for path in self.written)])

    def summary(self):
        words = f"{count_of(self.frames, 'frame')}, {self.frames_a_second:.1f} a second"
        words += f"; {self.dropped:,} dropped" if self.dropped else ""
        words += f"; the oldest was {self.oldest_frame:.2f} s old when its answer stood"
        return "\n".join([words, *self.notes])


def live(source, model, find="motion", part=(0.0, 1.0), keep=8, out=None, headless=False, limit=None,
         among=None):
    """Recognises what people wear on a source, with a saved classifier.

    Args:
        source: A camera's number or device, a video file or a folder of pictures.
        model: A folder that `fashion_tf.predictor.save_predictor` wrote, of a classifier.
        find: ``"motion"`` (a camera that stands still), ``"person"`` (the pretrained DeepLabV3 in the folder
            FASHION_TF_WEIGHTS), ``"all"`` (the whole frame), or the folder of a saved parser.
        part: The part of the person's height that is classified; (0.1, 0.6) is about the upper garment.
        keep: How many good views of a track decide.
        out: A folder for live.csv and live.mp4, or None.
        headless: No window. Needs `out`.
        limit: Frames after which it ends, or None.
        among: Names of the only classes that come into question, or None for all; see `make_classifier`.

    Returns:
        `Seen`.

    Raises:
        DataError: The source, the model or the folder cannot be used; no window can be opened.
    """
    from fashion_tf.predictor import load_predictor

    if headless and out is None:
        raise DataError("--headless shows nothing, so it needs --out FOLDER for what it sees.")
    if keep < 1 or limit is not None and limit < 1:
        raise DataError(f"--keep {keep}, --frames {limit}: each must be 1 or more.")
    if not (0 <= part[0] < part[1] <= 1):
        raise DataError(f"part={tuple(part)}: give two shares of a person's height, from 0 to 1, the smaller first.")
    if out is not None:
        check_folder(out, source, [model, find])
    if not headless:
        _check_window()
    taken = open_source(source)
    predictor = load_predictor(model)
    classify, classes = make_classifier(predictor, among), tuple(dict.fromkeys(among or predictor.classes))
    recogniser = Recogniser(classify, classes, find_by(find), keep=keep, part=tuple(part))
    with ExitStack() as stack:
        video = VideoWriter(Path(out) / VIDEO, None if taken.live else taken.rate) if out is not None else None
        if video:
            stack.callback(video.drop)
        window = None if headless else _window(stack)

        def show(frame, answers):
            if video:
                video(frame, answers)
            return window(annotated(frame.image, answers)) if window else True

        found = recognise(taken, recogniser, show, limit)
        if out is not None:
            video.keep()
            write_table(out, found.table)
    written = [str(Path(out) / name) for name in (TABLE, VIDEO)] if out is not None else []
    return Seen(str(source), found.frames, found.dropped, found.frames / max(found.seconds, 1e-9),
                float(found.age.max(initial=0)), found.tracks.to_dict("records"), found.notes, written, found.whole)


def find_by(name):
    """A finder by its name on the command line: ``"motion"``, ``"all"``, ``"person"``, or a saved parser's folder.

    Raises:
        DataError: There is no such parser, or no pretrained network.
    """
    if name == "motion":
        return MotionFinder()
    if name == "all":
        return lambda frame: np.array([[0, 0, frame.shape[1], frame.shape[0]]], float)
    if name == "person":
        from fashion_tf.predictor import mask_at
        from fashion_tf.style.masks import PASCAL_VOC, PersonFinder

        network, person = PersonFinder(), PASCAL_VOC.index("person")

        def mask_of(frame):
            mask = np.zeros(frame.shape[:2], bool)
            for window in squares(frame.shape[:2]):
                part = frame[window]
                mask[window] |= mask_at(network(part), part.shape[:2]) == person
            return mask

        return MaskFinder(mask_of)
    return MaskFinder(_parser(name))


def squares(size, most=1.5):
    """Windows of a frame that a network of square pictures looks at: squeezed to one square, people in a wide frame
    become too thin to be known.

    Args:
        size: (height, width) of the frame.
        most: Up to this ratio of its sides, the whole frame is the only window.

    Returns:
        A list of pairs of slices: squares side by side, overlapping, from one end of the frame to the other.
    """
    short, long = min(size), max(size)
    if long <= most * short:
        return [(slice(0, size[0]), slice(0, size[1]))]
    starts = np.linspace(0, long - short, long // short + 1).round().astype(int)
    along = [slice(start, start + short) for start in starts.tolist()]
    across = slice(0, short)
    return [(one, across) if size[0] > size[1] else (across, one) for one in along]


def _parser(folder):
    import cv2

    from fashion_tf.predictor import load_predictor, mask_at

    predictor = load_predictor(folder)
    if predictor.task != "parsing":
        raise DataError(f"{folder}: was saved for {predictor.task}; --find takes motion, person, all, or a parser.")
    height, width = predictor.image_size

    def mask_of(frame):
        picture = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        probabilities, = predictor.compute([picture], ["A frame"])
        return mask_at(probabilities, frame.shape[:2]) != 0

    return mask_of


_NO_WINDOW = ("No window can be opened here. Add --headless --out FOLDER: the annotated video and the table are "
              "written there.")


def _check_window():
    """Tries a window in a process of its own: without a display, the library below OpenCV ends the process."""
    tried = subprocess.run([sys.executable, "-c", "import cv2; cv2.namedWindow('window')"], capture_output=True,
                           check=False)
    if tried.returncode:
        raise DataError(_NO_WINDOW)


def _window(stack):
    """A function that shows a picture and says whether to go on."""
    import cv2

    name = "fashion-tf live (q to quit)"
    try:
        cv2.namedWindow(name)
    except cv2.error:
        raise DataError(_NO_WINDOW) from None
    stack.callback(cv2.destroyAllWindows)

    def window(picture):
        cv2.imshow(name, picture[..., ::-1])
        return cv2.waitKey(1) & 0xFF not in QUIT

    return window
