"""Style transfer by optimisation (Gatys, Ecker and Bethge, CVPR 2016): pixels are changed until a network finds
the photo's content and the painting's style in them.

What is usually copied takes hours on a CPU. Here the targets are computed once, the network ends at the last layer
that is asked, the picture is made small first and then larger, and L-BFGS needs fewer steps than Adam.
"""

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from fashion_tf.errors import DataError, TrainingError
from fashion_tf.files import write_atomically
from fashion_tf.style.composition import with_colours_of
from fashion_tf.style.stylizers import shares_of

SIZES = (128, 256, 512)
MINIMUM_SIDE = 32  # pixels; a network halves it up to five times
WINDOW = 10  # steps over which the loss must fall
SAVE_SECONDS = 20.0
STATE_FILE = "style_transfer.npz"


@dataclass(frozen=True)
class Step:
    """One step that was taken: at which `size` (pixels of the longer side), its `number` there from 1, and of the
    picture that it began with the `loss`, `content`, `style` and `variation`; the `seconds` since the beginning."""

    size: int
    number: int
    loss: float
    content: float
    style: float
    variation: float
    seconds: float


@dataclass(frozen=True)
class Transfer:
    """The new `picture`, uint8 (height, width, 3), and its `history`, a list of `Step`."""

    picture: np.ndarray
    history: list


def gram_transfer(content, styles, loss, shares=None, sizes=SIZES, steps=200, optimizer="lbfgs", learning_rate=5.0,
                  tolerance=2e-3, keep_colours=False, folder=None, progress=None, steps_a_call=None):
    """Paints a photo in the style of one or several paintings.

    At each size, from coarse to fine, the picture begins as the photo with what was changed at the size before.

    Args:
        content: The photo, uint8 (height, width, 3).
        styles: A painting, or a list of them: the same, of any size. Each is brought to the size of the photo.
        loss: As `style_loss` gives it.
        shares: How much each painting counts; None: all alike. Scaled to a sum of 1.
        sizes: Pixels of the longer side, rising. A photo is not enlarged: sizes above its own become its own.
        steps: At most so many at each size.
        optimizer: ``"lbfgs"`` (SciPy's) or ``"adam"``.
        learning_rate: Of Adam, in levels of 0..255.
        tolerance: A size is done when the best loss of `WINDOW` steps is not lower, by this share, than the best
            before them.
        keep_colours: Take the lightness alone of what was painted, and the photo's colours.
        folder: Where the state is kept, every `SAVE_SECONDS` and after each size: a transfer that was stopped goes
            on from there, and a finished one is read back. None: it is not kept.
        progress: Called after each step (with several a call, after the last of them) as ``progress(step, picture)``:
            a `Step`, and a function that gives the picture as it is, uint8.
        steps_a_call: How many steps of Adam are taken without a look at the loss. None: 10 on a GPU, else 1.

    Returns:
        A `Transfer`; its picture has the photo's proportions and the last of the sizes.

    Raises:
        DataError: A picture of another kind, or too small.
        TrainingError: Settings out of range; the folder holds another transfer; the loss is no number.

    Example:
        >>> gram_transfer(photo, painting, style_loss("vgg19")).picture

    Taught in: 36_style_transfer_gram.ipynb
    """
    content = _checked(content, "The photo")
    styles = [_checked(style, "A style") for style in (styles if isinstance(styles, (list, tuple)) else [styles])]
    shares = shares_of(len(styles), shares)
    sizes = _sizes(sizes, max(content.shape[:2]))
    if optimizer not in ("lbfgs", "adam"):
        raise TrainingError(f"optimizer={optimizer!r}: choose lbfgs or adam.")
    if steps < 1 or not 0 <= tolerance < 1 or not learning_rate > 0:
        raise TrainingError(f"steps={steps}, tolerance={tolerance}, learning_rate={learning_rate}: steps must be 1 or "
                            "more, tolerance in 0..1, the rate above 0.")
    settings = {"shares": shares, "sizes": sizes, "steps": steps, "optimizer": optimizer, "tolerance": tolerance,
                "learning_rate": learning_rate}
    state = _State(folder, _fingerprint(settings, loss, [content, *styles]))
    began = time.perf_counter() - state.seconds
    for place in range(state.place, len(sizes)):
        here = _floats(content, sizes[place])
        if state.picture is None:
            state.picture = here
        elif state.picture.shape != here.shape:  # what the size before has changed, enlarged
            changed = state.picture - _floats(content, max(state.picture.shape))
            state.picture = np.clip(here + _resized(changed, here.shape), 0, 255)
        targets = loss.targets(here[None], [_floats(style, sizes[place])[None] for style in styles], shares)

        def report(number, parts, total, picture, moments=(), size=sizes[place]):
            """Keeps the state; returns whether to go on."""
            step = Step(size, number, float(total), *map(float, parts), time.perf_counter() - began)
            if not np.isfinite(step.loss):
                raise TrainingError(f"The loss is {step.loss} at step {number} of size {size}; try a smaller "
                                    "learning_rate.")
            state.history.append(step)
            state.keep(picture, moments, step.seconds)
            if progress is not None:
                progress(step, lambda: _picture(picture))
            return not state.settled(size, steps, tolerance)

        if not state.settled(sizes[place], steps, tolerance):
            optimise = _lbfgs if optimizer == "lbfgs" else _adam
            state.picture = optimise(loss, targets, state, steps, learning_rate, steps_a_call, report)
        state.finish(place + 1, time.perf_counter() - began)
    picture = _picture(state.picture)
    if keep_colours:
        picture = with_colours_of(picture, _picture(_floats(content, sizes[-1])))
    return Transfer(picture, state.history)


