"""Optimizers, regularizers and decays by hand in numpy; trials that repeat; trainings that go on."""

import inspect
import json
import os
import shutil
import stat
import subprocess
import sys

import keras
import numpy as np
import pytest

from fashion_tf import training
from fashion_tf.augment import Augmentation
from fashion_tf.errors import DataError, TrainingError
from fashion_tf.models.backbones import BACKBONES, Backbone, build_classifier
from fashion_tf.pipeline import batches_of
from fashion_tf.training import (
    INITIALIZERS,
    OPTIMIZERS,
    START,
    build_state,
    default_learning_rate,
    fit_resumable,
    make_initializer,
    make_optimizer,
    make_regularizer,
    train_classifier,
)

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


# One trial


def patches(rows, seed):
    """Noise, brighter on one side: (pictures, labels); three classes that can be learnt."""
    draw = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    images = draw.integers(0, 120, (rows, 32, 32, 3), np.uint8)
    for row, label in enumerate(labels):
        images[row, :, 11 * label:11 * label + 10] += 100
    return images, labels


def make_shared():
    (images, labels), (others, truth) = patches(36, 0), patches(15, 1)
    return {"train_images": images, "train_labels": labels, "validation_images": others,
            "validation_labels": truth, "classes": 3}


def tiny(input_shape):
    """A backbone of two convolutions: tracing a larger one takes longer than training it."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(8, 3, strides=4, activation="relu")(inputs)
    x = keras.layers.BatchNormalization(momentum=0.9)(keras.layers.Conv2D(8, 3, strides=2)(x))
    return keras.Model(inputs, keras.layers.ReLU()(x))


@pytest.fixture(scope="module")
def shared():
    BACKBONES["tiny"] = Backbone("test_training:tiny", "tf")
    yield make_shared()
    training._SHARED.clear()
    del BACKBONES["tiny"]


SHORT = {"backbone": "tiny", "epochs": 2, "batch_size": 12}
TRIALS = {
    "adam": SHORT | {"learning_rate": 0.002},
    "adam again, other rate": SHORT | {"learning_rate": 0.01},
    "adam again, other initializer": SHORT | {"initializer": "He Normal"},
    "adagrad": SHORT | {"optimizer": "Adagrad", "learning_rate": 0.01, "regularizer": "L2",
                        "regularizer_strength": 1e-3},
    "time": SHORT | {"optimizer": "SGD", "learning_rate": 0.05, "weight_decay": 0.75,
                     "weight_decay_as": "time"},
    "decoupled": SHORT | {"optimizer": "Adamax", "weight_decay": 0.1, "weight_decay_as": "decoupled",
                          "rotation": 10.0, "zoom": 0.1, "flip": True},
    "rho": SHORT | {"optimizer": "Adadelta", "weight_decay": 0.75, "weight_decay_as": "rho",
                    "learning_rate": 1.0, "regularizer": "L1 & L2"},
    "adadelta": SHORT | {"optimizer": "Adadelta", "learning_rate": 1.0, "regularizer": "L1 & L2"},
}


@pytest.mark.slow
def test_trials_repeat_whatever_ran_between_them(shared, monkeypatch):
    """Trials of one network share its layers and compiled steps: nothing of one may reach the next."""
    monkeypatch.setattr(training, "_SHARED_AT_MOST", 1)
    training._SHARED.clear()
    first = {name: train_classifier(settings, 1, shared) for name, settings in TRIALS.items()}
    others = [train_classifier(TRIALS["adam"], 2, shared)]
    for name, changed in [("decoupled", {"weight_decay": 0.5}), ("adagrad", {"regularizer_strength": 0.01})]:
        others.append(train_classifier(TRIALS[name] | changed, 1, shared))
    train_classifier(SHORT | {"learning_rate": 1e30}, 1, shared)  # on the compiled model of "adam"
    for name in reversed(TRIALS):
        assert train_classifier(TRIALS[name], 1, shared) == first[name], name
    smaller = shared | {name: shared[name][:, ::2, ::2] for name in ("train_images", "validation_images")}
    train_classifier(TRIALS["adam"], 1, smaller)  # takes the place of the network before
    assert train_classifier(TRIALS["rho"], 1, shared) == first["rho"]
    assert len(training._SHARED) == 1
    distinct = {tuple(metrics.values()) for metrics in (*first.values(), *others)}
    assert len(distinct) == len(TRIALS) + 3  # each setting and seed had its effect
    names = {"accuracy", "loss", "train_accuracy", "train_loss"}
    assert all(metrics.keys() == names and np.isfinite([*metrics.values()]).all()
               for metrics in first.values())


def test_a_trial_draws_from_its_own_seed_alone(shared):
    settings, found = TRIALS["decoupled"], []
    for other in (1, 2):
        keras.utils.set_random_seed(other)
        training._SHARED.clear()
        found.append(train_classifier(settings, 5, shared))
    assert found[0] == found[1] != train_classifier(settings, 6, shared)


@pytest.mark.slow
def test_a_fresh_process_gives_the_same(shared):
    chosen = ("decoupled", "adam again, other rate")
    code = ("import json, test_training as t\nt.BACKBONES['tiny'] = t.Backbone('test_training:tiny', 'tf')\n"
            "shared = t.make_shared()\n"
            f"print(json.dumps([t.train_classifier(t.TRIALS[name], 1, shared) for name in {chosen}]))")
    process = subprocess.run([sys.executable, "-c", code], cwd=__file__.rsplit("/", 1)[0], check=True,
                             capture_output=True, text=True)
    theirs = json.loads(process.stdout.splitlines()[-1])
    for name in reversed(chosen):
        assert train_classifier(TRIALS[name], 1, shared) == theirs[chosen.index(name)], name


@pytest.mark.parametrize("chosen, optimizer", [
    ({"optimizer": "SGD", "learning_rate": 0.05}, lambda: keras.optimizers.SGD(0.05)),
    ({"optimizer": "Adadelta", "learning_rate": 1.0, "weight_decay": 0.75, "weight_decay_as": "rho"},
     lambda: keras.optimizers.Adadelta(1.0, rho=0.75)),
    ({"optimizer": "Adadelta", "learning_rate": 1.0}, lambda: keras.optimizers.Adadelta(1.0)),
])
def test_metrics_are_those_of_a_model_by_hand(shared, chosen, optimizer):
    settings = SHORT | chosen | {"regularizer": "L2", "regularizer_strength": 1e-3, "flip": True,
                                 "initializer": "He Uniform"}
    model = build_classifier("tiny", 3, 32, initializer="he_uniform",
                             regularizer=keras.regularizers.L2(1e-3), seed=4)
    model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    batches = batches_of(shared["train_images"], shared["train_labels"], 12, training=True, seed=4,
                         augmentation=Augmentation(flip=True), jit_compile=False)
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history
    probabilities = model.predict(shared["validation_images"], verbose=0)
    truth = shared["validation_labels"]
    loss = -np.log(probabilities[np.arange(15), truth]).mean() + float(sum(model.losses))
    metrics = train_classifier(settings, 4, shared)
    assert metrics["loss"] == pytest.approx(loss, rel=1e-5)
    assert metrics["accuracy"] == pytest.approx((probabilities.argmax(1) == truth).mean())
    assert metrics["train_loss"] == pytest.approx(history["loss"][-1], rel=1e-5)
    assert metrics["train_accuracy"] == pytest.approx(history["accuracy"][-1])


def test_a_shared_penalty_is_what_every_keras_takes_for_a_regularizer(shared):
    model, _ = training._fresh_model(START | SHORT | {"regularizer": "L1 & L2", "regularizer_strength": 0.5}, 1,
                                     (shared["validation_images"], shared["validation_labels"]), 3)
    kernels = [variable for variable in model.trainable_variables if variable.name == "kernel"]
    weights = [kernel.numpy().astype(float) for kernel in kernels]
    assert kernels and all(isinstance(kernel.regularizer, keras.regularizers.Regularizer) for kernel in kernels)
    expected = 0.5 * sum(np.abs(weight).sum() + np.square(weight).sum() for weight in weights)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_a_trial_can_learn(shared):
    settings = SHORT | {"epochs": 25, "learning_rate": 0.02}
    assert train_classifier(settings, 1, shared)["accuracy"] > 0.8


def test_zeros_never_leave_chance(shared):
    """No signal and no gradient passes a layer of zeros; only the last bias moves."""
    metrics = train_classifier(
        SHORT | {"initializer": "Zeros", "learning_rate": 0.01}, 1, shared)
    assert metrics["accuracy"] == pytest.approx(1 / 3)  # all pictures one class
    assert metrics["train_loss"] == pytest.approx(np.log(3), abs=0.05)


def test_divergence_is_not_an_error(shared):
    metrics = train_classifier(SHORT | {"optimizer": "SGD", "learning_rate": 1e30}, 1, shared)
    assert metrics.keys() == {"accuracy", "loss", "train_accuracy", "train_loss"}
    assert np.isnan([*metrics.values()]).all()


@pytest.mark.parametrize("settings, message", [
    ({"learning": 1, "optimiser": "Adam"}, "Unknown setting.s. learning, optimiser; there are backbone"),
    ({"optimizer": "adam"}, "no optimizer 'adam'"), ({"initializer": "He"}, "no initializer 'He'"),
    ({"regularizer": "L3"}, "no regularizer 'L3'"), ({"epochs": 0}, "epochs=0: .* whole number, at least 1"),
    ({"epochs": 1.5}, "epochs=1.5"), ({"batch_size": "32"}, "batch_size='32'"),
    ({"rotation": "ten"}, "'<=' not supported.*'str'"), ({"zoom": -0.1}, "zoom=-0.1.*must lie in 0.."),
    ({"weight_decay": 0.1}, "weight_decay=0.1 and weight_decay_as=None"),
])
def test_bad_settings(shared, settings, message):
    with pytest.raises(TrainingError, match=message):
        train_classifier(SHORT | settings, 1, shared)


def test_bad_data_for_a_trial(shared):
    with pytest.raises(DataError, match="36 pictures do not fill one training batch of 37"):
        train_classifier(SHORT | {"batch_size": 37}, 1, shared)
    with pytest.raises(DataError, match="no backbone 'vgg'"):
        train_classifier(SHORT | {"backbone": "vgg"}, 1, shared)


def test_start_can_be_trained_as_it_is():
    assert {"small_resnet_v2", "Adam", "Glorot Uniform"} <= {
        value for value in START.values() if isinstance(value, str)}
    make_optimizer(START["optimizer"], START["learning_rate"], START["weight_decay"],
                   START["weight_decay_as"])
    make_regularizer(START["regularizer"], START["regularizer_strength"])


# Trainings that go on


class Stop(Exception):
    pass


class StopIn(keras.callbacks.Callback):
    """Raises in the middle of an epoch (counted from 0)."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch, self.seen = epoch, []

    def on_train_batch_end(self, batch, logs=None):
        if self.seen[-1] == self.epoch and batch == 1:
            raise Stop

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(epoch)


