"""The report as Markdown."""

import html
import re

from fashion_tf.classroom.report.content import build
from fashion_tf.classroom.report.overview import ALT, summary


def as_markdown(comparison, overview=None, first_line=None):
    """The report as Markdown.

    Args:
        comparison: A `fashion_tf.classroom.report.comparison.Comparison`.
        overview: Where the overview's picture lies, seen from the file; None: the report has none.
        first_line: An HTML comment to begin with, or None.
    """
    report, text = build(comparison), _text
    blocks = [first_line] if first_line else []
    blocks += [f"# {text(report['title'])}", f"**{text(report['headline'])}.**"]
    blocks += [text(note) for note in report["notes"]]
    if report["facts"]:
        blocks += ["\n".join(f"- {text(name)}: {text(fact)}" for name, fact in report["facts"])]
    if report["runs"]:
        blocks += ["## Runs", table_as_markdown(report["runs"]), *map(text, report["runs"]["notes"])]
    blocks += ["## Paper and here"]
    if overview:
        blocks += [f"![{ALT}]({overview})", *map(text, summary(comparison))]
    for paper in report["papers"]:
        blocks += [f"### {text(paper['title'])}"]
        blocks += [text(paper["authors"])] if paper["authors"] else []
        for table in paper["tables"]:
            blocks += [f"#### {text(table['title'])}", text(table["source"]), table_as_markdown(table)]
            blocks += [text(note) for note in table["notes"]]
        blocks += [text(paper["left_out"])] if paper["left_out"] else []
    if report["not_yet"]:
        blocks += [f"Not reproduced yet: {text('; '.join(report['not_yet']))}."]
    blocks += ["## Lessons"]
    for lesson in report["lessons"]:
        blocks += [f"### {lesson['id']} · {text(lesson['title'])}"]
        for run in lesson["runs"]:
            blocks += [", ".join(filter(None, [f"**{run['status']}**", text(run["summary"])]))]
            blocks += ["\n".join(f"- {text(reason)}" for reason in run["reasons"])] if run["reasons"] else []
        blocks += [table_as_markdown(lesson)]
        for figure in lesson["figures"]:
            blocks += [f"{text(figure['caption'])}", f"![{text(figure['alt'])}]({figure['file']})"]
        blocks += [text(note) for note in lesson["notes"]]
    return "\n\n".join(blocks) + "\n"


def table_as_markdown(table):
    """A table, as `fashion_tf.classroom.report.content` describes it."""
    rules = {"text": "---", "number": "---:", "verdict": "---"}
    lines = [[_text(name) for name, _ in table["columns"]],
             [rules[kind] for _, kind in table["columns"]],
             *([_text(cell) for cell in row] for row in table["rows"])]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _text(text):
    """Text that Markdown shows as it is: no markup, no HTML, no end of a table's cell, and nothing that
    becomes a link or calls somebody by name where it is published (a space without width prevents it)."""
    text = html.escape(text, quote=False)
    text = re.sub(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))", r"\\\1", text)
    text = re.sub(r"@|#(?=\d)|:(?=/)|\b[wW]{3}\.|(?i:mailto|xmpp):", r"\g<0>&#8203;", text)
    # What begins a list or a heading; in the book "%" would begin a comment, and "(name)=" would name a place.
    text = re.sub(r"\A([-+#](?!\d)|%)", r"\\\1", text)
    return re.sub(r"(\A\d{1,9})([.)])(?!\S)|(\))(=\Z)", r"\1\3\\\2\4", text)
