"""What a command shows: text that cannot steer the terminal, progress, and none of TensorFlow's start-up notes.

Standard library and tqdm only: every floor above may stand on it.
"""

import os
import sys
import threading
from contextlib import contextmanager

PATIENCE = 2.0  # seconds that may pass in silence
_JOINERS = "\u200c\u200d"  # Persian, Indic scripts and emoji need them; they move nothing


def printable(text, lines=False):
    r"""Text that a terminal shows and does not obey: what is no printable character becomes an escape.

    Names of files and classes may come from strangers; an escape sequence in one could clear the screen, hide lines
    or type for the user. Letters of every alphabet stay as they are.

    Args:
        text: Anything; `str` of it is taken.
        lines: Let line breaks be, for a text of several lines.

    Example:
        >>> printable("\x1b[2Jcoat\n")
        '\\x1b[2Jcoat\\n'
    """
    return "".join(character if character.isprintable() or character in _JOINERS or (lines and character == "\n")
                   else _escape(character) for character in str(text))


def count_of(number, noun):
    """A number with its noun: ``count_of(1, "photo")`` is "1 photo", of 2,000 it is "2,000 photos"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _escape(character):
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # how Python keeps a byte of a file name that is not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii") if not 0xD800 <= number <= 0xDFFF else f"\\u{number:04x}"


@contextmanager
def native_messages_hidden():
    """Hides what compiled libraries write straight to the error stream. What Python writes there stays seen, and
    exceptions pass through."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    python, stream = sys.stderr, None
    try:
        if _descriptor(python) == 2:
            python.flush()
            stream = os.fdopen(os.dup(kept), "w", encoding=python.encoding, errors=python.errors, buffering=1)
            sys.stderr = stream
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        if stream is not None:
            if sys.stderr is stream:
                sys.stderr = python
            stream.close()
        os.close(kept)
        os.close(nowhere)


def _descriptor(stream):
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):  # a notebook's, or a test's
        return None


def import_tensorflow():
    """Imports TensorFlow without the lines that it writes at its start, and returns it; errors are still heard."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_messages_hidden():
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")
    return tf


@contextmanager
def counted(total, what, unit="photo"):
    """A bar for work that is counted: yields a function to call with each number done.

    It is shown on the error stream, on a terminal only, once the work has taken `PATIENCE` seconds; it leaves
    nothing behind.
    """
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit=unit, delay=PATIENCE, leave=False, disable=None) as bar:
        yield bar.update


@contextmanager
def waiting(what):
    """For work that cannot be counted: on a terminal, after `PATIENCE` seconds, a line says what is waited for, and
    for how long."""
    from tqdm import tqdm

    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()

    def tell(bar):
        while not over.wait(0.5):
            bar.refresh()

    # A bar draws itself when it is made, unless its delay has not passed; so it is made after the delay.
    def after_a_while():
        if not over.wait(PATIENCE):
            with tqdm(total=None, desc=what, bar_format="{desc} ... {elapsed}", leave=False) as bar:
                tell(bar)

    teller = threading.Thread(target=after_a_while, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
