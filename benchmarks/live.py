"""Live recognition beside the bare network, interleaved: frames a second, and how old a frame is when it is shown.

A drawn person walks before a camera of 640 x 480 pixels, over and over; its frames come from memory. MobileNetV2 looks
at 128 pixels. Its weights are random: that changes no time.

* live: all that `fashion-tf live` does with a frame: a reader thread, motion, tracks, the network, good views kept, one
  decision, the frame drawn;
* live, with model.predict: the same, the network asked by Keras's own method;
* network alone, compiled: the network on one crop after the other, and nothing else;
* network alone, model.predict: the same by Keras's own method.

    python benchmarks/live.py             # two minutes
    python benchmarks/live.py --person    # finds people by the pretrained DeepLabV3 in FASHION_TF_WEIGHTS

Other programs share the machine, so contenders take turns, and the ratio is taken within each turn.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # two cores are what is asked about

import keras
import numpy as np

from fashion_tf.live import CameraSource, MotionFinder, Recogniser, make_classifier, recognise
from fashion_tf.live.outputs import annotated
from fashion_tf.live.use import find_by
from fashion_tf.predictor import load_predictor, save_predictor
from fashion_tf.wardrobe import draw_clip

SIZE, FRAME, PART = (128, 128), (480, 640), (0.08, 0.6)
CLASSES = [f"class {number}" for number in range(10)]
TARGET = 15  # frames a second


class DrawnCamera:
    """Sends the frames of a clip there and back again, so that nobody jumps, at most `rate` a second."""

    def __init__(self, frames, rate):
        self.frames, self.pause, self.sent, self.due = frames[..., ::-1], 1 / rate, 0, time.monotonic()

    def read(self):
        self.due = max(self.due + self.pause, time.monotonic() - self.pause)
        time.sleep(max(0.0, self.due - time.monotonic()))
        self.sent += 1
        place = self.sent % (2 * len(self.frames) - 2)
        return True, self.frames[min(place, 2 * len(self.frames) - 2 - place)]


def saved(folder):
    """MobileNetV2 with a head of ten classes."""
    pictures = keras.Input((*SIZE, 3))
    features = keras.applications.MobileNetV2((*SIZE, 3), include_top=False, weights=None, pooling="avg")(
        keras.layers.Rescaling(1 / 127.5, -1)(pictures))
    model = keras.Model(pictures, keras.layers.Dense(len(CLASSES), activation="softmax")(features))
    return save_predictor(Path(folder) / "mobilenet", model, CLASSES, SIZE)


def watched(clip, classify, find, rate, seconds):
    """Runs live recognition for some seconds: (frames a second, ages of the frames as they were shown, dropped)."""
    ages, stop = [], time.monotonic() + seconds

    def show(frame, answers):
        annotated(frame.image, answers)
        ages.append(time.monotonic() - frame.taken)
        return time.monotonic() < stop

    found = recognise(CameraSource(DrawnCamera(clip, rate)), Recogniser(classify, CLASSES, find(), part=PART), show)
    return found.frames / found.seconds, ages, found.dropped


def asked(classify, seconds):
    """Asks a classifier for one crop after the other: how many a second."""
    crop, count, began = np.random.default_rng(0).integers(0, 256, (240, 160, 3), np.uint8), 0, time.monotonic()
    while time.monotonic() - began < seconds:
        classify([crop])
        count += 1
    return count / (time.monotonic() - began)


def by_predict(predictor):
    import cv2

    def classify(crops):
        return predictor.model.predict(np.stack([cv2.resize(crop, SIZE) for crop in crops]), verbose=0)

    return classify


def spread(values, form=".1f"):
    return " / ".join(format(value, form) for value in (min(values), statistics.median(values), max(values)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each contender's turn")
    parser.add_argument("--rate", type=float, default=60, help="frames a second that the camera sends")
    parser.add_argument("--person", action="store_true", help="find people by DeepLabV3 instead of by motion")
    options = parser.parse_args()
    drawn = draw_clip(np.random.default_rng(3), 96, FRAME)
    clip = drawn.frames[drawn.visible > 0.2]  # where nobody is, the network has nothing to do
    find = (lambda: find_by("person")) if options.person else MotionFinder
    with tempfile.TemporaryDirectory() as folder:
        predictor = load_predictor(saved(folder))
    classify, slow = make_classifier(predictor), by_predict(predictor)
    ages, dropped = {"live": [], "live, with model.predict": []}, dict.fromkeys(("live", "live, with model.predict"), 0)

    def live(name, way):
        def turn(seconds):
            rate, seen, left_out = watched(clip, way, find, options.rate, seconds)
            ages[name] += seen
            dropped[name] += left_out
            return rate
        return turn

    contenders = {"live": live("live", classify), "live, with model.predict": live("live, with model.predict", slow),
                  "network alone, compiled": lambda seconds: asked(classify, seconds),
                  "network alone, model.predict": lambda seconds: asked(slow, seconds)}
    rates = {name: [] for name in contenders}
    for turn in range(-1, options.turns):  # the first warms up and does not count
        for name in list(contenders)[::1 if turn % 2 else -1]:
            rate = contenders[name](options.seconds if turn >= 0 else 1)
            if turn >= 0:
                rates[name].append(rate)
        if turn < 0:
            ages, dropped = {name: [] for name in ages}, dict.fromkeys(dropped, 0)
    print(f"{FRAME[1]} x {FRAME[0]} pixels, {options.rate:g} frames a second sent, network at {SIZE[0]} pixels, "
          f"{os.cpu_count()} cores, {options.turns} turns of {options.seconds:g} s")
    print(f"{'':30}{'frames a second (min/median/max)':>36}{'age as shown, ms (p50/p95/max)':>34}{'dropped':>9}")
    for name, values in rates.items():
        old = "" if name not in ages else " / ".join(f"{1000 * value:.0f}" for value in np.percentile(
            ages[name], (50, 95, 100)))
        print(f"{name:30}{spread(values):>36}{old:>34}{dropped.get(name, ''):>9}")
    bare = [ours / theirs for ours, theirs in zip(rates["live"], rates["network alone, compiled"])]
    print(f"live is {spread(bare, '.2f')} times as fast as the network alone (at most {options.rate:g} are sent)")
    rate = statistics.median(rates["live"])
    print(f"target {TARGET} frames a second: {'reached' if rate >= TARGET else 'MISSED'} ({rate:.1f})")


if __name__ == "__main__":
    main()
