"""Long trainings that can be stopped at any moment, and go on."""

import json
import numbers
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from fashion_tf.errors import TrainingError
from fashion_tf.files import locked, write_atomically
from fashion_tf.training.compiling import build_state, check_number, epoch_steps


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
            ``lambda first: make_pipeline(..., first_epoch=first)``. Or the batches themselves. An epoch is
            all of them, so they have an end and can begin again: no ``repeat()`` and no generator.
        validation: Validation batches, such as these.
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
        TrainingError: `monitor` is a loss, or better the lower it is; batches have no end, or begin only once; the
            folder belongs to other settings or another model, is damaged, is in use by another process, or cannot be
            written.

    Taught in: 51_clothing_parsing.ipynb
    """
    import pandas as pd

    check_number("epochs", epochs, least=1, kind=numbers.Integral)
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
            for part in (batches, validation):
                _check_batches(part)
            if hasattr(validation, "take"):
                build_state(model, validation.take(1))
            model.fit(batches, validation_data=validation, epochs=epochs, initial_epoch=first,
                      steps_per_epoch=epoch_steps(batches), shuffle=False, verbose=verbose,
                      callbacks=[*callbacks, keeper])
        keeper.load_best(model)
    return pd.DataFrame(keeper.history).rename_axis("epoch")


def _check_batches(batches):
    """Keras waits for the end of endless ones, and of a generator repeats the first two from the second epoch on."""
    import tensorflow as tf

    endless = isinstance(batches, tf.data.Dataset) and batches.cardinality() == tf.data.INFINITE_CARDINALITY
    if endless or isinstance(batches, Iterator):
        raise TrainingError("An epoch is all batches, and these " + (
            "have no end: leave repeat() out." if endless else
            "begin only once: give a tf.data.Dataset or a keras.utils.PyDataset instead of a generator."))


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
