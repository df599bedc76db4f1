"""A model fitted anew for each fold, the folds in parallel, each kept in a journal as it ends."""

import json
import math
import random
import sys
from dataclasses import dataclass
from functools import partial
from inspect import signature
from weakref import WeakValueDictionary

import numpy as np

from fashion_tf.crossval.network import Restarted
from fashion_tf.errors import DataError, TrialError
from fashion_tf.metrics import cross_entropy
from fashion_tf.trials import FINISHED, Engine, as_table, name_of


@dataclass
class CrossValidation:
    """What came of the folds.

    Attributes:
        table: A pandas table, a row for each fold (and seed): ``fold`` from 0, ``seed``, ``seconds``,
            ``accuracy``, ``train_accuracy``, ``macro_f1``, and where there are probabilities ``loss``: the mean
            cross-entropy of what is held out, whatever the model was trained with. A network adds what it measured
            in its last epoch, its ``train_loss`` among it.
        folds: The `Fold`s.
        labels: Class numbers of all rows.
        classes: Number of classes.
        predicted: A list, for each row of the table: class numbers of the fold's held-out rows.
        probabilities: The same, float64 (rows, classes); None where the model gives none.
        histories: The same, a network's history by epoch: a dict of lists, empty for other models.
        ran: How many folds ran now; the others were in the journal.
    """

    table: object
    folds: list
    labels: np.ndarray
    classes: int
    predicted: list
    probabilities: list
    histories: list
    ran: int

    @property
    def best(self):
        """The row of the fold with the highest accuracy, the first of equals: what a paper may print."""
        return int(self.table["accuracy"].argmax())

    def summary(self):
        """Mean, standard deviation, lowest and highest of each measure over the folds: a pandas table."""
        numbers = self.table.drop(columns=["fold", "seed", "seconds"])
        return numbers.agg(["mean", "std", "min", "max"]).T

    def confusion(self, row=None):
        """Counts of true class (rows) and predicted class (columns), of one of the table's rows or of all."""
        chosen = range(len(self.table)) if row is None else [row]
        counts = np.zeros((self.classes, self.classes), np.int64)
        for number in chosen:
            test = self.folds[int(self.table["fold"].iloc[number])].test
            np.add.at(counts, (self.labels[test], self.predicted[number]), 1)
        return counts

    def out_of_fold(self):
        """Each row's probabilities by the models that did not train on it: the mean over seeds and copies.

        Returns:
            float64 (rows, classes); nan for a row that no fold holds out.

        Raises:
            DataError: The model gives no probabilities.
        """
        if any(part is None for part in self.probabilities):
            raise DataError("This model gives classes and no probabilities.")
        total, times = np.zeros((len(self.labels), self.classes)), np.zeros(len(self.labels))
        for number, part in zip(self.table["fold"], self.probabilities):
            np.add.at(total, self.folds[number].test, part)
            np.add.at(times, self.folds[number].test, 1)
        with np.errstate(invalid="ignore"):
            return total / times[:, None]


def cross_validate(build, inputs, labels, folds, journal, settings=None, fit=None, seeds=(0,), jobs=1,
                   backend="loky", cpus=1, gpus=0, progress=True, retry_failed=False):
    """Fits a fresh model for each fold and measures it on what the fold holds out.

    Folds that ended stand in the journal: whatever stops the work, a second call runs only the others.

    Args:
        build: ``build(seed, **settings)`` -> a model with ``fit(inputs, labels)`` and ``predict(inputs)``: a
            scikit-learn classifier or a pipeline of such, a compiled Keras model, or anything alike. Its
            probabilities are those of ``predict_proba``, or what ``predict`` gives as (rows, classes).
        inputs: One a row, an array (rows, ...): features, or pictures.
        labels: Class numbers, (rows,).
        folds: What `make_folds` returned, or other `Fold`s; a class of the held-out rows that is not among a
            fold's training rows is refused.
        journal: Path of the journal; made if it is absent. One journal belongs to one model, one data and one
            set of settings.
        settings: For `build`, plain JSON values.
        fit: For ``model.fit``, plain JSON values such as ``{"epochs": 5}``. Where it takes ``validation_data``, as
            Keras does, it is given the held-out rows, for its curves; unless a callback of the model's own looks at
            them, they choose nothing, and the last epoch counts.
        seeds: A model is fitted for each fold and seed. Python, NumPy and, where it is loaded, Keras begin from
            it; `build` is given it, too.
        jobs, backend, cpus, gpus, progress, retry_failed: As in `fashion_tf.search.greedy_search`.

    Returns:
        A `CrossValidation`.

    Raises:
        DataError: Inputs, labels and folds do not belong together, or a fold cannot be trained or measured.
        TrialError: A fold failed (its message is given); or as in `fashion_tf.search.greedy_search`.

    Taught in: 41_garment_types.ipynb
    """
    labels, settings, fit = np.asarray(labels), dict(settings or {}), dict(fit or {})
    _check(inputs, labels, folds)
    classes = int(labels.max()) + 1
    start = {"fold": 0, "settings": settings, "fit": fit}
    shared = {"inputs": inputs, "labels": labels, "classes": classes,
              "folds": [(fold.train, fold.test) for fold in folds]}
    with Engine(partial(_fit_fold, build), start, journal, len(folds), seeds, shared, jobs, backend, cpus, gpus,
                progress, retry_failed, name_of(build, "build")) as engine:
        rows = engine.run("Folds", [engine.start | {"fold": number} for number in range(len(folds))], ("fold",),
                          "accuracy")
        for row in rows:
            if row["status"] != FINISHED:
                raise TrialError(f"Fold {row['settings']['fold']}: {row['message']} ({engine.journal.path}). Once the "
                                 "cause is mended, retry_failed=True fits it again.")
        details = [row["details"] for row in rows]
        return CrossValidation(
            as_table(rows, ("fold",)).drop(columns=["stage", "status", "message"]), list(folds), labels, classes,
            [np.array(part["predicted"], np.int64) for part in details],
            [None if part["probabilities"] is None else np.array(part["probabilities"]) for part in details],
            [part["history"] for part in details], engine.ran)


