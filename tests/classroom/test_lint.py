"""One good notebook, and for each rule notebooks that break it and no other.

The bad ones are made from the good one as it is today, so that a new release (whose tag stands in
badges and install lines) breaks none of them.
"""

import copy
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.lint import (
    README_MARKS,
    RULES,
    Problem,
    badge,
    canonical,
    lesson_table,
    lint,
    nbgrader_metadata,
    rules_table,
    setup_cell,
)
from fashion_tf.classroom.lint.text import has_sentence, headings
from fashion_tf.classroom.notebooks import canonical_bytes, parse_notebook
from fashion_tf.errors import CourseError

NAME = "11_example.ipynb"
COURSE = """
repository: https://github.com/owner/kit
papers: {first: {title: The first paper}}
lessons:
  - notebook: 11_example.ipynb
    title: An example
    paper: first
    minutes: {sample: 1, real: 1, paper: 1, rehearsal: 1}
    profiles:
      sample: {}
      real: {parameters: {EPOCHS: 3}}
      paper: {parameters: {EPOCHS: 9}}
      rehearsal: {parameters: {EPOCHS: 1}}
    records:
      majority: {meaning: the commonest class, kind: baseline}
      accuracy: {meaning: the network, baseline: 0.1, floors: {sample: 0.5, real: 0.6, paper: 0.6}}
"""


@pytest.fixture
def course(tmp_path):
    (tmp_path / "course.yml").write_text(COURSE, encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    course = load_course(tmp_path / "course.yml")
    (tmp_path / "README.md").write_text(
        f"# Kit\n\ngit clone {course.repository}\n\n"
        + "\n".join([README_MARKS[0], lesson_table(course), README_MARKS[1]]) + "\n\nThe end.\n",
        encoding="utf-8")
    return course


class Draft:
    """A notebook to be spoilt; cells are found by their ids."""

    def __init__(self, course):
        self.course = course
        texts = {
            "title": f"# 11 · An example\n\n{badge(course, 'notebooks/' + NAME)}\n\n"
                     "You reproduce table 1.\n\n**Time:** a minute. **Needs:** nothing.",
            "aims": "## What you will do\n\n- Look at data.\n- Train a network.\n- Measure it.",
            "setup": setup_cell(course) + "\n\nimport numpy as np\n\nfrom fashion_tf import plots\n"
                     "from fashion_tf.classroom.lesson import paper_beside_here, start_lesson\n"
                     "from fashion_tf.classroom.records import record\n\nstart_lesson(\"11\")",
            "parameters": "# Parameters\nEPOCHS = 2  # passes over data\nSEED = -7  # of chance",
            "look": "## Look at the data\n\nHere are sixteen grey pictures.",
            "figure": "plots.show_images(np.zeros((16, 28, 28)))",
            "notice": "All of them are dark.",
            "compare": "## Paper | here\n\nThe table of the paper, with your numbers.",
            "table": 'paper_beside_here("11", {"accuracy": 0.5})',
            "untold": "## What the paper does not tell you\n\nRecord what you measured.",
            "results": 'record("majority", 0.1)\nrecord("accuracy", 0.5)',
            "learned": "## What you learned\n\n- Dark pictures tell little.",
            "next": "## Next\n\nLesson 12.",
        }
        code = {"setup": {"cellView": "form"}, "parameters": {"tags": ["parameters"]},
                "figure": {"tags": ["key-figure"]}, "table": {}, "results": {}}
        self.notebook = {
            "nbformat": 4, "nbformat_minor": 5,
            "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python",
                                        "name": "python3"}, "language_info": {"name": "python"}},
            "cells": [{"id": name, "source": text,
                       **({"cell_type": "code", "metadata": code[name], "outputs": [],
                           "execution_count": None} if name in code else
                          {"cell_type": "markdown", "metadata": {}})}
                      for name, text in texts.items()]}

    @property
    def cells(self):
        return self.notebook["cells"]

    def __getitem__(self, name):
        return next(cell for cell in self.cells if cell["id"] == name)

    def place(self, name):
        return self.cells.index(self[name])

    def swap(self, name, old, new):
        assert self[name]["source"].count(old) == 1, f"{old!r} in {name}"
        self[name]["source"] = self[name]["source"].replace(old, new)

    def remove(self, *names):
        for name in names:
            del self.cells[self.place(name)]

    def add(self, after, cell_type, source, **fields):
        cell = {"cell_type": cell_type, "metadata": {}, "source": source, "id": f"after-{after}"}
        if cell_type == "code":
            cell.update(outputs=[], execution_count=None)
        self.cells.insert(self.place(after) + 1, {**cell, **fields})

    def write(self, course, name=NAME):
        path = course.root / "notebooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(canonical_bytes(self.notebook))
        return path


