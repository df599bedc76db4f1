"""What a rule reads of a cell: its code as a tree, its prose as a reader reads it."""

import ast
import re
import warnings
from dataclasses import dataclass
from itertools import islice

# Notebooks may come from anybody: each part of a pattern is bounded, or ends where the next begins, so
# that no text takes more than a time in proportion to its length.
_HEADING = re.compile(r"#{1,6}\s(.*)")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,5})(?!`).{1,500}?(?<!`)\1(?!`)")
_PICTURE = re.compile(r"!\[[^\[\]]{0,500}\]\([^)]{0,500}\)")
_LINK = re.compile(r"\[([^\[\]]{0,500})\]\([^)]{0,500}\)")
_END_OF_SENTENCE = re.compile(r"[.:?!](?=[\s*_)\"'”]|$)")
# What IPython adds to Python: %magic, %%magic, !shell, and NAME = either of them.
IPYTHON_LINE = re.compile(r"(\s*)(?:[\w,.][\w\s,.]*=\s*)?[%!]")


@dataclass(frozen=True)
class Parsed:
    """A cell's code: its tree (empty where it does not parse), IPython's lines, the error."""

    tree: ast.Module
    special: tuple = ()
    error: str | None = None


def parse(source):
    try:
        return Parsed(_tree(source))
    except ValueError:
        lines = source.splitlines()
    if source.lstrip().startswith("%%"):
        return Parsed(ast.Module([], []), ((1, source.strip().partition("\n")[0]),))
    special = {number: match for number, line in enumerate(lines, 1)
               if (match := IPYTHON_LINE.match(line))}
    plain = [f"{special[number][1]}pass" if number in special else line
             for number, line in enumerate(lines, 1)]
    listed = tuple((number, lines[number - 1].strip()) for number in special)
    try:
        return Parsed(_tree("\n".join(plain)), listed)
    except ValueError as error:
        return Parsed(ast.Module([], []), listed, str(error))


def _tree(source):
    """Parses; whatever stands in the way becomes one ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as error:
            raise ValueError(f"line {error.lineno}: {error.msg}") from None
        except (RecursionError, MemoryError):
            raise ValueError("nested too deeply") from None


def outside_fences(source):
    """(line index, line) of a markdown cell, without its blocks of code."""
    fence = None
    for index, line in enumerate(source.splitlines()):
        mark = re.match(r"\s{0,3}(`{3,}|~{3,})", line)
        if mark and fence is None:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = None
        elif fence is None:
            yield index, line


def headings(source):
    """(line index, text) of the headings; lower case, without marks of emphasis."""
    return [(index, re.sub(r"[\\*_`]", "", match[1].strip().rstrip("# \t")).lower())
            for index, line in outside_fences(source) if (match := _HEADING.match(line))]


def before_heading(source):
    found = headings(source)
    return "\n".join(source.splitlines()[:found[0][0]]) if found else source


def prose(source):
    """The text that a reader reads: no code, comments, pictures or addresses."""
    text = "\n".join(line for _, line in outside_fences(source))
    first, *parts = text.split("<!--")
    text = first + "".join(part.partition("-->")[2] if "-->" in part else part for part in parts)
    text = _CODE_SPAN.sub("code", text)
    text = _PICTURE.sub("", text)
    text = _LINK.sub(r"\1", text)
    return re.sub(r"https?://\S+", "", text)


def has_sentence(source):
    """Three words and a full stop (or : ? !), outside headings and tables."""
    lines = [line for line in prose(source).splitlines()
             if not _HEADING.match(line) and not line.lstrip().startswith("|")]
    text = "\n".join(lines)
    third = next(islice(re.finditer(r"\w+", text), 2, None), None)
    return third is not None and _END_OF_SENTENCE.search(text, third.start() + 1) is not None
