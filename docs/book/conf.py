"""The book's frame, for Sphinx: lessons as they were executed, and nothing that a browser must fetch elsewhere."""

from html import escape

from docutils.nodes import SkipNode
from docutils.utils.math import MathError, latex2mathml
from sphinx.util.logging import getLogger

import fashion_tf

project, author, release = "fashion_tf", "the authors of fashion_tf", fashion_tf.__version__
html_title = "fashion_tf: five papers on fashion images, reproduced"
extensions = ["myst_nb"]
exclude_patterns = ["extra"]
nb_execution_mode = "off"  # a lesson is executed by `fashion-tf run`, once
nb_merge_streams = True
nb_output_stderr = "remove"
# A record shows itself as text, for the rest of it is for programs; so does a widget, whose scripts are another site's.
nb_mime_priority_overrides = [("html", f"application/vnd.{name}+json", None)
                              for name in ("fashion-tf.record", "jupyter.widget-view")]
nb_ipywidgets_js = {}
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header"]
myst_enable_extensions = ["dollarmath"]

html_theme = "sphinx_book_theme"
html_theme_options = {  # build.py adds the repository's address
    "use_repository_button": True, "use_download_button": False,
    "show_toc_level": 2, "home_page_in_toc": True, "navbar_persistent": [],
}
html_context = {"default_mode": "light"}
html_static_path, html_css_files = ["_static"], ["book.css"]
html_extra_path = ["extra"]
html_copy_source = html_show_sourcelink = False
html_math_renderer = "mathml"


def setup(app):
    """Formulas as MathML, which browsers draw by themselves: no script, no fonts from elsewhere."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer, node):
    writer.body.append(_mathml(node))
    raise SkipNode


def _block(writer, node):
    writer.body.append(f'<div class="formula">{_mathml(node, as_block=True)}</div>\n')
    raise SkipNode


def _mathml(node, **options):
    """The formula, or a warning that names its page, and its text."""
    try:
        return latex2mathml.tex2mathml(node.astext(), **options)
    except MathError as error:
        getLogger(__name__).warning("a formula that cannot be shown: %s", error, location=node)
        return f"<code>{escape(node.astext())}</code>"
