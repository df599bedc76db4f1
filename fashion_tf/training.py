"""Compiling and fitting: optimizers, initializers and regularizers by name, the trial that a search
repeats, and long trainings that can be stopped.

Every strength has a name here. "Weight decay 0.75" alone is not a setting: Keras 3 takes it for a
shrinking of the weights, Keras 2 took it for a slowing of the steps, and Adadelta has a third number
of that size. See `make_optimizer`.
"""

import inspect
import json
import numbers
from functools import lru_cache
from pathlib import Path

import numpy as np

from fashion_tf.errors import TrainingError
from fashion_tf.files import locked, write_atomically
from fashion_tf.models.device import has_gpu
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
    _check_number("learning_rate", rate, above=0)
    options = {}
    if weight_decay is not None:
        _check("weight_decay_as", weight_decay_as, WEIGHT_DECAYS)
        _check_number("weight_decay", weight_decay, least=0)
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
    _check_number("regularizer_strength", strength, above=0)
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


def _check_number(field, value, least=-np.inf, above=-np.inf, kind=numbers.Real):
    if isinstance(value, bool) or not isinstance(value, kind) or not (
            value >= least and above < value < np.inf):
        bound = f"at least {least}" if least > above else f"greater than {above}"
        what = "number" if kind is numbers.Real else "whole number"
        raise TrainingError(f"{field}={value!r}: it must be a {what}, {bound}.")


def build_state(model, inputs, targets=None):
    """Makes what a compiled model keeps beside its weights: the optimizer's memory, and the sums of loss and metrics.

    Else its first step makes them, and a step that makes variables is traced twice: by TensorFlow's rule, the second
    time without making any. Tracing takes longer than many a short training, so nothing is traced here: one row
    passes through the model untraced.

    Args:
        model: Compiled; its weights stay as they are.
        inputs, targets: Arrays of rows, of which the first is taken; or batches of both, as for `keras.Model.evaluate`.

    Taught in: 11_fashion_mnist_cnn.ipynb
    """
    model.optimizer.build(model.trainable_variables)
    if targets is None:
        inputs, targets = next(iter(inputs))[:2]
    inputs, targets = keras.tree.map_structure(lambda rows: rows[:1], (inputs, targets))
    outputs = model(inputs)
    model.compute_loss(inputs, targets, outputs)
    model.compute_metrics(inputs, targets, outputs)
    model.reset_metrics()


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
        _check_number(name, settings[name], least=1, kind=numbers.Integral)
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
    history = model.fit(batches, epochs=settings["epochs"], shuffle=False, verbose=0,
                        callbacks=[keras.callbacks.TerminateOnNaN()]).history
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
    key = drawn[:3]
    if key not in _SHARED:
        if len(_SHARED) >= _SHARED_AT_MOST:
            _SHARED.pop(next(iter(_SHARED)))
        _SHARED[key] = _Shared(_network(*drawn))
    model = _SHARED[key].trained_by(
        optimizer, examples, rate=rate, falls=decay if decay_as == "time" else 0.0,
        shrinks=decay if decay_as == "decoupled" else 0.0, rho=rho,
        l1=strength if "L1" in regularizer else 0.0, l2=strength if "L2" in regularizer else 0.0)
    model.set_weights(_fresh_weights(*drawn))
    return model, _SHARED[key].network


class _Shared:
    """A classifier whose numbers can be changed without tracing its steps anew: one to evaluate it, and one to train it
    for each optimizer."""

    def __init__(self, network):
        import tensorflow as tf

        self.network, self.models = network, {}
        self.numbers = {name: tf.Variable(0.0) for name in ("rate", "falls", "shrinks", "rho", "l1", "l2")}
        for variable in network.trainable_variables:
            if variable.name == "kernel":
                variable.regularizer = _Penalty(self.numbers["l1"], self.numbers["l2"])
        network.compile(**_MEASURES, jit_compile=has_gpu())

    def trained_by(self, optimizer, examples, **numbers):
        """A model of the same layers, with an optimizer of this kind as it is at first, and these numbers."""
        kind = (type(optimizer), optimizer.weight_decay is not None)
        if kind not in self.models:
            optimizer.learning_rate = _Falling(self.numbers["rate"], self.numbers["falls"])
            if optimizer.weight_decay is not None:
                optimizer.weight_decay = self.numbers["shrinks"]
            if hasattr(optimizer, "rho"):
                optimizer.rho = self.numbers["rho"]
            model = keras.Model(self.network.input, self.network.output)
            # Several steps a call: what Python does between two of them takes as long as a small network's step.
            model.compile(optimizer, **_MEASURES, jit_compile=has_gpu(), steps_per_execution=8)
            build_state(model, *examples)
            self.models[kind] = model, [variable.numpy() for variable in optimizer.variables]
        model, state = self.models[kind]
        for name, value in numbers.items():
            self.numbers[name].assign(value)
        for variable, value in zip(model.optimizer.variables, state, strict=True):
            variable.assign(value)
        return model


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


