"""The page's tabs on one photo. Each appears where the service has what it needs."""

import io

import gradio as gr
import numpy as np
from matplotlib.colors import to_hex
from PIL import Image

from fashion_tf.class_activation import grad_cam, overlay
from fashion_tf.datasets.images import read_image
from fashion_tf.describe import annotated_png
from fashion_tf.errors import DataError
from fashion_tf.plots import label_colours
from fashion_tf.predictor import mask_at
from fashion_tf.style.masks import CLOTHING, GARMENTS, garment_labels
from fashion_tf.style.use import changed, find_garment, on_white

from .. import answers
from ..app import DESCRIBED_PIXELS, STYLE_SIZE, check_size, photo_to_paint
from ..models import PhotoRefused
from .camera import live
from .parts import answering, ask, confidences, decoded, fitting, photo_input, size_of

TOP = 5  # classes that are listed
THUMBNAIL = (240, 180)  # height and width of a product that was found


def build(service):
    """The whole page, inside a `gradio.Blocks`."""
    descriptions = service.descriptions()
    classifiers = [name for name, one in descriptions.items() if one["task"] == "classification"]
    parsers = {name: one["classes"] for name, one in descriptions.items() if one["task"] == "parsing"}
    gr.HTML("<h1>fashion_tf</h1><p>This server alone works on your photos, and deletes them within minutes.</p>")
    with gr.Tabs():
        with gr.Tab("A photo"), gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=300):
                photo = photo_input(label="Photo", sources=["upload", "webcam", "clipboard"], height=360,
                                    elem_id="photo", buttons=[], webcam_options=gr.WebcamOptions(mirror=False))
            with gr.Column(scale=3, min_width=300), gr.Tabs():
                if classifiers:
                    with gr.Tab("Classify"):
                        _classify(service, photo, descriptions, classifiers)
                if len(classifiers) > 1:
                    with gr.Tab("Compare"):
                        _compare(service, photo, classifiers)
                if service.has_index:
                    with gr.Tab("Similar"):
                        _similar(service, photo)
                if parsers:
                    with gr.Tab("Parse"):
                        _parse(service, photo, parsers)
                if service.has_judges and parsers:
                    with gr.Tab("Describe"):
                        _describe(service, photo, parsers)
                if service.has_stylizer or parsers:
                    with gr.Tab("Stylise"):
                        _stylise(service, photo, parsers)
        if classifiers:
            with gr.Tab("Live"):
                live(service, classifiers, parsers)


def _choice(names, label):
    return gr.Dropdown(names, value=names[0], label=label, interactive=True)


def _picture(label, description):
    return gr.Image(label=label, alt_text=description, interactive=False, buttons=["download", "fullscreen"],
                    format="png", height=420)


# --- classification -----------------------------------------------------------------------------


def _classify(service, photo, descriptions, names):
    model = _choice(names, "Model")
    about = gr.Textbox(_about(descriptions[names[0]]), label="About this model", interactive=False, max_lines=4)
    button, said = gr.Button("Classify", variant="primary"), gr.HTML()
    label = gr.Label(label="Labels and their probabilities", num_top_classes=TOP)
    seen = _picture("Where the model looked", "The photo, coloured where it speaks for the label")
    of = gr.Dropdown([], label="Show what speaks for", interactive=True)

    @answering(3)
    def classify(data, name):
        served, picture, probabilities = _classified(service, data, name)
        first = [served.classes[number] for number in np.argsort(-probabilities, kind="stable")[:TOP]]
        said, shown = _looked(served, data, picture, first[0])
        return said, confidences(served.classes, probabilities), shown, gr.Dropdown(first, value=first[0])

    @answering(1)
    def look(data, name, label):
        served = service.find("classification", name)
        return _looked(served, data, decoded(data, served.image_size), label)

    model.change(lambda name: _about(descriptions[name]), model, about, api_visibility="private",
                 show_progress="hidden")
    ask(classify, [photo, model], [said, label, seen, of], button, [photo.change, model.change])
    ask(look, [photo, model, of], [said, seen], None, [of.input])


