"""A course of two lessons and a class of executed notebooks, made by hand: what each is worth is known."""

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.exercises import judge, personal
from fashion_tf.classroom.records import MIME, as_text

COURSE = """
repository: https://github.com/owner/kit
papers: {first: {title: A paper}}
lessons:
  - notebook: 11_first_network.ipynb
    title: A first network
    paper: first
    minutes: {sample: 1, real: 1, paper: 1, rehearsal: 1}
    profiles: {sample: {}, real: {parameters: {EPOCHS: 30}}, paper: {}, rehearsal: {}}
    records:
      majority_baseline: {meaning: share of the commonest class, kind: baseline}
      epoch_seconds: {meaning: seconds of one epoch, kind: description}
      test_accuracy: {meaning: test accuracy, baseline: 0.1, floors: {sample: 0.75, real: 0.9, paper: 0.9}}
      better_accuracy: {meaning: the better network's, baseline: 0.1, floors: {sample: 0.8, real: 0.9, paper: 0.9}}
  - notebook: 12_other.ipynb
    title: Another
    minutes: {sample: 1, real: 1, paper: 1, rehearsal: 1}
    profiles: {sample: {}, real: {}, paper: {}, rehearsal: {}}
    records: {other: {meaning: other, kind: description}}
"""
CELLS = [
    ("markdown", "# 11 · A first network\n\nOne line."),
    ("code", '# @title Setup\nimport sys\nif "google.colab" in sys.modules:\n    %pip install -q fashion_tf\n\n'
             'from fashion_tf.classroom import check, personal, record, start_lesson\n\nstart_lesson("11")\n\n'
             "import time\n\nimport numpy as np"),
    ("code", '# Parameters\nSTUDENT = ""  # your id\nDATA = "sample"\nSEED = 7  # of the draw\nEPOCHS = 3'),
    ("code", "generator = np.random.default_rng(SEED)\nlabels = generator.integers(0, 10, 1000)\n"
             "print(len(labels), DATA)"),
    ("markdown", "Train it."),
    ("code", "def train(epochs, width):\n    began = time.perf_counter()\n    weights = np.ones(width)\n"
             "    for _ in range(epochs):\n        weights += generator.random(width)\n"
             "    return weights, time.perf_counter() - began"),
    ("code", "weights, seconds = train(EPOCHS, 8)\nprint(f\"{seconds:.1f} s\")"),
    ("code", "better, _ = train(EPOCHS, 80)\naccuracy = 1 - 1 / weights.mean()\n"
             "better_accuracy = 1 - 1 / better.mean()"),
    ("code", "# A picture\nimport matplotlib.pyplot as plt\n\nplt.plot(weights)\nprint('seen')"),
    ("markdown", "## Exercise"),
    ("code", '# exercise: 11.1\nmine = personal("11.1")\nprint(mine)\nanswer = ...\ncheck("11.1", answer)'),
    ("code", '# exercise: 11.2\nmine = personal("11.2")\nprint(mine)\nanswer = ...'),
    ("code", 'check("11.2", answer)'),
    ("code", 'record("majority_baseline", np.bincount(labels).max() / len(labels))\nrecord("epoch_seconds", seconds)\n'
             'record("test_accuracy", accuracy)\nrecord("better_accuracy", better_accuracy)'),
]
PARAMETERS, TRAIN, FIT, MEASURE, PICTURE, FIRST, SECOND, CHECK, RECORD = 2, 5, 6, 7, 8, 10, 11, 12, 13
ITEMS = ["executed", "settings", "recorded", "test_accuracy", "better_accuracy", "exercise 11.1", "exercise 11.2"]
POINTS = dict(zip(ITEMS, (2, 1, 1, 2, 2, 2, 2)))
MAXIMUM = 12


def write_course(folder):
    """Writes course.yml and the lessons; returns the `Course`."""
    folder = Path(folder)
    (folder / "notebooks").mkdir(parents=True)
    (folder / "course.yml").write_text(COURSE)
    (folder / "notebooks/11_first_network.ipynb").write_text(json.dumps(lesson()))
    other = [("markdown", "# 12 · Another"), ("code", 'start_lesson("12")'), ("code", "# Parameters\nDATA = 'sample'"),
             ("code", 'record("other", 1)')]
    (folder / "notebooks/12_other.ipynb").write_text(json.dumps(notebook(other)))
    return load_course(folder / "course.yml")


