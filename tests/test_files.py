import os
import stat

import pytest

from fashion_tf.files import write_atomically


def failing(file):
    file.write(b"half")
    raise OSError("disk full")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, failing)
    monkeypatch.setattr("os.replace", lambda *_: failing(open(os.devnull, "wb")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("content", [b"\xc3\xa9", "é", lambda file: file.write(b"\xc3\xa9")])
def test_bytes_text_and_functions_are_written(tmp_path, content):
    write_atomically(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == b"\xc3\xa9"


def test_a_file_keeps_its_permissions_and_a_new_one_gets_the_umasks(tmp_path):
    path, before = tmp_path / "file", os.umask(0o027)
    try:
        write_atomically(path, "new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        write_atomically(path, "again")
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(before)