def _about(description):
    """A model in a line: what its saver noted, its classes and its pictures."""
    noted = [f"{name} {value}" for name, value in description["about"].items() if isinstance(value, (str, int, float))]
    height, width = description["image_size"]
    return "; ".join([*noted, f"{len(description['classes'])} classes", f"photos of {height} x {width} pixels"])


def _classified(service, data, name):
    """(the model, the picture that it was given, its probabilities)."""
    served = service.find("classification", name)
    picture = decoded(data, served.image_size)
    return served, picture, served.answer(picture)


def _looked(served, data, picture, label):
    """(what is to be said, the photo with the map of a class; or as it is where the model has no such map)."""
    if label not in served.classes:  # of the model that was chosen before
        raise PhotoRefused(f"The model {served.name} has no class {label}: classify the photo with it first.")
    try:
        return "", overlay(fitting(data), grad_cam(served.predictor.model, picture, served.classes.index(label)))
    except DataError as error:
        return str(error), fitting(data)


def _compare(service, photo, names):
    columns, models = [], []
    with gr.Row():
        for place in range(2):
            models.append(gr.Dropdown(names, value=names[place], label=f"Model {place + 1}", interactive=True,
                                      min_width=220))
    button, said = gr.Button("Compare", variant="primary"), gr.HTML()
    with gr.Row():
        for place in range(2):
            with gr.Column(min_width=260):
                columns += [gr.Label(label=f"Labels of model {place + 1}", num_top_classes=TOP),
                            _picture(f"Where model {place + 1} looked", "The photo, coloured where it speaks for the "
                                                                         "label")]

    @answering(4)
    def compare(data, *names):
        outputs, labels = [], []
        for name in names:
            served, picture, probabilities = _classified(service, data, name)
            labels.append(served.classes[int(probabilities.argmax())])
            outputs += [confidences(served.classes, probabilities), _looked(served, data, picture, labels[-1])[1]]
        same = f"Both say {labels[0]}." if labels[0] == labels[1] else (
            f"They differ: {names[0]} says {labels[0]}, and {names[1]} says {labels[1]}.")
        return same, *outputs

    ask(compare, [photo, *models], [said, *columns], button)


# --- what else can be asked of a photo ----------------------------------------------------------


def _similar(service, photo):
    count = gr.Slider(1, 24, value=6, step=1, label="How many photos")
    button, said = gr.Button("Search", variant="primary"), gr.HTML()
    found = gr.Gallery(label="The most similar first", columns=2, height="auto", object_fit="contain", buttons=[],
                       interactive=False, format="jpeg")

    @answering(1)
    def search(data, count):
        service.check_ready()
        embedding = service.embedder.answer(decoded(data, service.embedder.image_size))
        matches = answers.similar(service.index, embedding, int(count)).matches
        pictures = [_thumbnail(service.index.table.iloc[match.position]["image"], match.box) for match in matches]
        shown = [(picture, f"{match.label or match.image} ({match.similarity:.2f})")
                 for match, picture in zip(matches, pictures) if picture is not None]
        lost = len(matches) - len(shown)
        return "" if not lost else f"The files of {lost} of {len(matches)} photos cannot be read any more.", shown

    ask(search, [photo, count], [said, found], button)


def _thumbnail(reference, box):
    """A photo of the index; None where its file is gone."""
    try:
        return read_image(reference, THUMBNAIL, box)
    except DataError:
        return None


