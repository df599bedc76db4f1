"""The dense CRF beside pydensecrf, and images a second of a parser without a CRF, with the dense and with
the local one.

The first part labels one drawn photo of 600 x 400 pixels with 25 labels: 10 iterations, two kernels,
from the photo to the labels, building the lattices included. Both take turns on all cores (pydensecrf
has one thread); what counts is the ratio of the medians. The drawing gets the noise of a camera, for a
lattice has as many corners as the photo has colours; the softmax is a blurred truth with noise.

The second part is a feature pyramid network on a small backbone (fresh weights: they make no difference
to the time), then each CRF on its output. The first run of everything, which compiles, does not count.

    pip install pydensecrf2              # needs a compiler; without it the first part has one contender
    python benchmarks/crf.py             # a few minutes
    python benchmarks/crf.py --turns 2
"""

import argparse
import os
import statistics
import time
from functools import partial
from importlib.util import find_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np

from fashion_tf.crf import dense_crf, local_crf
from fashion_tf.datasets.fashionista import CLASSES
from fashion_tf.wardrobe import draw_person

SIZE, PARAMETERS, TARGET, ALIKE = (600, 400), {"theta_alpha": 30, "theta_beta": 10, "w1": 10}, 2.0, 0.995
PAPER = {"network alone": 1.95, "with the dense CRF": 0.20}  # images a second, on a V100


def drawn(size, seed):
    """A photo, uint8 (height, width, 3), and a softmax for it, float32 (height, width, 25)."""
    generator = np.random.default_rng(seed)
    drawing = draw_person(generator, size)
    image = (drawing.image + generator.normal(0, 4, drawing.image.shape)).clip(0, 255).astype(np.uint8)
    planes = []
    for label in range(len(CLASSES)):
        noise = cv2.GaussianBlur(generator.random(size).astype(np.float32), (0, 0), 8)
        planes.append(cv2.GaussianBlur((drawing.labels == label).astype(np.float32), (0, 0), 6) + 0.3 * noise)
    probabilities = np.stack(planes, -1)
    return image, probabilities / probabilities.sum(-1, keepdims=True)


def by_pydensecrf(image, probabilities):
    """The same energy from the same photo; kernels normalised symmetrically is its default."""
    from pydensecrf.densecrf import DenseCRF2D

    height, width, labels = probabilities.shape
    crf = DenseCRF2D(width, height, labels)
    crf.setUnaryEnergy(np.ascontiguousarray(-np.log(np.maximum(probabilities, 1e-8)).reshape(-1, labels).T))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=PARAMETERS["theta_alpha"], srgb=PARAMETERS["theta_beta"], rgbim=image,
                             compat=PARAMETERS["w1"])
    return np.array(crf.inference(10)).T.reshape(height, width, labels)


def seconds_of(function, *arguments):
    began = time.perf_counter()
    answer = function(*arguments)
    return time.perf_counter() - began, answer


def spread(values, form=".2f"):
    return " / ".join(format(value, form) for value in (
        min(values), statistics.median(values), max(values)))


def beside_pydensecrf(turns):
    image, probabilities = drawn(SIZE, seed=1)
    ours = partial(dense_crf, **PARAMETERS)
    contenders = {"ours": ours, "pydensecrf": by_pydensecrf}
    if find_spec("pydensecrf") is None:
        print("pydensecrf is not installed (pip install pydensecrf2): ours runs alone")
        del contenders["pydensecrf"]
    answers, runs = {}, {name: [] for name in contenders}
    for name, function in contenders.items():  # compiles, and warms the caches
        answers[name] = function(image, probabilities).argmax(-1)
    for turn in range(turns):
        for name in list(contenders)[::1 if turn % 2 == 0 else -1]:
            runs[name].append(seconds_of(contenders[name], image, probabilities)[0])
    print(f"one photo of {SIZE[0]} x {SIZE[1]} pixels, {len(CLASSES)} labels, 10 iterations; "
          f"{os.cpu_count()} cores; min / median / max of {turns} turns")
    for name, values in runs.items():
        print(f"{name:12}{spread(values):>22} s")
    if len(runs) == 2:
        ratio = statistics.median(runs["pydensecrf"]) / statistics.median(runs["ours"])
        turnwise = [theirs / our for our, theirs in zip(runs["ours"], runs["pydensecrf"])]
        alike = np.mean(answers["ours"] == answers["pydensecrf"])
        print(f"ours is {ratio:.2f} times as fast (in each turn {spread(turnwise)}): target {TARGET:g}, "
              f"{'reached' if ratio >= TARGET else 'MISSED'}")
        print(f"{alike:.4%} of the pixels alike: target {ALIKE:.1%}, "
              f"{'reached' if alike >= ALIKE else 'MISSED'}")


def throughput(turns, size, batch, window, backbone):
    import tensorflow as tf

    from fashion_tf.models.fpn import fpn_segmenter

    device = tf.config.list_physical_devices("GPU")
    name = tf.config.experimental.get_device_details(device[0])["device_name"] if device else (
        f"CPU, {os.cpu_count()} cores")
    photos = np.stack([drawn(size, seed)[0] for seed in range(batch)])
    network = fpn_segmenter(backbone, len(CLASSES), size, seed=1)
    local = tf.function(partial(local_crf, window=window, **PARAMETERS), jit_compile=True)

    def alone():
        return network.predict_on_batch(photos)

    def dense():
        return np.stack([dense_crf(photo, one, **PARAMETERS) for photo, one in zip(photos, alone())])

    ways = {"network alone": alone, "with the dense CRF": dense,
            "with the local CRF": lambda: local(photos, alone()).numpy()}
    rates = {way: [] for way in ways}
    for function in ways.values():
        function()
    for _ in range(turns):
        for way, function in ways.items():
            rates[way].append(batch / seconds_of(function)[0])
    print(f"\nimages a second at {size[0]} x {size[1]} pixels, batch {batch}, {name}; FPN on {backbone}, "
          f"{network.count_params():,} weights; local window {window}; min / median / max of {turns} turns")
    for way, values in rates.items():
        paper = f"   (paper: {PAPER[way]:.2f}, ResNeXt on a V100)" if way in PAPER else ""
        print(f"{way:20}{spread(values):>24}{paper}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].replace("\n", " "))
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--size", type=int, nargs=2, default=(288, 192), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--batch", type=int, default=5, help="photos at a time; the paper's is 5")
    parser.add_argument("--window", type=int, default=11, help="of the local CRF")
    parser.add_argument("--backbone", default="small_resnet", help="of the network, such as mobilenet_v2")
    options = parser.parse_args()
    beside_pydensecrf(options.turns)
    throughput(options.turns, tuple(options.size), options.batch, options.window,
               options.backbone)


if __name__ == "__main__":
    main()
