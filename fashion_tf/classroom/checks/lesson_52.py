"""Exercises of lesson 52: a button that is outvoted, and how far a local CRF has to see."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, near, number, whole_number


def _draw_button(generator):
    """`button`, the network's probability of *button* at one pixel (the rest is *coat*); of its neighbours the
    same in `neighbours`, and the `kernel` between each of them and the pixel."""
    while True:
        count = int(generator.integers(6, 11))
        data = SimpleNamespace(button=round(0.80 + 0.17 * float(generator.random()), 2),
                               neighbours=np.round(0.02 + 0.25 * generator.random(count), 2).tolist(),
                               kernel=np.round(0.2 + 0.7 * generator.random(count), 2).tolist())
        if apart(np.log(_weights(data)), 0.08):
            return data


def _weights(data):
    """The right weight; only coat's votes counted; without the kernel; odds without the logarithm."""
    kernel, believe = np.array(data.kernel), np.array(data.neighbours)
    odds = data.button / (1 - data.button)
    margin = np.sum(kernel * (1 - 2 * believe))
    return (np.log(odds) / margin, np.log(odds) / np.sum(kernel * (1 - believe)),
            np.log(odds) / np.sum(1 - 2 * believe), odds / margin)


def _judge_button(answer, data):
    answer = number(answer, 0, 1e6, "a weight w1")
    right, coat_only, no_kernel, no_logarithm = _weights(data)
    if near(answer, right, 0.015):
        return f"Above w1 = {right:.2f} the coat wins, however sure the network was: {data.button:.0%}."
    if near(answer, coat_only, 0.015):
        raise Wrong("You counted what the neighbours give to coat. They also give a little to button: the "
                    "difference of the two has to make up for the network's verdict.")
    if near(answer, no_kernel, 0.015):
        raise Wrong("Here every neighbour counts in full. Each is heard as loud as `kernel` says.")
    if near(answer, no_logarithm, 0.015):
        raise Wrong("The energy holds -log P. Compare the logarithms of the two probabilities, not the "
                    "probabilities.")
    if near(answer, np.log(data.button / (1 - data.button)), 0.015):
        raise Wrong("This is by how much the network prefers button. How much weight do the neighbours need, to "
                    "outvote it?")
    raise Wrong(f"With {answer:.3g} the two labels do not tie. Write both scores after one step: log P plus w1 times "
                "the sum of kernel times what the neighbours believe.")


def _draw_window(generator):
    """`theta_alpha`, the `dilation`, and the share of its weight that the kernel may still have (`left`)."""
    while True:
        data = SimpleNamespace(theta_alpha=int(generator.integers(8, 41)), dilation=int(generator.integers(2, 6)),
                               left=[0.5, 0.25, 0.1, 0.05][int(generator.integers(0, 4))])
        answers = _windows(data)
        if len(set(answers)) == len(answers) and answers[0] > 3 and not near(_steps(data) % 1, 0, 0, 0.02):
            return data


def _steps(data):
    return data.theta_alpha * np.sqrt(2 * np.log(1 / data.left)) / data.dilation


def _windows(data):
    """The right window; only its half; without the dilation; with the kernel exp(-r / θ)."""
    half = int(np.ceil(_steps(data)))
    return (2 * half + 1, half, 2 * int(np.ceil(_steps(data) * data.dilation)) + 1,
            2 * int(np.ceil(data.theta_alpha * np.log(1 / data.left) / data.dilation)) + 1)


def _judge_window(answer, data):
    answer = whole_number(answer, 1, 10**6, "the side of a window")
    right, half, undilated, other_kernel = _windows(data)
    reach = right // 2 * data.dilation
    if answer == right:
        return f"±{reach} pixels: at equal colour, what is dropped has at most {data.left:.0%} of the full weight."
    if answer in (half, half + 1):
        raise Wrong("So far it reaches to one side. A window reaches to both, and has a middle.")
    if answer == undilated:
        raise Wrong(f"This window is as wide without a dilation. With one of {data.dilation}, each place in it stands "
                    f"{data.dilation} pixels from the next.")
    if answer == other_kernel:
        raise Wrong("This kernel falls as exp(-r / θ). The energy has exp(-r² / 2θ²), which ends sooner.")
    if answer == right - 1 or answer % 2 == 0:
        raise Wrong(f"{answer} has no middle: a window's side is odd.")
    remains = np.exp(-((answer // 2 * data.dilation) ** 2) / (2 * data.theta_alpha ** 2))
    if answer < right:
        raise Wrong(f"{answer} is too narrow: at its edge, ±{answer // 2 * data.dilation} pixels, the kernel still has "
                    f"{remains:.0%} of its weight.")
    raise Wrong(f"{answer} is wider than it need be: a smaller odd window reaches far enough.")


EXERCISES = [Exercise(_draw_button, _judge_button), Exercise(_draw_window, _judge_window)]
