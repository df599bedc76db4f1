"""The report as one HTML page, which loads nothing and runs nothing."""

import base64
from pathlib import Path

from fashion_tf.classroom.report.content import build
from fashion_tf.classroom.report.overview import panels, summary


def as_html(comparison):
    """The report as a self-contained page.

    Args:
        comparison: A `fashion_tf.classroom.report.comparison.Comparison`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    here = Path(__file__).parent
    environment = Environment(loader=FileSystemLoader([here, here.parent]), autoescape=True,
                              undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["base64"] = lambda png: base64.b64encode(png).decode("ascii")
    return environment.get_template("report.html.j2").render(
        build(comparison), overview=[Markup(panel) for panel in panels(comparison)], summary=summary(comparison))
