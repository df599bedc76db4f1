"""Optimizers, initializers and regularizers by name, and what a compiled model needs before its first step.

Every strength has a name here. "Weight decay 0.75" alone is not a setting: Keras 3 takes it for a
shrinking of the weights, Keras 2 took it for a slowing of the steps, and Adadelta has a third number
of that size. See `make_optimizer`.
"""

import inspect
import numbers

import numpy as np

from fashion_tf.errors import TrainingError
from fashion_tf.terminal import import_tensorflow

import_tensorflow()  # a search's worker comes by it here, and its notes would stand among those of the search
import keras  # noqa: E402

OPTIMIZERS = ("Adam", "Adagrad", "Adadelta", "SGD", "Adamax")
INITIALIZERS = {
    "Random Normal": "RandomNormal", "He Normal": "HeNormal", "Glorot Normal": "GlorotNormal",
    "Zeros": "Zeros", "He Uniform": "HeUniform", "Glorot Uniform": "GlorotUniform",
}
REGULARIZERS = ("none", "L1", "L2", "L1 & L2")
WEIGHT_DECAYS = ("decoupled", "time", "rho")


def default_learning_rate(optimizer):
    """The learning rate that Keras gives an optimizer where none is named.

    Args:
        optimizer: One of `OPTIMIZERS`.

    Taught in: 22_hyperparameter_search.ipynb
    """
    _check("optimizer", optimizer, OPTIMIZERS)
    return inspect.signature(getattr(keras.optimizers, optimizer)).parameters["learning_rate"].default


def make_optimizer(name, learning_rate=None, weight_decay=None, weight_decay_as=None):
    """An optimizer, with weight decay only in a reading that is named.

    Args:
        name: One of `OPTIMIZERS`.
        learning_rate: None: Keras's default for this optimizer.
        weight_decay: A number, or None for none at all.
        weight_decay_as: What that number means; needed with it.

            * ``"decoupled"``: every step also shrinks each weight to (1 - learning rate x decay) of
              itself, apart from the gradient (Loshchilov and Hutter, 2019). Keras 3's
              ``weight_decay``.
            * ``"time"``: step t uses learning rate / (1 + decay x t). Keras 2's ``decay``.
            * ``"rho"``: Adadelta's memory of past gradients (Zeiler, 2012); no decay of weights.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        TrainingError: An unknown name or reading; a decay without its reading, or the other way
            round; a value out of range.

    Taught in: 22_hyperparameter_search.ipynb
    """
    _check("optimizer", name, OPTIMIZERS)
    if (weight_decay is None) != (weight_decay_as is None):
        raise TrainingError(
            f"weight_decay={weight_decay!r} and weight_decay_as={weight_decay_as!r}: give both or "
            f"neither; the readings are {', '.join(WEIGHT_DECAYS)}.")
    rate = default_learning_rate(name) if learning_rate is None else learning_rate
    check_number("learning_rate", rate, above=0)
    options = {}
    if weight_decay is not None:
        _check("weight_decay_as", weight_decay_as, WEIGHT_DECAYS)
        check_number("weight_decay", weight_decay, least=0)
        if weight_decay_as == "decoupled":
            options["weight_decay"] = weight_decay
        elif weight_decay_as == "time":
            rate = keras.optimizers.schedules.InverseTimeDecay(
                rate, decay_steps=1, decay_rate=weight_decay)
        elif name != "Adadelta":
            raise TrainingError(f"weight_decay_as='rho': only Adadelta has a rho, {name} has none.")
        elif weight_decay >= 1:
            raise TrainingError(f"weight_decay={weight_decay!r} as rho: it must be below 1.")
        else:
            options["rho"] = weight_decay
    return getattr(keras.optimizers, name)(learning_rate=rate, **options)


def make_regularizer(name, strength):
    """A regularizer of kernels: what is added to the loss.

    Args:
        name: ``"none"``; ``"L1"``: strength x sum of |w|; ``"L2"``: strength x sum of w squared;
            ``"L1 & L2"``: both, each at this strength.
        strength: Greater than 0. Keras's own default is 0.01, large for a deep network: it is
            added once per weight, and there are millions.

    Raises:
        TrainingError: Unknown name, or a strength out of range.
    """
    _check("regularizer", name, REGULARIZERS)
    if name == "none":
        return None
    check_number("regularizer_strength", strength, above=0)
    return keras.regularizers.L1L2(l1=strength if "L1" in name else 0.0,
                                   l2=strength if "L2" in name else 0.0)


def make_initializer(name):
    """The Keras name of one of `INITIALIZERS`, for `fashion_tf.models.backbones.build_backbone`.

    Raises:
        TrainingError: Unknown name.
    """
    _check("initializer", name, INITIALIZERS)
    return INITIALIZERS[name]


def _check(field, value, allowed):
    if value not in tuple(allowed):
        raise TrainingError(f"There is no {field} {value!r}; choose one of {', '.join(allowed)}.")


def check_number(field, value, least=-np.inf, above=-np.inf, kind=numbers.Real):
    """Refuses what is no finite number of this kind, at least `least` and greater than `above`, by its field's name."""
    if isinstance(value, bool) or not isinstance(value, kind) or not (
            value >= least and above < value < np.inf):
        bound = f"at least {least}" if least > above else f"greater than {above}"
        what = "number" if kind is numbers.Real else "whole number"
        raise TrainingError(f"{field}={value!r}: it must be a {what}, {bound}.")


def epoch_steps(batches):
    """`steps_per_epoch` for `keras.Model.fit`: how many batches a `tf.data.Dataset` has; None where it is endless or
    unknown, or where `batches` are no dataset.

    Keras knows it as well, but unless it is told, it begins each epoch but the first twice: it makes an iterator at the
    end of the epoch before, and another one in its place. That takes some 10 to 50 ms, as long as a few steps; and
    `Dataset.shuffle` draws an order for each iterator, so that its second epoch is another one when Keras is told.
    """
    count = int(batches.cardinality()) if hasattr(batches, "cardinality") else 0
    return count if count > 0 else None


def build_state(model, inputs, targets=None):
    """Makes what a compiled model keeps beside its weights: the optimizer's memory, and the sums of loss and metrics.

    Else its first step makes them, and a step that makes variables is traced twice: by TensorFlow's rule, the second
    time without making any. Tracing takes longer than many a short training, so nothing is traced here: one row
    passes through the model untraced.

    Args:
        model: Compiled; its weights and its random draws stay as they are.
        inputs, targets: Arrays of rows, of which the first is taken; or batches of both, as for `keras.Model.evaluate`.

    Raises:
        TrainingError: There is no batch.

    Taught in: 11_fashion_mnist_cnn.ipynb
    """
    model.optimizer.build(model.trainable_variables)
    if targets is None:
        batch = next(iter(inputs), None)
        if batch is None:
            raise TrainingError("The batches to measure the model by hold no picture; give it some.")
        inputs, targets = batch[:2]
    build_measures(model, inputs, targets)


def build_measures(model, inputs, targets):
    """The part of `build_state` that is not the optimizer's: the sums of loss and metrics."""
    inputs, targets = keras.tree.map_structure(lambda rows: rows[:1], (inputs, targets))
    outputs = model(inputs, training=False)  # else layers that change pictures at random use up draws
    model.compute_loss(inputs, targets, outputs, training=False)
    model.compute_metrics(inputs, targets, outputs)
    model.reset_metrics()
