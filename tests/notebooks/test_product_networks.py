"""The networks that lesson 32 defines are those of the products paper, layer by layer."""

import json

import keras
import pytest
from conftest import REPOSITORY

LESSON = REPOSITORY / "notebooks" / "32_product_classification.ipynb"
# The paper's appendix 3: layer, output shape, weights.
APPENDIX_3 = [
    ("Conv2D", (None, 128, 128, 32), 896),
    ("MaxPooling2D", (None, 64, 64, 32), 0),
    ("Conv2D", (None, 64, 64, 64), 18_496),
    ("MaxPooling2D", (None, 32, 32, 64), 0),
    ("Conv2D", (None, 32, 32, 128), 73_856),
    ("MaxPooling2D", (None, 16, 16, 128), 0),
    ("Flatten", (None, 32_768), 0),
    ("Dense", (None, 1024), 33_555_456),
    ("Dense", (None, 3), 3_075),
]


def defined(function, **names):
    """A function of the lesson, from the cell that defines it."""
    cells = json.loads(LESSON.read_text(encoding="utf-8"))["cells"]
    (source,) = (text for cell in cells if f"def {function}(" in (text := "".join(cell["source"])))
    space = {"keras": keras, **names}
    exec(source.split("\n\n\n")[0], space)
    return space[function]


def test_the_self_trained_network_is_the_papers():
    model = defined("self_trained")(128)
    layers = [(type(layer).__name__, tuple(layer.output.shape), layer.count_params()) for layer in model.layers
              if not isinstance(layer, (keras.layers.InputLayer, keras.layers.Rescaling))]
    assert layers == APPENDIX_3


@pytest.mark.parametrize(("units", "dropout"), [(128, 0.5), (1024, 0.0)])
def test_the_heads_are_the_papers(units, dropout):
    model = defined("head", SEED=1, classes=3)(1280, units, dropout, "head")
    first, between, last = model.layers
    assert (first.units, first.activation.__name__) == (units, "relu")
    assert between.rate == dropout
    assert (last.units, last.activation.__name__) == (3, "softmax")
    assert model.count_params() == 1280 * units + units + 3 * units + 3
