"""One training of one classifier, over and over: the trial of a search.

Tracing a training step takes longer than a small trial, so a process traces it once and keeps it.
"""

import math
import numbers
from functools import lru_cache

import keras
import numpy as np
import tensorflow as tf

from fashion_tf.errors import TrainingError
from fashion_tf.models.device import has_gpu
from fashion_tf.training.compiling import (
    build_measures,
    check_number,
    default_learning_rate,
    epoch_steps,
    make_initializer,
    make_optimizer,
    make_regularizer,
)

# What one trial of the categories paper's search is made of, and its starting point: Table 1 of the
# paper without its weight decay, whose meaning is open.
START = {
    "backbone": "small_resnet_v2", "epochs": 5, "batch_size": 32,
    "rotation": 0.0, "shear": 0.0, "zoom": 0.0, "flip": False,
    "initializer": "Glorot Uniform", "optimizer": "Adam", "learning_rate": None,
    "regularizer": "L1", "regularizer_strength": 1e-5,
    "weight_decay": None, "weight_decay_as": None,
}


def train_classifier(settings, seed, shared):
    """Trains one classifier from fresh weights: the trial of a search.

    The same settings, seed and pictures give the same metrics on the same machine.

    Args:
        settings: `START`, changed. rotation and shear are in degrees, zoom is a share.
        seed: Draws the initial weights, the order of the pictures and their changes.
        shared: Arrays: ``train_images`` and ``validation_images``, uint8 (rows, height, width, 3) in
            0..255; ``train_labels`` and ``validation_labels``, int64 (rows,) in 0 .. classes - 1;
            and ``classes``, their number.

    Returns:
        Numbers by name: ``accuracy`` and ``loss`` on the validation pictures after the last epoch,
        ``train_accuracy`` and ``train_loss`` over that epoch. Not-a-number where training diverged.

    Raises:
        TrainingError: A setting is unknown or out of range.

    Taught in: 22_hyperparameter_search.ipynb
    """
    from fashion_tf.augment import Augmentation
    from fashion_tf.pipeline import batches_of

    unknown = sorted(set(settings) - set(START))
    if unknown:
        raise TrainingError(f"Unknown setting(s) {', '.join(unknown)}; there are {', '.join(START)}.")
    settings = START | settings
    for name in ("epochs", "batch_size"):
        check_number(name, settings[name], least=1, kind=numbers.Integral)
    moves = {name: settings[name] for name in ("rotation", "shear", "zoom", "flip")}
    try:
        augmentation = Augmentation(**moves) if any(moves.values()) else None
    except (TypeError, ValueError) as error:
        raise TrainingError(str(error)) from error
    # Every draw has this seed for itself. Setting TensorFlow's own makes it forget all compiled steps.
    model, network = _fresh_model(settings, seed, (shared["validation_images"], shared["validation_labels"]),
                                  shared["classes"])
    batches = batches_of(shared["train_images"], shared["train_labels"], settings["batch_size"], training=True,
                         seed=seed, augmentation=augmentation)
    history = model.fit(batches, epochs=settings["epochs"], steps_per_epoch=epoch_steps(batches), shuffle=False,
                        verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()]).history
    loss, accuracy = network.evaluate(shared["validation_images"], shared["validation_labels"], 128,
                                      verbose=0)
    metrics = {"accuracy": accuracy, "loss": loss, "train_accuracy": history["accuracy"][-1],
               "train_loss": history["loss"][-1]}
    diverged = not np.isfinite([loss, metrics["train_loss"]]).all()
    return {name: float("nan") if diverged else float(value) for name, value in metrics.items()}


def _fresh_model(settings, seed, examples, classes):
    """A compiled model to train, as good as new, and the network in it, compiled to be evaluated. Tracing and
    optimising a step takes longer than a small trial itself, so trials share it. What they differ in stands in
    variables: weights, the optimizer's state, its learning rate and how that falls, decoupled decay, Adadelta's rho,
    and the strengths of the regularizer (0 is none). Only another optimizer makes another step."""
    size = examples[0].shape[1:3]
    drawn = (settings["backbone"], classes, tuple(size), make_initializer(settings["initializer"]), seed)
    strength, regularizer = settings["regularizer_strength"], settings["regularizer"]
    make_regularizer(regularizer, strength)  # says what is wrong with it
    rate = settings["learning_rate"]
    rate = default_learning_rate(settings["optimizer"]) if rate is None else rate
    decay, decay_as = settings["weight_decay"], settings["weight_decay_as"]
    optimizer = make_optimizer(settings["optimizer"], rate, decay, decay_as)
    rho = getattr(optimizer, "rho", 0.0)
    key = *drawn[:3], keras.config.dtype_policy().name
    if key not in _SHARED:
        if len(_SHARED) >= _SHARED_AT_MOST:
            _SHARED.pop(next(iter(_SHARED)))
        _SHARED[key] = _Shared(_network(*drawn), examples)
    shared = _SHARED[key]
    shared.begin(_fresh_weights(*drawn), seed, rate=rate, falls=decay if decay_as == "time" else 0.0,
                 shrinks=decay if decay_as == "decoupled" else 0.0, rho=rho,
                 l1=strength if "L1" in regularizer else 0.0, l2=strength if "L2" in regularizer else 0.0)
    return shared.trained_by(optimizer, examples), shared.network


