"""Seconds of a search: `fashion_tf.search.grid_search` on all cores beside KerasTuner's GridSearch.

The trials are the same: `fashion_tf.training.train_classifier` on the DeepFashion sample at 48 pixels,
four optimizers by four learning rates, one seed. KerasTuner makes each trial from the same parts in
`run_trial`, as its guide has it for a trial of one's own: build, compile, fit, evaluate. That is its
fastest way; it evaluates once and writes no model. Photos are decoded once for both, before the clock
starts.

Contenders take turns, each time in a fresh process, so that nothing is warm; ours pays for starting
its workers. Whether they have found the same is part of the comparison: accuracies must be equal.
TensorFlow adds in another order with another number of threads, so a third contender, KerasTuner
with the threads that our workers have, is run once for this comparison alone.

    pip install keras-tuner
    python benchmarks/search.py                # 3 turns, several minutes
    python benchmarks/search.py --quick        # 1 turn with 4 trials
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # the comparison is one of cores

SPACE = {"optimizer": ["Adam", "Adagrad", "SGD", "Adamax"], "learning_rate": [0.0003, 0.001, 0.003, 0.01]}
SIZE, SEED, TARGET = 48, 0, 1.5
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def sample():
    """What the trials share: the sample's photos, cropped to their boxes and decoded."""
    from fashion_tf.datasets.categories import ten_categories
    from fashion_tf.pipeline import load_images

    dataset = ten_categories("deepfashion", "sample")
    shared = {"classes": len(dataset.classes)}
    for name in ("train", "validation"):
        part = dataset.split(name)
        shared[f"{name}_images"] = load_images(part, SIZE, crop_to_box=True)[0]
        shared[f"{name}_labels"] = part.labels
    return shared


def ours(space, start, shared, scratch):
    from fashion_tf.search import grid_search
    from fashion_tf.training import train_classifier

    result = grid_search(train_classifier, space, start, Path(scratch) / "journal.jsonl", seeds=(SEED,),
                         shared=shared, progress=False)
    table = result.table
    return {f"{row.optimizer} {row.learning_rate}": row.accuracy for row in table.itertuples()}


def tuner(space, start, shared, scratch):
    import keras
    import keras_tuner

    from fashion_tf.models.backbones import build_classifier
    from fashion_tf.pipeline import batches_of
    from fashion_tf.training import has_gpu, make_initializer, make_optimizer, make_regularizer

    found = {}

    class Search(keras_tuner.GridSearch):
        def run_trial(self, trial, **options):
            keras.utils.set_random_seed(SEED)
            optimizer, rate = (trial.hyperparameters.Choice(name, values) for name, values in space.items())
            model = build_classifier(
                start["backbone"], shared["classes"], SIZE, seed=SEED,
                initializer=make_initializer(start["initializer"]),
                regularizer=make_regularizer(start["regularizer"], start["regularizer_strength"]))
            model.compile(make_optimizer(optimizer, rate), "sparse_categorical_crossentropy",
                          metrics=["accuracy"], jit_compile=has_gpu())
            batches = batches_of(shared["train_images"], shared["train_labels"], start["batch_size"],
                                 training=True, seed=SEED)
            model.fit(batches, epochs=start["epochs"], steps_per_epoch=len(batches), shuffle=False, verbose=0)
            _, accuracy = model.evaluate(shared["validation_images"], shared["validation_labels"], 128,
                                         verbose=0)
            found[f"{optimizer} {rate}"] = accuracy
            return {"accuracy": accuracy}

    Search(objective=keras_tuner.Objective("accuracy", "max"), max_trials=100, seed=SEED, overwrite=True,
           directory=scratch, project_name="tuner").search(verbose=0)
    return found


CONTENDERS = {"ours": ours, "KerasTuner": tuner}


def run_here(name, space, epochs, file):
    """One contender in this process: {"seconds": ..., "accuracies": {...}} into a file."""
    import tensorflow as tf

    from fashion_tf.training import START

    shared, start = sample(), START | {"epochs": epochs}
    tf.constant(0)  # TensorFlow is up, for both
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        accuracies = CONTENDERS[name](space, start, shared, scratch)
        seconds = time.perf_counter() - began
    Path(file).write_text(json.dumps({"seconds": seconds, "accuracies": accuracies}))


def run_apart(name, options, environment=None):
    """The same in a fresh process."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "result.json"
        command = [sys.executable, __file__, "--contender", name, "--file", str(file),
                   "--epochs", str(options.epochs), *(["--quick"] if options.quick else [])]
        run = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True,
                             text=True)
        if run.returncode:
            raise SystemExit(f"{name} failed:\n{run.stderr}")
        return json.loads(file.read_text())


def spread(values, form):
    return " / ".join(format(value, form) for value in (
        min(values), statistics.median(values), max(values)))


def difference(one, other):
    if one.keys() != other.keys():
        raise SystemExit(f"These are not the same trials: {sorted(one)} and {sorted(other)}")
    return max(abs(one[name] - other[name]) for name in one)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="4 trials, 1 turn")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    space = {name: values[1:3] for name, values in SPACE.items()} if options.quick else SPACE
    if options.contender:
        return run_here(options.contender, space, options.epochs, options.file)
    try:
        tuner_version = version("keras-tuner")
    except PackageNotFoundError:
        return print("skipped: this benchmark compares with KerasTuner (pip install keras-tuner)")

    trials = len(list(itertools.product(*space.values())))
    print(f"{trials} trials of {options.epochs} epochs at {SIZE} pixels, {os.cpu_count()} cores; "
          f"KerasTuner {tuner_version}")
    turns = 1 if options.quick else options.turns
    results = {name: [] for name in CONTENDERS}
    for turn in range(turns):
        for name in list(CONTENDERS)[::1 if turn % 2 == 0 else -1]:
            results[name].append(run_apart(name, options))
            print(f"turn {turn + 1}: {name} {results[name][-1]['seconds']:.1f} s", flush=True)
    ratios = [theirs["seconds"] / our["seconds"]
              for our, theirs in zip(results["ours"], results["KerasTuner"], strict=True)]
    print("min / median / max of", turns, "turns")
    for name, runs in results.items():
        print(f"{name:12}{spread([run['seconds'] for run in runs], '.1f'):>24} s")
    print(f"{'ours is':12}{spread(ratios, '.2f'):>24} times as fast")

    same = dict.fromkeys(THREADS, "1")
    one_thread = run_apart("KerasTuner", options, same)["accuracies"]
    our_accuracies = results["ours"][0]["accuracies"]
    print("largest difference of a validation accuracy from ours:")
    print(f"  KerasTuner with {os.cpu_count()} threads: "
          f"{difference(our_accuracies, results['KerasTuner'][0]['accuracies']):.4f}")
    print(f"  KerasTuner with our workers' 1 thread: {difference(our_accuracies, one_thread):.4f}")
    others = [difference(our_accuracies, run["accuracies"]) for run in results["ours"][1:]]
    if others:
        print(f"  ours in another turn: {max(others):.4f}")
    reached = statistics.median(ratios) >= TARGET
    print(f"target: {TARGET:g} times as fast, {'reached' if reached else 'MISSED'}")


if __name__ == "__main__":
    main()