BAD = []


def bad(code, label):
    """A way to break the rule `code` and no other."""
    def register(spoil):
        BAD.append(pytest.param(code, spoil, id=f"{code}-{label}"))
        return spoil
    return register


def bad_text(code, label, cell, old, new):
    bad(code, label)(lambda draft: draft.swap(cell, old, new))


# Form. N02, which concerns bytes, has its tests below.
bad("N03", "outputs")(lambda draft: draft["figure"].update(
    outputs=[{"output_type": "stream", "name": "stdout", "text": ["dark"]}]))
bad("N03", "execution-count")(lambda draft: draft["figure"].update(execution_count=3))
bad("N03", "no-outputs-field")(lambda draft: draft["figure"].pop("outputs"))
bad("N04", "no-id")(lambda draft: draft["notice"].pop("id"))
bad("N04", "same-id")(lambda draft: draft["notice"].update(id="look"))
bad("N04", "not-an-id")(lambda draft: draft["notice"].update(id="two words"))
bad("N05", "kernel")(lambda draft: draft.notebook["metadata"]["kernelspec"].update(name="conda"))
bad("N05", "colab")(lambda draft: draft["look"]["metadata"].update(id="look", collapsed=False))
bad("N05", "no-form")(lambda draft: draft["setup"].update(metadata={}))
bad("N05", "form-without-title")(lambda draft: draft["table"].update(metadata={"cellView": "form"}))
bad("N05", "field")(lambda draft: draft["look"].update(outputs=[]))
bad("N05", "tags-not-texts")(lambda draft: draft["table"].update(metadata={"tags": [1]}))
bad("N06", "no-tag")(lambda draft: draft["parameters"].update(metadata={}))
bad("N06", "second-tag")(
    lambda draft: draft["figure"]["metadata"].update(tags=["key-figure", "parameters"]))

bad_text("N10", "number", "title", "# 11 ·", "# 12 ·")
bad_text("N10", "other-title", "title", "An example", "The example")
bad_text("N10", "hyphen", "title", "11 ·", "11 -")
bad("N10", "title-second")(lambda draft: draft.cells.insert(0, {
    "cell_type": "markdown", "metadata": {}, "id": "preface", "source": re.sub(
        "^.*\n", "Welcome.\n", draft["title"]["source"])}))
bad_text("N11", "other-tag", "title", "/blob/v", "/blob/before-v")
bad_text("N11", "other-file", "title", NAME, "12_example.ipynb")
bad_text("N11", "other-owner", "title", "/owner/", "/somebody/")


@bad("N11", "none")
def _no_badge(draft):
    draft["title"]["source"] = re.sub(r"\[!.*\n\n", "", draft["title"]["source"])


bad_text("N12", "time", "title", "**Time:**", "It takes")
bad_text("N12", "needs", "title", "**Needs:**", "It needs")
bad_text("N12", "reproduces", "title", "You reproduce", "You read")

bad_text("N20", "no-aims", "aims", "What you will do", "Aims")
bad_text("N20", "no-comparison", "compare", "Paper | here", "Compare")
bad_text("N20", "no-experiment", "untold", "What the paper does not tell you", "More")
bad_text("N20", "no-summary", "learned", "What you learned", "Summary")
bad("N20", "no-next")(lambda draft: draft.remove("next"))
bad("N20", "order")(lambda draft: draft.cells.append(draft.cells.pop(draft.place("learned"))))
bad("N20", "parameters-first")(lambda draft: draft.cells.insert(
    draft.place("setup"), draft.cells.pop(draft.place("parameters"))))
bad("N20", "two-setups")(lambda draft: draft.add(
    "setup", "code", draft["setup"]["source"].replace('start_lesson("11")', "pass"),
    metadata={"cellView": "form"}))
bad("N20", "heading-in-a-code-block")(lambda draft: draft["next"].update(
    source="```\n## Next\n```\n\nLesson 12."))
bad_text("N21", "two", "aims", "\n- Measure it.", "")
bad_text("N21", "six", "aims", "- Train", "- Cook.\n- Eat.\n- Sleep.\n- Train")
bad_text("N22", "other-tag", "setup", "@v", "@before-v")
bad_text("N22", "with-dependencies", "setup", "--no-deps ", "")
bad_text("N22", "everywhere", "setup", 'if "google.colab" in sys.modules:', "if True:")
for label, extra in {
        "pinned-extra": "    %pip install -q --no-deps other==1.0\n",
        "third-line": "    %pip install -q --no-deps other\n    %pip install -q --no-deps more\n",
        "extra-with-dependencies": "    %pip install -q other\n"}.items():
    bad_text("N22", label, "setup", "\n\nimport numpy", f"\n{extra}\nimport numpy")


