"""Every exercise on its solution and on plausible wrong answers, for three students."""

import json
import math
import re
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from classroom.test_exercises import STUDENTS
from conftest import REPOSITORY
from scipy.optimize import linear_sum_assignment

from fashion_tf.classroom import exercises
from fashion_tf.classroom.checks import EXERCISES, exercise
from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.exercises import judge, personal
from fashion_tf.classroom.notebooks import exercise_marker, read_notebook
from fashion_tf.errors import AnswerError

FOLDER = REPOSITORY / "notebooks"
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.ipynb"))


def code_cells(path):
    for cell in read_notebook(path)["cells"]:
        if cell["cell_type"] == "code":
            yield re.sub(r"(?m)^(\s*)%pip .*", r"\1pass", cell["source"])


def outcomes(path, student, monkeypatch):
    """What `check` records when the notebook's code is run for a student: exercise -> content."""
    found = {}
    monkeypatch.setattr(exercises, "lesson_parameters", lambda: {"STUDENT": student})
    monkeypatch.setattr(exercises, "show", lambda _, content: found.update({content["name"]: content}))
    space = {}
    for source in code_cells(path):
        exec(compile(source, path.name, "exec"), space)
    return found


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_solutions_pass_and_differ_from_student_to_student(path, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    answers = {}
    for student in (*STUDENTS, ""):
        found = outcomes(path, student, monkeypatch)
        pyplot.close("all")
        assert {name: content["message"] for name, content in found.items() if content["outcome"] != "pass"} == {}
        for name, content in found.items():
            assert judge(name, json.loads(json.dumps(content["answer"])), student)[0] == "pass"
            answers.setdefault(name, []).append(json.dumps(content["answer"]))
    assert list(answers) == [name for name in EXERCISES if name[:2] == path.name[:2]]
    for name, given in answers.items():
        assert len(set(given)) >= 3, name  # some students may share a short list of letters


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_anothers_answers_do_not_pass(path, monkeypatch):
    """Of a copied notebook, most answers fail: a short list of letters may be right for both by chance."""
    pytest.importorskip("matplotlib.pyplot").switch_backend("Agg")
    copied = outcomes(path, "ada", monkeypatch)
    judged = [judge(name, content["answer"], f"student {number}")[0]
              for name, content in copied.items() for number in range(40)]
    assert judged.count("pass") < 0.1 * len(judged)


def test_every_exercise_is_posed_and_solved():
    for folder in (FOLDER, FOLDER / "solutions"):
        posed = [found for path in sorted(folder.glob("*.ipynb")) for source in code_cells(path)
                 if (found := exercise_marker(source))]
        assert sorted(posed) == sorted(EXERCISES)
    assert {name[:2] for name in EXERCISES} == {lesson.id for lesson in load_course().lessons}


def test_stubs_run_and_are_not_attempted(monkeypatch):
    for path in sorted(FOLDER.glob("*.ipynb")):
        found = []
        monkeypatch.setattr(exercises, "show", lambda _, content, found=found: found.append(content["outcome"]))
        space = {"personal": personal, "check": exercises.check}
        for source in code_cells(path):
            if exercise_marker(source) or source.startswith("check("):
                exec(source, space)
        assert found and set(found) == {"not attempted"}


@pytest.mark.parametrize("name", EXERCISES)
def test_data_can_be_drawn_for_anybody(name):
    """Drawing ends soon, whoever asks; the data show what they are in plain sight."""
    for number in range(60):
        data = personal(name, f"student {number}")
        assert vars(data) and len(repr(data)) > 10
    assert callable(exercise(name).judge)


def test_nbgrader_hears_of_a_wrong_answer(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AnswerError, match="not attempted"):
        exercises.check("00.1", ...)
    with pytest.raises(AnswerError, match="class at random"):
        exercises.check("00.1", 0.2)
    data = personal("00.1", "")
    exercises.check("00.1", data.test[np.argmax(data.train)] / sum(data.test))
    assert "00.1: pass" in capsys.readouterr().out


# Wrong answers


def shares(data):
    most = int(np.argmax(data.train))
    return {"of the training pictures": data.train[most] / sum(data.train), "best on test": max(data.test) / sum(
        data.test), "chance": 0.2, "something else": 0.013, "per cent": 100 * data.test[most] / sum(data.test),
        "the class": data.classes[most]}


def reports(data):
    epoch = int(np.argmax(data.validation))
    return {"shortcut": max(data.test), "last epoch": data.test[-1], "validation": data.validation[epoch],
            "the epoch": epoch + 1, "something else": 0.1234}


def impossible_prints(data):
    return [name for name, value in data.accuracy.items()
            if not any(abs(right / data.photos - value) < 0.00051 for right in range(data.photos + 1))]


def lists(right, everything):
    rest = [name for name in everything if name not in right]
    return {"none": [], "the others": rest, "too many": [*right, rest[0]], "too few": right[1:], "a stranger": ["Z"],
            "twice": [right[0], right[0]]}


def wide_codes(data):
    """By brute force: strides walked over 28 pixels."""
    def numbers(layers):
        pixels = range(28)
        for _, stride in layers:
            pixels = range(len(pixels[::stride]))
        return len(pixels) ** 2 * layers[-1][0]

    return [name for name, layers in data.encoders.items() if numbers(layers) >= 784]


def twice_seen(data):
    differences = np.array([1] * data.copy_only + [-1] * data.original_only
                           + [0] * (data.photos - data.copy_only - data.original_only))
    change, spread = differences.mean(), differences.std()
    error = spread / math.sqrt(data.photos)
    before, after = ((data.both + only) / data.photos for only in (data.original_only, data.copy_only))
    variances = [share * (1 - share) / data.photos for share in (before, after)]
    assert exercise("12.2").judge([change, error], data)
    return {"unpaired": (change, math.sqrt(sum(variances))), "one accuracy": (change, math.sqrt(variances[1])),
            "no mean": (change, spread), "turned": (-change, error), "per cent": (100 * change, 100 * error),
            "another change": (0.5, error), "another error": (change, 0.3), "one number": change}



def constant_rankings(data):
    classes = sorted(zip(data.train, data.test), reverse=True)
    named, photos = classes[:data.k], sum(data.test)
    right = sum(test for _, test in named) / photos
    assert exercise("13.1").judge(right, data)
    return {"chance": data.k / len(classes), "first": named[0][1] / photos, "per cent": 100 * right,
            "best on test": sum(sorted(data.test)[-data.k:]) / photos,
            "of the training photos": sum(train for train, _ in named) / sum(data.train), "something else": 0.0123,
            "a list": [right, right]}


def first_steps(data):
    """Adam's first step, by the algorithm in Kingma and Ba (2015)."""
    gradient, weights = np.array(data.gradient), np.array(data.weights)
    mean, square = 0.1 * gradient, 0.001 * gradient ** 2
    moved = data.learning_rate * (mean / 0.1) / (np.sqrt(square / 0.001) + 1e-8)

    def against(values):
        return math.sqrt(np.mean(np.square(values)) / np.mean(weights ** 2))

    assert exercise("13.2").judge(against(moved), data)
    return {"descent": against(data.learning_rate * gradient), "without correction": against(
        data.learning_rate * mean / np.sqrt(square)), "mean alone corrected": against(0.1 * moved),
        "absolute": data.learning_rate, "turned": 1 / against(moved), "something else": 77.0}


def arms_gains(data):
    tables = {name: pd.DataFrame(getattr(data, name)) for name in ("validation", "test")}
    own = tables["validation"].idxmax()

    def gain(table, pretrained, random):
        return float(tables[table]["pretrained"][pretrained] - tables[table]["random"][random])

    right = gain("test", own["pretrained"], own["random"])
    assert exercise("13.3").judge(right, data)
    best = tables["test"].idxmax()
    return {"paper": gain("test", "0.01", "0.01"), "chosen on test": gain("test", best["pretrained"], best["random"]),
            "validation": gain("validation", own["pretrained"], own["random"]), "turned": -right,
            "the pretrained arm's": gain("test", own["pretrained"], own["pretrained"]), "something else": 0.9}


def matchings(data):
    table = np.array(data.overlaps)
    rows, columns = linear_sum_assignment(-table)
    assert exercise("14.1").judge(columns.tolist(), data)
    greedy, left = [0, 0, 0], table.copy()
    for _ in range(3):
        track, box = np.unravel_index(left.argmax(), left.shape)
        greedy[track], left[track], left[:, box] = int(box), -1, -1
    others = [list(order) for order in permutations(range(3)) if list(order) not in (greedy, columns.tolist())]
    return {"greedy": greedy, "twice": [0, 0, 1], "a stranger": [0, 1, 5], "another": others[0], "too few": [0, 1]}


def joinings(data):
    table = np.array(data.probabilities)
    logarithms = np.log(table).mean(0)
    assert exercise("14.2").judge((np.exp(logarithms) / np.exp(logarithms).sum()).tolist(), data)
    return {"mean": table.mean(0).tolist(), "votes": (np.bincount(table.argmax(1), minlength=3) / 5).tolist(),
            "no sum": np.exp(logarithms).tolist(), "logarithms": logarithms.tolist(),
            "product": (table.prod(0) / table.prod(0).sum()).tolist(), "something else": [0.2, 0.2, 0.6],
            "one number": 0.5}


def worths(data):
    count, rho = data.frames, data.correlation
    right = count / (1 + (count - 1) * rho)
    assert exercise("14.3").judge([right, 1 / rho], data)
    return {"all": [count, count], "a share less": [count * (1 - rho), 1 / rho], "the factor": [count / right, 1 / rho],
            "exchanged": [1 / rho, right], "no limit": [right, 100.0], "something else": [0.3, 0.4]}


def factors(data):
    layers, kept = data.blocks * data.convolutions, (1 + data.slope ** 2) / 2
    return {"plain relu": 0.5 ** (layers / 2), "mean square": kept ** layers, "blocks": kept ** (data.blocks / 2),
            "slopes averaged": ((1 + data.slope) / 2) ** layers, "He": 1, "grows": 3.0, "something else": 0.93}


def widths(data):
    first, second = np.array(data.first), np.array(data.second)
    gain, root = second - first, math.sqrt(len(data.first))
    right = 1.96 * gain.std() / root
    return {"unpaired": 1.96 * math.sqrt(first.var() + second.var()) / root, "one error": gain.std() / root,
            "no root": 1.96 * gain.std(), "whole width": 2 * right, "something else": right / 5}


def leaks(data):
    rows = list(zip(data.photos, data.item, data.split))
    trained = {item for _, item, split in rows if split == "train"}
    tested = {item for _, item, split in rows if split == "test"}
    tests = [photo for photo, _, split in rows if split == "test"]
    leak = [photo for photo, item, split in rows if split == "test" and item in trained]
    return {"none": [], "all of the test": tests, "too few": leak[:-1], "no such photo": [7],
            "training side": [photo for photo, item, split in rows if split == "train" and item in tested],
            "validation photo too": [*leak, next(photo for photo, _, split in rows if split == "validation")],
            "a clean one too": [*leak, next(photo for photo in tests if photo not in leak)]}


def full_steps(data):
    rates = [1 / (1 + data.decay * step) for step in range(data.steps + 1)]
    return {"from one": sum(rates[1:]), "all": data.steps, "geometric": 1 / data.decay, "last rate": rates[-2],
            "last rate for all": data.steps * rates[-2], "something else": sum(rates) / 2}


def bests(data):
    error = math.sqrt(data.accuracy * (1 - data.accuracy) / data.photos)
    return {"true value": data.accuracy, "interval": data.accuracy + 1.96 * error, "one error": data.accuracy + error,
            "below": data.accuracy - 2 * error, "far above": min(data.accuracy + 6 * error, 1.5)}


def savings(data):
    goal = max(data.from_scratch["accuracy"])
    slow, fast = (next(second for second, value in zip(curve["seconds"], curve["accuracy"]) if value >= goal)
                  for curve in (data.from_scratch, data.whole_model))
    own = data.whole_model["seconds"][int(np.argmax(data.whole_model["accuracy"]))]
    return {"what is left": fast / slow, "per cent": 100 - 100 * fast / slow, "each its own best": 1 - own / slow,
            "same epochs": 1 - data.whole_model["seconds"][-1] / data.from_scratch["seconds"][-1],
            "something else": -0.731}


def unequal_rows(data):
    wrong = [name for name, row in data.rows.items() if row["recall"] != row["accuracy"]]
    return lists(wrong, data.rows) | {"all": list(data.rows)}


def layer_counts(data):
    kernel, side = data.kernel ** 2, data.size // 8
    before, last = [3, *data.widths[:-1]], data.widths[-1]
    convolutions = sum(kernel * one * other + other for one, other in zip(before, data.widths))
    dense = side ** 2 * last * data.units + data.units
    end = data.units * data.classes + data.classes
    biases = sum(data.widths) + data.units + data.classes
    alone = convolutions - sum(kernel * (one - 1) * other for one, other in zip(before, data.widths))
    whole = convolutions + dense + end
    return {"no biases": whole - biases, "one channel": alone + dense + end, "no end": convolutions + dense,
            "no pooling": whole + 63 * side ** 2 * last * data.units,
            "averaged": convolutions + last * data.units + data.units + end, "too few": 1234, "too many": 10 ** 11,
            "a fraction": dense + 0.5}


def class_shares(data):
    counts = np.array(data.counts)
    recall, total = np.diag(counts) / counts.sum(1), counts.sum()
    f1 = 2 * np.diag(counts) / (counts.sum(0) + counts.sum(1))
    return {"accuracy": np.trace(counts) / total, "precision": np.mean(np.diag(counts) / counts.sum(0)),
            "f1": f1.mean(), "worst": recall.min(), "majority": counts.sum(1).max() / total,
            "per cent": 100 * recall.mean(), "something else": 0.0123}


def constant_models(data):
    shares = [100 * count / sum(data.test) for count in data.test]
    constant = [name for name, value in data.accuracy.items() if any(abs(value - share) < 0.01 for share in shares)]
    return lists(constant, data.accuracy) | {"all": list(data.accuracy)}


def distances(data):
    scaled = [(arrives / data.white - data.mean) / data.deviation for arrives in (0, 1)]
    return {"as made for": 1 / data.deviation, "no deviation": 1 / data.white, "where black lies": scaled[0],
            "twice deviation": (scaled[1] - scaled[0]) / data.deviation, "thrice": (scaled[1] - scaled[0]) / data.white,
            "something else": 77.0}


def single_changes(data):
    settings = [name for name in data.paper if name != "accuracy"]
    single = [name for name, run in data.runs.items() if sum(run[part] != data.paper[part] for part in settings) == 1]
    return lists(single, data.runs) | {"all": list(data.runs)}


def taps(data):
    def along(side, rate):
        return np.mean([sum(0 <= place + tap < side for tap in (-rate, 0, rate)) / 3 for place in range(side)])

    (height, width), rate = (side // data.output_stride for side in data.image_size), data.rate
    right = along(height, rate) * along(width, rate)
    return {"padding": 1 - right, "pixels": along(data.image_size[0], rate) * along(data.image_size[1], rate),
            "averaged": (along(height, rate) + along(width, rate)) / 2, "rate one": along(height, 1) * along(width, 1),
            "corner": 4 / 9, "something else": 0.011}


def composites(data):
    photo, stylised, mask = np.array(data.photo), np.array(data.stylised), np.array(data.mask)
    blurred = np.array(data.blurred)
    half = np.where(mask > 0, (photo + stylised) / 2, photo)
    return {"photo": photo, "everything": stylised, "inverted": np.where(mask > 0, photo, stylised),
            "blurred": blurred * stylised + (1 - blurred) * photo, "hard": np.where(mask > 0, stylised, photo),
            "shrunk": np.where(blurred > 0.99, stylised, photo), "not whole": half,
            "brighter": np.where(mask > 0, np.where(blurred > 0.99, stylised, 300), photo), "a row": photo[0]}


def table_rows(data):
    def kinds(tolerance=0.003, low=0.0, high=0.0):
        most = {name: 2 * iou / (1 + iou) for name, iou in data.iou.items()}
        return {name: "one pair of masks" if abs(most[name] - dice) < tolerance else
                "means over photos" if data.iou[name] - low < dice < most[name] + high else "neither"
                for name, dice in data.dice.items()}

    return {"all masks": dict.fromkeys(data.iou, "one pair of masks"), "none": dict.fromkeys(data.iou, "neither"),
            "Dice below IoU": kinds(low=1), "Dice above the curve": kinds(high=1), "no means": kinds(high=-1),
            "no masks": kinds(tolerance=0), "a list": list(data.iou), "too few": {"A": "neither"}}


def masks(data):
    nearest = data.mask[::2, ::2]
    spoilt = data.shrunk != nearest
    half = np.where(spoilt & (np.arange(8) < 4), data.shrunk, nearest)
    answers = {"untouched": data.shrunk, "empty": np.zeros((8, 8), int), "no such label": nearest + 1000,
               "negative": nearest - 1, "not half": data.mask, "shifted": np.roll(nearest, 3, axis=0),
               "fractions": nearest + 0.5, "transposed": nearest.T}
    return answers | ({} if np.array_equal(half, nearest) else {"half repaired": half})


def unequal_scores(data):
    wrong = [name for name, overlap in data.iou.items()
             if abs(data.f1[name] / (2 - data.f1[name]) - overlap) > 0.003]  # the identity turned round
    return lists(wrong, data.iou) | {"all": list(data.iou)}


def lines(data):
    header, *products = data.lines
    rows = [line.split(",", header.count(",")) for line in products]
    missing = [row[4] in ("", "NA") for row in rows]
    whole = [len(line.split(",")) == len(rows[0]) for line in products]
    return {"skipped": sum(np.array(missing) & whole) / sum(whole), "a count": sum(missing),
            "empty": sum(not row[4] for row in rows) / len(rows),
            "NA": sum(row[4] == "NA" for row in rows) / len(rows),
            "from the end": sum(line.rsplit(",", 2)[1] in ("", "NA") for line in products) / len(rows),
            "something else": 0.9511}


def shops(data):
    surplus = {name: shop["Accessories"] - shop["Footwear"] for name, shop in data.shops.items()}
    decided = {name for name, value in surplus.items() if abs(value) > 1.96 * sum(data.shops[name].values()) ** 0.5}
    against = [name for name in data.shops if name in decided and surplus[name] > 0]
    for_it = [name for name in data.shops if name in decided and surplus[name] < 0]
    undecided = [name for name in data.shops if name not in decided]
    return {"none": [], "more": [name for name in surplus if surplus[name] > 0], "decided": sorted(decided),
            "the order": for_it, "one that confirms": [*against, for_it[0]],
            "one of luck": [*against, undecided[0]], "too few": against[1:], "a stranger": ["Z"]}


def chances(data):
    counts, total = np.array([*data.products.values()]), sum(data.products.values())
    micro = sum(counts * (counts - 1)) / total / (total - 1)
    return {"macro": float(np.mean((counts - 1) / (total - 1))), "itself": sum(counts ** 2) / total ** 2,
            "types": 1 / len(counts), "largest": counts.max() / total, "per cent": 100 * micro,
            "something else": 0.987}


def neighbours(data):
    names, rows = list(data.embeddings), np.array([*data.embeddings.values()])
    query = names.index(data.query)
    variant = next(name for name in names if name != data.query and data.design[name] == data.design[data.query])
    units = rows / np.sqrt((rows ** 2).sum(1, keepdims=True))

    def first(scores, variants=False):
        order = [names[place] for place in np.argsort(-scores, kind="stable") if place != query]
        return [name for name in order if variants or name != variant][:3]

    right = first(units @ units[query])
    last = first(-(units @ units[query]))
    return {"variants": first(units @ units[query], True), "dot product": first(rows @ rows[query]),
            "distance": first(-((rows - rows[query]) ** 2).sum(1)), "itself": [data.query, *right[:2]],
            "backwards": right[::-1], "too few": right[:2], "the least similar": last, "a stranger": ["Z"]}


def outfits(data):
    above = [name for name, test in data.tests.items() if test["outfit"][0] > 0.5]
    more = [name for name, test in data.tests.items() if test["difference"][0] > 0]
    both = [name for name in above if name in more]
    photograph = next(name for name in above if name not in more)
    luck = next(name for name in data.tests if name not in above)
    return {"none": [], "above a half": above, "more than beside": more, "photograph too": [*both, photograph],
            "luck too": [*both, luck], "too few": both[1:], "a stranger": ["Z"]}


def batches(data):
    one, many = data.call_ms + data.photo_ms, data.call_ms + data.clients * data.photo_ms
    return {"for ever": one / data.photo_ms, "clients": data.clients, "slower": many / one,
            "turned round": many / (data.clients * one), "no photo": data.clients * data.call_ms / many,
            "something else": 4321.0}


def loads(data):
    times, rate = sorted(data.milliseconds), data.requests_a_second
    mean = sum(times) / len(times)
    return {"median": rate * times[10] / 1000, "the slowest": rate * times[-1] / 1000, "milliseconds": rate * mean,
            "divided": rate * 1000 / mean, "the rate": rate, "the mean": mean, "something else": 0.0173}


def services(data):
    def farthest(rows):
        return max(abs(one - other) for row, own in zip(rows, data.here) for one, other in zip(row, own))

    def labels(rows):
        return [row.index(max(row)) for row in rows]

    alike = [name for name, rows in data.services.items() if farthest(rows) < 0.01]
    same = [name for name, rows in data.services.items() if labels(rows) == labels(data.here)]
    close = next(name for name in same if name not in alike)
    other = next(name for name in data.services if name not in same)
    return {"none": [], "same labels": same, "the others": [name for name in data.services if name not in alike],
            "another label": [*alike, other], "a close one too": [*alike, close], "too few": alike[1:],
            "a stranger": ["Z"]}


def ties(data):
    kernel, believe = np.array(data.kernel), np.array(data.neighbours)
    odds, margin = data.button / (1 - data.button), np.sum(kernel * (1 - 2 * believe))
    return {"coat only": math.log(odds) / np.sum(kernel * (1 - believe)), "no logarithm": odds / margin,
            "no kernel": math.log(odds) / np.sum(1 - 2 * believe), "the lead": math.log(odds), "something else": 77.0}


def windows(data):
    reach = data.theta_alpha * math.sqrt(2 * math.log(1 / data.left))
    half = math.ceil(reach / data.dilation)
    other = data.theta_alpha * math.log(1 / data.left) / data.dilation
    return {"half": half, "no dilation": 2 * math.ceil(reach) + 1, "other kernel": 2 * math.ceil(other) + 1,
            "even": 2 * half + 10, "wide": 2 * half + 401, "narrow": 1, "a fraction": reach + 0.21}


def gram_matrices(data):
    flat = np.array(data.maps, float).reshape(6, 3)
    gram, means = flat.T @ flat / 6, flat.mean(0)
    lopsided = gram.copy()
    lopsided[0, 1] += 5
    return {"sums": 6 * gram, "of means": np.outer(means, means), "covariance": gram - np.outer(means, means),
            "lopsided": lopsided, "diagonal": np.diag(np.diag(gram)), "of places": flat @ flat.T,
            "something else": np.full((3, 3), 77.0)}


def same_styles(data):
    def gram(maps):
        flat = np.array(maps, float).reshape(6, 2)
        return flat.T @ flat

    right = [letter for letter, maps in data.maps.items() if np.array_equal(gram(maps), gram(data.reference))]
    return lists(right, data.maps)


def costs(data):
    names = list(data.cost)
    whole = sum(data.cost.values())
    cut = sum(data.cost[name] for name in names[:names.index(data.last) + 1])
    return {"the share": cut / (3 * whole), "pictures only": 3, "layers only": whole / cut,
            "the layer alone": 3 * whole / data.cost[data.last], "without it": 3 * whole / (cut - data.cost[data.last]),
            "something else": 41.0}


def scaled_twice(data):
    return lists([letter for letter, top in data.largest.items() if top < 0.004], data.largest)


def mixtures(data):
    own, styles = np.array(data.own, float), np.array(list(data.styles.values()), float)
    shares = np.array(list(data.shares.values()), float)
    mixed = shares @ styles / shares.sum()
    rest = (1 - data.strength) * own
    return {"reversed": (1 - data.strength) * mixed + data.strength * own, "full": mixed,
            "sums": data.strength * (shares @ styles) + rest, "alike": data.strength * styles.mean(0) + rest,
            "added": own + data.strength * mixed, "something else": np.full(3, 55.0), "too long": np.zeros(5)}


def strangers(data):
    return lists([letter for letter, row in data.distance.items()
                  if any(value < row[data.painted_with[letter]] for value in row.values())], data.distance)


def twins(data):
    rows = sum(times * count for times, count in data.drawn.items())
    one = {times: 1 - (1 / data.folds) ** (times - 1) for times in data.drawn}
    repeated = (rows - data.drawn[1]) / rows
    return {"garments": sum(count * one[times] for times, count in data.drawn.items()) / sum(data.drawn.values()),
            "repeated": repeated, "as pairs": (1 - 1 / data.folds) * repeated, "trained on": 1 - 1 / data.folds,
            "everything": 0.999, "something else": 0.011, "per cent": 100 * repeated}


def floors(data):
    top = 1 - data.smoothing + data.smoothing / data.classes
    small = data.smoothing / data.classes
    right = -top * math.log(top) - (data.classes - 1) * small * math.log(small)
    return {"zero": 0, "one class": -math.log(top), "bits": math.log2(math.e) * right,
            "first term": -top * math.log(top), "below": right / 2.7, "above": 3 * right, "negative": -right}


def sizes(data):
    def impossible(size):
        return any(min(abs(round(100 * right / size, 2) - value) for right in range(size + 1)) > 1e-6
                   for value in data.accuracies)

    wrong = [size for size in data.sizes if impossible(size)]
    return {"another": wrong[0], "and another": wrong[-1], "a stranger": 4321, "an accuracy": data.accuracies[0],
            "all": data.sizes}


def mixed_up(data):
    counts, names = np.array(data.counts), data.styles
    shares = counts / counts.sum(1, keepdims=True)

    def largest(values):
        values = values - np.diag(np.diag(values))
        return [names[place] for place in np.unravel_index(values.argmax(), values.shape)]

    right = set(largest(shares + shares.T))
    return {"photos": largest(counts + counts.T), "one direction": largest(shares), "one": names[:1],
            "three": names[:3], "a stranger": ["casual", names[0]], "the least": next(
                [a, b] for a, b in sorted(((a, b) for a in names for b in names if a < b), key=lambda pair: (
                    shares + shares.T)[names.index(pair[0]), names.index(pair[1])]) if {a, b} != right)}


def doubted(data):
    probabilities = np.array(data.probabilities)
    own = probabilities[range(10), data.labels]
    return {"unsure": np.argsort(probabilities.max(1), kind="stable")[:3].tolist(),
            "sure": np.argsort(-probabilities.max(1), kind="stable")[:3].tolist(),
            "most believed": np.argsort(-own, kind="stable")[:3].tolist(), "two": np.argsort(own)[:2].tolist(),
            "next ones": np.argsort(own)[1:4].tolist(), "no such photo": [10, 11, 12]}


def both_right(data):
    least, most = max(0, data.type + data.style - data.photos), min(data.type, data.style)
    product = round(data.type * data.style / data.photos)
    return {"product": [product, product], "exchanged": [most, least],
            "better one": [least, max(data.type, data.style)],
            "too low": [least - 9 if least else -9, most], "half open": [least, most - 4],
            "not least": [least + 4, most], "a number": most}


def conformal_sets(data):
    names = ["coat", "dress", "jeans", "shirt", "skirt"]
    new = np.array(data.new)

    def held(threshold):
        return [name for name, value in zip(names, new) if value >= threshold]

    order = np.argsort(-new)
    until = int(np.argmax(np.cumsum(new[order]) >= data.coverage - 1e-9)) + 1
    return {"best": [names[order[0]]], "sum": [names[place] for place in order[:until]],
            "share": held(1 - data.coverage), "a stranger": ["hat"], "twice": ["coat", "coat"], "one name": "coat"}


def calibration_errors(data):
    rows, sure, right = np.array(data.bins).T
    gaps = abs(right / rows - sure)
    return {"plain mean": gaps.mean(), "largest": gaps.max(), "signed": abs((right - sure * rows).sum()) / rows.sum(),
            "error": 1 - right.sum() / rows.sum(), "squared": math.sqrt(np.average(gaps ** 2, weights=rows)),
            "something else": 0.999}


WRONG = {"00.1": shares, "11.1": reports, "11.2": lambda data: lists(impossible_prints(data), data.accuracy),
         "12.1": lambda data: lists(wide_codes(data), data.encoders), "12.2": twice_seen,
         "13.1": constant_rankings, "13.2": first_steps, "13.3": arms_gains,
         "14.1": matchings, "14.2": joinings, "14.3": worths,
         "21.1": factors, "21.2": widths, "21.3": leaks, "22.1": full_steps, "22.2": bests, "23.1": savings,
         "23.2": unequal_rows, "31.1": lines, "31.2": shops, "32.1": layer_counts, "32.2": class_shares,
         "33.1": constant_models, "33.2": distances, "33.3": single_changes, "34.1": chances, "34.2": neighbours,
         "34.3": outfits, "35.1": batches, "35.2": loads, "35.3": services, "36.1": gram_matrices, "36.2": same_styles,
         "36.3": costs, "37.1": mixtures, "37.2": scaled_twice, "37.3": strangers,
         "41.1": twins, "41.2": sizes, "41.3": floors, "42.1": mixed_up, "42.2": doubted,
         "43.1": both_right, "43.2": calibration_errors, "43.3": conformal_sets,
         "38.1": taps, "38.2": composites, "38.3": table_rows,
         "51.1": masks,
         "51.2": unequal_scores, "52.1": ties, "52.2": windows}


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("student", STUDENTS)
def test_wrong_answers_are_told_what_is_wrong_with_them(name, student):
    wrong = WRONG[name](personal(name, student))
    judged = {label: judge(name, answer, student) for label, answer in wrong.items()}
    assert {label: found for label, found in judged.items() if found[0] != "fail"} == {}
    messages = [message for _, message in judged.values()]
    assert all(message.endswith((".", "?")) and len(message) < 400 for message in messages)
    kinds = {re.sub(r"[\d.]+", "", message) for message in messages}
    assert len(kinds) >= len(messages) - 1 >= 3, judged  # each has its own, but for a coincidence of this data


def test_the_table_of_wrong_answers_is_whole():
    assert set(WRONG) == set(EXERCISES)


@pytest.mark.parametrize(("name", "label", "words"), [
    ("00.1", "best on test", "does not know it"), ("11.1", "shortcut", "pictures that you report"),
    ("11.1", "validation", "choice itself flatters"), ("11.2", "the others", "those that cannot"),
    ("12.1", "the others", "asked for are the others"), ("12.2", "unpaired", "two sets of *other* photos"),
    ("12.2", "turned", "sign is turned"), ("13.1", "best on test", "Nobody knows those before"),
    ("13.2", "descent", "plain gradient descent"), ("13.3", "chosen on test", "chosen on the test photos"),
    ("14.1", "greedy", "largest overlap first"),
    ("14.2", "votes", "how sure each view was"), ("14.3", "the factor", "n / m"),
    ("21.1", "plain relu", "what a plain relu leaves"),
    ("21.1", "mean square", "mean square"),
    ("21.2", "unpaired", "same photos"), ("21.3", "training side", "training photos of the leak"),
    ("22.1", "from one", "begins at t = 1"), ("22.2", "true value", "largest"),
    ("23.1", "each its own best", "two accuracies"), ("23.2", "all", "which column may not"),
    ("31.1", "skipped", "products too"), ("31.2", "more", "luck alone"), ("34.1", "itself", "find itself"),
    ("34.2", "dot product", "different lengths"), ("34.3", "above a half", "strip of wall"),
    ("35.1", "for ever", "where it ends"), ("35.2", "median", "slow ones stay"), ("35.3", "same labels", "same labels"),
    ("32.1", "no biases", "biases are missing"), ("32.1", "averaged", "every place"),
    ("32.2", "accuracy", "the same say"), ("32.2", "f1", "macro F1"), ("33.1", "all", "three numbers only"),
    ("33.2", "as made for", "was made for"), ("33.2", "no deviation", "second division"),
    ("33.3", "too many", "together"),
    ("36.1", "sums", "take the mean"), ("36.3", "layers only", "two of them"), ("37.1", "reversed", "exchanged"),
    ("37.1", "sums", "add up to 1"),
    ("41.1", "garments", "average over garments"), ("41.1", "repeated", "held out together"),
    ("41.2", "another", "no fold can print"), ("41.3", "bits", "natural logarithm"),
    ("38.1", "pixels", "places of the feature map"), ("38.2", "blurred", "reaches beyond"),
    ("38.3", "Dice below IoU", "is below IoU"), ("38.3", "Dice above the curve", "bent downwards"),
    ("42.1", "photos", "Divide each row"), ("42.2", "unsure", "the label that the photo bears"),
    ("43.1", "product", "independent errors"), ("43.2", "plain mean", "average over bins"),
    ("43.3", "sum", "trusts the model"),
    ("51.1", "untouched", "as it was"), ("51.1", "transposed", "exchanged"), ("51.2", "too few", "at least one more"),
    ("52.1", "no logarithm", "logarithms"), ("52.2", "half", "one side")])
def test_the_message_fits_the_mistake(name, label, words):
    for student in STUDENTS:
        answer = WRONG[name](personal(name, student))[label]
        assert words in judge(name, answer, student)[1]