FIGURES = (0.1, 0.2, 0.9, 0.3)  # so the third epoch is the best of four


class Figures(keras.callbacks.Callback):
    """Replaces a metric by figures of our choice."""

    def __init__(self, *figures):
        super().__init__()
        self.figures = figures

    def on_epoch_end(self, epoch, logs=None):
        logs["val_accuracy"] = self.figures[epoch]


COMPILED, IN_HAND = {}, []  # models by their settings, each with its first state: tracing one takes longer than a test


def make_model(optimizer="Adam", units=8):
    """Normalisation and dropout: state beyond the trained weights. As good as new; a test has each for itself."""
    kept = COMPILED.setdefault((optimizer, units), [])
    model, start = kept.pop() if kept else compile_model(optimizer, units)
    IN_HAND.append((kept, (model, start)))
    for variable, value in zip([*model.variables, *model.optimizer.variables], start, strict=True):
        variable.assign(value)
    return model


def compile_model(optimizer, units):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([
        keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
        keras.layers.Dense(units, activation="relu"), keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3), keras.layers.Dense(3, activation="softmax")])
    made = {"SGD": keras.optimizers.SGD(0.02, momentum=0.9), "Adam": keras.optimizers.Adam(0.005)}
    model.compile(made[optimizer], "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model, [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


@pytest.fixture(autouse=True)
def _put_back():
    yield
    while IN_HAND:
        kept, model = IN_HAND.pop()
        kept.append(model)


def fit(model, folder, epochs=4, callbacks=(), figures=FIGURES, **options):
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 60)
    images = (draw.integers(0, 200, (60, 8, 8, 3)) + 18 * labels[:, None, None, None]).astype("uint8")
    if figures:
        callbacks = [Figures(*figures), *callbacks]
    return fit_resumable(
        model, lambda first: batches_of(images[:40], labels[:40], 8, True, seed=5, first_epoch=first),
        batches_of(images[40:], labels[40:], 20, training=False), epochs, folder, callbacks=callbacks,
        verbose=0, **options)