# --- the two optimizers -------------------------------------------------------------------------


def _adam(loss, targets, state, steps, learning_rate, steps_a_call, report):
    """Adam on the pixels, which are kept in 0..255."""
    import tensorflow as tf

    variable = keras.Variable(state.picture[None], dtype="float32", name="picture")
    adam = keras.optimizers.Adam(float(learning_rate))
    adam.build([variable])
    for kept, moment in zip(adam.variables, state.moments):
        kept.assign(moment)
    at_once = steps_a_call or (10 if tf.config.list_physical_devices("GPU") else 1)

    @tf.function
    def take(count):
        parts, total = tf.zeros(3), tf.constant(0.0)
        for _ in tf.range(count):
            with tf.GradientTape() as tape:
                parts = loss.parts(variable.value, targets)
                total = loss.total(parts)
            adam.apply([tape.gradient(total, variable.value)], [variable])
            variable.assign(tf.clip_by_value(variable.value, 0, 255))
        return parts, total

    number, going = state.number, True
    while going:
        count = min(at_once, steps - number)
        parts, total = take(tf.constant(count))
        number += count
        going = report(number, parts.numpy(), total.numpy(), variable.numpy()[0],
                       [moment.numpy() for moment in adam.variables])
    return variable.numpy()[0]


def _lbfgs(loss, targets, state, steps, learning_rate, steps_a_call, report):
    """SciPy's L-BFGS-B with the pixels bounded to 0..255. Its memory of past steps is not kept over a stop."""
    import tensorflow as tf
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    shape = state.picture.shape

    @tf.function
    def value_and_gradient(picture):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            parts = loss.parts(picture, targets)
            total = loss.total(parts)
        return parts, total, tape.gradient(total, picture)

    latest = {}

    def evaluate(x):
        parts, total, gradient = value_and_gradient(tf.constant(x.reshape(1, *shape), tf.float32))
        latest["parts"], total = parts.numpy(), float(total)
        scale = latest.setdefault("scale", 1e6 / max(total, 1e-12))  # SciPy stops at steps that look small
        return scale * total, scale * gradient.numpy().ravel().astype(np.float64)

    number = state.number

    def callback(intermediate_result):
        nonlocal number
        number += 1
        picture = intermediate_result.x.reshape(shape).astype(np.float32)
        if not report(number, latest["parts"], intermediate_result.fun / latest["scale"], picture):
            raise StopIteration

    # SciPy multiplies short vectors; BLAS's threads wait for each other ten times longer than that takes.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(evaluate, state.picture.ravel().astype(np.float64), jac=True, method="L-BFGS-B",
                         bounds=[(0, 255)] * state.picture.size, callback=callback,
                         options={"maxiter": steps - number, "maxfun": 20 * steps, "ftol": 0, "gtol": 0})
    return found.x.reshape(shape).astype(np.float32)


