"""Exercise of lesson 00: what a constant answer scores."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, near, number

NAMES = ["T-shirt/top", "Trouser", "Dress", "Coat", "Bag"]


def _draw_counts(generator):
    """`classes`, and how many `train` and `test` pictures each has; their commonest classes differ."""
    while True:
        train, test = generator.integers(40, 400, 5), generator.integers(20, 200, 5)
        most = int(train.argmax())
        if apart([*_shares(train, test, most).values()], 0.02) and np.sum(train == train[most]) == 1:
            return SimpleNamespace(classes=list(NAMES), train=train.tolist(), test=test.tolist())


def _shares(train, test, most):
    return {"right": test[most] / test.sum(), "train": train[most] / train.sum(),
            "test": test.max() / test.sum(), "chance": 1 / len(test)}


def _judge_constant(answer, data):
    answer = number(answer, 0, 1, "a share of the test pictures")
    train, test = np.array(data.train), np.array(data.test)
    most = int(train.argmax())
    shares = _shares(train, test, most)
    if near(answer, shares["right"], 0, 0.005):
        return f"Always {data.classes[most]!r} is right for {shares['right']:.1%} of the test pictures."
    if near(answer, shares["train"], 0, 0.005):
        raise Wrong("This is the share among the training pictures. The answer is chosen there, and scored on "
                    "the test pictures.")
    if near(answer, shares["test"], 0, 0.005):
        raise Wrong("This is the share of the commonest class of the test pictures. Whoever answers does not "
                    "know it: choose the class by the training pictures.")
    if near(answer, shares["chance"], 0, 0.005):
        raise Wrong("This is what drawing a class at random scores. The answer here is always the same class.")
    raise Wrong(f"{answer:.3f} is not what it scores. Which class is the commonest in `train`, and what share "
                "of all pictures in `test` has that class?")


EXERCISES = [Exercise(_draw_counts, _judge_constant)]