@bad("N22", "none")
def _no_install(draft):
    draft["setup"]["source"] = re.sub(r'\nif "google.*\n.*', "", draft["setup"]["source"])


# The real and paper profiles set EPOCHS, so that it has to stay.
bad_text("N23", "no-comment", "parameters", "  # of chance", "")
bad_text("N23", "empty-comment", "parameters", "  # of chance", "  #")
bad_text("N23", "small-letters", "parameters", "SEED", "seed")
bad_text("N23", "derived", "parameters", "-7", "EPOCHS + 1")
bad_text("N23", "call", "parameters", "-7", "int('7')")
bad_text("N23", "import", "parameters", "SEED =", "import os  # for paths\nSEED =")
bad_text("N23", "two-a-line", "parameters", "EPOCHS = 2", "EPOCHS = 2; LAYERS = 1")
bad_text("N23", "several-lines", "parameters", "-7  # of chance", "(  # of chance\n    7)")
bad_text("N23", "twice", "parameters", "SEED =", "EPOCHS = 3  # again\nSEED =")
bad_text("N23", "unhashable", "parameters", "-7", "{[1]: 2}")
bad("N23", "marker-second")(lambda draft: draft.swap("parameters", "# Par", "\n# Par"))
bad("N23", "two-cells")(lambda draft: draft.add("parameters", "code", "# Parameters\nA = 1  # a"))
bad("N23", "executed")(lambda draft: draft.add(
    "parameters", "code", "# Parameters\nEPOCHS = 9", metadata={"tags": ["injected-parameters"]}))


@bad("N23", "no-marker")
def _no_marker(draft):
    draft.swap("parameters", "# Parameters\n", "")
    draft.add("setup", "markdown", "Set these values.")


bad_text("N24", "absent", "parameters", "EPOCHS", "PASSES")
bad_text("N25", "unwritten", "results", 'record("majority", 0.1)\n', "")
bad_text("N25", "unpromised", "results", 'record("acc', 'record("size", 5)\nrecord("acc')
bad_text("N25", "twice", "results", 'record("acc', 'record("majority", 0.2)\nrecord("acc')
bad_text("N25", "computed-name", "results", 'record("acc', 'record("a" + "b", 1)\nrecord("acc')
bad_text("N25", "in-a-comment", "results", 'record("majority"', '# record("majority"')
bad_text("N26", "start", "setup", 'lesson("11")', 'lesson("12")')
bad_text("N26", "no-start", "setup", '\n\nstart_lesson("11")', "")
bad_text("N26", "table", "table", '"11"', '"21"')

bad_text("N30", "syntax", "table", "0.5})", "0.5}")
bad_text("N30", "magic", "figure", "plots.", "%matplotlib inline\nplots.")
bad_text("N30", "cell-magic", "table", "paper_", "%%time\npaper_")
bad_text("N30", "shell", "table", "paper_", "!nvidia-smi\npaper_")
bad_text("N30", "shell-value", "table", "paper_", "files = !ls\npaper_")
bad_text("N30", "pip-elsewhere", "table", "paper_", "%pip install other\npaper_")
bad_text("N30", "magic-in-setup", "setup", "import numpy", "%matplotlib inline\nimport numpy")
for place in ("/home/me/data", "/content/drive", "/tmp/x.npy", "C:\\\\Users\\\\me", "D:/data/x"):
    bad_text("N31", place, "figure", "plots.", f'open("{place}")\nplots.')
bad_text("N31", "in-prose", "notice", "them", "/Users/me/pictures")
bad_text("N32", "26-lines", "table", "paper_", "x = 0\n" * 25 + "paper_")
bad("N37", "long-median")(lambda draft: [draft.swap(name, draft[name]["source"], draft[name]["source"] + "\nx = 0" * 8)
                                         for name in ("figure", "table", "results")])
bad_text("N37", "many-words", "untold", "Record what you measured.", "Record what you measured. " + "more " * 1800)
bad("N33", "code-after-code")(lambda draft: draft.add("table", "code", "x = 1"))
bad_text("N33", "heading-only", "compare", "\n\nThe table of the paper, with your numbers.", "")
bad_text("N33", "table-only", "compare", "The table of the paper, with your numbers.",
         "| one | two | three. |")


@bad("N34", "heading-first")
def _no_notice(draft):
    draft.swap("notice", "All", "## Learn\n\nAll")


@bad("N34", "untagged-plots")
def _plot_without_tag(draft):
    _no_notice(draft)
    draft["figure"]["metadata"] = {}


