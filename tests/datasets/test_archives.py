import bz2
import errno
import gzip
import io
import lzma
import random
import subprocess
import sys
import tarfile
import zipfile

import pytest

from fashion_tf.datasets import archives
from fashion_tf.datasets.archives import is_archive, unpack
from fashion_tf.errors import DataError


def make_zip(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def make_tar(path, *members):
    with tarfile.open(path, "w:gz") as file:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            file.addfile(info, io.BytesIO(content))
    return path


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("make", [
    lambda path: make_zip(path / "a.zip", {"top/x/1.jpg": b"one", "top/2.txt": b"two"}),
    lambda path: make_tar(path / "a.tgz", ("top/x/1.jpg", b"one", tarfile.REGTYPE),
                          ("top/2.txt", b"two", tarfile.REGTYPE)),
])
def test_unpacks_into_the_folder(tmp_path, make):
    archive = make(tmp_path)
    assert is_archive(archive)
    assert unpack(archive, tmp_path / "out") == 2
    assert files(tmp_path / "out") == {"top/x/1.jpg": b"one", "top/2.txt": b"two"}


def test_names_that_macos_packed_keep_their_letters(tmp_path):
    """Its archiver writes UTF-8 and does not set the flag (bit 11) that says so."""
    plain = make_zip(tmp_path / "plain.zip", {"Mäntel/コート.jpg": b"coat"}).read_bytes()
    bare = bytearray(plain)
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        bare[plain.index(header) + flags + 1] &= ~0x08
    (tmp_path / "macos.zip").write_bytes(bare)
    for archive in ("plain.zip", "macos.zip"):
        assert unpack(tmp_path / archive, tmp_path / archive[:-4]) == 1
        assert files(tmp_path / archive[:-4]) == {"Mäntel/コート.jpg": b"coat"}


def test_names_of_code_page_437_stay(tmp_path):
    packed = make_zip(tmp_path / "a.zip", {"M@ntel.jpg": b"coat"}).read_bytes()
    (tmp_path / "a.zip").write_bytes(packed.replace(b"M@ntel", b"M\x84ntel"))  # as DOS writes an a with dots
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert files(tmp_path / "out") == {"Mäntel.jpg": b"coat"}


def test_a_mark_says_which_folder_of_the_archive_is_the_top(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {
        "README": b"", "top/copy/list.csv": b"", "top/list.csv": b"", "top/images/1.jpg": b"",
        "__MACOSX/top/._list.csv": b""})
    unpack(archive, tmp_path / "out", marks=["absent", "list.csv"])
    assert set(files(tmp_path / "out")) == {"README", "copy/list.csv", "list.csv", "images/1.jpg",
                                            "__MACOSX/top/._list.csv"}
    unpack(archive, tmp_path / "deeper", marks=["copy/list.csv"])
    assert "copy/list.csv" in files(tmp_path / "deeper")
    train = make_zip(tmp_path / "train.zip", {"train/annos/1.json": b"", "train/image/1.jpg": b""})
    unpack(train, tmp_path / "whole", marks=["train/annos"])
    assert set(files(tmp_path / "whole")) == {"train/annos/1.json", "train/image/1.jpg"}


def test_what_is_there_is_kept(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"1.txt": b"new", "2.txt": b"new"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1.txt").write_bytes(b"mine")
    assert unpack(archive, tmp_path / "out") == 1
    assert files(tmp_path / "out") == {"1.txt": b"mine", "2.txt": b"new"}
    assert unpack(archive, tmp_path / "out") == 0


def test_what_is_in_the_way_is_named_and_kept(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"images/1.jpg": b"1"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "images").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"out/images: is in the way"):
        unpack(archive, tmp_path / "out")
    assert files(tmp_path / "out") == {"images": b"mine"}
    with pytest.raises(DataError, match=r"a.zip: cannot be unpacked into .*images: File exists"):
        unpack(archive, tmp_path / "out" / "images")


def test_an_interruption_leaves_nothing_and_a_second_call_goes_on(tmp_path, monkeypatch):
    archive = make_zip(tmp_path / "a.zip", {"1.txt": b"1", "2.txt": b"2"})
    out = tmp_path / "out"

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(archives, "_copy", stop)
        with pytest.raises(KeyboardInterrupt):
            unpack(archive, out)
    assert list(out.iterdir()) == []
    (out / ".unpacking-a.zip" / "half").mkdir(parents=True)  # a process that was killed leaves this
    (out / "1.txt").write_bytes(b"1")  # stopped while it moved
    assert unpack(archive, out) == 1
    assert sorted(path.name for path in out.iterdir()) == ["1.txt", "2.txt"]


@pytest.mark.parametrize("name", [
    "../x.txt", "a/../../x.txt", "/etc/x.txt", "C:/x.txt", "a/C:x.txt", "..\\x.txt"])
def test_a_path_out_of_the_folder_is_refused_and_nothing_is_written(tmp_path, name):
    archive = make_zip(tmp_path / "a.zip", {"fine.txt": b"1", name: b"2"})
    with pytest.raises(DataError, match=r"a.zip: the member .*x.txt' leads out of the folder"):
        unpack(archive, tmp_path / "out")
    assert set(files(tmp_path)) == {"a.zip"}


@pytest.mark.parametrize("kind", [
    tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    archive = make_tar(tmp_path / "a.tar.gz", ("fine", b"1", tarfile.REGTYPE), ("odd", b"", kind))
    with pytest.raises(DataError, match="'odd' is a link or a device"):
        unpack(archive, tmp_path / "out")
    assert files(tmp_path / "out") == {}


def test_a_link_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_bomb_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"zeros": bytes(10_000)})
    with pytest.raises(DataError, match="'zeros' it unpacks to more than 9,999 bytes"):
        unpack(archive, tmp_path / "out", maximum_bytes=9_999)
    unpack(archive, tmp_path / "out", maximum_bytes=10_000)


@pytest.mark.parametrize("said", [5, 20_000])
def test_a_size_that_lies_is_refused(tmp_path, said):
    """The central directory announces another size than the member has."""
    archive = make_zip(tmp_path / "a.zip", {"zeros": bytes(10_000)})
    content = archive.read_bytes()
    directory = content.rindex(b"PK\1\2")
    archive.write_bytes(content[:directory + 24] + said.to_bytes(4, "little")
                        + content[directory + 28:])
    with pytest.raises(DataError, match=r"a.zip: .*'zeros'"):
        unpack(archive, tmp_path / "out")
    assert files(tmp_path / "out") == {}


# "secret.txt" holding b"hidden\n", encrypted with the password "open sesame" (PKZIP's cipher): made
# by hand below, because Python reads such archives and cannot write them.
def encrypted_zip(path, password):
    import struct
    import zlib

    crc_table = [0] * 256
    for number in range(256):
        value = number
        for _ in range(8):
            value = (value >> 1) ^ 0xEDB88320 if value & 1 else value >> 1
        crc_table[number] = value
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(byte, value):
        return (value >> 8) ^ crc_table[(value ^ byte) & 0xFF]

    def update(byte):
        keys[0] = crc(byte, keys[0])
        keys[1] = (keys[1] + (keys[0] & 0xFF)) * 134775813 + 1 & 0xFFFFFFFF
        keys[2] = crc(keys[1] >> 24, keys[2])

    def encrypt(data):
        out = bytearray()
        for byte in data:
            mixed = keys[2] | 2
            out.append(byte ^ ((mixed * (mixed ^ 1) >> 8) & 0xFF))
            update(byte)
        return bytes(out)

    content, name = b"hidden\n", b"secret.txt"
    for byte in password:
        update(byte)
    checksum = zlib.crc32(content)
    body = encrypt(bytes(11) + bytes([checksum >> 24])) + encrypt(content)
    fields = (20, 1, 0, 0, 33, checksum, len(body), len(content), len(name))
    local = struct.pack("<4s5H3I2H", b"PK\3\4", *fields, 0) + name + body
    central = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, *fields, 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


def test_passwords(tmp_path):
    archive = encrypted_zip(tmp_path / "a.zip", b"open sesame")
    with pytest.raises(DataError, match=r"a.zip: 'secret.txt': needs a password"):
        unpack(archive, tmp_path / "out")
    said = set()
    for number in range(2_000):  # one wrong password in 256 passes the cipher's own check
        with pytest.raises(DataError, match="a.zip: 'secret.txt': the password is wrong") as caught:
            unpack(archive, tmp_path / "out", password=f"wrong {number}")
        said.add("or the archive is damaged" in str(caught.value))
        if len(said) == 2:
            break
    assert said == {True, False}
    assert files(tmp_path / "out") == {}
    unpack(archive, tmp_path / "out", password="open sesame")
    assert files(tmp_path / "out") == {"secret.txt": b"hidden\n"}
    assert unpack(archive, tmp_path / "out") == 0  # nothing left to decipher


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_damaged_archive_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=rf"{name}: damaged"):
        unpack(tmp_path / name, tmp_path / "out")
    with pytest.raises(DataError, match="no such file"):
        unpack(tmp_path / f"absent-{name}", tmp_path / "out")
    make_tar(tmp_path / "b.tgz", ("x", bytes(range(256)) * 400, tarfile.REGTYPE))
    whole = (tmp_path / "b.tgz").read_bytes()
    (tmp_path / "b.tgz").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(DataError, match=r"b.tgz: damaged"):
        unpack(tmp_path / "b.tgz", tmp_path / "out")
    assert files(tmp_path / "out") == {}


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_damage_far_into_an_archive_is_named(tmp_path, kind):
    archive = tmp_path / f"a.tar.{kind}"
    with tarfile.open(archive, f"w:{kind}") as file:
        info = tarfile.TarInfo("noise")
        info.size = 2_000_000
        file.addfile(info, io.BytesIO(random.Random(0).randbytes(info.size)))
    content = bytearray(archive.read_bytes())
    content[1_500_000:1_500_100] = bytes(100)
    archive.write_bytes(content)
    with pytest.raises(DataError, match=rf"a.tar.{kind}: damaged"):
        unpack(archive, tmp_path / "out")
    assert files(tmp_path / "out") == {}


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_part_of_an_archive_is_none(tmp_path, ending):
    """As it comes where a server does not say how much it sends."""
    whole, part = tmp_path / f"a.{ending}", tmp_path / "part"
    content = random.Random(0).randbytes(50_000)
    if ending == "zip":
        make_zip(whole, {"a": content, "b": content})
    else:
        with tarfile.open(whole, f"w:{ending[4:]}") as handle:
            for name in "ab":
                info = tarfile.TarInfo(name)
                info.size = len(content)
                handle.addfile(info, io.BytesIO(content))
    assert archives.holds_archive(whole)
    size = whole.stat().st_size - (tarfile.RECORDSIZE if ending == "tar" else 0)  # a tar's last bytes are empty
    for length in (0, 300, size // 2, size - 30):
        part.write_bytes(whole.read_bytes()[:length])
        assert not archives.holds_archive(part)


def test_an_archive_that_is_refused_is_one(tmp_path):
    """Unpacking it says why, and not that it is none."""
    assert archives.holds_archive(make_tar(tmp_path / "a.tar.gz", ("odd", b"", tarfile.SYMTYPE)))


def test_a_newer_kind_of_zip_is_named(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"1.txt": b"1"})
    content = archive.read_bytes()
    directory = content.rindex(b"PK\1\2")
    for place, value in ((6, 99), (10, 99)):  # version needed; method (99: AES)
        archive.write_bytes(content[:directory + place] + bytes([value])
                            + content[directory + place + 1:])
        with pytest.raises(DataError, match=r"a.zip: .*unpack it with another program"):
            unpack(archive, tmp_path / "out")
        assert files(tmp_path / "out") == {}


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_no_damage_escapes_as_another_error(tmp_path, ending):
    """Cut off, or with bytes changed: unpacked or refused, and never half."""
    generator = random.Random(0)
    members = {f"d/{number}.txt": generator.randbytes(300) for number in range(5)}
    archive = tmp_path / f"a.{ending}"
    if ending == "zip":
        make_zip(archive, members)
    else:
        with tarfile.open(archive, "w:" + ending[4:]) as file:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    whole = archive.read_bytes()
    for number in range(60):
        content = bytearray(whole)
        if number % 2:
            content = content[:generator.randrange(len(content))]
        else:
            for _ in range(3):
                content[generator.randrange(len(content))] = generator.randrange(256)
        archive.write_bytes(content)
        out = tmp_path / str(number)
        try:
            assert unpack(archive, out) == len(files(out))
        except DataError as error:
            assert str(archive) in str(error) and files(out) == {}


