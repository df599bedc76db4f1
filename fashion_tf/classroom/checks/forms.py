"""The forms an answer may have, each read from plain JSON; what has another form is told so in a sentence."""

from dataclasses import dataclass


class Wrong(Exception):
    """An answer that does not pass; its text says what is wrong with this answer. `judge` catches it."""


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        draw: Function of a `numpy.random.Generator`; returns the data, with attributes.
        judge: Function of the answer as plain JSON and of the data; returns the sentence for a right
            answer and raises `Wrong` with one for any other.
    """

    draw: object
    judge: object


def number(answer, low=None, high=None, what="a number"):
    """The answer as a float within `low` and `high`."""
    answer = _alone(answer)
    if isinstance(answer, bool) or not isinstance(answer, (int, float)):
        raise Wrong(f"The answer is {what}; yours is {kind(answer)}.")
    try:
        answer = float(answer)
    except OverflowError:
        raise Wrong(f"The answer is {what}; yours is far too large.") from None
    if low is not None and answer < low or high is not None and answer > high:
        bounds = (f"at least {low:g}" if high is None else f"at most {high:g}" if low is None else
                  f"between {low:g} and {high:g}")
        raise Wrong(f"The answer is {what}, {bounds}; yours is {answer:.4g}.")
    return answer


def whole_number(answer, low=None, high=None, what="a whole number"):
    """The answer as an int within `low` and `high`."""
    found = number(answer, low, high, what)
    if found != int(found):
        raise Wrong(f"The answer is {what}; yours is {found:.4g}.")
    return int(found)


def one_of(answer, names):
    """The answer as one of some texts."""
    answer = _alone(answer)
    if not isinstance(answer, str):
        raise Wrong(f"The answer is one of the texts {', '.join(map(repr, names))}; yours is {kind(answer)}.")
    found = {name.casefold(): name for name in names}.get(answer.strip().casefold())
    if found is None:
        raise Wrong(f"The answer is one of {', '.join(map(repr, names))}; yours is {answer[:60]!r}.")
    return found


def some_of(answer, known, what):
    """The answer as a set of some of the `known` values (texts, or whole numbers).

    Args:
        answer: A list without repeats, in any order.
        known: The values that may stand in it.
        what: What they are, in the plural: "photo numbers".
    """
    if not isinstance(answer, list):
        raise Wrong(f"The answer is a list of {what}; yours is {kind(answer)}.")
    found = set()
    for part in answer:
        part = int(part) if isinstance(part, float) and part == int(part) else part
        if isinstance(part, (bool, list, dict)) or part not in known:
            raise Wrong(f"The answer is a list of {what}; yours holds {_shown(part)}.")
        if part in found:
            raise Wrong(f"The answer is a list of {what}, each once; yours has {_shown(part)} twice.")
        found.add(part)
    return found


def array(answer, shape, what, whole=False):
    """The answer as a NumPy array of numbers: float64, or int64 where `whole`."""
    import numpy as np

    size = " × ".join(map(str, shape))
    if _shape(answer) != tuple(shape):
        got = _shape(answer)
        yours = kind(answer) if got in (None, ()) else f"{' × '.join(map(str, got))}"
        raise Wrong(f"The answer is {what} of {size} numbers; yours is {yours}.")
    parts = np.array(answer, dtype=object).ravel()
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, (int, float)):
            raise Wrong(f"The answer is {what} of {size} numbers; yours holds {_shown(part)}.")
        if abs(part) > 1e12 or whole and part != int(part):
            raise Wrong(f"The answer is {what} of {size} {'whole ' * whole}numbers; yours holds {_shown(part)}.")
    return np.array(parts, dtype="int64" if whole else "float64").reshape(shape)


def near(answer, value, relative=0.02, absolute=0.0):
    """Whether a number is a value, but for rounding."""
    return abs(answer - value) <= max(absolute, relative * abs(value))


def refuse_known(answer, known, told, absolute):
    """Raises `Wrong` where a number is one that a known mistake leads to.

    Args:
        answer: The number.
        known: Mistake -> the number it leads to.
        told: (mistake, what is said of it) pairs, in the order in which they are tried.
        absolute: How far off the answer may be.
    """
    for name, text in told:
        if near(answer, known[name], 0, absolute):
            raise Wrong(text)


def apart(values, gap):
    """Whether no two of some numbers are nearer than `gap`: what is drawn tells wrong answers from right ones."""
    values = sorted(float(value) for value in values)
    return all(high - low >= gap for low, high in zip(values, values[1:]))


def kind(answer):
    """What an answer is, in words."""
    if isinstance(answer, bool):
        return str(answer)
    if isinstance(answer, (int, float)):
        return f"the number {answer:.4g}" if abs(answer) < 1e300 else "a very large number"
    if isinstance(answer, str):
        return f"the text {answer[:60]!r}"
    if isinstance(answer, list):
        shape = _shape(answer)
        return ("an array of " + " × ".join(map(str, shape)) if shape and len(shape) > 1 else
                f"a list of {len(answer)}")
    return f"a dict of {len(answer)}" if isinstance(answer, dict) else "None"


def _alone(answer):
    """An array of one element is its element."""
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    return answer


def _shape(answer):
    """The lengths of lists in lists; None where they differ."""
    if not isinstance(answer, list):
        return ()
    inner = {_shape(part) for part in answer}
    if len(inner) > 1 or None in inner:
        return None
    return (len(answer), *(inner.pop() if inner else ()))


def _shown(part):
    return repr(part)[:60] if not isinstance(part, (list, dict)) else kind(part)
