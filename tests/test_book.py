"""The book, built from two small executed lessons: complete, self-contained, and every way in it leads somewhere."""

import base64
import importlib.util
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from classroom.report.made import COURSE
from conftest import REPOSITORY
from PIL import Image

from fashion_tf import cli
from fashion_tf.classroom.course import load_course
from fashion_tf.errors import RunError

pytestmark = pytest.mark.slow  # Sphinx takes some ten seconds

def builder():
    spec = importlib.util.spec_from_file_location("book_build", REPOSITORY / "docs" / "book" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def picture():
    file = io.BytesIO()
    Image.new("RGB", (20, 10), "teal").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def lesson(number, name):
    badge = (f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
             f"(https://colab.research.google.com/github/owner/kit/blob/v0/notebooks/{number}_{name}.ipynb)")

    def code(source, *outputs, tags=()):
        return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, "outputs": list(outputs),
                "execution_count": 1}

    def shown(**data):
        return {"output_type": "display_data", "metadata": {}, "data": {
            name.replace("_", "/", 1): value for name, value in data.items()}}

    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": f"# {number} · {name}\n\n{badge}\n\nYou reproduce."},
        code("# @title Setup\nimport sys", {"output_type": "stream", "name": "stdout", "text": "Lesson on Python\n"}),
        {"cell_type": "markdown", "metadata": {}, "source": "## A sum of $w_i$\n\n$$\\sum_i \\lVert w_i \\rVert^2$$"},
        code("draw()", shown(image_png=picture(), text_plain="<Figure>")),
        code("frame", shown(text_html="<table><tr><td>0.85</td></tr></table>", text_plain="0.85")),
        code("noise", {"output_type": "stream", "name": "stderr", "text": "a library's warning\n"}),
        code("bar", {"output_type": "display_data", "metadata": {}, "data": {
            "application/vnd.jupyter.widget-view+json": {"model_id": "a1", "version_major": 2, "version_minor": 0},
            "text/plain": "60 of 60"}}),
    ]
    widget = {"model_name": "HTMLModel", "model_module": "@jupyter-widgets/controls", "state": {"value": "60 of 60"}}
    return {"nbformat": 4, "nbformat_minor": 5,
            "cells": [cell | {"id": f"c{place}"} for place, cell in enumerate(cells)],
            "metadata": {"language_info": {"name": "python", "pygments_lexer": "ipython3"},
                         "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"a1": widget}}}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(the run's folder, the course)."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "course.yml").write_text(COURSE)
    results = []
    for number, name, record in (("11", "one", "accuracy"), ("12", "two", "loss_share")):
        (folder / f"{number}_{name}.ipynb").write_text(json.dumps(lesson(number, name)))
        results.append({"lesson": number, "notebook": f"{number}_{name}.ipynb", "status": "passed", "reasons": [],
                        "seconds": 1.0, "parameters": {}, "executed": f"{number}_{name}.ipynb", "fingerprint": "f",
                        "records": {record: {"value": 0.85, "versions": {}}}})
    (folder / "results.json").write_text(json.dumps({
        "schema": 1, "fashion_tf": "0.1.0", "profile": "sample", "data": "sample", "seconds": 2.0,
        "started": "2026-01-02T03:04:05+00:00", "machine": {"python": "3.12", "system": "Linux", "cores": 2},
        "lessons": results}))
    assert cli.main(["--course", str(folder / "course.yml"), "report", str(folder)]) == 0
    return folder, load_course(folder / "course.yml")


@pytest.fixture(scope="module")
def site(made, tmp_path_factory):
    pytest.importorskip("sphinx", reason="the book needs Sphinx: pip install -e '.[book]'")
    folder, course = made
    site = tmp_path_factory.mktemp("site") / "book"
    assert builder().build(folder, site, course) == []
    return site


class Page(HTMLParser):
    """A page's links, what it loads, its ids and its text."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.ids, self.words = [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes.get("id"), attributes.get("name")}
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag == "link" and attributes.get("rel") not in ("index", "search", "next", "prev", "author"):
            self.loaded.append(attributes.get("href") or "")
        elif tag in ("script", "img", "iframe", "source", "video", "audio", "embed", "object", "form"):
            self.loaded += [attributes[name] for name in ("src", "srcset", "data", "action") if attributes.get(name)]

    def handle_data(self, data):
        self.words.append(data)


def pages(site):
    return {path: Page(path) for path in site.rglob("*.html") if not path.name.endswith("webpack-macros.html")}


def test_no_request_leaves_the_site(site):
    for path, page in pages(site).items():
        assert page.loaded
        assert not [address for address in page.loaded if urlsplit(address).scheme not in ("", "data")
                    or address.startswith("//")], path
    for path in site.rglob("*.css"):
        found = re.findall(r"(?:@import\s+|url\()[\"']?(?:https?:)?//[^\"')]*", path.read_text(encoding="utf-8"))
        assert not found, path
    scripts = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.js"))
    assert "cdn.jsdelivr" not in scripts and "googleapis" not in scripts and "mathjax@" not in scripts


def test_every_link_and_all_that_is_loaded_is_there(site):
    found = pages(site)
    assert len(found) >= 6
    for path, page in found.items():
        for address in page.links + page.loaded:
            parts = urlsplit(address)
            if parts.scheme or not (parts.path or parts.fragment):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file() and target.is_relative_to(site.resolve()), f"{path.name}: {address}"
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in found[target].ids, f"{path.name}: {address}"


def test_links_out_lead_to_colab_and_the_repository_and_references_only(site):
    hosts = {urlsplit(link).netloc for page in pages(site).values() for link in page.links} - {""}
    assert hosts <= {"colab.research.google.com", "github.com"}
    assert "https://github.com/owner/kit" in pages(site)[site / "index.html"].links


def test_a_lesson_has_its_outputs_formulas_and_buttons(site, made):
    path = site / "lessons" / "11_one.html"
    text, page = path.read_text(encoding="utf-8"), pages(site)[path]
    words = " ".join(" ".join(page.words).split())
    assert "11 · one" in words and "Lesson on Python" in words and "0.85" in words
    assert "Executed with the profile sample , 2026-01-02" in words
    assert "a library's warning" not in words and "60 of 60" in words and "model_id" not in words
    article = text[text.index("<article"):text.index("</article>")]
    assert article.count("<math ") == 2 and "<msub>" in article and "lVert" not in article
    colab = f"https://colab.research.google.com/github/owner/kit/blob/{made[1].tag}/notebooks/11_one.ipynb"
    assert colab in page.links and "colab-badge" not in text
    assert (site / "notebooks" / "11_one.ipynb").read_bytes() == (made[0] / "11_one.ipynb").read_bytes()
    shown = [name for name in page.loaded if name.endswith(".png") and "_images" in name]
    assert shown and Image.open(path.parent / shown[0]).size == (20, 10)


def test_contents_report_and_search(site):
    page = pages(site)[site / "index.html"]
    assert {"lessons/11_one.html", "lessons/12_two.html", "report.html", "instructors.html"} <= set(page.links)
    assert "The | first paper" in " ".join(page.words)
    report = " ".join(" ".join(pages(site)[site / "report.html"].words).split())
    assert "Table 1" in report and "0.900" in report and "0.850" in report
    assert "reproduc" in (site / "searchindex.js").read_text()  # a lesson's words, by their stems


def test_what_is_missing_is_named_and_nothing_is_replaced(made, tmp_path):
    build = builder().build
    folder, course = tmp_path / "run", made[1]
    shutil.copytree(made[0], folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    pytest.importorskip("sphinx", reason="the book needs Sphinx: pip install -e '.[book]'")
    with pytest.raises(RunError, match="mine: is no earlier book"):
        build(folder, tmp_path / "mine", course)
    (folder / "report.md").unlink()
    with pytest.raises(RunError, match=r"report\.md: no such file; 'fashion-tf report"):
        build(folder, tmp_path / "site", course)
    (folder / "12_two.ipynb").write_text("{")
    with pytest.raises(RunError, match=r"12_two\.ipynb: cannot be read"):
        build(folder, tmp_path / "site", course)
    assert not (tmp_path / "site").exists() and (tmp_path / "mine" / "letter.txt").exists()


def test_where_nothing_can_be_written_and_where_the_run_is(made, tmp_path):
    build = builder().build
    folder, course = tmp_path / "site" / "run", made[1]
    shutil.copytree(made[0], folder)
    pytest.importorskip("sphinx", reason="the book needs Sphinx: pip install -e '.[book]'")
    (tmp_path / "site" / "searchindex.js").touch()
    with pytest.raises(RunError, match="site: the run stands in it, and would go with it"):
        build(folder, tmp_path / "site", course)
    assert (folder / "results.json").exists()
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(RunError, match="letter: the book cannot be built: "):
        build(folder, tmp_path / "letter" / "book", course)
    results = json.loads((folder / "results.json").read_text())
    for change, message in (({"profile": ["sample"]}, "profile is"), ({"started": 5}, "started is")):
        (folder / "results.json").write_text(json.dumps(results | change))
        with pytest.raises(RunError, match=f"results.json: {message}"):
            build(folder, tmp_path / "book", course)
    results["lessons"][0]["executed"] = "../../letter"
    (folder / "results.json").write_text(json.dumps(results))
    with pytest.raises(RunError, match="lesson 11: executed is '../../letter'"):
        build(folder, tmp_path / "book", course)
    assert not (tmp_path / "book").exists() and (tmp_path / "letter").read_text() == "dear"


def test_a_formula_that_cannot_be_shown_names_its_page(made, tmp_path, capfd):
    folder, course = tmp_path / "run", made[1]
    shutil.copytree(made[0], folder)
    pytest.importorskip("sphinx", reason="the book needs Sphinx: pip install -e '.[book]'")
    notebook = lesson("12", "two")
    notebook["cells"] += [{"cell_type": "markdown", "metadata": {}, "id": f"m{number}", "source": source}
                          for number, source in enumerate([r"A weight $\nonsense{w}$.", "$$\n\\folly{w}\n$$"])]
    (folder / "12_two.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(RunError, match="Sphinx found fault with a page"):
        builder().build(folder, tmp_path / "book", course)
    said = capfd.readouterr().err
    assert "Traceback" not in said and not (tmp_path / "book").exists()
    for command in ("nonsense", "folly"):
        assert re.search(rf"12_two.ipynb:.*a formula that cannot be shown: .*{command}", said)


def test_a_run_that_stopped_is_in_the_book_and_named(made, tmp_path):
    folder, course = tmp_path / "run", made[1]
    shutil.copytree(made[0], folder)
    results = json.loads((folder / "results.json").read_text())
    results["lessons"][1] |= {"status": "failed", "reasons": ["cell 3: no"]}
    (folder / "results.json").write_text(json.dumps(results))
    notebook = lesson("12", "two")
    notebook["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "It stopped below."})
    (folder / "12_two.ipynb").write_text(json.dumps(notebook))
    sources = tmp_path / "sources"
    sources.mkdir()
    assert builder().write_sources(folder, sources, course) == ["12"]
    text = Path(sources, "lessons", "12_two.ipynb").read_text()
    assert "lesson-buttons" in text and "colab-badge" not in text