@pytest.mark.parametrize("make", [
    lambda path: make_zip(path / "a.zip", {"1.txt": b"1", "2.txt": b"2"}),
    lambda path: make_tar(path / "a.tgz", *((f"{number}.txt", b"1", tarfile.REGTYPE)
                                            for number in (1, 2))),
])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, make):
    archive, copy, copied = make(tmp_path), archives._copy, []

    def full(*arguments):
        copied.append(arguments)
        if len(copied) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(*arguments)

    monkeypatch.setattr(archives, "_copy", full)
    with pytest.raises(DataError, match="the disk is full; nothing was unpacked"):
        unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def tar_of(path, *headers, kind="gz"):
    """A tar archive of raw 512-byte blocks, as no writer would make them."""
    opener = {"gz": gzip.open, "xz": lzma.open, "bz2": bz2.open, "": open}[kind]
    with opener(path, "wb") as file:
        for block in headers:
            file.write(block)
        file.write(bytes(1024))
    return path


def header(name="x", size=0, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: tar_of(path / "a.tar.gz", header(size=-512)), "'x' announces a size of -512"),
    (lambda path: tar_of(path / "a.tar.gz", header(size=-10**6, kind=tarfile.GNUTYPE_LONGNAME)),
     "a name or header of -"),
    (lambda path: tar_of(path / "a.tar.gz", header(size=10**9, kind=tarfile.XHDTYPE)),
     "a name or header of 1,000,000,"),
    (lambda path: tar_of(path / "a.tar.gz", *[header()] * 20_000), r"has more than \d,\d{3} members"),
    (lambda path: make_tar(path / "a.tar.gz", ("n" * 2_000_000, b"", tarfile.REGTYPE)), "a name or header of 2,000,"),
    (lambda path: make_tar(path / "a.tar.gz", ("n" * 2_000, b"", tarfile.REGTYPE)), "name has 2,000 characters"),
    (lambda path: tar_of(path / "a.tar.xz", header(size=10**8), *[bytes(10**7)] * 10, kind="xz"),
     "'x' it unpacks to more than"),
    (lambda path: tar_of(path / "a.tar.bz2", header(), *[bytes(10**7)] * 10, kind="bz2"),
     r"bytes that unpack to more than \d,\d{3},\d{3}"),
    (lambda path: tar_of(path / "a.tar", *[header(size=0, kind=tarfile.XHDTYPE)] * 3_000, kind=""), "damaged"),
    (lambda path: make_zip(path / "a.zip", {"a/" + "n" * 2_000: b""}), "name has 2,002 characters"),
])
def test_a_small_archive_that_announces_much_is_refused(tmp_path, make, message):
    archive = make(tmp_path)
    with pytest.raises(DataError, match=rf"{archive.name}: .*{message}") as error:
        unpack(archive, tmp_path / "out")
    assert len(str(error.value)) < 400
    assert files(tmp_path / "out") == {}
    archives.holds_archive(archive)  # which must not read it either