def notebook(cells):
    made = []
    for number, (kind, source) in enumerate(cells):
        cell = {"cell_type": kind, "id": f"cell{number:02}", "metadata": {}, "source": source}
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    return {"cells": made, "metadata": {"kernelspec": {"name": "python3", "language": "python",
                                                       "display_name": "Python 3"}}, "nbformat": 4,
            "nbformat_minor": 5}


def lesson():
    return notebook(CELLS)


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(content, text):
    return {"output_type": "display_data", "metadata": {}, "data": {MIME: content, "text/plain": text}}


def right(exercise, student):
    data = personal(exercise, student)
    if exercise == "11.1":
        return data.test[int(np.argmax(data.validation))]
    return sorted(name for name, value in data.accuracy.items()
                  if abs(value - round(value * data.photos) / data.photos) > 0.0005)


def shortcut(student):
    """A plausible wrong answer to 11.1: the best of the test curve."""
    return max(personal("11.1", student).test)


def executed(student, first=None, second=None, seed=0, values=None, parameters=None):
    """A whole, honest notebook. `first`, `second`: answers; None: the right ones; ...: the untouched stubs."""
    made = lesson()
    used = {"STUDENT": student, "DATA": "sample", "SEED": 7, "EPOCHS": 3} | (parameters or {})
    drawn = np.random.default_rng(seed)
    values = {"majority_baseline": 0.116, "epoch_seconds": float(drawn.random()),
              "test_accuracy": 0.8 + 0.1 * float(drawn.random()),
              "better_accuracy": 0.85 + 0.1 * float(drawn.random())} | (values or {})
    count = 0
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            if "print(" in cell["source"]:
                cell["outputs"] = [stream("1000 sample\n")]
    cells = made["cells"]
    cells[PARAMETERS]["source"] = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in used.items())
    basis = {"schema": 1, "lesson": "11", "parameters": used, "versions": {"fashion_tf": "0.1.0", "numpy": "2.1"}}
    cells[RECORD]["outputs"] = [
        shown(basis | {"name": name, "value": value}, f"recorded {name} = {as_text(value)}")
        for name, value in values.items()]
    for place, exercise, answer in ((FIRST, "11.1", first), (SECOND, "11.2", second)):
        answer = right(exercise, student) if answer is None else answer
        outcome, message = judge(exercise, answer, student)
        stored = {} if answer is ... else {"answer": answer}
        cells[place]["source"] = cells[place]["source"].replace(
            "answer = ...", f"answer = {'...' if answer is ... else repr(answer)}")
        cells[CHECK if place == SECOND else place]["outputs"] += [shown(
            basis | {"kind": "exercise", "name": exercise, "outcome": outcome, "message": message, "student": student}
            | stored, f"exercise {exercise}: {outcome}. {message}")]
    return made


# --- what becomes of notebooks -----------------------------------------------------------------


@dataclass
class Kind:
    """A way of handing in: the notebook it makes, and the outcomes other than "pass"."""

    make: object
    outcomes: dict = field(default_factory=dict)

    @property
    def points(self):
        return sum(points for name, points in POINTS.items() if self.outcomes.get(name, "pass") == "pass")


def change(place, **fields):
    def made(student, seed):
        whole = executed(student, seed=seed)
        whole["cells"][place].update(copy.deepcopy(fields))
        return whole
    return made


def _source(place, old, new):
    def made(student, seed):
        whole = executed(student, seed=seed)
        assert old in whole["cells"][place]["source"]
        whole["cells"][place]["source"] = whole["cells"][place]["source"].replace(old, new)
        return whole
    return made


def _without(place):
    def made(student, seed):
        whole = executed(student, seed=seed)
        del whole["cells"][place]
        return whole
    return made