def fit_resumable(model, train, validation, epochs, folder, monitor="val_accuracy", settings=None,
                  callbacks=(), verbose=2):
    """Fits a compiled model, keeps its best epoch, and goes on where an earlier call was stopped.

    After each epoch the folder holds the weights, the optimizer's state, the best weights so far
    and the history, each file whole. A finished training is not repeated; it is finished, too, where Keras's
    EarlyStopping ended it, or TerminateOnNaN. A training that was stopped in its first epoch begins again, with
    the model as it is given. One training at a time works in a folder.

    Args:
        model: Compiled. It ends with the weights of the best epoch.
        train: Function from the number of the first epoch to training batches, so that a training
            which goes on sees the order it would have seen:
            ``lambda first: make_pipeline(..., first_epoch=first)``. Or the batches themselves.
        validation: Validation batches.
        epochs: How many in all, earlier calls included.
        folder: Where the files go.
        monitor: The validation metric whose highest value marks the best epoch; no loss or error, whose lowest would.
            An epoch whose loss is no number is never the best: what has diverged names every picture alike, which may
            well be right more often than what has only begun to learn.
        settings: What the training depends on, as JSON values. A folder of other settings, or of
            another `monitor`, is refused.
        callbacks: More Keras callbacks, or one. What they remember themselves, such as EarlyStopping's waiting, begins
            anew with each call.
        verbose: As for `fit`.

    Returns:
        A pandas table with a row per epoch: the metrics by their Keras names, and ``seconds``.

    Raises:
        TrainingError: `monitor` is a loss, or better the lower it is; the folder belongs to other settings or another
            model, is damaged, is in use by another process, or cannot be written.

    Taught in: 51_clothing_parsing.ipynb
    """
    import pandas as pd

    _check_number("epochs", epochs, least=1, kind=numbers.Integral)
    folder = Path(folder)
    callbacks = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks)
    if monitor.endswith(("loss", "error")):
        raise _worst_is_highest(monitor)
    keeper = _Keeper(folder, monitor, settings or {}, callbacks)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise keeper.unwritable(error) from None
    with locked(folder / ".lock", f"{folder}: this training's folder", TrainingError):
        first = keeper.restore(model)
        if first < epochs and not keeper.ended:
            batches = train(first) if callable(train) else train
            if hasattr(validation, "take"):
                build_state(model, validation.take(1))
            model.fit(batches, validation_data=validation, epochs=epochs, initial_epoch=first,
                      shuffle=False, verbose=verbose, callbacks=[*callbacks, keeper])
        keeper.load_best(model)
    return pd.DataFrame(keeper.history).rename_axis("epoch")


def _worst_is_highest(monitor):
    return TrainingError(f"monitor={monitor!r}: the highest value marks the best epoch, which of a loss or error is "
                         "the worst. Choose a metric that grows, such as val_accuracy.")