def same(ours, theirs):
    return all((one == two).all() for one, two in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Trainings that were not interrupted: optimizer: (folder, the model's weights, history)."""
    found = {}
    for optimizer in ("Adam", "SGD"):
        folder, model = tmp_path_factory.mktemp(optimizer), make_model(optimizer)
        history = fit(model, folder)
        found[optimizer] = folder, model.get_weights(), history
    return found


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of Adam's finished training."""
    return shutil.copytree(whole["Adam"][0], tmp_path / "training")


def assert_same_training(model, history, whole):
    _, weights, expected = whole
    assert history.index.name == "epoch" and history.index.tolist() == [0, 1, 2, 3]
    columns = ["loss", "accuracy", "val_loss", "val_accuracy"]
    np.testing.assert_array_equal(history[columns], expected[columns])
    assert same(model.get_weights(), weights)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer, fresh", [("SGD", False), ("Adam", True)])
def test_interrupted_and_resumed_is_as_never_interrupted(whole, tmp_path, optimizer, fresh):
    model = make_model(optimizer)
    with pytest.raises(Stop):
        fit(model, tmp_path, callbacks=[StopIn(2)])
    model = make_model(optimizer) if fresh else model
    watch = StopIn(None)
    history = fit(model, tmp_path, callbacks=[watch])
    assert watch.seen == [2, 3]
    assert_same_training(model, history, whole[optimizer])
    assert (history["seconds"] > 0).all()


@pytest.mark.parametrize("figures, best", [
    (None, 3), ((0.1, 0.7, 0.7, 0.3), 1), ((float("nan"), 0.2, 0.5, float("nan")), 2),
    ((float("nan"),) * 4, 0)])
def test_the_best_epochs_weights_are_loaded(tmp_path, figures, best):
    seen, model = [], make_model()
    collect = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()))
    # Without figures, by a metric of Keras: the accuracy in training.
    history = fit(model, tmp_path, callbacks=[collect], figures=figures,
                  monitor="val_accuracy" if figures else "accuracy")
    if figures:
        np.testing.assert_array_equal(history["val_accuracy"], figures)
    else:
        best = int(history["accuracy"].idxmax())
    assert same(model.get_weights(), seen[best])
    assert not any(same(seen[best], other) for epoch, other in enumerate(seen) if epoch != best)