def _added(place, source, outputs=()):
    """A cell of the student's own, run where it stands."""
    def made(student, seed):
        whole = executed(student, seed=seed)
        for cell in whole["cells"][place:]:
            if cell["cell_type"] == "code":
                cell["execution_count"] += 1
        count = max(cell.get("execution_count") or 0 for cell in whole["cells"][:place]) + 1
        whole["cells"].insert(place, {"cell_type": "code", "id": "own", "metadata": {}, "source": source,
                                      "execution_count": count, "outputs": list(outputs)})
        return whole
    return made


def _not_run(student, seed):
    whole = executed(student, seed=seed)
    for cell in whole["cells"]:
        if cell["cell_type"] == "code":
            cell.update(execution_count=None, outputs=[])
    return whole


def _out_of_order(student, seed):
    whole = executed(student, seed=seed)
    whole["cells"][FIT]["execution_count"] = 40
    return whole


def _reordered(student, seed):
    whole = executed(student, seed=seed)
    cells = whole["cells"]
    cells[FIRST], cells[PICTURE] = cells[PICTURE], cells[FIRST]
    cells[FIRST]["execution_count"], cells[PICTURE]["execution_count"] = 9, 7
    return whole


def _doubled(student, seed):
    whole = executed(student, seed=seed)
    whole["cells"].insert(FIT, copy.deepcopy(whole["cells"][FIT]) | {"id": "twice", "execution_count": 5})
    for number, cell in enumerate(cell for cell in whole["cells"] if cell["cell_type"] == "code"):
        cell["execution_count"] = number + 1
    return whole


def _forged_place(student, seed):
    """The records stand under a cell that does not record."""
    whole = executed(student, seed=seed)
    whole["cells"][PICTURE]["outputs"] += whole["cells"][RECORD]["outputs"]
    whole["cells"][RECORD]["outputs"] = []
    return whole


def _forged_value(student, seed):
    """The stored value was edited, the text beside it was not."""
    whole = executed(student, seed=seed, values={"test_accuracy": 0.4})
    whole["cells"][RECORD]["outputs"][2]["data"][MIME]["value"] = 0.99
    return whole


def _claimed(student, seed):
    """A wrong answer whose outcome says "pass", and metadata that claim full marks."""
    whole = executed(student, shortcut(student), seed=seed)
    content = whole["cells"][FIRST]["outputs"][1]["data"]
    content[MIME].update(outcome="pass", message="Right.", points=100)
    content["text/plain"] = "exercise 11.1: pass. Right."
    whole["metadata"].update(grade=100, nbgrader={"score": 100}, points={"total": 1e9})
    whole["cells"][FIRST]["metadata"]["nbgrader"] = {"grade": True, "points": 1000, "score": 1000}
    return whole


def _damaged(student, seed):
    whole = executed(student, seed=seed)
    whole["cells"][RECORD]["outputs"][2]["data"][MIME] = "{broken"
    return whole


def _twice(student, seed):
    whole = executed(student, seed=seed)
    whole["cells"][RECORD]["outputs"].append(copy.deepcopy(whole["cells"][RECORD]["outputs"][2]))
    return whole


def _error(student, seed):
    whole = executed(student, seed=seed)
    whole["cells"][PICTURE]["outputs"] = [{"output_type": "error", "ename": "NameError", "evalue": "name 'plt'",
                                           "traceback": []}]
    return whole


def _other_lesson(student, seed):
    whole = executed(student, seed=seed)
    for output in whole["cells"][RECORD]["outputs"]:
        output["data"][MIME]["lesson"] = "12"
    return whole


def _times(student, seed):
    whole = executed(student, seed=seed)
    for number, cell in enumerate(cell for cell in whole["cells"] if cell["cell_type"] == "code"):
        minute = 30 - number if number == 6 else number + 1
        cell["metadata"]["execution"] = {"iopub.execute_input": f"2026-03-01T10:{minute:02}:00.5Z",
                                         "shell.execute_reply": f"2026-03-01T10:{minute:02}:20.5Z"}
    return whole


