"""Live recognition: find, follow, classify each frame, keep a track's best views, and decide on them together.

Reproduces the system of *Deep Learning CNN and Real-Time Recognition for Fashion Clothing
Classification*, section III, whose decision keeps "only the top N good instances" of a track.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.live.decision import SettledLabel, join
from fashion_tf.live.instances import MEASURES, Instance, best, measure, why_not, worth
from fashion_tf.live.tracks import Tracker
from fashion_tf.predictor.answers import check_answer, faint_as_black

COLUMNS = ("frame", "seconds", "track", "x1", "y1", "x2", "y2", "label", "probability", "decided", "kept", "why_not",
           *MEASURES)


@dataclass
class Recognition:
    """What was seen.

    Attributes:
        table: pandas, a row for each track in each frame: `COLUMNS`, then each class's probability.
            ``label`` is what the frame alone says, ``decided`` what was shown at that moment, ``kept``
            whether the view is one of its track's best, ``why_not`` in a word what it lacks.
        tracks: pandas, a row for each track: ``track``, ``first`` and ``last`` frame, ``frames``,
            ``label`` and ``probability`` by all its best views together.
        frames: How many frames were worked on; ``dropped``: how many a camera took meanwhile.
        seconds: How long that took; ``age``: how old each frame was when its answer stood, float64 (frames,).
        notes: Sentences about the source, and what ended the run before its time.
        whole: Whether a file or folder was worked on to its end, and nothing of it left out.
    """

    table: object
    tracks: object
    frames: int = 0
    dropped: int = 0
    seconds: float = 0.0
    age: np.ndarray = field(default_factory=lambda: np.zeros(0))
    notes: list = field(default_factory=list)
    whole: bool = True


def make_classifier(predictor, among=None):
    """A compiled function from crops, a list of uint8 (height, width, 3) of any size, to (crops, classes).

    Args:
        predictor: A `fashion_tf.predictor.Predictor` for classification.
        among: Names of the only classes that come into question, such as those of upper garments; the columns are
            these, in this order, and add up to 1. None: all.

    Raises:
        DataError: The predictor is no classifier, or knows one of the names not.
    """
    import tensorflow as tf

    if predictor.task != "classification":
        raise DataError(f"This model was saved for {predictor.task}; live recognition needs a classifier.")
    if unknown := [name for name in among or () if name not in predictor.classes]:
        raise DataError(f"This model knows no class {unknown[0]!r}; it knows {', '.join(predictor.classes)}.")
    columns = [predictor.classes.index(name) for name in dict.fromkeys(among or predictor.classes)]
    height, width = predictor.image_size
    call = tf.function(lambda pictures: predictor.model(pictures, training=False), autograph=False,
                       input_signature=[tf.TensorSpec((None, height, width, 3), tf.uint8)])

    def classify(crops):
        pictures = [faint_as_black(picture) for picture in squeezed(crops, (height, width))]
        found = call(np.stack(pictures)).numpy().astype(float)
        check_answer("A frame", found, predictor.task)
        asked = np.maximum(found[:, columns], 1e-12)  # all of them may be 0
        return asked / asked.sum(axis=1, keepdims=True)

    return classify


def squeezed(crops, size):
    """Crops of any size brought to one: uint8 (crops, height, width, 3).

    Args:
        crops: A list of uint8 (height, width, 3), none of them empty.
        size: (height, width) in pixels.
    """
    import cv2

    height, width = size
    return np.stack([cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA) for crop in crops])


def part_of(box, part, size):
    """The part of a person's box that is classified, within the frame.

    Args:
        box: (x1, y1, x2, y2) in pixels.
        part: (from, to) as shares of the box's height: (0.1, 0.6) is about where an upper garment is.
        size: (height, width) of the frame.

    Returns:
        (x1, y1, x2, y2), whole pixels, at least one each way.
    """
    x1, y1, x2, y2 = box
    top, bottom = (y1 + share * (y2 - y1) for share in part)
    height, width = size
    x1, y1 = int(np.clip(round(x1), 0, width - 1)), int(np.clip(round(top), 0, height - 1))
    return x1, y1, int(np.clip(round(x2), x1 + 1, width)), int(np.clip(round(bottom), y1 + 1, height))


class Recogniser:
    """Takes frames one after the other and says what it sees in each.

    Args:
        classify: Function of a list of crops, uint8 (height, width, 3): (crops, classes) probabilities;
            see `make_classifier`.
        classes: The classes' names.
        find: A finder; see `fashion_tf.live.finders`.
        keep: How many good views of a track decide.
        by: The measures that make a view good.
        way: How the views' probabilities are joined; see `fashion_tf.live.decision.join`.
        hold: Frames in a row that another label must lead before it is shown.
        part: See `part_of`.
        least_frames: Tracks that were seen in fewer frames are not told of at the end.
        tracker: A `Tracker`, or None for one as it comes.
    """

    def __init__(self, classify, classes, find, keep=8, by=MEASURES, way="log", hold=5, part=(0.0, 1.0), least_frames=5,
                 tracker=None):
        self.classify, self.classes, self.find = classify, tuple(classes), find
        self.keep, self.by, self.way, self.hold, self.part = keep, tuple(by), way, hold, part
        self.least_frames, self.tracker = least_frames, tracker or Tracker()
        self.all_tracks, self.told, self.shown, self.leading = [], {}, {}, {}

    def step(self, frame):
        """Works on one `Frame`; returns a list of (track, label to show, its joined probability)."""
        image = frame.image
        tracks, _ = self.tracker.update(self.find(image), image, frame.number)
        if not tracks:
            return []
        boxes = [part_of(track.box, self.part, image.shape[:2]) for track in tracks]
        probabilities = self.classify([image[y1:y2, x1:x2] for x1, y1, x2, y2 in boxes])
        answers = []
        for track, box, row in zip(tracks, boxes, probabilities):
            others = [other.box for other in tracks if other is not track]
            # Whether the person is covered or cut off is asked of the whole box, not of the part.
            measures = measure(image, box, others, row, track.box)
            if track.number not in self.shown:
                self.all_tracks.append(track)
                self.shown[track.number], self.leading[track.number] = SettledLabel(self.hold), []
            self._take(track, Instance(frame.number, tuple(track.box), measures, row))
            joined = self.decide(track)
            label = self.shown[track.number].update(self.classes[int(joined.argmax())])
            answers.append((track, label, float(joined[self.classes.index(label)])))
            self.told[frame.number, track.number] = frame.seconds, label
        return answers

    def _take(self, track, instance):
        """Keeps a view, and the best ones apart: to look through all in every frame would take ever longer."""
        track.instances.append(instance)
        leading = self.leading[track.number]
        leading.append((worth(instance, self.by), instance))
        leading.sort(key=lambda pair: -pair[0])  # of equals, the earlier one stays before
        del leading[self.keep:]

    def decide(self, track):
        """The joined probabilities of a track's best views so far, float64 (classes,)."""
        return join([one.probabilities for _, one in self.leading[track.number]], self.way)

    def forget(self):
        """Keeps the views that decide of whoever is still followed, and nothing else: for a stream without an end.
        `result` is no longer to be had then."""
        followed = {track.number for track in self.tracker.tracks}
        self.all_tracks = [track for track in self.all_tracks if track.number in followed]
        self.shown, self.leading = ({number: one for number, one in kept.items() if number in followed}
                                    for kept in (self.shown, self.leading))
        for track in self.all_tracks:
            track.instances = [instance for _, instance in self.leading[track.number]]
        self.told.clear()

    def result(self):
        """The `Recognition` of all frames so far, without times."""
        import pandas as pd

        rows, tracks = [], []
        for track in self.all_tracks:
            if track.seen < self.least_frames:
                continue
            chosen, reasons = set(best(track.instances, self.keep, self.by)), why_not(track.instances, self.by)
            for place, (one, reason) in enumerate(zip(track.instances, reasons)):
                seconds, decided = self.told[one.frame, track.number]
                rows.append([one.frame, seconds, track.number, *one.box, self.classes[int(one.probabilities.argmax())],
                             one.probabilities.max(), decided, place in chosen, "" if place in chosen else reason,
                             *(one.measures[name] for name in MEASURES), *one.probabilities])
            joined = self.decide(track)
            tracks.append([track.number, track.instances[0].frame, track.instances[-1].frame, len(track.instances),
                           self.classes[int(joined.argmax())], joined.max()])
        table = pd.DataFrame(rows, columns=[*COLUMNS, *self.classes]).sort_values(["frame", "track"], ignore_index=True)
        return Recognition(table, pd.DataFrame(
            tracks, columns=["track", "first", "last", "frames", "label", "probability"]))


