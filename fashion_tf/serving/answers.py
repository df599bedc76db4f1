"""What the endpoints answer, as the schema shows it, and how to ask: examples that run."""

import base64
from pathlib import PurePosixPath, PureWindowsPath

import numpy as np
from pydantic import BaseModel, Field

from fashion_tf.files import json_value
from fashion_tf.predictor import mask_at, mask_png
from fashion_tf.style.use import picture_png

from .models import PhotoRefused

PROBLEMS = {
    400: "The form cannot be read.", 401: "The key is missing or wrong.",
    404: "No such model or index is served here.", 408: "The body took too long.", 413: "The body is too large.",
    422: "The photo cannot be read, or a parameter is wrong; `detail` says why.", 500: "The service failed.",
    503: "Not ready, or too busy: try again after `Retry-After` seconds.",
}
_ADDRESS = "http://127.0.0.1:8000"
_PYTHON = """import requests

with open("coat.jpg", "rb") as photo:
    answer = requests.post("{address}/v1/{endpoint}", files={{"photo": photo}}, timeout=60).json()
{use}
"""
_USES = {
    "classify": 'print(answer["label"], answer["probability"])',
    "parse": """print(answer["labels"][0])
import base64

with open("mask.png", "wb") as mask:
    mask.write(base64.b64decode(answer["mask"]))""",
    "stylize": """import base64

with open("recoloured.png", "wb") as picture:
    picture.write(base64.b64decode(answer["picture"]))""",
    "describe": """print([garment["type"]["label"] or garment["type"]["candidates"] for garment in answer["garments"]])
print(answer["style"])""",
    "similar": 'print([(match["image"], match["similarity"]) for match in answer["matches"]])',
}
_LONG = {
    "classify": "Sends a photo of any size to a classifier.",
    "parse": "Sends a photo to a parser. `mask` is a PNG in base64, of the photo's own upright size; its palette's "
             "numbers are the labels.",
    "stylize": "Sends a photo, and perhaps a painting as the file `style`. All of the photo is painted, or one "
               "garment, which may get a colour, too. `picture` is a PNG in base64, of the photo's own upright size; "
               "outside the garment every pixel is the photo's own. A garment that is not there is an error, 422.",
    "describe": "Sends a photo. Its garments are found by a parser, each gets its type, and the photo its style where "
                "one is served. A `label` of null means: not sure; `candidates` are then what it may be, or none where "
                "nothing known fits. The probabilities are calibrated.",
    "similar": "Sends a photo that is compared with those of the index, by the cosine of their embeddings.",
}


_QUERIES = {"stylize": "?garment=jacket&colour=teal"}


def described(endpoint):
    """An endpoint's description, with examples for a shell and for Python."""
    asked = endpoint + _QUERIES.get(endpoint, "")
    return (f"{_LONG[endpoint]}\n\n```sh\ncurl -F photo=@coat.jpg '{_ADDRESS}/v1/{asked}'\n```\n\n```python\n"
            f"{_PYTHON.format(address=_ADDRESS, endpoint=asked, use=_USES[endpoint])}```\n")


class Problem(BaseModel):
    detail: str = Field(description="What is wrong, and what to do.")


class State(BaseModel):
    state: str


class ModelInfo(BaseModel):
    name: str
    task: str
    classes: list[str]
    image_size: tuple[int, int] = Field(description="(height, width) that photos are squeezed to.")


class IndexInfo(BaseModel):
    name: str
    photos: int


class Models(BaseModel):
    models: list[ModelInfo]
    index: IndexInfo | None
    describing: list[ModelInfo] = Field(description="Who names garments' types and styles for /v1/describe.")


class Prediction(BaseModel):
    label: str
    probability: float


class Classification(BaseModel):
    model: str
    label: str = Field(description="The most probable class.")
    probability: float
    predictions: list[Prediction] = Field(description="The most probable first.")


class Share(BaseModel):
    number: int = Field(description="The label's number in the mask.")
    label: str
    share: float = Field(description="Of the photo's pixels.")


class Parsing(BaseModel):
    model: str
    height: int
    width: int
    labels: list[Share] = Field(description="Those that occur, the largest first.")
    mask: str = Field(description="A PNG file in base64.")


