"""Where the seconds of each sample lesson go: imports, drawing, tracing, training, the rest.

    python benchmarks/course.py [LESSON...] [--keep-samples]

Each lesson runs alone, in a kernel of its own, with an empty cache of samples (`--keep-samples`: with the user's). A
start-up file of IPython's counts the seconds inside a few functions of Keras and the kit; nothing else is changed.

* import: the setup cell, mostly TensorFlow;
* drawing: samples that were not in the cache;
* tracing: the first call of each compiled step, in which TensorFlow traces and optimises it;
* training: `fit`, `evaluate` and `predict`, less tracing;
* searching: trials in worker processes, waited for;
* the rest: building networks, reading files, figures, everything else.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

COUNTED = ("import", "drawing", "tracing", "training", "searching")

START_UP = '''
def watch_the_seconds():  # a function, for a lesson may have a `seconds` of its own
    import json, os, sys, time

    seconds, open_now, cell_began = dict.fromkeys(COUNTED, 0.0), [], [0.0]

    def counted(kind, function):
        """`function`, its seconds added to `kind` and taken from the kind around it."""
        def call(*arguments, **options):
            began = time.perf_counter()
            open_now.append(kind)
            try:
                return function(*arguments, **options)
            finally:
                spent = time.perf_counter() - began
                open_now.pop()
                seconds[kind] += spent
                if open_now:
                    seconds[open_now[-1]] -= spent
        return call

    def first_call_traces(make):
        def made(self, *arguments, **options):
            before, step = getattr(self, make.__name__[5:], None), make(self, *arguments, **options)
            name = make.__name__[5:]
            step = getattr(self, name)
            if step is before or step is None:
                return
            traced = counted("tracing", step)
            def once(*values):
                nonlocal traced
                answer = (traced or step)(*values)
                traced = None
                return answer
            setattr(self, name, once)
        return made

    def watch(result):
        with open(os.environ["COURSE_SECONDS"], "w") as file:
            json.dump(seconds, file)
        if "keras" not in sys.modules or seconds["import"]:
            return
        seconds["import"] = time.perf_counter() - cell_began[0]
        import keras
        from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
        from fashion_tf import datasets
        for name in ("make_train_function", "make_test_function", "make_predict_function"):
            setattr(TensorFlowTrainer, name, first_call_traces(getattr(TensorFlowTrainer, name)))
        for name in ("fit", "evaluate", "predict", "predict_on_batch", "train_on_batch"):
            setattr(keras.Model, name, counted("training", getattr(keras.Model, name)))
        datasets.write_sample = counted("drawing", datasets.write_sample)
        if "fashion_tf.trials" in sys.modules:
            from fashion_tf.trials import Engine
            Engine.run = counted("searching", Engine.run)

    events = get_ipython().events
    events.register("pre_run_cell", lambda info: cell_began.__setitem__(0, time.perf_counter()))
    events.register("post_run_cell", watch)


watch_the_seconds()
'''


def main():
    from fashion_tf.classroom.course import load_course
    from fashion_tf.classroom.runner import run_course

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="LESSON")
    parser.add_argument("--keep-samples", action="store_true")
    options = parser.parse_args()
    course = load_course(Path(__file__).parent.parent / "course.yml")
    rows = []
    for lesson in options.lessons or [lesson.id for lesson in course.lessons]:
        with tempfile.TemporaryDirectory() as folder:
            start_up = Path(folder, "ipython", "profile_default", "startup")
            start_up.mkdir(parents=True)
            (start_up / "00-seconds.py").write_text(f"COUNTED = {COUNTED}\n{START_UP}")
            os.environ.update(IPYTHONDIR=str(start_up.parents[1]), COURSE_SECONDS=str(Path(folder, "seconds.json")))
            if not options.keep_samples:
                os.environ["FASHION_TF_CACHE"] = str(Path(folder, "cache"))
            result, = run_course(course, [lesson], out=Path(folder, "run"), say=lambda line: None)
            seconds = json.loads(Path(folder, "seconds.json").read_text())
        rows.append({"lesson": lesson, **seconds, "rest": result.seconds - sum(seconds.values()),
                     "all": result.seconds})
        print_row(rows[-1], len(rows) == 1)
        if result.reasons:
            sys.exit(f"lesson {lesson} failed: {'; '.join(result.reasons)}")
    print_row({"lesson": "sum", **{name: sum(row[name] for row in rows) for name in rows[0] if name != "lesson"}})


def print_row(row, first=False):
    if first:
        print("".join(f"{name:>10}" for name in row))
    print("".join(f"{value:>10}" if isinstance(value, str) else f"{value:10.1f}" for value in row.values()), flush=True)


if __name__ == "__main__":
    main()