def _injected(student, seed):
    """STUDENT was put in by a runner, in a cell of its own."""
    whole = executed(student, seed=seed)
    cell = whole["cells"][PARAMETERS]
    cell["source"] = cell["source"].replace(repr(student), '""')
    for later in whole["cells"][PARAMETERS + 1:]:
        if later["cell_type"] == "code":
            later["execution_count"] += 1
    whole["cells"].insert(PARAMETERS + 1, {
        "cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "outputs": [], "execution_count": 3,
        "source": f"# Parameters\nSTUDENT = {student!r}"})
    return whole


RECORDS = ("recorded", "test_accuracy", "better_accuracy")
ALL_ALTERED = dict.fromkeys(RECORDS, "altered")
SILENCE = "get_ipython().showtraceback = lambda *_, **__: None"

KINDS = {
    "perfect": Kind(lambda student, seed: executed(student, seed=seed)),
    "wrong answer": Kind(lambda student, seed: executed(student, shortcut(student), seed=seed),
                         {"exercise 11.1": "fail"}),
    "both wrong": Kind(lambda student, seed: executed(student, "no idea", ["Z"], seed=seed),
                       {"exercise 11.1": "fail", "exercise 11.2": "fail"}),
    "not attempted": Kind(lambda student, seed: executed(student, ..., ..., seed=seed),
                          {"exercise 11.1": "not attempted", "exercise 11.2": "not attempted"}),
    "not run": Kind(_not_run, dict.fromkeys(ITEMS, "not run")),
    "one cell not run": Kind(change(PICTURE, execution_count=None, outputs=[]), {"executed": "not run"}),
    "below the floor": Kind(lambda student, seed: executed(student, seed=seed, values={"test_accuracy": 0.6}),
                            {"test_accuracy": "fail"}),
    "text for a number": Kind(lambda student, seed: executed(student, seed=seed, values={"test_accuracy": "0.9"}),
                              {"test_accuracy": "fail"}),
    "error": Kind(_error, {"executed": "fail"}),
    "out of order": Kind(_out_of_order, {"executed": "fail"}),
    "reordered": Kind(_reordered, {"executed": "fail"}),
    "exercise deleted": Kind(_without(FIRST), {"executed": "missing", "exercise 11.1": "missing"}),
    "check deleted": Kind(_without(CHECK), {"executed": "missing", "exercise 11.2": "missing"}),
    "check not run": Kind(change(CHECK, execution_count=None, outputs=[]), {
        "executed": "not run", "exercise 11.2": "not run"}),
    "another answer is checked": Kind(_source(CHECK, "answer", "answer if True else None")),
    "run by papermill": Kind(_injected),
    "picture deleted": Kind(_without(PICTURE), {"executed": "missing"}),
    "training deleted": Kind(_without(FIT), {"executed": "missing"} | ALL_ALTERED),
    "doubled": Kind(_doubled, {"executed": "altered"}),
    "other epochs": Kind(lambda student, seed: executed(student, seed=seed, parameters={"EPOCHS": 300}),
                         {"settings": "fail"}),
    "parameters edited afterwards": Kind(_source(PARAMETERS, "EPOCHS = 3", "EPOCHS = 4"), {"settings": "altered"}),
    "computed parameters": Kind(_source(PARAMETERS, "EPOCHS = 3", "EPOCHS = int(3)"), {
        "settings": "altered", "exercise 11.1": "fail", "exercise 11.2": "fail"} | ALL_ALTERED),
    "training changed": Kind(_source(TRAIN, "np.ones(width)", "np.ones(width) * 100"), ALL_ALTERED),
    "measure changed": Kind(_source(MEASURE, "accuracy = 1 - 1 / weights.mean()", "accuracy = 0.99"),
                            {"test_accuracy": "altered", "better_accuracy": "altered"}),
    "record changed": Kind(_source(RECORD, 'record("test_accuracy", accuracy)', 'record("test_accuracy", 0.99)'),
                           ALL_ALTERED),
    "picture changed": Kind(_source(PICTURE, "plt.plot(weights)", "plt.plot(weights, 'r')")),
    "comments and spacing": Kind(_source(MEASURE, "better, _", "# my comment\nbetter,   _")),
    "harmless cell": Kind(_added(PICTURE, "print(weights.mean())", [stream("1")])),
    "a typing error": Kind(_added(PICTURE, "print(weights", [{"output_type": "error", "ename": "SyntaxError",
                                                             "evalue": "'(' was never closed", "traceback": []}])),
    "magics": Kind(_added(PICTURE, "%matplotlib inline\n!nvidia-smi\nnp.mean?")),
    "hidden behind a percent sign": Kind(_added(PICTURE, "accuracy = (1\n% 1 or 0.99)"), {"test_accuracy": "altered"}),
    "a script of magics": Kind(_added(PICTURE, "%run forge.py"), ALL_ALTERED),
    "sets the result": Kind(_added(PICTURE, "accuracy = 0.99"), {"test_accuracy": "altered"}),
    "sets it in an exercise": Kind(_source(FIRST, "mine = ", "better_accuracy = 0.99\nmine = "),
                                   {"better_accuracy": "altered"}),
    "patches numpy": Kind(_added(PARAMETERS, "import numpy as np\nnp.bincount = lambda _: np.array([999])"),
                          ALL_ALTERED),
    "hidden behind globals": Kind(_added(PICTURE, "globals()['accuracy'] = 0.99"), ALL_ALTERED),
    "silenced": Kind(_added(PARAMETERS, SILENCE), {"executed": "altered"} | ALL_ALTERED),
    "output cleared": Kind(change(FIT, outputs=[]), {"executed": "altered"}),
    "forged place": Kind(_forged_place, ALL_ALTERED),
    "forged value": Kind(_forged_value, {"test_accuracy": "altered"}),
    "claims": Kind(_claimed, {"exercise 11.1": "fail"}),
    "damaged record": Kind(_damaged, {"test_accuracy": "altered"}),
    "recorded twice": Kind(_twice, {"test_accuracy": "altered"}),
    "record missing": Kind(lambda student, seed: _drop(executed(student, seed=seed), 3),
                           {"better_accuracy": "missing"}),
    "other lesson": Kind(_other_lesson, ALL_ALTERED),
    "impossible times": Kind(_times, {"executed": "altered"}),
    "no id": Kind(lambda _, seed: executed("", seed=seed), {"exercise 11.1": "fail", "exercise 11.2": "fail"}),
    "id changed afterwards": Kind(lambda student, seed: _renamed(executed("somebody", seed=seed), student), {
        "settings": "altered", "exercise 11.1": "fail", "exercise 11.2": "fail"} | ALL_ALTERED),
}