class _Keeper(keras.callbacks.Callback):
    """Writes `folder` after each epoch: the whole state, the weights if they are the best so far, and
    history.json last. Arrays are named after their epoch and history.json tells which of them count,
    so it does not matter between which two files a process is killed."""

    def __init__(self, folder, monitor, settings, others):
        super().__init__()
        self.folder, self.monitor, self.settings = folder, monitor, {**settings, "monitor": monitor}
        self.others, self.history, self.ended = others, [], False
        try:
            json.dumps(self.settings)
        except (TypeError, ValueError) as error:
            raise TrainingError(f"settings cannot be kept as JSON: {error}.") from error

    def restore(self, model):
        """Puts the latest state into the model; returns the number of epochs behind it."""
        file = self.folder / "history.json"
        if not file.is_file():
            return 0
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            settings, self.history = kept["settings"], kept["history"]
            self.ended = kept.get("ended", False)
            pairs = {name: [json.dumps(values.get(name), sort_keys=True)
                            for values in (settings, self.settings)]
                     for name in sorted({*settings, *self.settings})}
        except Exception as error:  # whatever a damaged file raises
            raise self._unreadable(error) from error
        for name, (was, now) in pairs.items():
            if was != now:
                raise TrainingError(f"{self.folder}: this training was begun with {name} = {was}, "
                                    f"now it is {now}. Choose another folder, or remove this one.")
        self._read("best")  # better refused now than after the last epoch
        self._put(model, self._read("latest"))
        return len(self.history)

    def unwritable(self, error):
        return TrainingError(f"{self.folder}: the training cannot be kept there ({error.strerror}). Free some space, "
                             "or choose another folder; the epochs that it holds are whole, and a second call goes "
                             "on from them.")

    def _unreadable(self, error):
        return TrainingError(f"{self.folder}: the training kept there cannot be read ({error}). "
                             "Remove the folder to begin anew.")

    def _file(self, kind):
        epoch = len(self.history) if kind == "latest" else self._best()
        return self.folder / f"{kind}-{epoch}.npz"

    def _best(self):
        """The first epoch with the highest metric, counted from 1, of those that have not diverged."""
        values = [row[self.monitor] if np.isfinite(row["loss"]) else np.nan for row in self.history]
        return 1 + int(np.argmax(np.nan_to_num(values, nan=-np.inf)))

    def _read(self, kind):
        try:
            with np.load(self._file(kind)) as arrays:
                return [arrays[f"a{number}"] for number in range(len(arrays.files))]
        except Exception as error:
            raise self._unreadable(error) from error

    def _put(self, model, arrays):
        model.optimizer.build(model.trainable_variables)
        variables = _state(model)
        if len(arrays) != len(variables):
            raise TrainingError(f"{self.folder}: it holds {len(arrays)} arrays and the model has "
                                f"{len(variables)}: another model or optimizer. Choose another folder.")
        for variable, array in zip(variables, arrays):
            if array.shape != tuple(variable.shape):
                raise TrainingError(
                    f"{self.folder}: {variable.path} is of shape {tuple(variable.shape)} and "
                    f"{array.shape} there: another model. Choose another folder.")
        for variable, array in zip(variables, arrays):
            variable.assign(array)

    def on_train_begin(self, logs=None):
        """Metrics are known by now, whatever their names: `build_state` has made them."""
        metrics = [metric for kept in self.model.metrics for metric in getattr(kept, "metrics", [kept])]
        falling = [metric.name for metric in metrics if getattr(metric, "_direction", "up") == "down"]
        if any(f"_{self.monitor}".endswith(f"_{name}") for name in falling):
            raise _worst_is_highest(self.monitor)

    def on_epoch_begin(self, epoch, logs=None):
        import time

        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        import time

        if self.monitor not in logs:
            raise TrainingError(f"There is no metric {self.monitor!r} to choose the best epoch by; "
                                f"there are {', '.join(logs)}.")
        row = {name: float(value) for name, value in logs.items()}
        row["seconds"] = time.perf_counter() - self.began
        self.history.append(row)
        try:
            self._keep()
        except OSError as error:
            raise self.unwritable(error) from error

    def on_train_end(self, logs=None):
        """Another epoch would not have come, whatever their number, and does not with the next call."""
        early = any(isinstance(other, keras.callbacks.EarlyStopping) and other.stopped_epoch for other in self.others)
        if self.history and self.model.stop_training and (early or not np.isfinite(self.history[-1]["loss"])):
            self.ended = True
            try:
                self._write_history()
            except OSError as error:
                raise self.unwritable(error) from error

    def _write_history(self):
        write_atomically(self.folder / "history.json", json.dumps(
            {"settings": self.settings, "ended": self.ended, "history": self.history}, indent=1))

    def _keep(self):
        if self._best() == len(self.history):
            _save(self._file("best"), self.model.weights)
        _save(self._file("latest"), _state(self.model))
        self._write_history()
        counting = {self._file(kind) for kind in ("best", "latest")}
        for pattern in ("best-[0-9]*.npz", "latest-[0-9]*.npz", ".best-[0-9]*.npz.*.part",  # of a killed process
                        ".latest-[0-9]*.npz.*.part", ".history.json.*.part"):
            for file in set(self.folder.glob(pattern)) - counting:
                file.unlink(missing_ok=True)

    def load_best(self, model):
        model.set_weights(self._read("best"))


def _state(model):
    """All that the next epoch depends on; of a model, that is its weights and its random seeds."""
    return [*model.variables, *model.optimizer.variables]


def _save(path, variables):
    arrays = {f"a{number}": keras.ops.convert_to_numpy(variable)
              for number, variable in enumerate(variables)}
    write_atomically(path, lambda file: np.savez(file, **arrays))

