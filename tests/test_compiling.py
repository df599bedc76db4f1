"""Optimizers, regularizers and decays by hand in numpy, and what a first step would have to make."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from fashion_tf.errors import TrainingError
from fashion_tf.training import (
    INITIALIZERS,
    OPTIMIZERS,
    build_state,
    default_learning_rate,
    make_initializer,
    make_optimizer,
    make_regularizer,
)
from fashion_tf.training.compiling import epoch_steps

# Optimizers


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_default_learning_rate_is_kerass(name):
    built = getattr(keras.optimizers, name)()
    assert float(built.learning_rate) == pytest.approx(default_learning_rate(name), rel=1e-6)
    made = make_optimizer(name)
    assert type(made) is type(built)
    assert made.get_config() | {"name": ""} == built.get_config() | {"name": ""}


def test_the_papers_optimizers_and_their_rates():
    assert {name: default_learning_rate(name) for name in OPTIMIZERS} == {
        "Adam": 0.001, "Adagrad": 0.001, "Adadelta": 0.001, "SGD": 0.01, "Adamax": 0.001}


def steps(optimizer, weight, gradients):
    """The weight after each of some steps."""
    variable = keras.Variable(np.float32([weight]))
    passed = []
    for gradient in gradients:
        optimizer.apply([np.float32([gradient])], [variable])
        passed.append(float(variable.numpy()[0]))
    return passed


def test_decoupled_decay_shrinks_the_weight_apart_from_the_gradient():
    weight, gradient, rate, decay = 2.0, 0.5, 0.1, 0.3
    (found,) = steps(make_optimizer("SGD", rate, decay, "decoupled"), weight, [gradient])
    assert found == pytest.approx(weight * (1 - rate * decay) - rate * gradient, rel=1e-6)
    # Adam's first step is the learning rate, whatever the gradient: the decay is not in it.
    (found,) = steps(make_optimizer("Adam", rate, decay, "decoupled"), weight, [gradient])
    assert found == pytest.approx(weight * (1 - rate * decay) - rate, rel=1e-5)


def test_time_decay_slows_the_steps():
    rate, decay, gradients = 0.1, 0.75, [1.0, -2.0, 0.5, 3.0]
    optimizer = make_optimizer("SGD", rate, decay, "time")
    assert optimizer.weight_decay is None
    expected, weight = [], 1.0
    for step, gradient in enumerate(gradients):
        weight -= rate / (1 + decay * step) * gradient
        expected.append(weight)
    assert steps(optimizer, 1.0, gradients) == pytest.approx(expected, rel=1e-5)


def test_rho_is_adadeltas_memory():
    optimizer = make_optimizer("Adadelta", 1.0, 0.75, "rho")
    assert optimizer.rho == 0.75 and optimizer.weight_decay is None
    weight, average, steps_average, epsilon, expected = 1.0, 0.0, 0.0, optimizer.epsilon, []
    for gradient in (0.5, -0.25):  # Zeiler (2012), algorithm 1
        average = 0.75 * average + 0.25 * gradient ** 2
        step = -np.sqrt(steps_average + epsilon) / np.sqrt(average + epsilon) * gradient
        steps_average = 0.75 * steps_average + 0.25 * step ** 2
        weight += step
        expected.append(weight)
    assert steps(optimizer, 1.0, [0.5, -0.25]) == pytest.approx(expected, rel=1e-6)


def test_no_decay_unless_asked_for():
    assert steps(make_optimizer("SGD", 0.1), 2.0, [0.0, 0.0]) == [2.0, 2.0]
    assert make_optimizer("Adadelta").rho == inspect.signature(
        keras.optimizers.Adadelta).parameters["rho"].default
    assert make_optimizer("SGD", 0.1, 0, "decoupled").weight_decay == 0


@pytest.mark.parametrize("arguments, message", [
    (("Adams",), "no optimizer 'Adams'; choose one of Adam, Adagrad"),
    ((["Adam"],), "no optimizer .'Adam'."),
    (("Adam", 0.1, 0.01), "weight_decay=0.01 and weight_decay_as=None: give both"),
    (("Adam", 0.1, None, "time"), "weight_decay=None and weight_decay_as='time': give both"),
    (("Adam", 0.1, 0.01, "l2"), "no weight_decay_as 'l2'; choose one of decoupled, time, rho"),
    (("Adam", 0.1, 0.5, "rho"), "only Adadelta has a rho, Adam has none"),
    (("Adadelta", 0.1, 1.0, "rho"), "1.0 as rho: it must be below 1"),
    (("Adam", 0.1, -0.1, "decoupled"), "weight_decay=-0.1: it must be a number, at least 0"),
    (("Adam", 0.1, float("nan"), "time"), "weight_decay=nan"),
    (("Adam", 0.1, "0.1", "time"), "weight_decay='0.1': it must be a number"),
    (("Adam", 0), "learning_rate=0: it must be a number, greater than 0"),
    (("Adam", -1e-3), "learning_rate=-0.001"), (("Adam", float("nan")), "learning_rate=nan"),
    (("Adam", float("inf")), "learning_rate=inf"), (("Adam", "0.1"), "learning_rate='0.1'"),
    (("Adam", True), "learning_rate=True"),
])
def test_bad_optimizers(arguments, message):
    with pytest.raises(TrainingError, match=message):
        make_optimizer(*arguments)


# Regularizers and initializers


@pytest.mark.parametrize("name, expected", [
    ("L1", 0.1 * 6.5), ("L2", 0.1 * (1 + 4 + 9 + 0.25)), ("L1 & L2", 0.1 * 6.5 + 0.1 * 14.25)])
def test_regularizers_by_hand(name, expected):
    weights = np.float32([[1, -2], [3, -0.5]])
    assert float(make_regularizer(name, 0.1)(weights)) == pytest.approx(expected, rel=1e-6)


def test_no_regularizer():
    assert make_regularizer("none", 0.1) is None


@pytest.mark.parametrize("name, strength, message", [
    ("l2", 0.1, "no regularizer 'l2'; choose one of none, L1, L2, L1 & L2"),
    ("L2", 0, "regularizer_strength=0: it must be a number, greater than 0"),
    ("L1", -0.1, "regularizer_strength=-0.1"), ("L1", "0.1", "regularizer_strength='0.1'")])
def test_bad_regularizers(name, strength, message):
    with pytest.raises(TrainingError, match=message):
        make_regularizer(name, strength)


def test_initializers():
    for name in INITIALIZERS:
        made = keras.initializers.get(make_initializer(name))
        assert type(made).__name__ == name.replace(" ", "")
    with pytest.raises(TrainingError, match="no initializer 'He'; choose one of Random Normal"):
        make_initializer("He")


# The state


def two_inputs(counted):
    class Counting(keras.layers.Layer):
        def call(self, inputs, training=True):  # as Keras's layers that change pictures at random have it
            counted.append(training)
            return noise(inputs, training=training)

    noise = keras.layers.GaussianNoise(0.1, seed=5)
    parts = {name: keras.Input((3,), name=name) for name in ("left", "right")}
    outputs = keras.layers.Dense(3, activation="softmax")(Counting()(keras.layers.Add()(list(parts.values()))))
    model = keras.Model(parts, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    counted.clear()
    return model


@pytest.mark.parametrize("as_batches", [False, True])
def test_what_a_step_would_make_is_made_before(as_batches):
    counted = []
    model = two_inputs(counted)
    rows = {name: np.ones((5, 3), np.float32) for name in ("left", "right")}, np.zeros(5, int)
    before = [variable.numpy() for variable in model.variables]
    build_state(model, *([tf.data.Dataset.from_tensor_slices(rows).batch(4)] if as_batches else rows))
    assert counted == [False]
    assert len(model.optimizer.variables) == 2 + 2 * len(model.trainable_variables)
    assert model.optimizer.iterations == 0
    assert all(np.array_equal(now, old) for now, old in zip(model.variables, before, strict=True))  # seeds, too
    made = [variable for metric in model.metrics for variable in metric.variables]
    assert len(made) == 4 and not any(float(variable) for variable in made)  # a sum and a count: of the loss, the hits
    model.fit(*rows, verbose=0)
    assert counted == [False, True]  # traced once
    assert {id(one) for one in made} == {id(one) for metric in model.metrics for one in metric.variables}


@pytest.mark.parametrize("batches, steps", [
    (tf.data.Dataset.range(5), 5), (tf.data.Dataset.range(5).repeat(), None), ([1, 2], None),
    (tf.data.Dataset.range(5).filter(lambda number: number > 1), None), (tf.data.Dataset.range(5).take(0), None),
])
def test_the_steps_of_an_epoch_where_they_are_known(batches, steps):
    assert epoch_steps(batches) == steps


def test_no_batch_is_a_sentence():
    with pytest.raises(TrainingError, match="hold no picture"):
        build_state(two_inputs([]), tf.data.Dataset.from_tensor_slices((np.ones((0, 3)), np.ones(0))).batch(4))
