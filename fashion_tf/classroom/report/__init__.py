"""The reproduction report: what the papers say beside what runs measured, as HTML, Markdown and JSON.

Reads results.json and the executed notebooks as JSON: runs nothing, needs no TensorFlow. Both may
come from anybody, so all their text is data that is tidied and escaped, and only what is a PNG
picture is shown as one.

`compare` reads runs and sets them beside the papers; `as_html`, `as_markdown` and `as_json` show that;
`write_report` writes it. `check_run` says what speaks against publishing a run, `published` are those in
docs/runs, and `publish` writes docs/results.md and README's figures from them.
"""

from .check import check_run
from .comparison import as_json, compare
from .files import write_report
from .markdown import as_markdown
from .page import as_html
from .published import publish, published
from .text import format_value, tidy

__all__ = ["as_html", "as_json", "as_markdown", "check_run", "compare", "format_value", "publish", "published", "tidy",
           "write_report"]