def _settled(losses, tolerance):
    """Whether the best of the last `WINDOW` losses is not clearly lower than the best before."""
    if len(losses) <= WINDOW:
        return False
    before, now = min(losses[:-WINDOW]), min(losses[-WINDOW:])
    return now > before * (1 - tolerance)


# --- the state, in memory and on disk -----------------------------------------------------------


class _State:
    """Where a transfer stands: its size's place, its picture, the optimizer's moments, all steps so far."""

    def __init__(self, folder, fingerprint):
        self.file = None if folder is None else Path(folder) / STATE_FILE
        self.fingerprint, self.saved = fingerprint, time.monotonic()
        self.place, self.picture, self.moments, self.history, self.seconds = 0, None, [], [], 0.0
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            if self.file.exists():
                self._load()

    @property
    def number(self):
        """Steps taken at the present size."""
        return self.history[-1].number if self.history and self.history[-1].size == self._size else 0

    @property
    def _size(self):
        return max(self.picture.shape[:2])

    def settled(self, size, steps, tolerance):
        losses = [step.loss for step in self.history if step.size == size]
        return self.number >= steps or _settled(losses, tolerance)

    def keep(self, picture, moments, seconds):
        self.picture, self.moments, self.seconds = picture, moments, seconds
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self._save()

    def finish(self, place, seconds):
        self.place, self.moments, self.seconds = place, [], seconds
        self._save()

    def _save(self):
        self.saved = time.monotonic()
        if self.file is not None:
            about = {"fingerprint": self.fingerprint, "place": self.place, "seconds": self.seconds,
                     "history": [asdict(step) for step in self.history]}
            moments = {f"moment_{number}": moment for number, moment in enumerate(self.moments)}
            write_atomically(self.file, lambda file: np.savez(file, about=json.dumps(about), picture=self.picture,
                                                              **moments))

    def _load(self):
        try:
            with np.load(self.file, allow_pickle=False) as arrays:
                about = json.loads(str(arrays["about"]))
                self.picture = arrays["picture"]
                self.moments = [arrays[f"moment_{number}"] for number in range(len(arrays.files) - 2)]
            self.history = [Step(**step) for step in about["history"]]
            self.place, self.seconds, found = about["place"], about["seconds"], about["fingerprint"]
        except Exception as error:  # zipfile, NumPy and JSON raise what they like
            raise TrainingError(f"{self.file}: damaged ({error}). Remove it, and begin anew.") from None
        if found != self.fingerprint:
            raise TrainingError(f"{self.file}: holds a transfer of other pictures or settings. Remove it, or choose "
                                "another folder.")


def _fingerprint(settings, loss, pictures):
    digest = hashlib.sha256(json.dumps(
        [settings, loss.style, loss.content, loss.content_weight, loss.style_weight, loss.variation_weight]).encode())
    for array in [*pictures, *loss.network.get_weights()]:
        digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


# --- pictures -----------------------------------------------------------------------------------


def _checked(picture, what):
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        hint = ("; lay its transparency on a colour first, as read_image does" if picture.ndim == 3
                and picture.shape[2] == 4 else "")
        raise DataError(f"{what} has shape {picture.shape} and {picture.dtype}; it must be uint8 (height, width, 3) in "
                        f"0..255{hint}.")
    if min(picture.shape[:2]) < MINIMUM_SIDE:
        raise DataError(f"{what} has {picture.shape[1]} x {picture.shape[0]} pixels; each side needs {MINIMUM_SIDE} or "
                        "more.")
    return picture


def _sizes(sizes, largest):
    sizes = list(dict.fromkeys(min(int(size), largest) for size in sizes))
    if not sizes or sizes != sorted(sizes) or sizes[0] < MINIMUM_SIDE:
        raise TrainingError(f"sizes={sizes}: give pixels of the longer side, rising, {MINIMUM_SIDE} or more.")
    return sizes


def _floats(picture, size):
    """float32 in 0..255, its longer side `size`, no side below `MINIMUM_SIDE`."""
    import cv2

    scale = size / max(picture.shape[:2])
    height, width = (max(round(side * scale), MINIMUM_SIDE) for side in picture.shape[:2])
    shrinks = scale < 1
    return cv2.resize(picture.astype(np.float32), (width, height),
                      interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC).clip(0, 255)


def _resized(array, shape):
    import cv2

    return cv2.resize(array, shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _picture(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
