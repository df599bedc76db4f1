"""Exercises of lesson 12: the narrow place of an autoencoder, and the same photos classified twice."""

from math import ceil, sqrt
from types import SimpleNamespace

from .forms import Exercise, Wrong, apart, array, near, some_of

ENCODERS = ["A", "B", "C", "D", "E", "F"]
PIXELS = 28 * 28


def _draw_encoders(generator):
    """`encoders`: letter to a list of (filters, stride), one for each convolution."""
    while True:
        encoders = {name: [(int(generator.choice((2, 4, 8, 16, 32, 64))), int(generator.choice((1, 2, 2, 3))))
                           for _ in range(int(generator.integers(1, 4)))] for name in ENCODERS}
        data = SimpleNamespace(encoders=encoders)
        wide, sides = _wide(data), {_side(layers) for layers in encoders.values()}
        # Neither the filters alone nor the sides alone tell them apart.
        shallow = {name for name, layers in encoders.items() if layers[-1][0] * 4 >= 64}
        if 2 <= len(wide) <= 4 and len(sides) >= 3 and shallow != wide:
            return data


def _side(layers):
    side = 28
    for _, stride in layers:
        side = ceil(side / stride)
    return side


def _size(layers):
    return _side(layers) ** 2 * layers[-1][0]


def _wide(data):
    return {name for name, layers in data.encoders.items() if _size(layers) >= PIXELS}


def _judge_encoders(answer, data):
    found, wide = some_of(answer, ENCODERS, "the encoders' letters"), _wide(data)
    if found == wide:
        sizes = ", ".join(f"{name} {_size(data.encoders[name]):,}" for name in sorted(wide))
        return f"These hold at least {PIXELS} numbers at the code ({sizes}): nothing forces them to leave anything out."
    if not found:
        raise Wrong(f"Some of them have no narrow place. The code has height x width x filters of the last layer; "
                    f"compare that with {PIXELS}.")
    if found == set(ENCODERS) - wide:
        raise Wrong(f"These are the ones whose code is smaller than {PIXELS}; asked for are the others.")
    if accused := sorted(found - wide):
        layers = data.encoders[accused[0]]
        side = _side(layers)
        raise Wrong(f"{accused[0]}'s code is narrow: {side} x {side} x {layers[-1][0]} = {_size(layers):,} numbers, "
                    f"fewer than {PIXELS}.")
    raise Wrong("What you name is right, and another has no narrow place either. Divide 28 by the strides one after "
                "the other, square, and take the last layer's filters times.")


def _draw_pairs(generator):
    """`photos`, and how many of them were right `both` times, as `original_only` and as `copy_only`."""
    while True:
        photos = int(generator.integers(200, 500))
        only = sorted(int(value) for value in generator.integers(8, 40, 2))
        both = int(photos * (0.6 + 0.2 * generator.random()))
        data = SimpleNamespace(photos=photos, both=both, original_only=only[1], copy_only=only[0])
        changes = _changes(data)
        if only[1] - only[0] >= 5 and apart([error for _, error in changes.values()], 0.003):
            return data


def _changes(data):
    """Change of accuracy and its standard error: paired, as if the photos were others, and unsigned counts."""
    lost, won, count = data.original_only, data.copy_only, data.photos
    change = (won - lost) / count
    paired = sqrt((won + lost) / count - change**2) / sqrt(count)
    shares = [(data.both + only) / count for only in (lost, won)]
    unpaired = sqrt(sum(share * (1 - share) / count for share in shares))
    one = sqrt(shares[1] * (1 - shares[1]) / count)
    return {"right": (change, paired), "unpaired": (change, unpaired), "one": (change, one)}


def _judge_pairs(answer, data):
    change, error = array(answer, (2,), "a change and its standard error")
    ways = _changes(data)
    right, right_error = ways["right"]
    if near(change, -right, 0, 0.0011):
        raise Wrong("The sign is turned: the change goes from originals to copies.")
    if near(change, 100 * right, 0.01) and not near(change, right, 0.01, 0.0011):
        raise Wrong("The change is asked for as a share, not in points of a hundred.")
    if not near(change, right, 0.01, 0.0011):
        raise Wrong(f"{change:.4g} is not the change. Photos that are right both times, or never, change nothing; "
                    "how many are won, how many lost, of how many?")
    if near(error, right_error, 0.03):
        return (f"{right:+.3f} ± {right_error:.3f}: only the {data.original_only + data.copy_only} photos that differ "
                "make the change, and its error.")
    if near(error, ways["unpaired"][1], 0.03):
        raise Wrong(f"{error:.4f} is the error of a difference between two sets of *other* photos. Here the photos are "
                    "the same: each one's difference is -1, 0 or 1; take the spread of these.")
    if near(error, ways["one"][1], 0.03):
        raise Wrong(f"{error:.4f} is the error of one accuracy. Asked for is that of the change, photo by photo.")
    if near(error, right_error * sqrt(data.photos), 0.03):
        raise Wrong(f"{error:.4f} is the spread of one photo's difference; a mean of {data.photos} of them has a "
                    "smaller error.")
    raise Wrong(f"The change is right; {error:.4g} is not its standard error. Each photo's difference is -1, 0 or 1: "
                "what is their standard deviation, and that of their mean?")


EXERCISES = [Exercise(_draw_encoders, _judge_encoders), Exercise(_draw_pairs, _judge_pairs)]
