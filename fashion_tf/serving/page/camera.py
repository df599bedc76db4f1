"""The tab of the camera: frames come from the browser, and the answer settles as in ``fashion-tf live``.

The browser sends a frame every so often, and of those that arrive while one is worked on the newest alone is kept (by
Gradio's queue). A stream ends after `STREAM_SECONDS`, gives its place to whoever waits, and joins again by itself.
"""

import base64
import io
import json
import time
from dataclasses import dataclass, field

import gradio as gr
import numpy as np
from PIL import Image

from fashion_tf.live import MaskFinder, MotionFinder, Recogniser, squeezed
from fashion_tf.live.outputs import annotated
from fashion_tf.live.sources import Frame
from fashion_tf.predictor import mask_at

from .parts import answering, fitting, photo_input, sentence

EVERY_SECONDS = 0.2  # between two frames that the browser sends
STREAM_SECONDS = 30.0
VIEWERS = 4  # streams at a time
FRAME_SIDE = 640  # pixels: a larger frame is shrunk
WHOLE, MOTION = "the whole picture", "what moves (the camera stands still)"
NO_CAMERA = ("This page came over http from another machine, and browsers give a camera to https pages alone. Open it "
             "on the machine itself (http://127.0.0.1), or put a reverse proxy with TLS before the service.")


@dataclass
class Viewer:
    """What one visitor's stream has shown so far."""

    settings: tuple
    recogniser: Recogniser
    began: float = field(default_factory=time.monotonic)
    frames: int = 0

    def step(self, image):
        """A frame, uint8 (height, width, 3), to what `Recogniser.step` says of it."""
        now = time.monotonic()
        answers = self.recogniser.step(Frame(self.frames, now - self.began, image, now))
        self.recogniser.forget()
        self.frames += 1
        return answers


def live(service, classifiers, parsers):
    """The tab, inside a `gradio.Blocks`."""
    note = gr.HTML(container=False, padding=False)
    gr.on(None, None, None, note, js=f"() => isSecureContext ? '' : {json.dumps(sentence(NO_CAMERA))}",
          api_visibility="private", show_progress="hidden")
    viewer = gr.State(None, time_to_live=600)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            camera = photo_input(label="Camera", sources=["webcam"], streaming=True, elem_id="camera", height=360,
                                 webcam_options=gr.WebcamOptions(mirror=False, constraints={"video": {
                                     "width": {"ideal": 640}, "height": {"ideal": 480}}}))
        with gr.Column(min_width=300):
            said, shown = gr.HTML(elem_id="decided"), gr.HTML(elem_id="recognised")
    with gr.Row():
        model = gr.Dropdown(classifiers, value=classifiers[0], label="Model", interactive=True, min_width=220)
        find = gr.Dropdown([WHOLE, MOTION, *parsers], value=WHOLE, label="Whom to look at", interactive=True,
                           min_width=220)
    again = gr.Button("Begin anew")

    @answering(2, gr.skip())  # what was seen so far stays
    def frame(data, viewer, name, find):
        if data is None:
            return "", "", viewer
        if viewer is None or viewer.settings != (name, find):
            served = service.find("classification", name)
            viewer = Viewer((name, find), Recogniser(_classifier(served), served.classes, _finder(service, find)))
        image = fitting(data, FRAME_SIDE)
        answers = viewer.step(image)
        # Without the probability, which changes with each frame: a screen reader speaks what has changed.
        said = "; ".join(f"{track.number}: {label}" for track, label, _ in answers) or "Nobody is seen."
        return said, _embedded(annotated(image, answers)), viewer

    camera.stream(frame, [camera, viewer, model, find], [said, shown, viewer], stream_every=EVERY_SECONDS,
                  time_limit=STREAM_SECONDS, concurrency_limit=VIEWERS, concurrency_id="live",
                  show_progress="hidden", api_visibility="private")
    again.click(lambda: (None, "", None), None, [viewer, said, shown], api_visibility="private",
                show_progress="hidden")


def _embedded(picture):
    """A picture as HTML that holds it: no file is written for each frame."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=80)
    data = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="The camera\'s picture with boxes and labels" src="data:image/jpeg;base64,{data}">'


def _classifier(served):
    return lambda crops: np.stack([served.answer(picture) for picture in squeezed(crops, served.image_size)])


def _finder(service, name):
    if name == WHOLE:
        return lambda image: np.array([[0, 0, image.shape[1], image.shape[0]]], float)
    if name == MOTION:
        return MotionFinder()
    served = service.find("parsing", name)
    return MaskFinder(lambda image: mask_at(
        served.answer(squeezed([image], served.image_size)[0]), image.shape[:2]) != 0)
