"""The arrows of the house, read from the imports themselves: downwards only."""

import ast
import subprocess
import sys

import pytest
from conftest import REPOSITORY

PACKAGE = REPOSITORY / "fashion_tf"

# Top floor to ground; what stands on one line does not import its neighbours.
FLOORS = [
    {"cli"},
    {"classroom", "serving"},
    {"live"},
    {"style", "describe", "retrieval", "crossval", "crf", "class_activation"},
    {"search"},
    {"trials"},
    {"predictor"},
    {"training"},
    {"models"},
    {"pipeline"},
    {"augment"},
    {"datasets", "metrics"},
    {"wardrobe"},
    {"plots", "cluster", "annotate"},
    {"files", "terminal"},
    {"errors"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
CLASSROOM_MAY_KNOW = {"classroom", "datasets", "cluster", "files", "terminal", "errors"}
HEAVY = {"tensorflow", "keras", "keras_cv", "tensorflow_hub", "ray", "dask", "gradio", "faiss", "fastapi", "cv2",
         "sklearn", "pandas", "matplotlib", "papermill", "joblib", "numba"}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path, everywhere=True):
    """The modules that a file imports, by their full names; `everywhere`: in functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ("fashion_tf", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                module = ".".join((*package[:len(package) - node.level + 1], *filter(None, [module])))
            yield from ([f"{module}.{alias.name}" for alias in node.names] if module == "fashion_tf" else [module])


def rooms_imported(path):
    names = {name.split(".")[1] for name in imported(path) if name.startswith("fashion_tf.")}
    return {name for name in names if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_arrows_run_downwards_only(path):
    here = room(path)
    if here == "__init__":  # the front door opens any room, when it is asked to
        assert not [name for name in imported(path, everywhere=False) if name.startswith("fashion_tf.")]
        return
    assert here in FLOOR, f"say in FLOORS on which floor {here} stands"
    upwards = {other for other in rooms_imported(path) - {here} if FLOOR[other] <= FLOOR[here]}
    assert not upwards, f"{here} imports {', '.join(sorted(upwards))}, which stands above or beside it"


def test_no_file_stands_behind_a_room_of_its_name():
    # Python would import the room, and nobody would notice that the file is dead.
    assert [path for path in modules() if path.with_suffix("").is_dir()] == []


def test_the_classroom_knows_nothing_of_networks():
    for path in modules():
        if room(path) == "classroom":
            assert rooms_imported(path) <= CLASSROOM_MAY_KNOW, path.name
            if path.name != "lesson.py":  # it prepares the device for the lesson that is taught
                assert not {name.split(".")[0] for name in imported(path)} & {"tensorflow", "keras"}, path.name


def test_an_upward_arrow_would_be_seen():
    """The reading of imports itself: absolute, relative, and inside functions."""
    text = ("from fashion_tf import search\ndef f():\n    from ..classroom.records import record\n"
            "    import fashion_tf.cli\n")
    path = PACKAGE / "models" / "no_such_file.py"
    lines = list(imported(type("Path", (), {"read_text": lambda *_, **__: text,
                                            "relative_to": path.relative_to})()))
    assert lines == ["fashion_tf.search", "fashion_tf.classroom.records", "fashion_tf.cli"]


@pytest.mark.parametrize("door", ["fashion_tf", "fashion_tf.cli"])
def test_the_front_door_imports_nothing_heavy(door):
    code = f"import sys, {door}; print(*sorted({HEAVY | {'numpy'}!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("module", ["classroom", "classroom.records", "classroom.course", "classroom.runner",
                                    "classroom.lint", "classroom.report", "classroom.grading"])
def test_the_classroom_starts_without_the_science(module):
    code = f"import sys, fashion_tf.{module}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
