import errno
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fashion_tf.errors import FashionError, RunError
from fashion_tf.files import locked, whole_folder, write_atomically


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


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_comes_where_a_link_leads_whole_or_not_at_all(tmp_path, there):
    """Such as one to a larger disk."""
    disk, link = tmp_path / "disk", tmp_path / "link"
    disk.mkdir()
    link.symlink_to(disk / "book")
    if there:
        (disk / "book").mkdir()
        (disk / "book" / "old").touch()
    with pytest.raises(OSError, match="disk full"), whole_folder(link) as new:
        failing(open(new / "new", "wb"))
    assert [path.name for path in (disk / "book").iterdir()] == ["old"] if there else not (disk / "book").exists()
    with whole_folder(link) as new:
        (new / "new").touch()
    assert link.is_symlink() and [path.name for path in link.iterdir()] == ["new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"] and os.listdir(disk) == ["book"]


def test_beside_the_folder_of_a_link_nothing_is_cleared(tmp_path):
    """A lock lies beside the link; whose the folders beside its target are, it cannot know."""
    for folder in (tmp_path, disk := tmp_path / "disk"):
        (folder / ".cache-username").mkdir(parents=True)
    (disk / "cache").mkdir()
    (tmp_path / "link").symlink_to(disk / "cache")
    for folder in (tmp_path / "link", tmp_path / "cache"):
        with whole_folder(folder, alone=True):
            pass
    assert (disk / ".cache-username").is_dir() and not (tmp_path / ".cache-username").exists()


def test_a_lock_is_held_by_one_and_names_its_holder(tmp_path):
    path = tmp_path / ".lock"
    with locked(path, "The folder runs", RunError) as held:
        assert held
        with pytest.raises(RunError, match=rf"^The folder runs is in use by process {os.getpid()} on .*\. Wait"):
            with locked(path, "The folder runs", RunError):
                pass
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), locked(path, "It"):
        raise ZeroDivisionError
    with locked(path, "It"):
        pass
    assert list(tmp_path.iterdir()) == []


HOLD = """
import sys, time
from fashion_tf.files import locked
with locked(sys.argv[1], "It"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / ".lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(FashionError, match=f"in use by process {other.pid} "):
            with locked(path, "It"):
                pass
        other.kill()
    assert path.exists()
    with locked(path, "It") as held:
        assert held
    assert not path.exists()


@pytest.mark.parametrize("terminal", [True, False])
def test_threads_that_wait_enter_one_at_a_time(tmp_path, capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    path, inside, entered = tmp_path / ".lock", [], []

    def work(number):
        for _ in range(5):
            with locked(path, "It", wait=True):
                inside.append(number)
                assert inside == [number]
                inside.remove(number)
                entered.append(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert sorted(entered) == sorted(list(range(4)) * 5)
    assert list(tmp_path.iterdir()) == []

    def wait():
        with locked(path, "It", wait=True):
            return "done"

    with ThreadPoolExecutor(1) as pool:
        with locked(path, "It"):
            waiting = pool.submit(wait)
            time.sleep(1.4)
            assert not waiting.done()
        assert waiting.result(5) == "done"
    told = capsys.readouterr()
    assert (f"It is in use by process {os.getpid()} on " in told.err) == terminal
    assert told.out == "" and (terminal or told.err == "")


def test_where_nothing_can_be_written_or_locked_there_is_no_lock(tmp_path, monkeypatch):
    if os.name != "nt" and os.geteuid():  # everything can be written for root
        tmp_path.chmod(0o500)
        with locked(tmp_path / ".lock", "It") as held:
            assert not held
        tmp_path.chmod(0o700)
    with pytest.raises(OSError, match="No such file"), locked(tmp_path / "absent" / ".lock", "It"):
        pass

    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    with locked(tmp_path / ".lock", "It") as held:
        assert not held