def test_a_zip_that_packs_a_thousand_to_one_is_unpacked_and_more_is_refused(tmp_path):
    for method, fits in ((zipfile.ZIP_DEFLATED, True), (zipfile.ZIP_LZMA, False)):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as file:
            file.writestr("zeros", bytes(5_000_000))
        if fits:
            assert unpack(tmp_path / "a.zip", tmp_path / "out") == 1
        else:
            with pytest.raises(DataError, match="'zeros' it unpacks to more than"):
                unpack(tmp_path / "a.zip", tmp_path / "other")


def test_two_processes_unpack_one_archive(tmp_path):
    archive, out = make_zip(tmp_path / "a.zip", {f"d/{n}.txt": bytes(1000) for n in range(300)}), tmp_path / "out"
    code = ("import sys; from fashion_tf.datasets.archives import unpack; "
            "print(unpack(sys.argv[1], sys.argv[2]))")
    both = [subprocess.Popen([sys.executable, "-c", code, archive, out], stdout=subprocess.PIPE, text=True)
            for _ in range(2)]
    written = [int(process.communicate()[0].split()[-1]) for process in both]
    assert sorted(written) == [0, 300] and [process.returncode for process in both] == [0, 0]
    assert len(files(out)) == 300 and [path.name for path in out.iterdir()] == ["d"]