def recognise(source, recogniser, show=None, limit=None):
    """Runs a recogniser over a source. What was seen until Ctrl-C, or until a camera went away, is returned.

    Args:
        source: A `VideoSource`, a `CameraSource`, or anything that yields `Frame`s.
        recogniser: A `Recogniser`.
        show: Called with each frame and its answers; returning False ends the run.
        limit: Frames after which it ends, or None.

    Returns:
        A `Recognition`.

    Raises:
        DataError: A class has the name of one of the table's own columns; or what the source raises.
    """
    if taken := [name for name in recogniser.classes if name in COLUMNS]:  # before the first frame, not at the end
        raise DataError(f"The table of what is seen has a column {taken[0]!r}, and the model a class of that name: "
                        "give the other classes (--among), or save the model with another name for it.")
    began, age, answers, ended = time.monotonic(), [], iter(source), None
    try:
        for frame in answers:
            found = recogniser.step(frame)
            age.append(time.monotonic() - frame.taken)
            if (show is not None and show(frame, found) is False) or (limit and len(age) >= limit):
                break
    except KeyboardInterrupt:
        ended = "Stopped by Ctrl-C."
    except DataError as error:  # of a camera that was there and is gone
        if not (getattr(source, "live", False) and age):
            raise
        ended = str(error)
    finally:
        if hasattr(answers, "close"):
            answers.close()
    done = recogniser.result()
    done.frames, done.dropped = len(age), getattr(source, "dropped", 0)
    done.seconds, done.age = time.monotonic() - began, np.array(age)
    done.notes = [*getattr(source, "notes", ()), *filter(None, [ended])]
    # A camera ends when somebody stops it; of a file that is a part.
    done.whole = getattr(source, "whole", True) and (ended is None or getattr(source, "live", False))
    return done