class Stylized(BaseModel):
    height: int
    width: int
    changed: float = Field(description="The share of its pixels that is new.")
    picture: str = Field(description="A PNG file in base64.")


class Sureness(BaseModel):
    label: str | None = Field(description="The answer; null: not sure.")
    candidates: list[str] = Field(description="The classes that it may be, the most probable first.")
    predictions: list[Prediction] = Field(description="All classes, the most probable first.")


class DescribedGarment(BaseModel):
    box: tuple[int, int, int, int] = Field(description="(x1, y1, x2, y2) in pixels, right and bottom exclusive.")
    share: float = Field(description="Of the photo's pixels.")
    parsed_as: str = Field(description="What the parser calls it.")
    type: Sureness


class Described(BaseModel):
    height: int
    width: int
    garments: list[DescribedGarment] = Field(description="The largest first; none where nobody is dressed.")
    style: Sureness | None = Field(description="Null where no model for it is served.")


class Match(BaseModel):
    position: int = Field(description="Its row in the index.")
    similarity: float
    image: str = Field(description="Its file's name.")
    label: str | None
    box: tuple[float, float, float, float] | None = Field(
        description="The part of the image that was compared, (x1, y1, x2, y2) in its pixels; null: all of it.")
    details: dict[str, str | int | float | bool | None] = Field(description="What else the index knows of it.")


class Similar(BaseModel):
    matches: list[Match] = Field(description="The most similar first.")


def parsing(served, probabilities, size):
    """The answer for a parsed photo of `size`."""
    mask = mask_at(probabilities, size)
    shares = np.bincount(mask.ravel(), minlength=len(served.classes)) / mask.size
    labels = [Share(number=int(number), label=served.classes[number], share=float(shares[number]))
              for number in np.argsort(-shares, kind="stable") if shares[number]]
    return Parsing(model=served.name, height=size[0], width=size[1], labels=labels,
                   mask=base64.b64encode(mask_png(mask, len(served.classes))).decode())


def stylized(photo, picture, profile=None):
    """The answer for a photo that became another picture; `profile`: the photo's ICC profile."""
    return Stylized(height=photo.shape[0], width=photo.shape[1], changed=float((picture != photo).any(-1).mean()),
                    picture=base64.b64encode(picture_png(picture, profile)).decode())


def description(found, size):
    """The answer for a photo of `size` that became a `fashion_tf.describe.Description`."""
    return Described(height=size[0], width=size[1], style=found.style and _sureness(found.style), garments=[
        DescribedGarment(box=garment.box, share=garment.share, parsed_as=garment.parsed_as,
                         type=_sureness(garment.type)) for garment in found.garments])


def _sureness(answer):
    return Sureness(label=answer.label, candidates=answer.candidates, predictions=[
        Prediction(label=label, probability=probability) for label, probability in answer.probabilities.items()])


def similar(index, embedding, k):
    """The answer for a photo's embedding."""
    length = np.linalg.norm(embedding)
    if length == 0:
        raise PhotoRefused("The photo's embedding is all zeros and has no direction. Is it blank?")
    positions, similarities = index.search(embedding[None] / length, k)
    found = [(int(position), float(similarity)) for position, similarity in zip(positions[0], similarities[0])
             if position >= 0]
    return Similar(matches=[_match(position, similarity, index.table.iloc[position], index.crop_to_box)
                            for position, similarity in found])


def _match(position, similarity, row, boxed):
    details = {name: _plain(value) for name, value in row.items() if name not in ("image", "mask", "label", "box")}
    return Match(position=position, similarity=similarity, image=_file_name(row["image"]),
                 label=_plain(row.get("label")), box=row["box"] if boxed else None,
                 details={name: value for name, value in details.items() if value is not None})


def _file_name(reference):
    return PureWindowsPath(str(reference)).name  # which knows both separators; where it lies is nobody's business


def _plain(value):
    """A cell as a JSON scalar; None for what is missing, for what is none, and for places on this machine."""
    try:
        value = json_value(value)
    except ValueError:
        return None
    if isinstance(value, str) and (PurePosixPath(value).is_absolute() or PureWindowsPath(value).anchor):
        return None
    return None if isinstance(value, (list, dict)) else value
