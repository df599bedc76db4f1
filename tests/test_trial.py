"""Trials that repeat, whatever ran before them and wherever."""

import json
import random
import subprocess
import sys

import keras
import numpy as np
import pytest

from fashion_tf.augment import Augmentation
from fashion_tf.errors import DataError, TrainingError
from fashion_tf.models.backbones import BACKBONES, Backbone, build_classifier
from fashion_tf.pipeline import batches_of
from fashion_tf.training import START, make_optimizer, make_regularizer, train_classifier, trial


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
    BACKBONES["tiny"] = Backbone("test_trial:tiny", "tf")
    yield make_shared()
    trial._SHARED.clear()
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
    monkeypatch.setattr(trial, "_SHARED_AT_MOST", 1)
    trial._SHARED.clear()
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
    assert len(trial._SHARED) == 1
    distinct = {tuple(metrics.values()) for metrics in (*first.values(), *others)}
    assert len(distinct) == len(TRIALS) + 3  # each setting and seed had its effect
    names = {"accuracy", "loss", "train_accuracy", "train_loss"}
    assert all(metrics.keys() == names and np.isfinite([*metrics.values()]).all()
               for metrics in first.values())


@pytest.mark.slow
def test_a_trial_draws_from_its_own_seed_alone(shared):
    settings, found = TRIALS["decoupled"], []
    for other in (1, 2):
        keras.utils.set_random_seed(other)
        trial._SHARED.clear()
        found.append(train_classifier(settings, 5, shared))
    assert found[0] == found[1] != train_classifier(settings, 6, shared)


@pytest.mark.slow
def test_a_fresh_process_gives_the_same(shared):
    chosen = ("decoupled", "adam again, other rate")
    code = ("import json, test_trial as t\nt.BACKBONES['tiny'] = t.Backbone('test_trial:tiny', 'tf')\n"
            "shared = t.make_shared()\n"
            f"print(json.dumps([t.train_classifier(t.TRIALS[name], 1, shared) for name in {chosen}]))")
    process = subprocess.run([sys.executable, "-c", code], cwd=__file__.rsplit("/", 1)[0], check=True,
                             capture_output=True, text=True)
    theirs = json.loads(process.stdout.splitlines()[-1])
    for name in reversed(chosen):
        assert train_classifier(TRIALS[name], 1, shared) == theirs[chosen.index(name)], name


@pytest.mark.slow
@pytest.mark.parametrize("chosen, optimizer", [
    ({"optimizer": "SGD", "learning_rate": 0.05}, lambda: keras.optimizers.SGD(0.05)),
    ({"optimizer": "Adadelta", "learning_rate": 1.0, "weight_decay": 0.75, "weight_decay_as": "rho"},
     lambda: keras.optimizers.Adadelta(1.0, rho=0.75)),
    ({"optimizer": "Adadelta", "learning_rate": 1.0}, lambda: keras.optimizers.Adadelta(1.0)),
    ({"optimizer": "Adagrad"}, lambda: keras.optimizers.Adagrad()),
    ({"optimizer": "Adam"}, lambda: keras.optimizers.Adam()),
    ({"optimizer": "Adamax", "weight_decay": 0.5, "weight_decay_as": "decoupled"},
     lambda: keras.optimizers.Adamax(weight_decay=0.5)),
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
    # The gradient of a bias that normalisation takes away again is rounding alone, which Adamax makes whole steps of.
    exact = 1e-4 if settings.get("optimizer") == "Adamax" else 1e-5
    assert metrics["loss"] == pytest.approx(loss, rel=exact)
    assert metrics["accuracy"] == pytest.approx((probabilities.argmax(1) == truth).mean())
    assert metrics["train_loss"] == pytest.approx(history["loss"][-1], rel=1e-5)
    assert metrics["train_accuracy"] == pytest.approx(history["accuracy"][-1])


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_that_of_keras(shared, policy):
    """Whose optimizer scales the loss in float16. Trials in float32 go on beside."""
    settings = SHORT | {"optimizer": "SGD", "learning_rate": 0.05}
    plain, before = train_classifier(settings, 4, shared), keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        found = [train_classifier(settings, 4, shared) for _ in range(2)]
        model = build_classifier("tiny", 3, 32, initializer="glorot_uniform", regularizer=keras.regularizers.L1(1e-5),
                                 seed=4)
        model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"],
                      jit_compile=False)
        batches = batches_of(shared["train_images"], shared["train_labels"], 12, training=True, seed=4)
        history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history
    finally:
        keras.config.set_dtype_policy(before)
    assert found[0] == found[1] != plain == train_classifier(settings, 4, shared)
    assert found[0]["train_loss"] == pytest.approx(history["loss"][-1], rel=5e-3)
    assert found[0]["train_loss"] == pytest.approx(plain["train_loss"], rel=0.05)


def dropping(input_shape):
    """With dropout inside, as EfficientNet has."""
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dropout(0.5)(keras.layers.Conv2D(8, 3, strides=4)(inputs)))


@pytest.mark.slow
def test_dropout_inside_a_backbone_begins_with_each_trial(shared, monkeypatch):
    monkeypatch.setitem(BACKBONES, "dropping", Backbone("test_trial:dropping", "tf"))
    settings = SHORT | {"backbone": "dropping"}
    first, other = (train_classifier(settings, seed, shared) for seed in (1, 2))
    assert train_classifier(settings, 1, shared) == first != other
    trial._SHARED.clear()
    random.seed(3)
    assert train_classifier(settings, 1, shared) == first


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", "rho", "decoupled"])
def test_a_step_compiled_with_xla_is_the_same(shared, monkeypatch, name):
    """As on a GPU. Here XLA adds up in another order."""
    plain = train_classifier(TRIALS[name], 1, shared)
    monkeypatch.setattr(trial, "has_gpu", lambda: True)
    monkeypatch.setattr(trial, "_SHARED", {})
    assert train_classifier(TRIALS[name], 1, shared) == pytest.approx(plain, rel=1e-3)
    (one,) = trial._SHARED.values()
    assert one.network.jit_compile and all(model.jit_compile for model, _ in one.models.values())


@pytest.mark.slow
def test_optimizers_share_one_gradient(shared):
    trial._SHARED.clear()
    for name in ("adam", "adagrad", "adam again, other rate", "rho"):
        train_classifier(TRIALS[name], 1, shared)
    (one,) = trial._SHARED.values()
    assert one.learn.experimental_get_tracing_count() == 1 and len(one.models) == 3


def test_a_shared_penalty_is_what_every_keras_takes_for_a_regularizer(shared):
    model, _ = trial._fresh_model(START | SHORT | {"regularizer": "L1 & L2", "regularizer_strength": 0.5}, 1,
                                  (shared["validation_images"], shared["validation_labels"]), 3)
    kernels = [variable for variable in model.trainable_variables if variable.name == "kernel"]
    weights = [kernel.numpy().astype(float) for kernel in kernels]
    assert kernels and all(isinstance(kernel.regularizer, keras.regularizers.Regularizer) for kernel in kernels)
    expected = 0.5 * sum(np.abs(weight).sum() + np.square(weight).sum() for weight in weights)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
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
