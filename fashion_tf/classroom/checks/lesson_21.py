"""Exercises of lesson 21: a gradient through a stack, two networks on one test, one item on both sides."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, near, number, some_of


def _draw_stack(generator):
    """`blocks` in the stack, the `convolutions` of each block, each with a leaky relu behind it, and its `slope`."""
    return SimpleNamespace(blocks=int(generator.integers(4, 15)), convolutions=int(generator.integers(2, 4)),
                           slope=round(0.20 + 0.25 * float(generator.random()), 2))


def _judge_stack(answer, data):
    answer = number(answer, 0, 1e6, "a factor")
    layers = data.blocks * data.convolutions
    kept = (1 + data.slope ** 2) / 2  # of the mean square, by one leaky relu
    if near(answer, kept ** (layers / 2), 0.03):
        return f"{kept ** 0.5:.3f} for each of {layers} convolutions: the first layers hear little of the loss."
    if near(answer, 0.5 ** (layers / 2), 0.03):
        raise Wrong(f"√½ for each convolution is what a plain relu leaves. This one lets {data.slope} of what is "
                    "negative through.")
    if near(answer, kept ** layers, 0.03):
        raise Wrong("This is what becomes of the *mean square*. The size is the root of that.")
    if near(answer, kept ** (data.blocks / 2), 0.03):
        raise Wrong(f"You counted the {data.blocks} blocks. Each has {data.convolutions} convolutions, and a leaky "
                    "relu behind every one.")
    if near(answer, ((1 + data.slope) / 2) ** layers, 0.03):
        raise Wrong("You averaged the slopes, 1 and that of the negative half. Average their squares: sizes add up "
                    "as squares.")
    if near(answer, 1, 0.03):
        raise Wrong("That nothing is lost is what He's initializer is made for. These weights are Glorot's.")
    if answer > 1:
        raise Wrong(f"A factor of {answer:.3g} would let the gradient grow, and a leaky relu only takes away.")
    raise Wrong(f"{answer:.3g} is not it. What does one leaky relu leave of the mean square, what of its root, and "
                "how many does the gradient pass?")


def _draw_pair(generator):
    """`first` and `second`: for each test photo, whether that network is right (1) or wrong (0)."""
    while True:
        photos, luck = int(generator.integers(80, 800)), 0.1 + 0.4 * generator.random()
        easy = generator.random(photos)
        first, second = ((easy + luck * generator.random(photos) < limit).astype(int) for limit in (0.80, 0.84))
        data = SimpleNamespace(first=first.tolist(), second=second.tolist())
        right, *others = _widths(data)
        if right > 0.01 and all(abs(np.log(other / right)) > 0.3 for other in others):
            return data


def _widths(data):
    first, second = np.array(data.first), np.array(data.second)
    photos, gain = len(first), second - first
    alone = np.sqrt((first.var() + second.var()) / photos)
    return 1.96 * gain.std() / np.sqrt(photos), 1.96 * alone, gain.std() / np.sqrt(photos), 1.96 * gain.std()


def _judge_pair(answer, data):
    answer = number(answer, 0, 100, "half the width of an interval")
    right, unpaired, one_error, no_root = _widths(data)
    gain = np.mean(data.second) - np.mean(data.first)
    if near(answer, right, 0.08):  # resampling gives it to a few per cent
        verdict = "and holds" if right >= abs(gain) else "and does not hold"
        return f"The interval is {gain:+.3f} ± {right:.3f}, {verdict} 0; unpaired it would be ± {unpaired:.3f}."
    if near(answer, unpaired, 0.08):
        raise Wrong("This takes the two networks for two samples. They saw the same photos: take the difference "
                    "photo by photo, and its spread.")
    if near(answer, one_error, 0.08):
        raise Wrong("This is one standard error; 95 % of the means lie within 1.96 of them.")
    if near(answer, no_root, 0.08):
        raise Wrong("This is the spread of single photos. The mean of n photos spreads √n times less.")
    if near(answer, 2 * right, 0.08):
        raise Wrong("This is the whole width, from end to end; asked for is the half, the number after ±.")
    raise Wrong(f"{answer:.3g} is not it. Subtract `first` from `second` photo by photo: how much does the mean of "
                "these differences move with other photos?")


def _draw_leak(generator):
    """A table of `photos`, each with its `item` and its `split`; some items stand on both sides."""
    while True:
        items = np.sort(generator.integers(100, 135, 40))
        split = np.array(["train", "validation", "test"])[
            np.searchsorted([0.5, 0.7], generator.random(40), side="right")]
        photos = 1000 + generator.permutation(900)[:40]
        data = SimpleNamespace(photos=photos.tolist(), item=items.tolist(), split=split.tolist())
        leak, validation, train = _leaks(data)
        tests = split == "test"
        if 3 <= len(leak) < tests.sum() - 2 and validation - leak and len(train) > 2:
            return data


def _leaks(data):
    """Test photos whose item is in training, test photos whose item is in validation, training photos of the first."""
    table = list(zip(data.photos, data.item, data.split))
    items = {name: {item for _, item, split in table if split == name} for name in ("train", "validation", "test")}
    tests = [(photo, item) for photo, item, split in table if split == "test"]
    return ({photo for photo, item in tests if item in items["train"]},
            {photo for photo, item in tests if item in items["validation"]},
            {photo for photo, item, split in table if split == "train" and item in items["test"]})


def _judge_leak(answer, data):
    found = some_of(answer, set(data.photos), "the numbers of photos")
    leak, validation, train = _leaks(data)
    split_of = dict(zip(data.photos, data.split))
    item_of = dict(zip(data.photos, data.item))
    if found == leak:
        return f"{len(leak)} of {data.split.count('test')} test photos show an item that was trained on."
    if not found:
        raise Wrong("There is a leak: a test photo whose item also stands on a training photo.")
    if found == train:
        raise Wrong("These are the training photos of the leak. Which photos of the *test* show the same items?")
    if found == {photo for photo, split in split_of.items() if split == "test"}:
        raise Wrong("These are all test photos. Some of them show items that no training photo shows.")
    if strangers := sorted(photo for photo in found if split_of[photo] != "test"):
        raise Wrong(f"Photo {strangers[0]} is no test photo (it is in {split_of[strangers[0]]}); name test photos.")
    if more := sorted(found - leak):
        photo = more[0]
        where = "validation, which nothing was trained on" if photo in validation else "no other split"
        raise Wrong(f"Photo {photo} shows item {item_of[photo]}, which is in {where}; it is no leak from training.")
    raise Wrong(f"What you name is a leak, and it is not the whole of it: you have {len(found)}. Take each test "
                "photo's item, and look for it among the training photos.")


EXERCISES = [Exercise(_draw_stack, _judge_stack), Exercise(_draw_pair, _judge_pair),
             Exercise(_draw_leak, _judge_leak)]