@bad("N34", "imported-function")
def _imported_plot(draft):
    _plot_without_tag(draft)
    draft.swap("setup", "fashion_tf import plots", "fashion_tf.plots import show_images as show")
    draft.swap("figure", "plots.show_images", "show")


@bad("N34", "pyplot")
def _pyplot(draft):
    _plot_without_tag(draft)
    draft["figure"]["source"] = "plt.plot([1, 2])\nplt.show()"


@bad("N34", "tag-alone")
def _tagged(draft):
    _no_notice(draft)
    draft["figure"]["source"] = "frame.style"


@bad("N34", "drawing-function")
def _drawing_function(draft):
    _plot_without_tag(draft)
    draft["figure"]["source"] = "def show():\n    plt.show()\n\n\nshow()"


bad("N35", "raw")(lambda draft: draft.add("learned", "raw", "Text."))
bad("N35", "empty-code")(lambda draft: draft.add("notice", "code", " \n"))
bad("N35", "empty-markdown")(lambda draft: draft.add("learned", "markdown", ""))
for word in ("simply", "Just", "easily", "obviously"):
    bad_text("N36", word, "notice", "are dark", f"are {word} dark")



STUB = '# exercise: 11.{0}\nmine = personal("11.{0}")\n\nanswer = ...'


def pose(draft, *numbers, solved=(1, 2)):
    """Sets exercises in, as a good lesson has them, and their solutions beside it."""
    draft["parameters"]["source"] += '\nSTUDENT = ""  # whose data'
    after = "notice"
    for number in numbers:
        draft.add(after, "markdown", "Predict the next picture.", id=f"task-{number}")
        draft.add(f"task-{number}", "code", STUB.format(number), id=f"stub-{number}")
        draft.add(f"stub-{number}", "code", f'check("11.{number}", answer)', id=(after := f"check-{number}"),
                  metadata={"nbgrader": nbgrader_metadata(f"11.{number}")})
    solution = Draft(draft.course)
    solution.remove("aims", "look", "figure", "notice", "compare", "table", "learned", "next", "parameters", "results")
    solution.swap("title", "notebooks/", "notebooks/solutions/")
    after = "untold"
    for number in solved:
        solution.add(after, "code", STUB.format(number).replace("...", "5"), id=f"stub-{number}")
        solution.add(f"stub-{number}", "code", f'check("11.{number}", answer)', id=f"check-{number}",
                     metadata={"nbgrader": nbgrader_metadata(f"11.{number}")})
        solution.add(f"check-{number}", "markdown", "So much for that.", id=(after := f"said-{number}"))
    solution.write(draft.course, f"solutions/{NAME}")


def bad_exercise(code, label, cell, old, new, *numbers):
    @bad(code, label)
    def spoil(draft):
        pose(draft, *(numbers or (1, 2)))
        draft.swap(cell, old, new)


@bad("N05", "no-nbgrader")
def _no_nbgrader(draft):
    pose(draft, 1)
    draft["check-1"]["metadata"] = {}


@bad("N05", "nbgrader-elsewhere")
def _nbgrader_elsewhere(draft):
    pose(draft, 1)
    draft["stub-1"]["metadata"] = {"nbgrader": nbgrader_metadata("11.1")}


@bad("N40", "other-order")
def _other_order(draft):
    pose(draft, 2, 1)


@bad("N40", "twice")
def _twice(draft):
    pose(draft, 1, 2)
    draft["stub-2"]["source"] = STUB.format(1)
    draft["check-2"].update(source='check("11.1", answer)', metadata={"nbgrader": nbgrader_metadata("11.1")})


@bad("N40", "marker-without-number")
def _no_number(draft):
    draft.swap("figure", "plots.show", "# exercise 1\nplots.show")


bad("N41", "unknown")(lambda draft: pose(draft, 1, 2, 3, solved=(1, 2, 3)))
bad_exercise("N42", "solved", "stub-1", "answer = ...", "answer = 5")
bad_exercise("N42", "stub-not-last", "stub-1", "answer = ...", "answer = ...\nprint(answer)")
bad_exercise("N42", "other-name", "stub-1", "answer = ...", "reply = ...")
bad("N43", "no-check")(lambda draft: (pose(draft, 1), draft.remove("check-1")))
bad_exercise("N43", "no-marker", "stub-2", "# exercise: 11.2\n", "")
bad("N43", "alone")(lambda draft: draft.swap("table", "paper", 'check("11.1", 5)\npaper'))
bad_exercise("N44", "no-student", "parameters", '\nSTUDENT = ""  # whose data', "")
bad_exercise("N44", "somebody", "parameters", 'STUDENT = ""', 'STUDENT = "ada"')
bad("N45", "one-unsolved")(lambda draft: pose(draft, 1, 2, solved=(1,)))
bad("N45", "none-solved")(lambda draft: (
    pose(draft, 1), (draft.course.root / "notebooks" / "solutions" / NAME).unlink()))

