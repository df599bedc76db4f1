"""Exercises of lesson 22: what a decay leaves of a training, and what a search flatters itself by."""

from math import lgamma
from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, near, number


def _draw_decay(generator):
    """`steps` of a training, at the learning rate 1, and its `decay`."""
    return SimpleNamespace(steps=int(10 ** (2.5 + 2 * float(generator.random()))),
                           decay=round(0.5 + 0.49 * float(generator.random()), 2))


def _judge_decay(answer, data):
    answer = number(answer, 0, None, "a number of full steps")
    rates = 1 / (1 + data.decay * np.arange(data.steps + 1))
    right = rates[:-1].sum()
    if near(answer, right, 0.01):
        return f"{data.steps:,} steps move as far as {right:.1f} full ones: in this reading hardly anything is trained."
    if near(answer, rates[1:].sum(), 0.01):
        raise Wrong("The first step has t = 0 and counts in full; your sum begins at t = 1.")
    if near(answer, data.steps, 0.01):
        raise Wrong("So many steps are taken; each moves by its own learning rate, which falls. Add these up.")
    if near(answer, 1 / data.decay, 0.01) or near(answer, 1 / (1 - data.decay), 0.01):
        raise Wrong("This sums a learning rate that falls by the same *factor* in each step. Here it is "
                    "η / (1 + d t): it falls fast at first, then ever more slowly.")
    if near(answer, rates[-1], 0.01) or near(answer, rates[-2], 0.01):
        raise Wrong("This is the last step's learning rate alone. Add up those of all steps.")
    if near(answer, data.steps * rates[-2], 0.02):
        raise Wrong("This gives every step the last one's learning rate. The first steps have far more.")
    raise Wrong(f"{answer:.4g} is not it. Write down the learning rates of the steps t = 0, 1, 2, and add them up "
                f"to t = {data.steps - 1:,}.")


def _draw_optimism(generator):
    """`settings` that are all equally good (`accuracy`), each scored on other luck with `photos` photos."""
    few = generator.random() < 0.5
    return SimpleNamespace(settings=int(generator.integers(8, 13) if few else generator.integers(60, 121)),
                           photos=int(generator.integers(100, 301)),
                           accuracy=round(0.60 + 0.20 * float(generator.random()), 2))


def _expected_best(data):
    """The mean of the largest of independent binomial shares."""
    right = np.arange(data.photos + 1)
    ways = np.array([lgamma(data.photos + 1) - lgamma(k + 1) - lgamma(data.photos - k + 1) for k in right])
    share = np.exp(ways + right * np.log(data.accuracy) + (data.photos - right) * np.log(1 - data.accuracy))
    at_most = np.cumsum(share) ** data.settings
    return float(np.sum(1 - at_most[:-1]) / data.photos)


def _judge_optimism(answer, data):
    answer = number(answer, 0, 100, "an accuracy")
    best = _expected_best(data)
    error = np.sqrt(data.accuracy * (1 - data.accuracy) / data.photos)
    if near(answer, best, 0, 0.17 * error):
        luck = best - data.accuracy
        return f"The winner of {data.settings} equals scores {best:.3f} on average: {luck:+.3f} by luck."
    if near(answer, data.accuracy, 0, 0.3 * error):
        raise Wrong("This is what each of them is worth, and what fresh photos will show. The search reports the "
                    "*largest* of its scores.")
    if near(answer, data.accuracy + 1.96 * error, 0, 0.17 * error):
        raise Wrong("This is the upper end of *one* score's interval. How high the largest stands depends on how "
                    "many there are.")
    if near(answer, data.accuracy + error, 0, 0.17 * error):
        raise Wrong("This is one standard error up, where a single lucky score may stand. The largest of "
                    f"{data.settings} stands higher.")
    if near(answer, best - data.accuracy, 0, 0.17 * error):
        raise Wrong("This is by how much the report is too high; asked for is the report itself.")
    if answer < data.accuracy:
        raise Wrong(f"{answer:.3f} is less than each setting is worth; the largest of several scores is larger.")
    raise Wrong(f"{answer:.3f} is not it, by more than a simulation's error. Draw {data.settings} scores on "
                f"{data.photos} photos each, keep the largest, and repeat: what is its mean?")


EXERCISES = [Exercise(_draw_decay, _judge_decay), Exercise(_draw_optimism, _judge_optimism)]
