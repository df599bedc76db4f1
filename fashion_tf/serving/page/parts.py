"""What the page's tabs are made of: a photo that comes as its bytes, sentences, and how a question is answered."""

import base64
import binascii
import functools
import html
import logging
from pathlib import Path

import gradio as gr
import numpy as np

from fashion_tf.datasets.encoded import EncodedPicture
from fashion_tf.datasets.images import decode_picture
from fashion_tf.errors import DataError, FashionError

from ..models import PhotoRefused
from .files import is_own

PHOTO = "The photo"  # what messages call it
SHOWN_SIDE = 768  # pixels of the longer side of what is shown
_log = logging.getLogger("fashion_tf.serving")


def photo_input(**options):
    """A `gr.Image` that gives its photo's bytes as they were sent, or None. Gradio itself would decode it first, with
    every decoder that Pillow has."""
    image = gr.Image(**options)
    image.preprocess = _bytes_of
    return image


def _bytes_of(payload):
    if payload is None:
        return None
    if payload.url is not None and payload.url.startswith("data:"):
        return data_of(payload.url)
    # Of whatever path a visitor names. An upload has as many bytes as an upload may have.
    return Path(payload.path).read_bytes() if payload.path and is_own(payload.path) else b""


def data_of(address):
    """The bytes in a ``data:`` address, as a browser's canvas gives them; none where it is damaged, which is no
    picture to whoever decodes them."""
    try:
        return base64.b64decode(address.partition(";base64,")[2], validate=True)
    except binascii.Error:
        return b""


def decoded(data, size, name=PHOTO):
    """A photo as models see it: what ``/v1/`` makes of it, or PhotoRefused where there is none."""
    if data is None:
        raise PhotoRefused("Give a photo first.")
    return decode_picture(data, name, size)[0]


def size_of(data):
    """A photo's own upright (height, width), without decoding it."""
    if not data:
        raise DataError(f"{PHOTO}: empty (0 bytes).")
    return EncodedPicture(data, PHOTO).raster.upright


def fitting(data, side=SHOWN_SIDE):
    """A photo shrunk until its longer side has `side` pixels, or as it is: uint8 (height, width, 3)."""
    height, width = size_of(data)
    share = min(1, side / max(height, width))
    return decoded(data, (max(round(height * share), 1), max(round(width * share), 1)))


def sentence(text, alert=False):
    """A sentence for the page, which screen readers speak when it changes. Its text may be anybody's."""
    return f'<p role="{"alert" if alert else "status"}">{html.escape(str(text))}</p>' if text else ""


def answering(count, otherwise=None):
    """For a handler whose first output is a sentence: what goes wrong on purpose becomes that sentence, and the other
    `count` outputs become `otherwise`, empty; what else goes wrong is for the log."""

    def decorate(handler):
        @functools.wraps(handler)
        def answer(*inputs):
            try:
                said, *others = handler(*inputs)
                return sentence(said), *others
            except FashionError as error:
                said = str(error)
            except Exception:
                _log.exception("The page failed")
                said = "The page failed on this; the service's log says why."
            return sentence(said, alert=True), *[otherwise] * count
        return answer

    return decorate


def ask(handler, inputs, outputs, button, triggers=()):
    """Calls a handler whose first input is the photo: for a button, and once there is a photo for other events."""
    options = {"inputs": inputs, "outputs": outputs, "api_visibility": "private", "show_progress": "minimal"}
    if button is not None:
        button.click(handler, **options)

    @functools.wraps(handler)
    def with_photo(data, *others):
        return ("", *[None] * (len(outputs) - 1)) if data is None else handler(data, *others)

    if triggers:
        gr.on(list(triggers), with_photo, **options)


def confidences(classes, probabilities):
    """What `gr.Label` shows: class name to probability."""
    return {name: float(share) for name, share in zip(classes, np.asarray(probabilities))}