MENDABLE = {rule.code for rule in RULES if rule.fixes}
# What a mendable rule cannot mend without guessing what the author meant.
LEFT_ALONE = {"N22-everywhere", "N22-pinned-extra", "N22-third-line", "N22-extra-with-dependencies"}


def codes(problems):
    return {problem.code for problem in problems}


def test_a_good_notebook_has_no_problem(course):
    path = Draft(course).write(course)
    before = path.read_bytes()
    assert lint(course) == []
    assert lint(course, fix=True) == []
    assert lint(course, [path]) == []
    assert path.read_bytes() == before


@pytest.mark.parametrize("code, spoil", BAD)
def test_a_bad_notebook_breaks_its_rule_and_no_other(course, code, spoil):
    draft = Draft(course)
    spoil(draft)
    path = draft.write(course)
    before = path.read_bytes()
    problems = lint(course)
    assert codes(problems) == {code}
    assert not any(problem.fixed for problem in problems)
    assert path.read_bytes() == before


@pytest.mark.parametrize("code, spoil", BAD)
def test_fix_mends_what_it_says_and_touches_nothing_else(course, code, spoil, request):
    draft = Draft(course)
    spoil(draft)
    path = draft.write(course)
    before = path.read_bytes()
    mends = code in MENDABLE and request.node.callspec.id not in LEFT_ALONE
    problems = lint(course, fix=True)
    assert all(problem.fixed == mends for problem in problems) and problems
    after = path.read_bytes()
    assert (after != before) == mends
    again = lint(course, fix=True)
    assert path.read_bytes() == after
    assert again == ([] if mends else problems)


def test_exercises_with_their_solutions_are_in_order(course):
    draft = Draft(course)
    pose(draft, 1, 2)
    draft.write(course)
    assert lint(course) == []


def test_every_rule_has_a_bad_notebook():
    tested_below = {"N00", "N01", "N02", "N07"}
    assert {param.values[0] for param in BAD} | tested_below == {rule.code for rule in RULES}


@pytest.mark.parametrize("spoil", [
    lambda text: text.rstrip("\n"),
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text + "\n",
    lambda text: json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n",
    lambda text: json.dumps(dict(reversed(json.loads(text).items())), indent=1,
                            ensure_ascii=False) + "\n",
    lambda text: json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n",
    lambda text: text.replace('"nbformat_minor": 5', '"nbformat_minor": 4'),
    lambda text: text.replace("train a network\\n", "train a network\\r\\n").replace(
        'Look at data.\\n"', 'Look at data.\\r\\n"'),
    lambda text: "\ufeff" + text,
], ids=["no-end", "crlf", "two-ends", "indent", "order", "escapes", "minor", "crlf-in-text", "bom"])
def test_stored_form(course, spoil):
    path = Draft(course).write(course)
    good = path.read_bytes()
    path.write_bytes(spoil(good.decode()).encode())
    assert path.read_bytes() != good
    assert codes(lint(course)) == {"N02"}
    assert [problem.fixed for problem in lint(course, fix=True)] == [True]
    assert path.read_bytes() == good


def test_stored_form_is_what_jupyter_writes(course):
    path = Draft(course).write(course)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"


def test_fix_undoes_a_round_through_colab(course):
    draft = Draft(course)
    good = canonical_bytes(draft.notebook)
    notebook = draft.notebook
    notebook["nbformat_minor"] = 0
    notebook["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"] = {"id": cell.pop("id"), "outputId": "0f", "executionInfo": {"elapsed": 1}}
        if cell["cell_type"] == "code":
            cell.update(execution_count=number, outputs=[{"output_type": "stream"}])
    # Colab keeps the tags it finds, and cannot set one.
    notebook["cells"][5]["metadata"]["tags"] = ["key-figure"]
    path = course.root / "notebooks" / NAME
    path.write_text(json.dumps(notebook, indent=2), encoding="utf-8")
    assert codes(lint(course)) == {"N02", "N03", "N04", "N05", "N06"}
    assert all(problem.fixed for problem in lint(course, fix=True))
    assert path.read_bytes() == good


def test_tags_are_kept(course):
    draft = Draft(course)
    draft["figure"]["metadata"] = {"tags": ["key-figure", "slow", "slow", None], "scrolled": True}
    draft["notice"]["metadata"] = {"tags": ["answer"]}
    draft["parameters"]["metadata"] = {"tags": ["first"]}
    path = draft.write(course)
    lint(course, fix=True)
    tags = {cell["id"]: cell["metadata"].get("tags")
            for cell in parse_notebook(path.read_bytes())["cells"]}
    assert tags["figure"] == ["key-figure", "slow"]
    assert tags["notice"] == ["answer"]
    assert tags["parameters"] == ["first", "parameters"]
    assert tags["look"] is None


