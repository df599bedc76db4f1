"""Micro-batched answers against a compiled call for each request and against `model.predict`.

Sixteen clients, each a thread that asks, waits for its answer and asks again, on MobileNetV2 at 128 pixels (random
weights: they make no difference to the time). The contenders take turns in one process; what counts is the ratio of
the throughputs in each turn. The processor's time for an answer stands beside: other work on the machine changes it
less. The first part asks the models themselves; the second asks the service over HTTP, JPEG
decoding included, with batches as served and with batches of one. The last part sends many requests and reports
what memory they took.

    python benchmarks/serving.py                  # about three minutes
    python benchmarks/serving.py --calls 10000    # memory over 10,000 calls
"""

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from fashion_tf import serving
from fashion_tf.predictor import load_predictor, save_predictor
from fashion_tf.serving import Service
from fashion_tf.serving.models import ServedModel

SIZE, CLIENTS, TARGET = (128, 128), 16, 1.4


def saved(folder):
    """MobileNetV2 with a head of ten classes."""
    pictures = keras.Input((*SIZE, 3))
    features = keras.applications.MobileNetV2((*SIZE, 3), include_top=False, weights=None, pooling="avg")(
        keras.layers.Rescaling(1 / 127.5, -1)(pictures))
    model = keras.Model(pictures, keras.layers.Dense(10, activation="softmax")(features))
    return save_predictor(Path(folder) / "mobilenet", model, [f"class {n}" for n in range(10)], SIZE)


def asked(ask, seconds):
    """Sixteen clients for some seconds: (answers a second, seconds of all cores for each, seconds each took)."""
    stop, took, used = time.perf_counter() + seconds, [], time.process_time()

    def client(number):
        while (began := time.perf_counter()) < stop:
            ask(number)
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    return len(took) / (time.perf_counter() - began), (time.process_time() - used) / len(took), took


def compare(contenders, turns, seconds, title):
    """Lets the contenders take turns, and prints; the first is compared with each other one."""
    rates, costs, times = ({name: [] for name in contenders} for _ in range(3))
    for turn in range(-1, turns):  # the first warms up and does not count
        for name in list(contenders)[::1 if turn % 2 == 0 else -1]:
            rate, cost, took = asked(contenders[name], seconds if turn >= 0 else 1)
            if turn >= 0:
                rates[name].append(rate)
                costs[name].append(cost * 1000)
                times[name] += took
    print(f"\n{title}: {CLIENTS} clients, {os.cpu_count()} cores, {turns} turns of {seconds:g} s")
    print(f"{'':26}{'answers a second (min/median/max)':>36}{'p50 ms':>9}{'p95 ms':>9}{'CPU ms each':>13}")
    for name in contenders:
        p50, p95 = np.percentile(times[name], (50, 95)) * 1000
        print(f"{name:26}{spread(rates[name], '.1f'):>36}{p50:9.1f}{p95:9.1f}{statistics.median(costs[name]):13.1f}")
    first, *others = contenders
    ratios = {}
    for name in others:
        ratios[name] = [ours / theirs for ours, theirs in zip(rates[first], rates[name])]
        print(f"{first} answers {spread(ratios[name], '.2f')} times as many as {name}")
    return {name: statistics.median(values) for name, values in ratios.items()}


def spread(values, form):
    return " / ".join(format(value, form) for value in (min(values), statistics.median(values), max(values)))


def beside_single_calls(folder, turns, seconds):
    predictor = load_predictor(folder)
    served = ServedModel("mobilenet", predictor)
    served.warm()
    single = tf.function(lambda pictures: predictor.model(pictures, training=False), autograph=False,
                         input_signature=[tf.TensorSpec((None, *SIZE, 3), tf.uint8)])
    photos = np.random.default_rng(0).integers(0, 256, (CLIENTS, 1, *SIZE, 3), np.uint8)
    lock = threading.Lock()

    def one_at_a_time(number):
        with lock:
            return single(photos[number]).numpy()

    def by_predict(number):
        with lock:  # it is not made for several threads
            return predictor.model.predict(photos[number], verbose=0)

    np.testing.assert_allclose(served.answer(photos[0, 0]), by_predict(0)[0], atol=1e-5)
    ratios = compare({
        "micro-batched": lambda number: served.answer(photos[number, 0]), "compiled, one at a time": one_at_a_time,
        "compiled, all at once": lambda number: single(photos[number]).numpy(), "model.predict": by_predict,
    }, turns, seconds, "The model alone")
    for name in ("compiled, one at a time", "compiled, all at once"):
        print(f"micro-batched against {name}: target {TARGET:g}, "
              f"{'reached' if ratios[name] >= TARGET else 'MISSED'} ({ratios[name]:.2f})")


@contextlib.contextmanager
def running(folder, largest_batch):
    """A warm service on loopback; gives a function that asks it."""
    import httpx

    service = Service([folder], largest_batch=largest_batch)
    service.load()
    with serving.running(service) as address, httpx.Client(
            base_url=address, timeout=60, trust_env=False, limits=httpx.Limits(max_connections=CLIENTS)) as client:

        def ask(number):
            client.post("/v1/classify", files={"photo": PHOTOS[number]}).raise_for_status()

        yield ask


def drawn_photos():
    """A drawn person of 600 x 400 pixels for each client, as JPEG files."""
    from PIL import Image

    from fashion_tf.wardrobe import draw_person

    photos = []
    for seed in range(CLIENTS):
        content = io.BytesIO()
        Image.fromarray(draw_person(np.random.default_rng(seed), (600, 400)).image).save(content, "JPEG", quality=90)
        photos.append(content.getvalue())
    return photos


PHOTOS = drawn_photos()


def over_http(folder, turns, seconds, calls):
    with running(folder, 16) as together, running(folder, 1) as alone:
        compare({"micro-batched": together, "batches of one": alone}, turns, seconds,
                "Over HTTP, clients in the same process")
        if calls:
            import psutil

            process, memory = psutil.Process(), []
            for _ in range(5):
                with ThreadPoolExecutor(CLIENTS) as pool:
                    list(pool.map(lambda number: together(number % CLIENTS), range(calls // 5)))
                memory.append(process.memory_info().rss >> 20)
            print(f"\nmemory after each fifth of {calls:,} calls: {memory} MiB")
        process_time, began = time.process_time(), time.perf_counter()
        time.sleep(5)
        idle = (time.process_time() - process_time) / (time.perf_counter() - began)
        print(f"idle, the two services together use {idle:.1%} of a core")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].replace("\n", " "))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each contender's turn")
    parser.add_argument("--calls", type=int, default=1000, help="over which memory is watched; 0 leaves it out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = saved(folder)
        beside_single_calls(model, options.turns, options.seconds)
        over_http(model, options.turns, options.seconds, options.calls)


if __name__ == "__main__":
    main()
