"""Notebooks, results and course files from strangers, as `lint`, `report` and `grade` meet them."""

import io
import json
from pathlib import Path

from bad_inputs.data import DIGITS, zip_of
from classroom.grading.made import executed, write_course

COURSE = """
repository: https://github.com/owner/kit
papers: {first: {title: A paper}}
lessons:
  - notebook: 11_one.ipynb
    title: One
    paper: first
    minutes: {sample: 1, real: 1, paper: 1, rehearsal: 1}
    profiles: {sample: {}, real: {}, paper: {}, rehearsal: {}}
    records: {accuracy: {meaning: how good, baseline: 0.1, floors: {sample: 0.5, real: 0.6, paper: 0.7}}}
"""
REPOSITORY = Path(__file__).resolve().parents[2]
DEEP = "[" * 900 + "]" * 900


def notebook(outputs="[]", source="1", more=""):
    return ('{"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "execution_count": 1, '
            f'"source": {json.dumps(source)}, "outputs": {outputs}}}], '
            f'"metadata": {{}}, "nbformat": 4, "nbformat_minor": 5{more}}}')


NOTEBOOKS = {
    "nested 900 deep": (notebook(outputs=DEEP), "nested more than 100 levels deep"),
    "brackets without end": ("[" * 100_000, "nested too deeply|is no notebook"),
    "3 MB of {}": (notebook(more=', "more": [' + "{}," * 1_000_001 + "{}]"), "above 1,000,000 it is not read"),
}


def linted(text, said):
    def build(folder):
        (folder / "11_one.ipynb").write_text(text)
        return ["--course", REPOSITORY / "course.yml", "lint", folder / "11_one.ipynb"], rf"11_one\.ipynb.*({said})"

    return build


def honest_notebook(folder):
    return ["--course", REPOSITORY / "course.yml", "lint",
            REPOSITORY / "notebooks/11_fashion_mnist_cnn.ipynb"], "in order"


def course(content, said):
    def build(folder):
        (folder / "course.yml").write_bytes(content)
        return ["--course", folder / "course.yml", "lint"], rf"course\.yml.*{said}"

    return build


LINT = {
    **{name: linted(*found) for name, found in NOTEBOOKS.items()},
    "honest": honest_notebook,
    "1e999": linted(notebook(outputs='[{"data": {"a": 1e999}}]'), "cell 1: N03 has outputs"),
    "5,000 digits": linted(notebook(outputs=f'[{{"data": {{"a": {DIGITS}}}}}]'), "cell 1: N03 has outputs"),
    "calls 2,000 deep": linted(notebook(source="f" + "()" * 2000), "cell 1: N33 no sentence"),
    "aliases": course(COURSE.replace("title: One", "title: &a [*a]").encode(), r"aliases \(\*name\) are not read"),
    "Latin-1": course(COURSE.replace("One", "Eén").encode("latin-1"), "not UTF-8 text"),
    "deep YAML": course(COURSE.replace("One", "[" * 5000 + "]" * 5000).encode(), "nested too deeply"),
    "digits in YAML": course(COURSE.replace("baseline: 0.1", f"baseline: {DIGITS}").encode(), "digits"),
}


def results(value="0.8", executed="null", more=""):
    return ('{"schema": 1, "fashion_tf": "0.1.0", "profile": "sample", "data": "sample", "seconds": 70.0, '
            '"started": "2026-01-02T03:04:05+00:00", "machine": {"python": "3.12", "system": "Linux", "cores": 2}, '
            '"lessons": [{"lesson": "11", "notebook": "11_one.ipynb", "status": "passed", "reasons": [], '
            '"seconds": 61.0, "parameters": {"DATA": "sample"}, "fingerprint": "f", '
            f'"executed": {executed}, "records": {{"accuracy": {{"value": {value}, "versions": {{}}}}}}}}]{more}}}')


def reported(text, said, **files):
    def build(folder):
        (folder / "course.yml").write_text(COURSE)
        run = folder / "run"
        run.mkdir()
        (run / "results.json").write_text(text)
        for name, content in files.items():
            (run / f"{name}.ipynb").write_text(content)
        return ["--course", folder / "course.yml", "report", run], said

    return build


REPORT = {
    "honest": reported(results(), r"wrote .*report\.html"),
    "nested 900 deep": reported(results(DEEP), r"results\.json.*nested"),
    "1e999": reported(results("1e999"), r"results\.json.*inf"),
    "5,000 digits": reported(results(DIGITS), r"results\.json.*(inf|digits)"),
    "3 MB of {}": reported(results(more=', "more": [' + "{}," * 1_000_001 + "{}]"), r"results\.json.*1,000,000"),
    "executed elsewhere": reported(results(executed='"../private.ipynb"'), r"results\.json.*executed"),
}


def handed_in(content, said):
    """A class of one; `content` None: of an honest notebook."""
    def build(folder):
        write_course(folder / "course")
        (folder / "class/ada").mkdir(parents=True)
        name = "ada/work.zip" if isinstance(content, bytes) else "ada/11_one.ipynb"
        (folder / "class" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return ["--course", folder / "course/course.yml", "grade", folder / "class", "--out", folder / "out",
                "--jobs", "1", "--json"], said

    return build


def with_accuracy(number):
    """A notebook whose record and whose printed line say the same."""
    text = json.dumps(executed("ada", values={"test_accuracy": "here"})).replace('"here"', number)
    return text.replace("= here", "= inf")


def zipped(name, content):
    buffer = io.BytesIO()
    zip_of(name=name, content=lambda: content)(buffer)
    return buffer.getvalue()


SCORE = r'"test_accuracy": "altered"'
GRADE = {
    **{name: handed_in(text, rf"ada/11_one\.ipynb.*({said})") for name, (text, said) in NOTEBOOKS.items()},
    "honest": handed_in(json.dumps(executed("ada")), r'"test_accuracy": "pass"'),
    "a score of 1e999": handed_in(with_accuracy("1e999"), SCORE),
    "a score of 5,000 digits": handed_in(with_accuracy(DIGITS), SCORE),
    "zip that leads out": handed_in(zipped("../../x.ipynb", "{}"), r"work\.zip.*leads out"),
}