def test_accelerator_is_kept(course):
    draft = Draft(course)
    draft.notebook["metadata"]["accelerator"] = "GPU"
    draft.write(course)
    assert lint(course) == []


def test_new_ids_are_deterministic_and_leave_the_others(course):
    draft = Draft(course)
    for cell in draft.cells[4:7]:
        del cell["id"]
    draft.cells[8]["id"] = draft.cells[7]["id"]
    draft.cells[4]["source"] = draft.cells[6]["source"]
    first, second = canonical(draft.notebook), canonical(copy.deepcopy(draft.notebook))
    assert first == second
    ids = [cell["id"] for cell in first["cells"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[\w-]{1,64}", one) for one in ids)
    assert ids[:4] == ["title", "aims", "setup", "parameters"]
    assert ids[7] == "compare" and ids[9:] == ["untold", "results", "learned", "next"]


def test_canonical_changes_a_copy(course):
    notebook = Draft(course).notebook
    notebook["cells"][5]["execution_count"] = 4
    before = copy.deepcopy(notebook)
    form = canonical(notebook)
    assert notebook == before
    assert form == Draft(course).notebook
    assert canonical(form) == form


def test_a_new_release_renews_badge_and_install_line(course, monkeypatch):
    draft = Draft(course)
    draft.swap("setup", '"\n\nimport numpy',
               '"\n    %pip install -q --no-deps "keras-cv>=0.9"\n\nimport numpy')
    path = draft.write(course)
    assert lint(course) == []
    before = path.read_text(encoding="utf-8")
    old = course.tag
    monkeypatch.setattr("fashion_tf.__version__", "9.8.7")
    moved = replace(course, repository="https://github.com/other/place")
    problems = lint(moved, fix=True)
    assert [problem.code for problem in problems] == ["N07", "N11", "N22"]
    assert path.read_text(encoding="utf-8") == before.replace(old, "v9.8.7").replace(
        "owner/kit", "other/place")
    assert lint(moved) == []


def test_a_missing_install_is_set_in(course):
    draft = Draft(course)
    good = draft["setup"]["source"]
    _no_install(draft)
    draft.swap("setup", "# @title Setup\nimport sys\n", "#@title Setup\n")
    path = draft.write(course)
    assert codes(lint(course, fix=True)) == {"N22"}
    assert parse_notebook(path.read_bytes())["cells"][2]["source"] == good


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b"null", b'{"cells": 3}', b'{"cells": [3]}', b"\xff\x00\xff", b"\x93NUMPY",
    b'{"cells": [], "nbformat": 3}', b'{"cells": []}', b'{"cells": [], "nbformat": NaN}',
    b'{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "\\ud800"}]}',
    b'{"nbformat": 4, "cells": [], "metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
])
def test_what_is_no_notebook_is_reported_and_left_alone(course, content):
    path = course.root / "notebooks" / NAME
    path.write_bytes(content)
    problems = lint(course, fix=True)
    assert [(problem.code, problem.fixed) for problem in problems] == [("N00", False)]
    assert path.read_bytes() == content


def test_a_missing_file_and_a_folder_are_reported(course):
    problems = lint(course, [course.root / "absent.ipynb", course.root / "notebooks"], fix=True)
    assert [problem.code for problem in problems] == ["N00", "N00"]
    assert "No such file" in problems[0].message


@pytest.mark.parametrize("junk", [None, 3, "text", [], [["x"]], {"tags": {"a": 1}}, {"tags": [{}]}])
@pytest.mark.parametrize("field", ["id", "metadata", "outputs", "execution_count", "attachments"])
def test_junk_in_a_field_is_a_problem_and_no_crash(course, field, junk):
    draft = Draft(course)
    for cell in draft.cells:
        cell[field] = junk
    draft.notebook["metadata"] = junk
    path = draft.write(course)
    assert lint(course)
    lint(course, fix=True)
    after = path.read_bytes()
    assert lint(course, fix=True) == []
    assert path.read_bytes() == after
    if field != "attachments":
        nbformat.validate(nbformat.read(path, as_version=4))


def test_the_course_and_the_folder_name_the_same_lessons(course):
    [absent] = lint(course)
    assert (absent.code, absent.path.name) == ("N01", NAME)
    Draft(course).write(course)
    (course.root / "notebooks" / f"._{NAME}").write_bytes(b"\0\5\x16\7")  # what macOS leaves there is no notebook
    draft = Draft(course)
    draft.swap("title", NAME, "12_other.ipynb")
    draft.write(course, "12_other.ipynb")
    [unlisted] = lint(course)
    assert (unlisted.code, unlisted.path.name) == ("N01", "12_other.ipynb")