def test_a_finished_training_is_not_repeated(whole, folder):
    model, watch = make_model(), StopIn(None)
    history = fit(model, folder, callbacks=[watch])
    assert watch.seen == []
    assert_same_training(model, history, whole["Adam"])
    assert history["seconds"].tolist() == whole["Adam"][2]["seconds"].tolist()
    assert len(fit(make_model(), folder, epochs=2)) == 4  # as many as were trained


def test_more_epochs_go_on_from_the_last_not_the_best(whole, folder, tmp_path):
    figures = (*FIGURES, 0.4, 0.95)
    longer, straight = make_model(), make_model()
    history = fit(longer, folder, epochs=6, figures=figures)
    expected = fit(straight, tmp_path / "straight", epochs=6, figures=figures)
    np.testing.assert_array_equal(history["loss"], expected["loss"])
    assert same(longer.get_weights(), straight.get_weights())


def test_files(folder):
    assert {file.name for file in folder.iterdir()} == {"history.json", "best-3.npz", "latest-4.npz"}


def test_other_settings_are_refused(tmp_path):
    settings = {"rate": 0.1, "sizes": (32, 32), "name": "ü"}
    fit(make_model(), tmp_path, epochs=1, settings=settings)
    fit(make_model(), tmp_path, epochs=1, settings=settings | {"sizes": [32, 32]})
    for changed, message in [
            (settings | {"rate": 0.2}, r"begun with rate = 0.1, now it is 0.2. Choose another folder"),
            (settings | {"more": 1}, "begun with more = null, now it is 1"),
            ({"rate": 0.1, "name": "ü"}, r"begun with sizes = \[32, 32\], now it is null")]:
        with pytest.raises(TrainingError, match=message):
            fit(make_model(), tmp_path, settings=changed)
    with pytest.raises(TrainingError, match='begun with monitor = "val_accuracy", now it is "accuracy"'):
        fit(make_model(), tmp_path, settings=settings, monitor="accuracy")


def test_settings_that_are_no_json_are_refused_at_once(tmp_path):
    with pytest.raises(TrainingError, match="settings cannot be kept as JSON: .*set"):
        fit(make_model(), tmp_path, settings={"classes": {1, 2}})
    assert not list(tmp_path.iterdir())


