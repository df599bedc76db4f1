"""Exercises of lesson 33: answers that know nothing, a picture scaled twice, and one change at a time."""

from types import SimpleNamespace

from .forms import Exercise, Wrong, apart, near, number, some_of

CLASSES = ["Apparel", "Footwear", "Accessories"]
MODELS = ["A", "B", "C", "D", "E", "F"]
RUNS = ["B", "C", "D", "E", "F", "G", "H"]
SETTINGS = ("scaling", "units", "dropout", "backbone")


def _draw_models(generator):
    """`test` products of each class, and the `accuracy` in per cent that six models report."""
    while True:
        test = generator.integers([900, 300, 250], [1600, 700, 600]).tolist()
        shares = [100 * count / sum(test) for count in test]
        constant = set(generator.permutation(len(MODELS))[:int(generator.integers(2, 4))].tolist())
        commonest = min(constant)  # one at least answers the commonest class
        accuracy = {}
        for place, name in enumerate(MODELS):
            kind = 0 if place == commonest else int(generator.integers(3))
            value = shares[kind] if place in constant else 20 + 79 * float(generator.random())
            accuracy[name] = round(value, 2)
        others = [accuracy[name] for place, name in enumerate(MODELS) if place not in constant]
        if apart(shares, 3) and all(abs(value - share) > 1.5 for value in others for share in (*shares, 100 / 3)):
            return SimpleNamespace(classes=list(CLASSES), test=test, accuracy=accuracy)


def _judge_models(answer, data):
    found = some_of(answer, MODELS, "the models' letters")
    shares = [100 * count / sum(data.test) for count in data.test]
    constant = {name for name, value in data.accuracy.items()
                if min(abs(value - share) for share in shares) < 0.0051}
    if found == constant:
        return "Each of these scores what one class's share of the test products is: look at what it answers first."
    if not found:
        raise Wrong("Some of them score what a constant scores. Which numbers can that be?")
    if found == set(MODELS) - constant:
        raise Wrong("These have to look at the photos to score so; asked for are the others.")
    if found == set(MODELS):
        raise Wrong("You name every model. A constant answer can score three numbers only, one for each class.")
    if accused := sorted(found - constant):
        name = accused[0]
        nearest = min(shares, key=lambda share: abs(share - data.accuracy[name]))
        raise Wrong(f"{name} scores {data.accuracy[name]:.2f}; the nearest share of a class is {nearest:.2f}, and a "
                    "constant would score exactly that.")
    raise Wrong(f"The model{'s' * (len(found) > 1)} that you name may be constant, and there is at least one more. "
                "The answer need not be the commonest class.")


def _draw_scaling(generator):
    """`mean` and `deviation` (of pictures in 0..1): the network itself makes (picture / `white` - mean) / deviation
    of a picture in 0..white. It is fed pictures that were divided by `white` before."""
    while True:
        data = SimpleNamespace(white=int(generator.choice([255, 1023, 4095])),
                               mean=round(0.35 + 0.2 * float(generator.random()), 3),
                               deviation=round(0.15 + 0.2 * float(generator.random()), 3))
        if apart([abs(value) for value in _spans(data).values()], 0.0001):
            return data


def _spans(data):
    return {"right": 1 / data.white / data.deviation, "as made for": 1 / data.deviation, "no deviation": 1 / data.white,
            "twice deviation": 1 / data.white / data.deviation**2, "thrice": 1 / data.white**2 / data.deviation,
            "black": data.mean / data.deviation}


def _judge_scaling(answer, data):
    answer = number(answer, -10_000, 10_000)
    spans = _spans(data)
    if near(answer, spans["right"], 0.02):
        return (f"Black and white lie {spans['right']:.5f} apart where the network was made for "
                f"{spans['as made for']:.2f}: a constant picture.")
    if near(answer, spans["as made for"], 0.02):
        raise Wrong("This is the distance that the network was made for. What arrives here was divided before.")
    if near(answer, spans["no deviation"], 0.02):
        raise Wrong("This is the distance after the second division by white; then the network divides by its "
                    "deviation.")
    if near(answer, spans["twice deviation"], 0.02):
        raise Wrong("You divide by the deviation twice.")
    if near(answer, spans["thrice"], 0.02):
        raise Wrong("You divide by white once too often: white arrives as 1, and is divided once more.")
    if near(abs(answer), spans["black"], 0.02) or near(answer, -spans["black"] + spans["right"], 0.02):
        raise Wrong("This is where one of the two ends lies; asked for is their distance.")
    raise Wrong(f"{answer:.5g} is not it. What becomes of a pixel that arrives as 0, and of one that arrives as 1?")


def _draw_runs(generator):
    """`paper`, the settings of a run that collapsed, and those of seven other `runs` with their accuracy."""
    values = {"scaling": ["twice", "once"], "units": [128, 1024], "dropout": [0.5, 0.0],
              "backbone": ["first", "second"]}
    paper = {name: values[name][0] for name in SETTINGS}
    while True:
        changes = [tuple(bool(value) for value in generator.integers(0, 2, 4)) for _ in RUNS]
        single = [name for name, change in zip(RUNS, changes) if sum(change) == 1]
        if 2 <= len(single) <= 4 and len(set(changes)) == len(RUNS) and (False,) * 4 not in changes:
            break
    runs = {}
    for name, change in zip(RUNS, changes):
        settings = {setting: values[setting][int(changed)] for setting, changed in zip(SETTINGS, change)}
        base = 0.93 if settings["scaling"] == "once" else 0.51
        runs[name] = settings | {"accuracy": round(base + 0.04 * float(generator.random()), 3)}
    return SimpleNamespace(paper=paper | {"accuracy": 0.51}, runs=runs)


def _judge_runs(answer, data):
    found = some_of(answer, RUNS, "the runs' letters")
    changed = {name: [setting for setting in SETTINGS if run[setting] != data.paper[setting]]
               for name, run in data.runs.items()}
    single = {name for name, settings in changed.items() if len(settings) == 1}
    if found == single:
        return "Each of these changes one thing, so whatever it gains or loses, that thing did it."
    if not found:
        raise Wrong("Some runs differ from the paper's in one setting only: count the differences.")
    if found == set(RUNS) - single:
        raise Wrong("These change several things at once; asked for are the others.")
    if found == set(RUNS):
        raise Wrong("You name every run. Where two settings change together, neither can be blamed alone.")
    if accused := sorted(found - single):
        raise Wrong(f"Run {accused[0]} changes {' and '.join(changed[accused[0]])} together: its accuracy does not say "
                    "which of them did it.")
    raise Wrong(f"The run{'s' * (len(found) > 1)} that you name can stand alone beside the paper's, and there is at "
                "least one more. A run that gains nothing is evidence, too.")


EXERCISES = [Exercise(_draw_models, _judge_models), Exercise(_draw_scaling, _judge_scaling),
             Exercise(_draw_runs, _judge_runs)]