def _parse(service, photo, names):
    model = _choice(list(names), "Model")
    button, said = gr.Button("Parse", variant="primary"), gr.HTML()
    colours = {name: to_hex(colour) for classes in names.values() for name, colour in zip(
        classes, label_colours(len(classes)))}
    shown = gr.AnnotatedImage(label="What each pixel is", height=480, color_map=colours, buttons=["fullscreen"])
    shares = gr.Label(label="Shares of the photo", num_top_classes=12)

    @answering(2)
    def parse(data, name):
        served = service.find("parsing", name)
        probabilities, picture = served.answer(decoded(data, served.image_size)), fitting(data)
        mask = mask_at(probabilities, picture.shape[:2])
        share = np.bincount(mask.ravel(), minlength=len(served.classes)) / mask.size
        order = [number for number in np.argsort(-share, kind="stable") if share[number]]
        parts = [((mask == number).astype(float), served.classes[number]) for number in order]
        return "", (picture, parts), {served.classes[number]: float(share[number]) for number in order}

    ask(parse, [photo, model], [said, shown, shares], button)


def _describe(service, photo, names):
    model = _choice(list(names), "Model that finds the garments")
    button, said = gr.Button("Describe", variant="primary"), gr.HTML()
    shown = _picture("What somebody wears", "The photo with a box around each garment, and its name")

    @answering(1)
    def describe(data, name):
        parser = service.find("parsing", name)
        small, size = decoded(data, parser.image_size), size_of(data)
        check_size(size, DESCRIBED_PIXELS, "photos of more than {} are not described")
        picture, mask = decoded(data, size), mask_at(parser.answer(small), size)
        found = service.describe(picture, mask, parser.classes)
        style = f"Style: {found.style.text()}. " if found.style else ""
        worn = "; ".join(f"{garment.parsed_as}: {garment.type.text()}" for garment in found.garments)
        return style + (worn or "No garment is found."), Image.open(io.BytesIO(annotated_png(found, picture)))

    ask(describe, [photo, model], [said, shown], button)


def _stylise(service, photo, parsers):
    whole = "all of the photo"
    painting = photo_input(label="A painting, whose style is taken", sources=["upload", "clipboard"], height=240,
                           buttons=[], visible=service.has_stylizer, elem_id="painting")
    garments = [name for name in (*GARMENTS, CLOTHING) if any(_knows(classes, name) for classes in parsers.values())]
    labels = [name for classes in parsers.values() for name in classes[1:]]
    choices = list(dict.fromkeys([*([whole] if service.has_stylizer else []), *garments, *labels]))
    garment = gr.Dropdown(choices, value=choices[0], label="What is changed", interactive=True)
    model = gr.Dropdown(list(parsers), value=next(iter(parsers), None), label="Model that finds it",
                        visible=len(parsers) > 1)
    colour = gr.Textbox(label="Its new colour", placeholder="a name, or #803050", visible=bool(parsers), max_length=100)
    strength = gr.Slider(0, 1, value=1, label="Strength of the style", visible=service.has_stylizer)
    button, said = gr.Button("Change", variant="primary"), gr.HTML()
    result = _picture("The changed photo", "The photo after the change")

    @answering(1)
    def change(data, style, garment, name, colour, strength):
        service.check_ready()
        colour, garment = (colour or "").strip() or None, None if garment == whole else garment
        if data is None:
            raise PhotoRefused("Give a photo first.")
        if style is None and colour is None:
            raise PhotoRefused("Nothing to do: give a painting, or a colour." if service.has_stylizer else
                               "Nothing to do: give a colour.")
        if colour is not None and garment is None:
            raise PhotoRefused("A colour is for one garment: choose it.")
        (picture, _), mask = photo_to_paint(data), None
        if garment is not None:
            parser = service.find("parsing", name)
            mask = find_garment(picture, parser.answer(decoded(data, parser.image_size)), parser.classes, garment)
        styles = [] if style is None else [decoded(style, STYLE_SIZE, "The painting")]
        with service.painting:
            new = changed(picture, mask, service.stylizer if styles else None, styles, None, strength, colour)
        return f"{(new != picture).any(-1).mean():.0%} of the photo's pixels are new.", on_white(new)

    ask(change, [photo, painting, garment, model, colour, strength], [said, result], button)


def _knows(classes, garment):
    try:
        return bool(garment_labels(garment, classes))
    except DataError:
        return False
