"""Batches: every photo gets its own answer, whoever shares its batch; what is too much is told at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from served import CLASSES, SIZE, loaded, make_photo, saved, saved_index

from fashion_tf.errors import DataError, ServiceError
from fashion_tf.predictor import load_predictor
from fashion_tf.serving import Service, models
from fashion_tf.serving.models import WAITING, Busy, NotServed, PhotoRefused, ServedModel


@pytest.fixture(scope="module")
def folders():
    return saved()


@pytest.fixture(scope="module")
def service():
    return loaded()


def photos(count):
    return np.stack([make_photo(seed, SIZE) for seed in range(count)])


def served(function, name="fake", task="embedding"):
    """A model that computes what a Python function returns, and the sizes of its batches."""
    sizes = []

    def compute(pictures):
        sizes.append(len(pictures))
        return np.float32(function(pictures))

    def model(pictures, training):
        return tf.ensure_shape(tf.numpy_function(compute, [pictures], tf.float32), (None, 3))

    return ServedModel(name, SimpleNamespace(model=model, task=task, classes=CLASSES, image_size=SIZE)), sizes


def means(pictures):
    return pictures.mean((1, 2))


def results(call, items, threads):
    def attempt(item):
        try:
            return call(item)
        except ServiceError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(attempt, items))


@pytest.mark.parametrize("name", ["clothes", "parser"])
def test_each_photo_gets_its_own_answer(folders, name):
    predictor, pictures = load_predictor(folders[name]), photos(48)
    model = ServedModel(name, predictor)
    model.warm()
    expected = predictor.model.predict_on_batch(pictures)
    np.testing.assert_allclose(results(model.answer, pictures, 8), expected, atol=1e-6)


def test_photos_that_arrive_together_share_a_batch():
    def slowly(pictures):
        time.sleep(0.02)
        return means(pictures)

    model, sizes = served(slowly)
    np.testing.assert_allclose(results(model.answer, photos(64), 16), means(photos(64)), rtol=1e-6)
    assert sum(sizes) == 64 and len(sizes) < 32 and max(sizes) > 4


def test_two_models_do_not_answer_each_other():
    """TensorFlow keeps queues by name in the whole process."""
    models = [served(lambda pictures, number=number: np.full((len(pictures), 3), number), "alike")[0]
              for number in range(2)]
    picture = make_photo(0, SIZE)
    found = results(lambda number: models[number % 2].answer(picture)[0], range(96), 16)
    assert found == [0.0, 1.0] * 48


def test_over_the_queue_is_told_at_once():
    release = threading.Event()

    def held(pictures):
        release.wait(20)
        return means(pictures)

    model, _ = served(held)
    room = model.largest_batch + WAITING
    with ThreadPoolExecutor(room + 20) as pool:
        waiting = [pool.submit(model.answer, picture) for picture in photos(room + 20)]
        deadline = time.monotonic() + 10
        while sum(one.done() for one in waiting) < 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sum(one.done() for one in waiting) >= 20  # while the model still computes
        release.set()
        failures = [one.exception() for one in waiting]
    refused = [one for one in failures if one is not None]
    assert all(isinstance(one, Busy) for one in refused)
    assert 20 <= len(refused) < 20 + model.largest_batch  # the batch that is computed may be a small one
    for one, picture in zip(waiting, photos(room + 20)):
        if one.exception() is None:
            np.testing.assert_allclose(one.result(), picture.mean((0, 1)), rtol=1e-5)


def test_a_photo_that_the_model_refuses_fails_alone():
    def picky(pictures):
        time.sleep(0.01)
        if (pictures == 0).all((1, 2, 3)).any():
            raise ValueError("black")
        return means(pictures)

    model, _ = served(picky)
    pictures = photos(24)
    pictures[5] = pictures[17] = 0
    found = results(model.answer, pictures, 12)
    for number, answer in enumerate(found):
        if number in (5, 17):
            assert isinstance(answer, PhotoRefused) and "cannot work with this photo" in str(answer)
        else:
            np.testing.assert_allclose(answer, means(pictures[number:number + 1])[0], rtol=1e-6)


def test_a_nearly_black_photo_is_answered_as_a_black_one(service):
    """The kit's input scaling would take it for a picture in 0..1, alone, and not in a batch with others."""
    faint, answer = np.eye(*SIZE, dtype=np.uint8)[..., None].repeat(3, -1), service.models["clothes"].answer
    black = answer(np.zeros_like(faint))
    for found in results(answer, [faint, *photos(6), faint], 8)[::7]:
        np.testing.assert_allclose(found, black, atol=1e-6)


