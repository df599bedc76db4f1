"""Exercises of lesson 35: what a batch is worth, how many requests are there at once, and who reads photos alike."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, near, number, some_of


def _draw_batch(generator):
    """A call of a model takes `call_ms` whatever is in it, and `photo_ms` more for each photo; `clients` each send a
    photo, wait for the answer and send the next."""
    while True:
        data = SimpleNamespace(call_ms=round(2 + 10 * float(generator.random()), 1),
                               photo_ms=round(0.5 + 4 * float(generator.random()), 1),
                               clients=int(generator.integers(4, 33)))
        if apart(np.log([*_gains(data).values()]), 0.06):
            return data


def _gains(data):
    """How many times as many answers: rightly, and as several shortcuts have it."""
    alone, batch = data.call_ms + data.photo_ms, data.call_ms + data.clients * data.photo_ms
    return {"right": data.clients * alone / batch, "limit": alone / data.photo_ms, "clients": data.clients,
            "slower": batch / alone, "call": data.clients * data.call_ms / batch}


def _judge_batch(answer, data):
    answer = number(answer, 0, 1e6, "how many times as many answers")
    gains = _gains(data)
    is_near = {name: near(answer, value, 0.02) for name, value in gains.items()}
    if is_near["right"]:
        return (f"{gains['right']:.2f} times: a batch of {data.clients} costs one call instead of {data.clients}. "
                f"However many clients there were, it would never be more than {gains['limit']:.2f} times.")
    if is_near["limit"]:
        raise Wrong("This is where it ends with ever more clients, when the call costs nothing any more. Here are only "
                    f"{data.clients}.")
    if is_near["clients"]:
        raise Wrong("This would be so if a photo more in the batch cost nothing. Each costs its own milliseconds, in a "
                    "batch as well.")
    if is_near["slower"]:
        raise Wrong("So much longer takes a batch than a call with one photo. But it answers all clients at once.")
    if near(answer, 1 / gains["right"], 0.02):
        raise Wrong("This is the time of a batch over the time that its photos take one by one. Turn it round.")
    if is_near["call"]:
        raise Wrong("A call for one photo costs the call *and* the photo; you left out the photo.")
    if answer < 1:
        raise Wrong(f"{answer:.3g} would mean fewer answers than one at a time. Is the call not shared?")
    raise Wrong(f"{answer:.3g} is not it. How many milliseconds do {data.clients} photos take one by one, and how many "
                "in one call?")


def _draw_load(generator):
    """How many `requests_a_second` arrive, and the `milliseconds` that a sample of them stayed in the service."""
    while True:
        times = np.round(np.exp(3.0 + generator.random() + 0.9 * generator.standard_normal(21)), 1)
        data = SimpleNamespace(requests_a_second=int(generator.integers(20, 400)), milliseconds=times.tolist())
        if apart(np.log([*_loads(data).values()]), 0.1):
            return data


def _loads(data):
    """Requests in the service at a time: rightly, and as several shortcuts have it."""
    times, rate = np.array(data.milliseconds) / 1000, data.requests_a_second
    return {"right": rate * times.mean(), "median": rate * np.median(times), "p95": rate * np.quantile(times, 0.95),
            "largest": rate * times.max(), "milliseconds": rate * 1000 * times.mean(), "over": rate / times.mean()}


def _judge_load(answer, data):
    answer = number(answer, 0, 1e12, "a number of requests")
    loads = _loads(data)
    is_near = {name: near(answer, value, 0.02) for name, value in loads.items()}
    if is_near["right"]:
        return (f"{loads['right']:.1f} on average, whatever order they come in (Little's law). Bursts need more "
                "places, and a bound says how many.")
    if is_near["median"]:
        raise Wrong("You took the median. The slow ones stay long and fill the most places: here the mean counts.")
    if is_near["p95"] or is_near["largest"]:
        raise Wrong("This is as if every request were one of the slowest. They are few: take the mean of all.")
    if is_near["milliseconds"]:
        raise Wrong("The rate is in requests a *second*, and the times are in milliseconds.")
    if is_near["over"]:
        raise Wrong("You divided. The longer each stays, the more of them are there.")
    if near(answer, np.mean(data.milliseconds), 0.02) or near(answer, data.requests_a_second, 0.001):
        raise Wrong("This is one of the two numbers alone. How many arrive while one is there?")
    raise Wrong(f"{answer:.4g} is not it. In a second {data.requests_a_second} arrive, and each stays for the mean of "
                "`milliseconds`: how many are there when you look in?")


SERVICES = list("ABCDEF")


def _draw_answers(generator):
    """`classes`; `here`, the probabilities that a notebook gets for four photos; `services`, those that each of six
    services answers with for the same photos, rounded to four decimals."""
    while True:
        logits, alike = 2.2 * generator.standard_normal((4, 3)), int(generator.integers(2, 4))
        kinds = generator.permutation(["alike"] * alike + ["close"] * 2 + ["other"] * (4 - alike)).tolist()
        spread = {"alike": 2e-4, "close": 0.25, "other": 2.5}
        services = {name: _softmax(logits + spread[kind] * generator.standard_normal((4, 3))).tolist()
                    for name, kind in zip(SERVICES, kinds)}
        data = SimpleNamespace(classes=["coat", "hat", "shoe"], here=_softmax(logits).tolist(), services=services)
        differences, same = _compared(data)
        if all({"alike": differences[name] < 0.001, "close": same[name] and differences[name] > 0.02,
                "other": not same[name]}[kind] for name, kind in zip(SERVICES, kinds)):
            return data


def _softmax(logits):
    powers = np.exp(logits)
    return np.round(powers / powers.sum(1, keepdims=True), 4)


def _compared(data):
    """For each service: the largest difference of a probability; whether the labels are the same."""
    here = np.array(data.here)
    there = {name: np.array(rows) for name, rows in data.services.items()}
    return ({name: float(np.abs(rows - here).max()) for name, rows in there.items()},
            {name: bool((rows.argmax(1) == here.argmax(1)).all()) for name, rows in there.items()})


def _judge_answers(answer, data):
    found = some_of(answer, SERVICES, "the services' letters")
    differences, same = _compared(data)
    alike = {name for name, value in differences.items() if value < 0.001}
    labels = {name for name in SERVICES if same[name]}
    if found == alike:
        return "These differ by rounding. The others see other pixels, also where every label is the same."
    if not found:
        raise Wrong("Some do: their probabilities are the notebook's, but for rounding.")
    if found == labels:
        raise Wrong("These give the same labels. In some of them the probabilities are others: the same pixels in the "
                    "same network would give the same numbers.")
    if found == set(SERVICES) - alike:
        raise Wrong("These read photos *differently*; asked for are the others.")
    if other := sorted(found - labels):
        raise Wrong(f"Service {other[0]} gives one of the photos another label.")
    if close := sorted(found - alike):
        difference = differences[close[0]]
        raise Wrong(f"Service {close[0]} has the same labels, and a probability that differs by {difference:.3f}. "
                    "Rounding does not do that.")
    raise Wrong("What you name reads them alike, and there is at least one more. The last decimal may differ.")


EXERCISES = [Exercise(_draw_batch, _judge_batch), Exercise(_draw_load, _judge_load),
             Exercise(_draw_answers, _judge_answers)]
