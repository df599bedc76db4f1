"""The files that an installation reads agree with one another."""

import re
import tomllib
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from packaging.requirements import Requirement


def lines(name):
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    return [line.split("  #")[0] for line in text.splitlines() if line and not line.startswith("#")]


REQUIREMENTS = [Requirement(line) for line in lines("requirements.txt")]
CONSTRAINTS = [Requirement(line) for line in lines("constraints.txt")]


def test_the_packages_the_course_is_built_on_are_required():
    names = {one.name for one in REQUIREMENTS}
    assert names >= {"tensorflow", "keras", "tensorflow-hub", "keras-cv", "scikit-learn",
                     "opencv-python", "seaborn", "jupyterlab", "papermill"}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda one: one.name)
def test_requirements_are_lower_bounds_that_the_tested_versions_meet(requirement):
    assert [one.operator for one in requirement.specifier] == [">="]
    tested = [one for one in CONSTRAINTS if one.name == requirement.name]
    assert tested, f"constraints.txt lacks {requirement.name}"
    for one in tested:
        pinned, = one.specifier
        assert pinned.operator == "==" and pinned.version in requirement.specifier
    assert version(requirement.name) in requirement.specifier


def test_the_page_stands_on_gradio_6_and_pillow_12():
    """Under Pillow 13, which no Gradio 6 takes, pip goes back to Gradio 3 without a word."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {one.name: one.specifier for one in map(Requirement, project["optional-dependencies"]["page"])}
    tested = {one.name: next(iter(one.specifier)).version for one in CONSTRAINTS}
    assert not any(old in wanted["gradio"] for old in ("3.50.2", "4.44.1", "5.49.1"))
    assert tested["gradio"] in wanted["gradio"] and tested["gradio"].startswith("6.")
    assert tested["pillow"].startswith("12.")
    takes = [one for one in map(Requirement, requires("gradio") or ()) if one.name == "pillow" and not one.marker]
    assert takes and all(tested["pillow"] in one.specifier for one in takes)


def test_conda_installs_the_same():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    pip = next(one["pip"] for one in environment["dependencies"] if isinstance(one, dict))
    assert pip == ["-r requirements.txt", "-c constraints.txt", "-e ."]


def test_ci_runs_what_the_readme_says():
    assert "make test" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert (REPOSITORY / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"
    workflow = (REPOSITORY / ".github" / "workflows" / "pull-request.yml").read_text(encoding="utf-8")
    for needed in ("bubblewrap", "chromium"):  # without these, tests are skipped
        for text in ((REPOSITORY / ".ci" / "run").read_text(), workflow, (REPOSITORY / "README.md").read_text("utf-8")):
            assert needed in text


def test_an_installed_package_carries_the_syllabus(tmp_path, monkeypatch):
    """As in Colab: no course.yml near the notebook, one beside the package's modules."""
    import shutil
    import subprocess
    import sys

    shutil.copytree(REPOSITORY / "fashion_tf", tmp_path / "site" / "fashion_tf",
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "course.yml", tmp_path / "site" / "fashion_tf")
    (tmp_path / "elsewhere").mkdir()
    code = "from fashion_tf.classroom.course import load_course; print(len(load_course().lessons))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "elsewhere", check=True,
                            env={"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True)
    assert int(answer.stdout) >= 2
    project = (REPOSITORY / "pyproject.toml").read_text()
    assert '"course.yml" = "fashion_tf/course.yml"' in project


def test_the_project_holds_no_machine_paths_and_no_committed_data():
    import subprocess

    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    home = re.compile(r"/(?:home|root|Users)/\w")
    for name in listed.stdout.splitlines():
        path = REPOSITORY / name
        assert path.stat().st_size < 1_000_000, f"{name} is too large to be source"
        if path.suffix in {".py", ".ipynb", ".yml", ".md", ".toml", ""} and "tests" not in Path(name).parts:
            found = home.search(path.read_text(encoding="utf-8"))
            assert not found, f"{name} names a place on one machine: {found and found[0]}"