@pytest.mark.parametrize("value, message", [(np.nan, "The model fake: the model answers with NaN"),
                                            (2.5, "are no probabilities: .* End the model with softmax")])
def test_what_is_no_probability_is_no_answer(value, message):
    model, _ = served(lambda pictures: np.full((len(pictures), 3), value), task="classification")
    with pytest.raises(ServiceError, match=message):
        model.warm()


def test_waiting_costs_next_to_nothing(service):
    time.sleep(0.2)
    used = []
    for _ in range(5):  # other tests' threads may still be ending
        before = time.process_time()
        time.sleep(0.3)
        used.append((time.process_time() - before) / 0.3)
    assert min(used) < 0.25, f"idle, this process uses {min(used):.0%} of a core"


def test_what_is_served(service):
    assert list(service.models) == ["clothes", "others", "parser"]
    assert service.find("classification").name == "clothes"
    assert service.find("classification", "others").classes == ("x", "y", "z")
    with pytest.raises(NotServed, match="no model 'parser' for classification; for classification there is clothes, "
                                        "others"):
        service.find("classification", "parser")


def test_a_service_without_a_parser_says_so(folders):
    service = Service([folders["clothes"]])
    with pytest.raises(Busy, match="being loaded"):
        service.find("parsing")
    service.load()
    with pytest.raises(NotServed, match="^None for parsing"):
        service.find("parsing")


def test_what_cannot_be_served_is_told_before_it_starts(folders, tmp_path):
    with pytest.raises(ServiceError, match="nothing to serve"):
        Service([])
    (tmp_path / "clothes").symlink_to(folders["clothes"])
    with pytest.raises(ServiceError, match="both would be served as 'clothes'; rename one"):
        Service([folders["clothes"], folders["clothes"].parent / "clothes" / "."])
    told, broken = [], Service([tmp_path / "absent"])
    broken.when_failed = told.append
    with pytest.raises(DataError, match="absent"):
        broken.load()
    assert told == [broken.failure] and not broken.ready
    with pytest.raises(Busy, match="could not be loaded; the service's log says why"):
        broken.check_ready()


def test_a_loading_that_is_stopped_ends_after_its_model_and_may_begin_anew(monkeypatch):
    begun, release, load = threading.Event(), threading.Event(), models.load_predictor
    monkeypatch.setattr(models, "load_predictor", lambda folder: begun.set() or release.wait(20) and load(folder))
    service = Service(saved().values())
    service.stop_loading()  # nothing is loaded yet, and nothing is stopped
    thread = threading.Thread(target=service.load)
    thread.start()
    assert begun.wait(20)
    service.stop_loading()
    begun.clear()
    release.set()
    thread.join(60)
    assert not service.ready and service.failure is None and not begun.is_set()
    service.load()
    assert service.ready and list(service.models) == list(saved())


def test_a_large_index_builds_its_lists_before_it_is_ready(monkeypatch):
    """Or the first requests would wait for them, each building its own."""
    pytest.importorskip("faiss", reason="the extra [faiss] is not installed")
    from fashion_tf.retrieval import index

    monkeypatch.setattr(index, "LARGE", 5)
    service = Service([], saved_index())
    service.load()
    assert "_lists" in vars(service.index)