def _check(inputs, labels, folds):
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or labels.min() < 0:
        raise DataError("Cross-validation needs one label a row, whole numbers from 0.")
    if len(inputs) != len(labels):
        raise DataError(f"{len(inputs):,} inputs and {len(labels):,} labels: give one a row.")
    if not folds:
        raise DataError("There are no folds.")
    for number, fold in enumerate(folds):
        for what, rows in (("training", fold.train), ("held-out", fold.test)):
            if not len(rows):
                raise DataError(f"Fold {number} has no {what} rows.")
            if min(rows) < 0 or max(rows) >= len(labels):
                raise DataError(f"Fold {number} has a {what} row that is none of 0 to {len(labels) - 1}.")
        if unseen := sorted(set(labels[fold.test].tolist()) - set(labels[fold.train].tolist())):
            raise DataError(f"Fold {number} holds out rows of class {unseen[0]}, of which it trains on none.")


def _fit_fold(build, settings, seed, shared):
    """The trial: one fold, as (metrics, details)."""
    inputs, labels, classes = shared["inputs"], shared["labels"], shared["classes"]
    train, test = shared["folds"][settings["fold"]]
    model = _build(build, settings["settings"], seed)
    known, options = signature(model.fit).parameters, dict(settings["fit"])
    if "validation_data" in known:
        options["validation_data"] = inputs[test], labels[test]
    if "verbose" in known:
        options.setdefault("verbose", 0)
    fitted = model.fit(inputs[train], labels[train], **options)
    history = getattr(fitted, "history", None)
    history = history if isinstance(history, dict) else {}
    predicted, probabilities = _predict(model, inputs[test], classes)
    metrics = _measure(labels[test], predicted, probabilities, classes)
    if "accuracy" in history:  # over the last epoch, as networks are told of
        metrics["train_accuracy"] = history["accuracy"][-1]
    else:
        metrics["train_accuracy"] = float((_predict(model, inputs[train], classes)[0] == labels[train]).mean())
    if "loss" in history:
        metrics["train_loss"] = history["loss"][-1]
    return metrics, {
        "predicted": predicted.tolist(),
        "probabilities": None if probabilities is None else
        [[float(f"{value:.6g}") for value in row] for row in probabilities.tolist()],
        "history": {name: [float(value) for value in values] for name, values in history.items()
                    if all(math.isfinite(value) for value in values)}}


_RESTARTED = WeakValueDictionary()  # by builder, settings and seed: what was built here, while its builder keeps it


def _build(build, settings, seed):
    """A model as new; all draws from here on are the seed's. Where the builder gives the same `Restarted` once more,
    TensorFlow's seed stays: to set it again would only make it forget what it has compiled, which takes longer than a
    small fold. What is built new is built after all seeds were set, or it would depend on the fold before."""
    key = name_of(build, "build"), json.dumps(settings), seed
    if key in _RESTARTED:
        _set_own_seed(seed)
        model = build(seed, **settings)
        if (model is _RESTARTED.get(key) and model.built
                and sys.modules["tensorflow"].compat.v1.get_seed(0)[0] == seed):
            _set_own_seed(seed)
            return model
    _set_seed(seed)
    model = build(seed, **settings)
    _set_seed(seed)  # what building it drew does not count
    if isinstance(model, Restarted):
        _RESTARTED[key] = model
    return model


def _set_seed(seed):
    _set_own_seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)


def _set_own_seed(seed):
    """Python's and NumPy's."""
    random.seed(seed)
    np.random.seed(seed % 2**32)


def _predict(model, inputs, classes):
    """(class numbers, probabilities of all classes or None)."""
    if hasattr(model, "predict_proba"):
        given = np.asarray(model.predict_proba(inputs), np.float64)
        probabilities = np.zeros((len(given), classes))
        probabilities[:, np.asarray(model.classes_)] = given  # a class that a fold lacks has no column
        return probabilities.argmax(1), probabilities
    quiet = {"verbose": 0} if "verbose" in signature(model.predict).parameters else {}
    given = np.asarray(model.predict(inputs, **quiet))
    if given.ndim == 2:
        if given.shape[1] != classes:
            raise DataError(f"The model gives {given.shape[1]} probabilities a row; there are {classes} classes.")
        if not (given >= 0).all() or not np.allclose(given.sum(1), 1, atol=1e-3):
            raise DataError("The model's outputs are no probabilities (0 or more, 1 in all, none missing): end it "
                            "with a softmax; or its training diverged.")
        return given.argmax(1), given.astype(np.float64)
    return given.astype(np.int64), None


def _measure(labels, predicted, probabilities, classes):
    from sklearn.metrics import f1_score

    metrics = {"accuracy": float((predicted == labels).mean()),
               "macro_f1": f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0)}
    if probabilities is not None:
        metrics["loss"] = cross_entropy(probabilities, labels)
    return metrics
