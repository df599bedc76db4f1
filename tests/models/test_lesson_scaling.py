"""No lesson scales pictures on their way into a model: scaling is the model's first layer.

Models refuse scaled pictures when they run, but XLA leaves that check out. So the notebooks' code is
read as well: what was divided by 255, or went through a `preprocess_input`, may be plotted, but must not
reach fit, predict or evaluate.
"""

import ast
import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
FEEDING = {"fit", "predict", "evaluate", "fit_resumable", "train_classifier", "train_on_batch",
           "predict_on_batch", "test_on_batch"}
SCALING = {"preprocess_input", "convert_image_dtype"}
OWN_LAYERS = {"Rescaling", "Normalization"}  # scaling inside a model that the lesson builds itself


def scaled_inputs(source):
    """Numbers of the lines in which scaled pictures are fed to a model."""
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    feeding = set(FEEDING)
    while True:  # a function that feeds a model feeds it with what it is given
        more = {function.name for function in functions
                if any(name_of(call) in feeding for call in calls(function))}
        if more <= feeding:
            break
        feeding |= more
    module = tainted(tree, set())
    return sorted({call.lineno for scope in (tree, *functions)
                   for names in [tainted(scope, module)]
                   for call in calls(scope) if name_of(call) in feeding
                   for given in (*call.args, *(keyword.value for keyword in call.keywords))
                   if is_scaled(given, names)})


def tainted(scope, known):
    """The names in a scope that stand for something scaled."""
    names = set(known) - {
        argument.arg for argument in getattr(getattr(scope, "args", None), "args", ())}
    while True:
        before = len(names)
        for node in inside(scope):
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                divided = isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div) and (
                    is_range(node.value))
                pairs = [(node.value, target, divided) for target in targets]
            elif isinstance(node, (ast.For, ast.comprehension)):
                pairs = [(node.iter, node.target, False)]
            elif isinstance(node, ast.FunctionDef):  # a function that gives back something scaled
                own = tainted(node, names)
                pairs = [(one.value, ast.Name(node.name, ast.Store()), is_scaled(one.value, own))
                         for one in inside(node) if isinstance(one, ast.Return) and one.value]
            else:
                continue
            for value, target, certain in pairs:
                if certain or is_scaled(value, names):
                    names |= {name.id for name in ast.walk(target) if isinstance(name, ast.Name)
                              and isinstance(name.ctx, ast.Store)}
        if len(names) == before:
            return names


def is_scaled(node, names):
    if isinstance(node, ast.Call) and name_of(node) in OWN_LAYERS:
        return False
    if isinstance(node, ast.Name) and (node.id in names or node.id in SCALING):
        return True
    if isinstance(node, ast.Attribute) and node.attr in SCALING:
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and is_range(node.right):
        return True
    return any(is_scaled(child, names) for child in ast.iter_child_nodes(node))


def is_range(node):
    return isinstance(node, ast.Constant) and node.value in (255, 256, 127.5)


def name_of(call):
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)


def calls(scope):
    return [node for node in inside(scope) if isinstance(node, ast.Call)]


def inside(scope):
    """What a module or function consists of, without the insides of functions defined in it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, ast.FunctionDef):
            yield from inside(node)


def code_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_lesson_feeds_a_model_scaled_pictures(path):
    code = code_of(path)
    found = [code.splitlines()[line - 1].strip() for line in scaled_inputs(code)]
    assert not found, f"{path.name} feeds a model with scaled pictures: {found}"


@pytest.mark.parametrize("source", [
    "model.fit(images / 255, labels)",
    "model.predict(x=preprocess_input(images))",
    "images = images.astype('float32') / 255.0\nmodel.evaluate(images, labels)",
    "images /= 255\nmodel.predict(images)",
    "a = images * (1 / 255)\nb = a[:10]\nmodel.predict(b)",
    "model.fit(images, labels, validation_data=(others / 127.5 - 1, labels))",
    "batches = data.map(lambda x, y: (vgg16.preprocess_input(x), y))\nmodel.fit(batches)",
    "def scale(x):\n    y = x / 255\n    return y\nmodel.predict(scale(images))",
    "def run(model, x):\n    return model.fit(x)\nrun(model, images / 255)",
    "def run(model):\n    x = images / 255\n    model.fit(x)",
    "for batch in images / 255:\n    model.predict_on_batch(batch)",
    "shared = {'train_images': images / 255}\ntrain_classifier({}, 1, shared)",
])
def test_the_check_finds_scaling(source):
    assert scaled_inputs(source)


@pytest.mark.parametrize("source", [
    "plots.show_images(images / 255)\nmodel.predict(images)",
    "shown = images / 255\nplots.show_images(shown)\nmodel.fit(images, labels, epochs=255)",
    "def show(images):\n    images = images / 255\n    plot(images)\nmodel.fit(images)",
    "model = keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten()])\nmodel.fit(images)",
    "x = layers.Rescaling(1 / 255)(pictures)\nnetwork = keras.Model(pictures, x)\ntrain(network.fit(images))",
    "share = 3 / 10\nmodel.fit(images, labels, validation_split=share)",
])
def test_the_check_lets_plots_and_own_layers_pass(source):
    assert not scaled_inputs(source)
