"""Run folders made by hand, so that the report is tested against the file formats alone."""

import base64
import json
import struct
import zlib

COURSE = """
repository: https://github.com/owner/kit
papers: {first: {title: The | first paper}, second: {title: A second paper}}
lessons:
  - notebook: 11_one.ipynb
    title: One
    paper: first
    minutes: {sample: 1, real: 1, paper: 1, rehearsal: 1}
    profiles: {sample: {}, real: {}, paper: {}, rehearsal: {}}
    records:
      accuracy: {meaning: how good, baseline: 0.1, floors: {sample: 0.5, real: 0.6, paper: 0.7}}
    tables:
      - {title: Table 1, where: page 3, rows: [{row: ours, paper: 0.9, record: accuracy},
                                               {row: others, record: accuracy}]}
  - notebook: 12_two.ipynb
    title: Two
    paper: first
    minutes: {sample: 1, real: 1, paper: 1, rehearsal: 1}
    profiles: {sample: {}, real: {}, paper: {}, rehearsal: {}}
    records:
      loss_share: {meaning: a share, baseline: 0.1, floors: {sample: 0.5, real: 0.6, paper: 0.7}}
    tables:
      - {title: Table 2, where: page 4, rows: [{row: ours, paper: 0.8, record: loss_share}]}
"""


def png(width=2, height=2):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


def lesson(number, status="passed", value=0.85, **fields):
    name = {"11": "accuracy", "12": "loss_share"}[number]
    return {"lesson": number, "notebook": f"{number}_x.ipynb", "status": status, "reasons": [],
            "seconds": 61.0, "parameters": {"DATA": "sample"}, "executed": None, "fingerprint": "f",
            "records": {} if value is None else {name: {"value": value, "versions": {"keras": "3"}}},
            **fields}


def notebook(*pictures, tags=("key-figure",)):
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {"image/png": picture}}
               for picture in pictures]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "markdown", "source": "## Look <b>here</b>\n\nText.", "metadata": {}},
        {"cell_type": "code", "source": "", "metadata": {"tags": list(tags)}, "outputs": outputs}]}


def text_of(picture):
    return base64.b64encode(picture).decode()


def results(*lessons, **fields):
    """The content of a results.json."""
    return {"schema": 1, "fashion_tf": "0.1.0", "profile": "sample", "data": "sample",
            "started": "2026-01-02T03:04:05+00:00", "seconds": 70.0,
            "machine": {"python": "3.12", "system": "Linux", "cores": 2}, "lessons": list(lessons), **fields}


def write_run(folder, *lessons, **fields):
    """A folder that a run might have written."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results(*lessons, **fields)))
    return folder
