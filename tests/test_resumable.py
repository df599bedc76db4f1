"""Trainings that are stopped anywhere and go on as if they had not been."""

import os
import shutil
import stat

import keras
import numpy as np
import pytest

from fashion_tf.errors import TrainingError
from fashion_tf.pipeline import batches_of
from fashion_tf.training import fit_resumable, resumable


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
    """Normalisation, dropout, flips: state beyond the trained weights. As good as new; a test has each for itself."""
    kept = COMPILED.setdefault((optimizer, units), [])
    model, start = kept.pop() if kept else compile_model(optimizer, units)
    IN_HAND.append((kept, (model, start)))
    for variable, value in zip([*model.variables, *model.optimizer.variables], start, strict=True):
        variable.assign(value)
    return model


def compile_model(optimizer, units):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([
        keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.RandomFlip(seed=5),
        keras.layers.Flatten(),
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
    replace, written = resumable.write_atomically, []

    def killed(path, write):
        replace(path, write)
        written.append(path.name.split("-")[0].split(".")[0])
        if written.count(after) == 3:
            (tmp_path / ".latest-3.npz.a1b2.part").write_bytes(b"half")
            (tmp_path / ".best-3.npz.c3d4.part").write_bytes(b"half")
            raise Stop

    monkeypatch.setattr(resumable, "write_atomically", killed)
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


def test_batches_instead_of_a_function(tmp_path):
    images = np.zeros((20, 8, 8, 3), np.uint8)
    batches = batches_of(images, np.zeros(20, int), 20, training=True)
    assert len(fit_resumable(make_model(), batches, batches, 2, tmp_path, verbose=0)) == 2


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize(("change", "message"), [(lambda batches: batches.repeat(), "have no end: leave repeat"),
                                                 (iter, "begin only once"), (lambda batches: (one for one in batches),
                                                                             "begin only once")])
def test_batches_that_have_no_end_or_begin_only_once(tmp_path, part, change, message):
    """Keras would wait for ever, or train each epoch but the first on two batches."""
    batches = batches_of(np.zeros((40, 8, 8, 3), np.uint8), np.zeros(40, int), 10, training=True)
    parts = {"train": batches, "validation": batches} | {part: change(batches)}
    with pytest.raises(TrainingError, match=message):
        fit_resumable(make_model(), **parts, epochs=2, folder=tmp_path, verbose=0)


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

    monkeypatch.setattr("fashion_tf.training.resumable.write_atomically", full)
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