@pytest.mark.parametrize(("old", "new"), [
    ("| 1, 1 |", "| 2, 2 |"), ("· An example", "· Another"), ("/blob/v", "/blob/before-v"),
    ("git clone https://github.com/owner/kit", "git clone https://github.com/elsewhere/kit"),
])
def test_the_readme_follows_the_course(course, old, new):
    Draft(course).write(course)
    path = course.root / "README.md"
    good = path.read_text(encoding="utf-8")
    assert old in good
    path.write_text(good.replace(old, new), encoding="utf-8")
    [problem] = lint(course)
    assert (problem.code, problem.path.name) == ("N07", "README.md")
    lint(course, fix=True)
    assert path.read_text(encoding="utf-8") == good
    assert lint(course) == []


def test_a_readme_without_its_marks_is_left_alone(course):
    Draft(course).write(course)
    path = course.root / "README.md"
    path.write_text("# Kit\n", encoding="utf-8")
    [problem] = lint(course, fix=True)
    assert (problem.code, problem.fixed) == ("N07", False)
    assert path.read_text(encoding="utf-8") == "# Kit\n"


def test_solutions_keep_the_rules_of_form_and_of_cells(course, monkeypatch):
    Draft(course).write(course)
    draft = Draft(course)
    draft.remove("aims", "compare", "table", "learned", "next", "parameters", "results")
    draft.swap("title", "notebooks/", "notebooks/solutions/")
    path = draft.write(course, f"solutions/{NAME}")
    assert lint(course) == []
    monkeypatch.chdir(path.parent)
    assert lint(course, [NAME]) == []  # known for a solution by a relative path as well
    draft["figure"]["execution_count"] = 1
    draft.swap("title", "blob/v", "blob/before-v")
    draft.swap("setup", "@v", "@before-v")
    draft.swap("notice", "All", "Simply all")
    draft.write(course, f"solutions/{NAME}")
    assert codes(lint(course)) == {"N03", "N11", "N22", "N36"}
    path.rename(path.with_name("77_other.ipynb"))
    assert codes(lint(course)) >= {"N01"}


GOOD_TEXTS = {
    "a quotation": ("notice", "> It is simply dark.\n\nSo says the paper."),
    "words in code": ("notice", "Call `just(x)` now.\n\n```\nobviously simply\n```"),
    "word parts": ("notice", "You adjust the justified margin."),
    "address with a path": ("notice", "See [this page](https://example.org/home/data/x) for it."),
    "fractions": ("notice", "The train/test and and/or split is 1/2 of it."),
    "modulo at a line's start": ("table", 'paper_beside_here("11", {"a": (5\n  % 3)})'),
    "magic in a text": ("table", 'paper_beside_here("11", {"a": """\n%pip install x\n!ls\n"""})'),
    "25 lines": ("table", 'paper_beside_here("11", {})\n' + "x = 1\n" * 24),
    "route": ("table", 'paper_beside_here("11", {"path": "/predict/shirt"})'),
    "method of that name": ("table", 'paper_beside_here("11", {})\ncamera.record("film")'),
    "defined, not drawn": ("table", 'paper_beside_here("11", {})\n\n\ndef f():\n    plt.show()'),
    "parameter texts": ("parameters", '# Parameters\n# Two groups.\nEPOCHS = 1  # passes\n\n'
                        'DATA = "sample"  # or a folder # of data\nSIZES = [1, 2]  # in cells'),
    "escaped heading": ("compare", "### Paper \\| *here*\n\nThe table of the paper."),
}


@pytest.mark.parametrize("cell, text", GOOD_TEXTS.values(), ids=GOOD_TEXTS)
def test_what_only_looks_wrong_passes(course, cell, text):
    draft = Draft(course)
    draft[cell]["source"] = text
    draft.write(course)
    assert lint(course) == []


def test_problems_say_where_and_what(course, monkeypatch):
    draft = Draft(course)
    draft.swap("notice", "All", "Just all")
    draft.swap("table", "0.5})", "0.5}")
    draft.write(course)
    monkeypatch.chdir(course.root)
    word, syntax = lint(course)
    assert str(word) == (f"notebooks/{NAME}, cell 7: N36 says 'Just'; leave it out, or say why it "
                         "is so")
    assert str(syntax).startswith(f"notebooks/{NAME}, cell 9: N30 does not parse: line 1")


