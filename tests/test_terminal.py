import io
import os
import sys
import time

import pytest

from fashion_tf import terminal
from fashion_tf.terminal import count_of, counted, native_messages_hidden, printable, waiting


def test_a_number_and_its_noun():
    assert [count_of(number, "frame") for number in (0, 1, 2, 12_000)] == [
        "0 frames", "1 frame", "2 frames", "12,000 frames"]


@pytest.mark.parametrize("text, shown", [
    ("red coat", "red coat"), ("Größe, пальто, 外套, معطف, कोट", "Größe, пальто, 外套, معطف, कोट"),
    ("می\u200cخواهم", "می\u200cخواهم"), ("👩\u200d🎤 e\u0301", "👩\u200d🎤 e\u0301"),
    ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"), ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
    ("\x9b31m\x85", "\\x9b31m\\x85"), ("gpj.\u202efdp", "gpj.\\u202efdp"), ("\ufeff\u2028", "\\ufeff\\u2028"),
    (os.fsdecode(b"M\xfcll"), "M\\xfcll"), ("\ud800", "\\ud800"), ("\U000e0041", "\\U000e0041"), (3, "3")])
def test_text_is_shown_and_not_obeyed(text, shown):
    assert printable(text) == shown
    shown.encode()  # whatever came in, UTF-8 can write it


def test_line_breaks_are_kept_where_they_are_meant():
    assert printable("a\nb\x1b", lines=True) == "a\nb\\x1b"


def test_native_messages_are_hidden_and_python_is_heard(capfd):
    with native_messages_hidden():
        os.write(2, b"from a library")
        print("from Python", file=sys.stderr)
        with native_messages_hidden():
            print("from Python, inside", file=sys.stderr)
            os.write(2, b"from a library, inside")
        os.write(2, b"from a library")
    os.write(2, b"afterwards")
    print("and Python", file=sys.stderr)
    assert capfd.readouterr().err == "from Python\nfrom Python, inside\nafterwardsand Python\n"


def test_an_error_passes_and_the_streams_are_given_back(capfd):
    stream = sys.stderr
    with pytest.raises(ImportError, match="no TensorFlow"), native_messages_hidden():
        raise ImportError("no TensorFlow")
    assert sys.stderr is stream
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream, shown", [(Terminal, True), (io.StringIO, False)])
def test_progress_is_for_terminals(monkeypatch, stream, shown):
    monkeypatch.setattr(terminal, "PATIENCE", 0.05)
    monkeypatch.setattr(sys, "stderr", stream())
    with waiting("drawing\x07".strip("\x07")):
        time.sleep(0.3)
    with counted(3, "labelling") as step:
        for _ in range(3):
            time.sleep(0.15)
            step(1)
    said = sys.stderr.getvalue()
    assert ("drawing ... 00:00" in said, "labelling" in said) == (shown, shown)
    if shown:  # nothing is left of it
        assert said.endswith("\r") and not said.rpartition("\r")[0].rpartition("\r")[2].strip()


def test_what_is_done_at_once_is_not_mentioned(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with waiting("drawing"), counted(2, "labelling") as step:
        step(2)
    assert sys.stderr.getvalue() == ""