def test_another_model_is_refused_and_left_as_it_was(folder):
    for other, message in [(make_model(units=9), r"kernel is of shape \(192, 9\) and \(192, 8\) there"),
                           (make_model("SGD"), "arrays and the model has .*another model or optimizer")]:
        before = other.get_weights()
        with pytest.raises(TrainingError, match=message):
            fit(other, folder)
        assert same(other.get_weights(), before)


def test_a_training_that_ended_early_is_finished(tmp_path):
    def stopping():
        return keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=1)

    figures = (0.5, 0.4, 0.9, 0.95)  # it would go on to better ones
    model = make_model()
    assert len(fit(model, tmp_path, figures=figures, callbacks=[stopping()])) == 2
    again = make_model()
    assert len(fit(again, tmp_path, figures=figures, callbacks=[stopping()])) == 2
    assert same(again.get_weights(), model.get_weights())


def test_a_training_that_a_callback_only_broke_off_goes_on(tmp_path):
    class OutOfTime(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    assert len(fit(make_model(), tmp_path, callbacks=[OutOfTime()])) == 2
    assert len(fit(make_model(), tmp_path, callbacks=[OutOfTime()])) == 4


def test_a_training_that_diverged_is_not_tried_again(tmp_path):
    def diverging():
        model = make_model()
        model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
        data = batches_of(np.zeros((8, 8, 8, 3), np.uint8), np.zeros(8, int), 8, training=True)
        return fit_resumable(model, data, data, 5, tmp_path, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])

    assert len(diverging()) == len(diverging()) == 1


@pytest.mark.parametrize("monitor", ["val_loss", "loss", "val_mean_absolute_error"])
def test_a_loss_does_not_choose_the_best_epoch(tmp_path, monitor):
    with pytest.raises(TrainingError, match=f"monitor='{monitor}': the highest value marks the best epoch"):
        fit(make_model(), tmp_path, monitor=monitor)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("metric", ["sparse_categorical_crossentropy",
                                    keras.metrics.SparseCategoricalCrossentropy(name="bits")])
def test_nor_does_what_keras_knows_to_be_better_the_lower(tmp_path, metric):
    """Whatever its name is: its worst epoch would be kept."""
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metric], jit_compile=False)
    monitor = f"val_{getattr(metric, 'name', metric)}"
    with pytest.raises(TrainingError, match=f"monitor='{monitor}': the highest value marks the best epoch"):
        fit(model, tmp_path, figures=None, monitor=monitor)
    assert not list(tmp_path.glob("[!.]*"))


def test_what_has_diverged_is_never_the_best(tmp_path):
    """It takes all for the first class, which may be more often right than the epochs before it."""
    class Diverging(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if self.model.optimizer.iterations >= 1:
                self.model.set_weights([np.full_like(weight, np.nan) for weight in self.model.get_weights()])

    model, images = make_model(), np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), np.uint8)
    first, rest = batches_of(images, np.full(8, 2), 8, training=True), batches_of(images, np.zeros(8, int), 8, False)
    history = fit_resumable(model, first, rest, 2, tmp_path, verbose=0, callbacks=Diverging())
    assert history["val_accuracy"].tolist()[1] == 1 and not np.isfinite(history["loss"][1])
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_an_unknown_metric(tmp_path):
    with pytest.raises(TrainingError, match="no metric 'val_iou'.*there are .*val_accuracy"):
        fit(make_model(), tmp_path, monitor="val_iou")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("epochs", [0, -1, 2.5, "3"])
def test_bad_number_of_epochs(tmp_path, epochs):
    with pytest.raises(TrainingError, match=f"epochs={epochs!r}: it must be a whole number, at least 1"):
        fit(make_model(), tmp_path, epochs=epochs)


def cut(file):
    file.write_bytes(file.read_bytes()[:-200])


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


@pytest.mark.parametrize("name, damage", [
    ("history.json", cut), ("history.json", lambda file: file.write_text("[1, 2]")),
    ("history.json", lambda file: file.write_text('{"settings": {}}')),
    ("history.json", lambda file: file.write_text(
        '{"settings": {"monitor": "val_accuracy"}, "history": []}')),
    ("history.json", lambda file: file.write_text('{"settings": null, "history": [{}]}')),
    *[(name, damage) for name in ("latest-4.npz", "best-3.npz") for damage in (
        cut, flip, lambda file: file.write_bytes(b""), lambda file: file.unlink())]])