def _drop(whole, record):
    del whole["cells"][RECORD]["outputs"][record]
    return whole


def _renamed(whole, student):
    cell = whole["cells"][PARAMETERS]
    cell["source"] = cell["source"].replace("'somebody'", repr(student))
    return whole


# --- a class -----------------------------------------------------------------------------------


def students(count):
    return [f"s{number:03}" for number in range(count)]


def write_class(folder, count, copies=0):
    """Writes a class of `count`, one folder a student, the kinds in turn; the last `copies` hand in another's file.

    Returns:
        Student -> (kind's name, {item: outcome}, points).
    """
    known, names = {}, list(KINDS)
    for number, student in enumerate(students(count)):
        home = Path(folder) / student
        home.mkdir(parents=True)
        if number >= count - copies:
            source = f"s{number - (count - copies):03}"  # the first ones' files
            copied = (Path(folder) / source / "11_first_network.ipynb").read_bytes()
            (home / "11_first_network.ipynb").write_bytes(copied)
            kind = known[source][0]
            outcomes = dict(known[source][1])
            outcomes.update({name: "altered" for name in RECORDS if outcomes.get(name) in (None, "fail")})
            for name in ("exercise 11.1", "exercise 11.2"):
                if outcomes.get(name) is None:
                    outcomes[name] = "fail"
            known[student] = ("copy of " + kind, outcomes, Kind(None, outcomes).points)
            continue
        kind = names[number % len(names)]
        (home / "11_first_network.ipynb").write_text(json.dumps(KINDS[kind].make(student, number)))
        known[student] = (kind, KINDS[kind].outcomes, KINDS[kind].points)
    return known