class _Shared:
    """A classifier whose numbers can be changed without tracing its steps anew: one to evaluate it, and one to train it
    for each optimizer. `OPTIMIZERS` treat each weight by itself, so all of them are one vector here: a step of one is a
    few operations in all, not a few for each array. The weights are of one type, and each has a gradient."""

    def __init__(self, network, examples):
        self.network, self.models = network, {}
        self.numbers = {name: tf.Variable(0.0) for name in ("rate", "falls", "shrinks", "rho", "l1", "l2")}
        for variable in network.trainable_variables:
            if variable.name == "kernel":
                variable.regularizer = _Penalty(self.numbers["l1"], self.numbers["l2"])
        self.draws = [variable for variable in network.variables if variable.name == "seed_generator_state"]
        self.vector = keras.Variable(self._as_vector(network.trainable_variables), name="all_weights")
        self.learn = tf.function(self._learn)
        network.compile(**_MEASURES, jit_compile=has_gpu())
        build_measures(network, *examples)

    def begin(self, weights, seed, **numbers):
        """Takes these weights, as `keras.Model.get_weights` gives them, this seed for the dropout that a backbone may
        have inside, and these numbers."""
        from fashion_tf.models.backbones import seed_of

        for name, value in numbers.items():
            self.numbers[name].assign(value)
        self.network.set_weights(weights)
        for number, state in enumerate(self.draws):
            state.assign([seed_of(seed, number), 0])
        self.vector.assign(self._as_vector(self.network.trainable_variables))

    def trained_by(self, optimizer, examples):
        """A model of the same layers, with an optimizer of this kind as it is at first."""
        kind = (type(optimizer), optimizer.weight_decay is not None)
        if kind not in self.models:
            optimizer.learning_rate = _Falling(self.numbers["rate"], self.numbers["falls"])
            if optimizer.weight_decay is not None:
                optimizer.weight_decay = self.numbers["shrinks"]
            if hasattr(optimizer, "rho"):
                optimizer.rho = self.numbers["rho"]
            model = _Trained(self)
            # Several steps a call: what Python does between two of them takes as long as a small network's step.
            model.compile(optimizer, **_MEASURES, jit_compile=has_gpu(), steps_per_execution=8)
            model.optimizer.build([self.vector])  # in float16, Keras has wrapped it in one that scales the loss
            build_measures(model, *examples)
            self.models[kind] = model, [variable.numpy() for variable in model.optimizer.variables]
        model, state = self.models[kind]
        for variable, value in zip(model.optimizer.variables, state, strict=True):
            variable.assign(value)
        return model

    def _learn(self, images, labels, scale):
        with tf.GradientTape() as tape:
            outputs = self.network(images, training=True)
            loss = self.network.compute_loss(images, labels, outputs, training=True)
            scaled = loss * scale
        return loss, outputs, self._as_vector(tape.gradient(scaled, self.network.trainable_variables))

    @staticmethod
    def _as_vector(arrays):
        return tf.concat([tf.reshape(array, [-1]) for array in arrays], axis=0)


class _Trained(keras.Model):
    """Keras's training step over a `_Shared`, whose gradient all optimizers have in common, traced once."""

    def __init__(self, shared):
        super().__init__(shared.network.input, shared.network.output)
        self.shared = shared

    def train_step(self, data):
        images, labels = data
        loss, outputs, gradient = self.shared.learn(images, labels, self.optimizer.scale_loss(tf.ones(())))
        self.metrics[0].update_state(loss, sample_weight=tf.shape(images)[0])  # the mean loss: Keras puts it first
        vector, weights = self.shared.vector, self.trainable_variables
        self.optimizer.apply([gradient], [vector])
        parts = tf.split(vector.value, [math.prod(weight.shape) for weight in weights])
        for weight, part in zip(weights, parts, strict=True):
            weight.assign(tf.reshape(part, weight.shape))
        return self.compute_metrics(images, labels, outputs)


class _Penalty(keras.regularizers.Regularizer):  # of this class, or Keras before 3.15 refuses it
    """Keras's `L1L2` over two variables."""

    def __init__(self, l1, l2):
        self.l1, self.l2 = l1, l2

    def __call__(self, kernel):
        return self.l1 * keras.ops.sum(keras.ops.absolute(kernel)) + self.l2 * keras.ops.sum(keras.ops.square(kernel))


class _Falling(keras.optimizers.schedules.LearningRateSchedule):
    """Keras's `InverseTimeDecay` over two variables: rate / (1 + falls x step)."""

    def __init__(self, rate, falls):
        self.rate, self.falls = rate, falls

    def __call__(self, step):
        return self.rate / (1 + self.falls * keras.ops.cast(step, "float32"))


_MEASURES = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
_SHARED, _SHARED_AT_MOST = {}, 4


def _network(backbone, classes, size, initializer, seed):
    from fashion_tf.models.backbones import build_classifier

    return build_classifier(backbone, classes, size, initializer=initializer, seed=seed)


@lru_cache(maxsize=2)  # most trials of a search begin with the same
def _fresh_weights(*network):
    return _network(*network).get_weights()
