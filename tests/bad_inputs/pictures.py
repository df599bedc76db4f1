"""Photos and models from strangers, as `fashion-tf predict` meets them."""

import io
import json
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

from PIL import Image


def picture(kind="PNG", **options):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 90)).save(buffer, kind, **options)
    return buffer.getvalue()


def png(side, rows=None):
    """A palette PNG with transparency, 1 bit a pixel; of `rows` rows, by default all."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 + side // 8)) for _ in range(rows or side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + b"".join([
        chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 3, 0, 0, 0)), chunk(b"PLTE", bytes(6)),
        chunk(b"tRNS", b"\x80"), chunk(b"IDAT", data), chunk(b"IEND", b"")])


def scans():
    """A progressive JPEG whose last scan stands there 2,000 times."""
    data = picture("JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * 2000 + b"\xff\xd9"


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(ran) print showpage\n"
PICTURES = {  # name -> (file, its bytes, what is said)
    "honest": ("a.png", picture, "probability"),
    "largest palette picture": ("a.png", lambda: png(8192), "probability"),
    "palette bomb": ("a.png", lambda: png(16_000), r"a\.png: .*16000 x 16000 pixels"),
    "header of a bomb": ("a.png", lambda: png(60_000, 1), r"a\.png: .*60000 x 60000 pixels"),
    "2,000 scans": ("a.jpg", scans, r"a\.jpg: .*2,0\d\d scans"),
    "PostScript as PNG": ("a.png", lambda: POSTSCRIPT, r"a\.png: .*not a JPEG"),
    "PostScript as JPEG": ("a.jpg", lambda: POSTSCRIPT, r"a\.jpg: .*not a JPEG"),
}


def model(folder):
    """A classifier for photos of 8 x 8 pixels."""
    import keras

    from fashion_tf.predictor import save_predictor

    if not folder.exists():
        layers = keras.layers
        save_predictor(folder, keras.Sequential([
            keras.Input((8, 8, 3)), layers.Activation("relu", name="act"), layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax")]), ("a", "b"), 8)
    return folder


def photo(name):
    def build(folder):
        file, content, said = PICTURES[name]
        (folder / file).write_bytes(content())
        return ["predict", model(folder.parent / "model"), folder / file], said

    return build


def changed_model(change, said):
    """The model with other files in its archive: `change` gets them by name."""
    def build(folder):
        path = Path(shutil.copytree(model(folder.parent / "model"), folder / "model")) / "model.keras"
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        change(files)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        (folder / "a.png").write_bytes(picture())
        return ["predict", folder / "model", folder / "a.png"], rf"model\.keras: .*{said}"

    return build


def with_layer(**fields):
    def change(files):
        config = json.loads(files["config.json"])
        next(one for one in config["config"]["layers"] if one["config"].get("name") == "act").update(fields)
        files["config.json"] = json.dumps(config)

    return change


def with_external_link(files):
    import h5py

    def find(_, item):
        return item.name if isinstance(item, h5py.Dataset) else None

    content = io.BytesIO(files["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        name = file.visititems(find)
        del file[name]
        file[name] = h5py.ExternalLink("/etc/passwd", "/x")
    files["model.weights.h5"] = content.getvalue()


SAVED_MODEL = {"filepath": "/somewhere", "call_endpoint": "serve", "name": "act"}
MODELS = {
    "Lambda": changed_model(with_layer(class_name="Lambda", config={"name": "act", "function": "relu"}), "Lambda"),
    "TFSMLayer": changed_model(with_layer(class_name="TFSMLayer", config=SAVED_MODEL), "TFSMLayer"),
    "function that is a TFSMLayer": changed_model(with_layer(config={"name": "act", "activation": {
        "module": "keras.layers", "class_name": "TFSMLayer", "registered_name": None, "config": SAVED_MODEL}}),
        "TFSMLayer"),
    "weights in another file": changed_model(with_external_link, "is a link to another place or file"),
}

PREDICT = {**{name: photo(name) for name in PICTURES}, **MODELS}
