import errno
import io
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
    assert unpack(archive, tmp_path / "stripped", strip=1) == 2
    assert set(files(tmp_path / "stripped")) == {"x/1.jpg", "2.txt"}


def test_what_is_there_is_kept(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"1.txt": b"new", "2.txt": b"new"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1.txt").write_bytes(b"mine")
    assert unpack(archive, tmp_path / "out") == 1
    assert files(tmp_path / "out") == {"1.txt": b"mine", "2.txt": b"new"}


@pytest.mark.parametrize("name", ["../x.txt", "a/../../x.txt", "/etc/x.txt", "C:/x.txt", "..\\x.txt"])
def test_a_path_out_of_the_folder_is_refused_and_nothing_is_written(tmp_path, name):
    archive = make_zip(tmp_path / "a.zip", {"fine.txt": b"1", name: b"2"})
    with pytest.raises(DataError, match="leads out of the folder"):
        unpack(archive, tmp_path / "out")
    assert set(files(tmp_path)) == {"a.zip"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
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
    with pytest.raises(DataError, match="more than 9,999 bytes"):
        unpack(archive, tmp_path / "out", maximum_bytes=9_999)


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
    with pytest.raises(DataError, match="needs a password"):
        unpack(archive, tmp_path / "out")
    with pytest.raises(DataError, match="the password is wrong"):
        unpack(archive, tmp_path / "out", password="wrong")
    assert files(tmp_path / "out") == {}
    unpack(archive, tmp_path / "out", password="open sesame")
    assert files(tmp_path / "out") == {"secret.txt": b"hidden\n"}


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_damaged_archive_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=rf"{name}: damaged"):
        unpack(tmp_path / name, tmp_path / "out")
    with pytest.raises(DataError, match="No such file"):
        unpack(tmp_path / f"absent-{name}", tmp_path / "out")
    make_tar(tmp_path / "b.tgz", ("x", bytes(range(256)) * 400, tarfile.REGTYPE))
    whole = (tmp_path / "b.tgz").read_bytes()
    (tmp_path / "b.tgz").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(DataError, match=r"b.tgz: damaged"):
        unpack(tmp_path / "b.tgz", tmp_path / "out")
    assert files(tmp_path / "out") == {}


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    archive = make_zip(tmp_path / "a.zip", {"1.txt": b"1", "2.txt": b"2"})
    copied = []

    def full(source, file, size, *names):
        copied.append(names)
        if len(copied) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        file.write(source.read())

    monkeypatch.setattr(archives, "_copy", full)
    with pytest.raises(DataError, match="the disk is full; nothing was unpacked"):
        unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