def test_damaged_files_are_refused(folder, name, damage):
    damage(folder / name)
    model = make_model()
    before = model.get_weights()
    with pytest.raises(TrainingError, match="training: the training kept there cannot be read .*"
                                            "Remove the folder to begin anew"):
        fit(model, folder, epochs=5)
    assert same(model.get_weights(), before)


@pytest.mark.slow
@pytest.mark.parametrize("after", ["best", "latest", "history"])
def test_a_kill_between_two_files_does_no_harm(whole, tmp_path, monkeypatch, after):
    """As if the process were killed in the third epoch: nothing of it runs any more."""
    replace, written = training.write_atomically, []

    def killed(path, write):
        replace(path, write)
        written.append(path.name.split("-")[0].split(".")[0])
        if written.count(after) == 3:
            (tmp_path / ".latest-3.npz.a1b2.part").write_bytes(b"half")
            (tmp_path / ".best-3.npz.c3d4.part").write_bytes(b"half")
            raise Stop

    monkeypatch.setattr(training, "write_atomically", killed)
    with pytest.raises(Stop):
        fit(make_model(), tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "best-3.npz").is_file()  # newer than history.json, but in the last case
    model, watch = make_model(), StopIn(None)
    history = fit(model, tmp_path, callbacks=[watch])
    assert watch.seen == ([3] if after == "history" else [2, 3])
    assert_same_training(model, history, whole["Adam"])
    assert {file.name for file in tmp_path.iterdir()} == {"history.json", "best-3.npz", "latest-4.npz"}


def test_an_unfinished_epochs_best_does_not_count(folder):
    """Where an epoch cannot be repeated exactly, its second run may be worse than the first was."""
    kept = (folder / "best-3.npz").read_bytes()
    (folder / "best-5.npz").write_bytes(b"of an epoch whose history was not written")
    fit(make_model(), folder, epochs=5, figures=(*FIGURES, 0.8))
    assert (folder / "best-3.npz").read_bytes() == kept
    assert not (folder / "best-5.npz").exists()


def test_a_step_is_traced_once(tmp_path):
    traced = []

    class Counting(keras.layers.Layer):
        def call(self, inputs, training=False):
            traced.append(training)
            return inputs

    model = keras.Sequential([keras.Input((8, 8, 3)), Counting(), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"],
                  jit_compile=False)
    fit(model, tmp_path, epochs=2)
    assert traced.count(True) == 1


def test_what_a_step_would_make_is_made_before():
    model, _ = compile_model("Adam", 4)
    weights, images = model.get_weights(), np.zeros((5, 8, 8, 3), np.uint8)
    build_state(model, images, np.zeros(5, int))
    assert len(model.optimizer.variables) == 2 + 2 * len(model.trainable_variables)
    assert model.optimizer.iterations == 0 and same(model.get_weights(), weights)
    made = {id(variable) for metric in model.metrics for variable in metric.variables}
    model.fit(images, np.zeros(5, int), verbose=0)
    assert made == {id(variable) for metric in model.metrics for variable in metric.variables}


def test_batches_instead_of_a_function(tmp_path):
    images = np.zeros((20, 8, 8, 3), np.uint8)
    batches = batches_of(images, np.zeros(20, int), 20, training=True)
    assert len(fit_resumable(make_model(), batches, batches, 2, tmp_path, verbose=0)) == 2


@pytest.mark.slow
def test_two_trainings_may_not_share_a_folder(tmp_path):
    class Second(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with pytest.raises(TrainingError, match=f"this training's folder is in use by process {os.getpid()} "):
                fit(make_model(), tmp_path)

    table = fit(make_model(), tmp_path, epochs=3, callbacks=[Second()])
    (tmp_path / ".history.json.0123456789ab.part").touch()  # a killed process left these
    (tmp_path / ".latest-9.npz.0123456789ab.part").touch()
    fit(make_model(), tmp_path, epochs=4)
    assert len(table) == 3
    assert sorted(path.name.split("-")[0] for path in tmp_path.iterdir()) == ["best", "history.json", "latest"]


def test_a_training_that_cannot_be_kept_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="file: the training cannot be kept there .File exists"):
        fit(make_model(), tmp_path / "file")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fashion_tf.training.write_atomically", full)
    with pytest.raises(TrainingError, match="cannot be kept there .No space left on device.. Free some space"):
        fit(make_model(), tmp_path / "folder")


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_checkpoints_get_the_umasks_mode(tmp_path):
    before = os.umask(0o027)
    try:
        fit(make_model(), tmp_path / "folder", epochs=1)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "folder").iterdir()} == {0o640}
