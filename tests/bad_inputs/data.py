"""Datasets from strangers, as `fashion-tf data check` meets them, and archives, as `data fetch` does."""

import json
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from bad_inputs.pictures import picture
from PIL import Image

from fashion_tf.datasets import fashionista, imaterialist, matlab

DIGITS = "9" * 5000


def array(values, dtype=object):
    found = np.empty((1, len(values)), dtype)
    found[0, :] = values
    return found


def honest_matlab(folder):
    encoded = [np.frombuffer(picture(kind), np.uint8).reshape(1, -1) for kind in ("JPEG", "PNG")]
    truths = array([(1.0, *encoded)], [(name, object) for name in ("index", "image", "annotation")])
    matlab.write_version_5(folder / fashionista.REFINED, {
        "truths": truths, "labels": array(fashionista.CLASSES), "test_index": np.array([[1.0]])})
    return ["data", "check", "fashionista", folder], "1 rows"


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def variable(kind, shape, contents):
    return element(14, element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack("<2i", *shape))
                   + element(1, b"truths") + contents)


def nested_cells():
    contents = variable(9, (1, 1), element(2, b"7"))
    head = variable(1, (1, 1), b"")[8:]
    sizes = [len(contents) + (len(head) + 8) * level + len(head) for level in range(20_000)]
    return b"".join(struct.pack("<II", 14, size) + head for size in reversed(sizes)) + contents


def version_5(contents, said):
    def build(folder):
        (folder / fashionista.REFINED).write_bytes(matlab.HEADER_5 + bytes(8) + b"\x00\x01IM" + contents())
        return ["data", "check", "fashionista", folder], rf"fashionista-v1\.0\.mat: .*{said}"

    return build


def external_link(folder):
    import h5py

    with h5py.File(folder / "private.h5", "w") as file:
        file["data"] = np.eye(2)
    with matlab.Version73Writer(folder / fashionista.REFINED) as writer:
        writer.file["truths"] = h5py.ExternalLink(str(folder / "private.h5"), "/data")
        writer.put("test_index", np.eye(1))
        writer.put("labels", list(fashionista.CLASSES))
    return ["data", "check", "fashionista", folder], r"fashionista-v1\.0\.mat: .*link to somewhere else; refused"


def texts(dataset, said, **files):
    """A dataset of text files; in their names, / stands as __ and . as _dot_."""
    def build(folder):
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return ["data", "check", dataset, folder], said

    return build


def label_map(number="1"):
    return f"{','.join(imaterialist.COLUMNS)}\n{number},1,Dresses,category\n"


def photos_of(number):
    return f'{{"images": [{{"image_id": {number}, "url": "x"}}], "annotations": []}}'


def list_that_leads_out(folder):
    (folder / "private.jpg").write_bytes(picture("JPEG"))
    (folder / "set/dataset/retro").mkdir(parents=True)
    for name in ("train", "val", "test"):
        (folder / f"set/{name}.csv").write_text("dataset/../private.jpg\n")
    return ["data", "check", "fashionstyle14", folder / "set"], r"train\.csv, line 1: .*a path dataset/STYLE/FILE"


def polygon(folder):
    """200 kB of edges from the top of a photo to its bottom; met when the mask is read."""
    for name in ("annos", "image"):
        (folder / name).mkdir()
    (folder / "annos/000001.json").write_text(json.dumps({"item1": {"segmentation": [[0, 0, 1, 4000] * 20_000]}}))
    Image.new("RGB", (400, 4000)).save(folder / "image/000001.jpg")
    return ["read_mask", f"{folder}/annos/000001.json#1"], r"000001\.json: item1\.segmentation: .*cross \d"


DATA = {
    "honest": honest_matlab,
    "cells nested 20,000 deep": version_5(nested_cells, "nested more than 32 deep"),
    "27 GiB declared": version_5(lambda: variable(6, (60_000, 62_500), element(9, bytes(8))), "cut off or damaged"),
    "external link": external_link,
    "5,000 digits in JSON": texts("imaterialist", r"train\.json: .*thousands of digits",
                                  train_dot_json=photos_of(DIGITS), **{Path(imaterialist.LABEL_MAP).stem + "_dot_csv":
                                                                       label_map()}),
    "5,000 digits in CSV": texts("imaterialist", r"228\.csv, line 2: ", train_dot_json=photos_of(1),
                                 **{Path(imaterialist.LABEL_MAP).stem + "_dot_csv": label_map(DIGITS)}),
    "deep JSON": texts("deepfashion2", r"000001\.json: .*nested too deeply", train__image__x="",
                       train__annos__000001_dot_json="[" * 100_000),
    "a list that leads out": list_that_leads_out,
    "polygon of 200 kB": polygon,
}


def archive(name, write, said):
    def build(folder):
        place = folder / "fashionista"
        place.mkdir()
        write(place / name)
        return ["data", "fetch", "fashionista", "--to", folder], said

    return build


def zip_of(**options):
    def write(path):
        with zipfile.ZipFile(path, "w", options.get("method", zipfile.ZIP_DEFLATED)) as file:
            file.writestr(options["name"], options["content"]())

    return write


def negative_size(path):
    info = tarfile.TarInfo("x")
    info.size = -512
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


def honest_archive(path):
    honest_matlab(path.parent)
    with zipfile.ZipFile(path, "w") as file:
        file.write(path.parent / fashionista.REFINED, fashionista.REFINED)
    (path.parent / fashionista.REFINED).unlink()


ARCHIVES = {
    "honest": archive("a.zip", honest_archive, "1 rows"),
    "zip bomb": archive("a.zip", zip_of(name="x", content=lambda: bytes(10**8), method=zipfile.ZIP_LZMA),
                        r"a\.zip: .*'x' it unpacks to more than"),
    "zip that leads out": archive("a.zip", zip_of(name="../x.txt", content=lambda: b"1"), r"a\.zip: .*leads out of"),
    "tar of a negative size": archive("a.tar", negative_size, r"a\.tar: .*a size of -512"),
}