def test_problems_come_in_the_order_of_cells(course):
    draft = Draft(course)
    draft.swap("notice", "All", "Just all")
    draft["results"]["execution_count"] = 1
    draft.swap("title", "**Time:**", "")
    draft.write(course)
    assert [problem.cell for problem in lint(course)] == [1, 7, 11]


def test_a_failed_write_leaves_the_notebook(course, monkeypatch):
    draft = Draft(course)
    draft["figure"]["execution_count"] = 1
    path = draft.write(course)
    before = path.read_bytes()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(CourseError, match=f"{NAME}.*Permission denied"):
        lint(course, fix=True)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [NAME]


def test_fix_keeps_the_mode_and_mends_what_a_link_leads_to(course):
    draft = Draft(course)
    draft["figure"]["execution_count"] = 1
    path = draft.write(course)
    kept = course.root / "kept.ipynb"
    path.rename(kept)
    kept.chmod(0o640)
    path.symlink_to(kept)
    assert [problem.fixed for problem in lint(course, fix=True)] == [True]
    assert path.is_symlink() and kept.stat().st_mode & 0o777 == 0o640
    assert parse_notebook(kept.read_bytes())["cells"][draft.place("figure")]["execution_count"] is None


def test_a_device_and_a_readme_that_is_none_are_problems(course):
    Draft(course).write(course)
    (course.root / "device.ipynb").symlink_to("/dev/zero")
    problem, = lint(course, [course.root / "device.ipynb"])
    assert (problem.code, problem.message) == ("N00", "cannot be read: it is no plain file")
    (course.root / "README.md").write_bytes(b"\xe9")
    problem, = lint(course, fix=True)
    assert problem.code == "N07" and "cannot be read" in problem.message


LONG = 20_000


@pytest.mark.parametrize(("cell_type", "text"), [
    ("markdown", "# " + "# " * (LONG // 2) + "x"), ("markdown", "#" + " " * LONG + "x"),
    ("markdown", "[![](colab-badge.svg" * (LONG // 20)), ("markdown", "[![](colab-badge.svg)](" * (LONG // 20)),
    ("markdown", "a" * LONG), ("markdown", "a " * (LONG // 2)), ("markdown", "`" * LONG + "x"),
    ("markdown", "`a" * (LONG // 2)), ("markdown", "![" * (LONG // 2)), ("markdown", "[" * LONG),
    ("markdown", "[a](" * (LONG // 4)), ("markdown", "<!--" * (LONG // 4)),
    ("code", " " * LONG + "x = ("), ("code", "a " * (LONG // 2) + "("), ("code", "f" + "()" * 2000),
    ("code", "a" + ".b" * (LONG // 2) + "()"), ("code", "(" * LONG), ("code", "x = 1" + "+1" * (LONG // 2)),
])
def test_no_text_holds_the_reading_up(course, cell_type, text):
    """Twenty kilobytes of these took up to 18 seconds, or ended in a RecursionError."""
    draft = Draft(course)
    draft.add("figure", cell_type, text)
    path = draft.write(course)
    began = time.process_time()
    lint(course, [path])
    assert time.process_time() - began < 2


@pytest.mark.parametrize(("markdown", "sentence"), [
    ("Three words here.", True), ("Two words.", False), ("Three words here", False), ("a b c? no", True),
    ("## Three words here.", False), ("# C# and more ##", False), ("`a b c.`", False), ("<!-- a b c. -->", False),
    ("[Three words here.](x)", True), ("![a b c.](x)", False), ("![a b c.](x) one two three.", True),
    ("One two version 1.5", False), ("**One two three.**", True), ("One two\nthree: four", True),
])
def test_what_counts_as_a_sentence(markdown, sentence):
    assert has_sentence(markdown) is sentence


def test_headings_are_read_without_their_marks():
    assert headings("# One ##\n\n##  Two *words*  \n#three\n```\n# four\n```\n####### five") == [
        (0, "one"), (2, "two words")]


def test_rules_are_numbered_once_and_printed(course):
    numbers = [rule.code for rule in RULES]
    assert numbers == sorted(set(numbers))
    lines = rules_table().splitlines()
    assert len(lines) == 2 + len(RULES)
    assert all(len(re.split(r"(?<!\\)\|", line)) == 5 for line in lines)
    assert {line.split()[1] for line in lines if line.endswith("| yes |")} == MENDABLE


def test_problem_is_a_value():
    assert Problem(Path("a"), 1, "N03", "x") == Problem(Path("a"), 1, "N03", "x", fixed=False)


def test_lint_needs_no_tensorflow():
    heavy = "{'tensorflow', 'keras', 'IPython', 'papermill', 'nbformat', 'pandas', 'numpy'}"
    program = f"import fashion_tf.classroom.lint, sys; print(*{heavy} & set(sys.modules))"
    found = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert found.strip() == ""
