"""Exercises of lesson 13: what the top few are worth, Adam's first step, and a learning rate for each arm."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, near, number

ARMS = ("pretrained", "random")


def _draw_shares(generator):
    """`train` and `test`: photos of each class; `k`, how many answers are allowed."""
    while True:
        classes, k = int(generator.integers(8, 13)), int(generator.integers(2, 5))
        train = generator.permutation(np.round(400 * generator.uniform(0.65, 0.85) ** np.arange(classes)).astype(int))
        test = np.maximum(1, np.round(train * generator.uniform(0.1, 0.4, classes))).astype(int)
        data = SimpleNamespace(train=train.tolist(), test=test.tolist(), k=k)
        ways = _constant_ways(data)
        if len(set(train.tolist())) == classes and apart(ways.values(), 0.015) and max(ways.values()) < 0.95:
            return data


def _constant_ways(data):
    """The right share, and what a plausible mistake gives."""
    train, test = np.array(data.train), np.array(data.test)
    order, own = np.argsort(-train), np.sort(test)[::-1]
    return {"right": test[order[:data.k]].sum() / test.sum(), "train": train[order[:data.k]].sum() / train.sum(),
            "best on test": own[:data.k].sum() / test.sum(), "chance": data.k / len(train),
            "one": test[order[0]] / test.sum()}


def _judge_shares(answer, data):
    given, ways = number(answer, what="a share between 0 and 1"), _constant_ways(data)
    if near(given, ways["right"], 0, 0.003):
        return (f"{ways['right']:.3f} without a look at any photo, where chance would give {ways['chance']:.3f}. A top-"
                f"{data.k} accuracy says only what it has above that.")
    if near(given, 100 * ways["right"], 0.003):
        raise Wrong("Asked for is a share, not per cent.")
    if near(given, ways["chance"], 0, 0.003):
        raise Wrong(f"{ways['chance']:.3f} is {data.k} of {len(data.train)} classes drawn blindly. The classes are of "
                    "different sizes, and the commonest may always be named.")
    if near(given, ways["one"], 0, 0.003):
        raise Wrong(f"This is the first answer's share alone; {data.k} answers are allowed.")
    if near(given, ways["best on test"], 0, 0.003):
        raise Wrong("This names the classes that are commonest among the *test* photos. Nobody knows those before the "
                    "test; choose by the training photos.")
    if near(given, ways["train"], 0, 0.003):
        raise Wrong("This is their share of the training photos. The accuracy is measured on the test photos.")
    raise Wrong(f"{given:.4g} is not it. Which {data.k} classes have the most training photos? Which share of the test "
                "photos are theirs?")


def _draw_step(generator):
    """`weights` of a small layer, the `gradient` of its loss, and the `learning_rate`."""
    while True:
        weights = np.round(generator.normal(0, generator.uniform(0.02, 0.08), 6), 3)
        gradient = 10.0 ** generator.uniform(-5, -2, 6) * generator.choice((-1, 1), 6)
        gradient = [float(f"{one:.2g}") for one in gradient]
        rate = float(generator.choice((0.005, 0.01, 0.02)))
        data = SimpleNamespace(weights=weights.tolist(), gradient=gradient, learning_rate=rate)
        if np.abs(weights).min() > 0.004 and apart(np.log(list(_steps(data).values())), 0.1):
            return data


def _size(values):
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def _steps(data):
    """How much of a layer the first step moves, and what a plausible mistake gives."""
    whole, rate = _size(data.weights), data.learning_rate
    return {"right": rate / whole, "sgd": rate * _size(data.gradient) / whole, "uncorrected": 3.1623 * rate / whole,
            "tenth": 0.1 * rate / whole, "absolute": rate, "turned": whole / rate}


def _judge_step(answer, data):
    given, ways = number(answer, what="a ratio above 0"), _steps(data)
    if near(given, ways["right"]):
        return (f"{ways['right']:.2f} of the layer's size in one step, however small the gradient: only signs count. "
                f"Plain gradient descent would have moved {ways['sgd']:.1e}.")
    if near(given, ways["sgd"]):
        raise Wrong("This is plain gradient descent, rate x gradient. Adam divides by the gradient's own size: in the "
                    "first step, what is left of each entry of the gradient?")
    if near(given, ways["uncorrected"]):
        raise Wrong("This leaves out the correction of the two averages, which begin at 0: after one step they are "
                    "divided by 1 - beta.")
    if near(given, ways["tenth"]):
        raise Wrong("The mean of the gradients holds a tenth of the first one, and is divided by that tenth at once "
                    "(the bias correction).")
    if near(given, ways["absolute"]):
        raise Wrong("This is how far each weight moves. Asked for is that beside the size of the weights.")
    if near(given, ways["turned"]):
        raise Wrong("This is the size of the weights over that of the step. Asked for is step over weights.")
    raise Wrong(f"{given:.4g} is not it. Adam's first step moves each weight by the learning rate, up or down; divide "
                "its root mean square by that of the weights.")


def _draw_arms(generator):
    """`validation` and `test`: arm to learning rate to accuracy."""
    rates = ("0.01", "0.001", "0.0001")
    while True:
        tables = {name: {arm: {rate: round(float(generator.uniform(0.25, 0.75)), 3) for rate in rates} for arm in ARMS}
                  for name in ("validation", "test")}
        data = SimpleNamespace(**tables)
        best = {arm: _best(data.validation, arm) for arm in ARMS}
        ways = _gains(data)
        if (best["pretrained"] != best["random"] and best["random"] != _best(data.test, "random")
                and all(apart([ways["right"], value], 0.01) for name, value in ways.items() if name != "right")
                and abs(ways["right"]) > 0.02):
            return data


def _best(table, arm):
    return max(table[arm], key=table[arm].get)


def _gains(data):
    """Pretrained less random, by how the learning rates are chosen."""
    own = {arm: _best(data.validation, arm) for arm in ARMS}

    def gain(rates, table=data.test):
        return table["pretrained"][rates["pretrained"]] - table["random"][rates["random"]]

    shared = {arm: dict.fromkeys(ARMS, rate) for arm, rate in own.items()}
    return {"right": gain(own), "paper": gain(dict.fromkeys(ARMS, "0.01")), "pretrained's": gain(shared["pretrained"]),
            "random's": gain(shared["random"]), "test": gain({arm: _best(data.test, arm) for arm in ARMS}),
            "validation": gain(own, data.validation)}


def _judge_arms(answer, data):
    given, ways = number(answer, what="a difference of two accuracies"), _gains(data)

    def is_way(name):
        return near(given, ways[name], 0, 0.0006)

    if is_way("right"):
        return f"{ways['right']:+.3f}, each at its own rate; at 0.01 for both it would be {ways['paper']:+.3f}."
    if near(given, -ways["right"], 0, 0.0006):
        raise Wrong("The sign is turned: pretrained less random.")
    if is_way("paper"):
        raise Wrong("Both starts have 0.01 here, as in the paper. Give each the rate that suits it.")
    if is_way("test"):
        raise Wrong("The rates were chosen on the test photos. They are for measuring; choose on validation photos.")
    if is_way("validation"):
        raise Wrong("The rates are right. Measure on the test photos: the validation photos have chosen.")
    if is_way("pretrained's") or is_way("random's"):
        arm = "pretrained" if is_way("pretrained's") else "random"
        raise Wrong(f"Both starts have the rate that suits the {arm} one. Choose for each by its own validation "
                    "accuracies.")
    raise Wrong(f"{given:+.4g} is not it. For each start: at which rate is its validation accuracy highest? Take its "
                "test accuracy there; then the difference.")


EXERCISES = [Exercise(_draw_shares, _judge_shares), Exercise(_draw_step, _judge_step),
             Exercise(_draw_arms, _judge_arms)]
