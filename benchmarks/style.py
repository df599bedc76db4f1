"""Gram-matrix style transfer beside a plain implementation of the widely copied recipe: the same network, the same
loss, to the same loss.

The recipe: one size, Adam, and in every step photo, painting and picture together through the whole network. Ours has
the targets computed once, the network cut at the last layer used, a pyramid of sizes, and L-BFGS. The recipe runs for
some steps; the loss that it reaches is the goal, and what counts is the time until ours has reached it at the full
size. Building and compiling count for neither: each runs once before, for two steps. Then seconds a step by size,
and those of the processor, all cores together: on a machine with other work these tell what a quiet one takes.

VGG-19 has random weights, which cost as much as ImageNet's.

    python benchmarks/style.py                      # some ten minutes on two cores
    python benchmarks/style.py --size 256 --steps 60 --optimizer adam
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from fashion_tf.wardrobe import draw_painting, draw_person

TARGET = 5.0


def pictures(size):
    """(photo, painting), uint8 (size, size, 3): a drawn person with the noise of a camera, and drawn strokes."""
    generator = np.random.default_rng(1)
    photo = draw_person(generator, (size, size)).image + generator.normal(0, 4, (size, size, 3))
    return photo.clip(0, 255).astype(np.uint8), draw_painting("swirls", generator, (size, size))


def plain(photo, painting, loss, whole, steps, rate):
    """The recipe.

    Args:
        whole: The network that gives the layers of the loss, and its last one.
        steps, rate: Of Adam.

    Returns:
        (seconds since the beginning, loss) of each step.
    """
    import keras
    import tensorflow as tf

    from fashion_tf.style.features import gram_matrix, relative_error, total_variation

    picture = tf.Variable(photo[None].astype(np.float32))
    fixed = tf.constant(np.stack([photo, painting]).astype(np.float32))
    adam = keras.optimizers.Adam(rate)
    adam.build([picture])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            features = whole(tf.concat([fixed, picture], 0))
            content = sum(relative_error(features[name][2:], features[name][:1]) for name in loss.content)
            style = sum(relative_error(gram_matrix(features[name][2:]), gram_matrix(features[name][1:2]))
                        for name in loss.style)
            total = loss.total(tf.stack([content / len(loss.content), style / len(loss.style),
                                         total_variation(picture)]))
        adam.apply([tape.gradient(total, picture)], [picture])
        picture.assign(tf.clip_by_value(picture, 0, 255))
        return total

    if steps:
        step()  # compiles
        picture.assign(photo[None].astype(np.float32))
        for variable in (adam.variables[0], *adam.variables[2:]):  # all but the learning rate
            variable.assign(tf.zeros_like(variable))
    began, path = time.perf_counter(), []
    for _ in range(steps):
        value = float(step())
        path.append((time.perf_counter() - began, value))
    return path


def until(history, size, goal):
    """Seconds until a step at `size` has the loss `goal`; None where none has."""
    return next((step.seconds for step in history if step.size == size and step.loss <= goal), None)


def seconds_a_step(photo, painting, loss, size, steps, optimizer):
    """The median of a step, the first one aside, which compiles: (seconds, seconds of the processor)."""
    from fashion_tf.style.gram import gram_transfer

    clocks = []
    gram_transfer(photo, painting, loss, sizes=(size,), steps=steps, optimizer=optimizer, tolerance=0,
                  progress=lambda step, picture: clocks.append((time.perf_counter(), time.process_time())))
    return np.median(np.diff(clocks, axis=0), axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].replace("\n", " "))
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100, help="of the recipe")
    parser.add_argument("--rate", type=float, default=5.0, help="of the recipe's Adam, levels of 0..255")
    parser.add_argument("--optimizer", default="lbfgs", choices=("lbfgs", "adam"))
    parser.add_argument("--sizes", type=int, nargs="*", default=(256, 512), help="at which a step is timed")
    parser.add_argument("--timed-steps", type=int, default=6, help="at each of these sizes, with each optimizer")
    options = parser.parse_args()

    from fashion_tf.style.features import feature_network, style_loss
    from fashion_tf.style.gram import gram_transfer

    loss = style_loss("vgg19", None, seed=1)
    # The same seed gives the same weights; the last layer is among the outputs, as where nobody cut the network.
    whole = feature_network("vgg19", None, [*dict.fromkeys([*loss.style, *loss.content]), "block5_pool"], 1)
    photo, painting = pictures(options.size)
    path = plain(photo, painting, loss, whole, options.steps, options.rate)
    goal = min(value for _, value in path)
    theirs = next(seconds for seconds, value in path if value == goal)
    print(f"{os.cpu_count()} cores, VGG-19, {options.size} x {options.size} pixels")
    print(f"recipe: loss {path[0][1]:.4f} to {goal:.4f} in {theirs:.1f} s, {len(path)} steps, "
          f"{statistics.median(np.diff([0, *(seconds for seconds, _ in path)])):.2f} s a step", flush=True)

    class Reached(Exception):
        pass

    history = []

    def watch(step, picture):
        history.append(step)
        if step.size == options.size and step.loss <= goal:
            raise Reached

    sizes = [side for side in (options.size // 4, options.size // 2) if side >= 32] + [options.size]
    settings = {"sizes": sizes, "optimizer": options.optimizer, "tolerance": 5e-3}
    for steps in (2, options.steps):  # the first call warms up
        history.clear()
        began = time.perf_counter()
        try:
            gram_transfer(photo, painting, loss, steps=steps, progress=watch, **settings)
        except Reached:
            pass
        seconds = time.perf_counter() - began
    ours = until(history, options.size, goal)
    steps = {size: sum(step.size == size for step in history) for size in sizes}
    if ours is None:
        print(f"ours: did not reach it in {seconds:.1f} s (loss {history[-1].loss:.4f}): MISSED")
    else:
        print(f"ours: the same loss in {seconds:.1f} s, compiling three sizes included; steps by size {steps}; "
              f"{theirs / seconds:.1f} times as fast: target {TARGET:g}, "
              f"{'reached' if theirs / seconds >= TARGET else 'MISSED'}", flush=True)

    for size in options.sizes:
        photo, painting = pictures(size)
        for optimizer, note in (("adam", "Adam"), ("lbfgs", "L-BFGS, which may look several times in a step")):
            wall, processor = seconds_a_step(photo, painting, loss, size, options.timed_steps, optimizer)
            print(f"{size} px: {wall:.2f} s a step, {processor:.2f} s of the processor ({note}); "
                  f"load {os.getloadavg()[0]:.1f}", flush=True)
        copied = statistics.median(np.diff([0, *(seconds for seconds, _ in plain(
            photo, painting, loss, whole, max(options.timed_steps - 2, 1), options.rate))]))
        print(f"{size} px: {copied:.2f} s a step (the recipe); load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
