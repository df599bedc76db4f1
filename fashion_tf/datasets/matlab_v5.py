"""Reads MATLAB's .mat files of version 5 to 7.2, which may come from strangers: what a file announces is
bounded before it is read.

`scipy.io.loadmat` reads them too, but ends the process on some damaged files and on cells nested deep.

Source: MathWorks, *MAT-File Format*, chapter "Level 5 MAT-File Format".
"""

import os
import struct
import zlib
from math import prod

import numpy as np

COMPRESSED, MATRIX = 15, 14
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
TEXT = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, STRUCT, CHAR = 1, 2, 4
NUMERIC = range(6, 16)  # double, single, and eight kinds of whole numbers
COMPLEX = 0x0800
HEADER = 128


class TooLarge(ValueError):
    """More than a file of its size may hold; the message is a part of a sentence."""


class Bounds:
    """What may be read from a file at once: masks are at home in it, and bombs are not.

    Args:
        path: The file. Of its values, 64 MiB and 20 times its size may come into memory.
    """

    DEPTH, ITEMS = 32, 500_000

    def __init__(self, path):
        self.limit = (64 << 20) + 20 * os.path.getsize(path)
        self.bytes, self.items = self.limit, self.ITEMS

    def take(self, bytes=0, items=1, depth=0):
        """Counts what is about to be read.

        Raises:
            TooLarge: A bound is passed.
        """
        self.bytes -= bytes
        self.items -= items
        if self.bytes < 0 or bytes < 0:
            raise TooLarge(f"it unpacks to more than {self.limit:,} bytes")
        if self.items < 0 or items < 0:
            raise TooLarge(f"it holds more than {self.ITEMS:,} arrays")
        if depth > self.DEPTH:
            raise TooLarge(f"its cells and structs are nested more than {self.DEPTH} deep")


def read_variables(path, names):
    """Variables of a version 5 file.

    Args:
        path: The file.
        names: Which; the others are passed over.

    Returns:
        (a dict from name to value for those of `names` that are there; the names of all variables).
        Values are as in `fashion_tf.datasets.matlab`; what is neither numbers, text, cells nor structs (a
        sparse matrix, an object, a function) is None.

    Raises:
        TooLarge: See `Bounds`.
        ValueError, struct.error, zlib.error: The file is cut off or damaged.
    """
    bounds = Bounds(path)
    with open(path, "rb") as file:
        content = memoryview(file.read())
    order = {b"IM": "<", b"MI": ">"}.get(bytes(content[126:HEADER]))
    if order is None:
        raise ValueError("its byte order is neither of the two that there are")
    found, present, place = {}, [], HEADER
    while place < len(content):
        kind, data, place = _element(content, place, order)
        if kind == COMPRESSED:
            stream = zlib.decompressobj()
            start = stream.decompress(data, 2_048)  # its name stands at the beginning
            variable = _Matrix(memoryview(start)[8:], order) if len(start) > 8 else None
            if variable and variable.name in names:
                announced = 8 + struct.unpack_from(order + "I", start, 4)[0]
                bounds.take(announced)
                whole = start + stream.decompress(stream.unconsumed_tail, max(announced - len(start), 1))
                kind, data, _ = _element(memoryview(whole), 0, order)
                if not stream.eof and stream.decompress(stream.unconsumed_tail, 1):
                    raise ValueError("a variable is longer than it says")
        elif kind == MATRIX:
            variable = _Matrix(data, order)
        else:
            variable = None
        if variable is None:
            continue
        present.append(variable.name)
        if variable.name in names:
            if kind != MATRIX:
                raise ValueError("a variable is no array")
            found[variable.name] = _Matrix(data, order).value(bounds, 0)
    return found, present


def _element(content, place, order):
    """(kind, data, where the next one begins) of the data element at `place`."""
    kind, count = struct.unpack_from(order + "II", content, place)
    start = place + 8
    if kind >> 16:  # a small one: the data stands in the tag
        kind, count, start = kind & 0xFFFF, kind >> 16, place + 4
        if count > 4:
            raise ValueError("a small element of more than 4 bytes")
    end = start + count
    if end > len(content):
        raise ValueError(f"an element ends {end - len(content):,} bytes behind the file's end")
    following = place + 8 if start == place + 4 else end if kind == COMPRESSED else end + -count % 8
    return kind, content[start:end], following


class _Matrix:
    """A matrix's head, read at once, and its contents, read by `value`."""

    def __init__(self, content, order):
        self.content, self.order, self.place = content, order, 0
        _, flags = self._next()
        _, dimensions = self._next()
        _, name = self._next()
        flags, = struct.unpack_from(order + "I", flags)
        self.kind, self.complex = flags & 0xFF, flags & COMPLEX
        self.shape = tuple(np.frombuffer(dimensions, order + "i4").tolist())
        self.size = prod(self.shape)
        if len(self.shape) < 2 or len(self.shape) > 32 or min(self.shape) < 0:
            raise ValueError(f"an array of shape {self.shape[:4]}")
        self.name = bytes(name).decode("latin-1")

    def value(self, bounds, depth):
        bounds.take(depth=depth)
        if self.kind in NUMERIC:
            parts = [self._numbers(bounds) for _ in range(2 if self.complex else 1)]
            return parts[0] + 1j * parts[1] if self.complex else parts[0]
        if self.kind == CHAR:
            return self._text(bounds)
        if self.kind == CELL:
            bounds.take(items=self.size)
            return [self._inner(bounds, depth) for _ in range(self.size)]
        if self.kind == STRUCT:
            return self._structs(bounds, depth)
        return None

    def _next(self):
        kind, data, self.place = _element(self.content, self.place, self.order)
        return kind, data

    def _inner(self, bounds, depth):
        kind, data = self._next()
        if kind != MATRIX:
            raise ValueError("a cell or field that is no array")
        return _Matrix(data, self.order).value(bounds, depth + 1) if len(data) else np.empty((0, 0))

    def _structs(self, bounds, depth):
        _, length = self._next()
        length, = struct.unpack_from(self.order + "i", length)
        _, names = self._next()
        names = bytes(names)
        if length < 1 or len(names) % length:
            raise ValueError(f"field names of {length} bytes")
        names = [names[start:start + length].split(b"\0")[0].decode("latin-1")
                 for start in range(0, len(names), length)]
        bounds.take(items=self.size * max(len(names), 1))
        return [{name: self._inner(bounds, depth) for name in names} for _ in range(self.size)]

    def _array(self, bounds):
        kind, data = self._next()
        if kind not in NUMBERS:
            raise ValueError(f"numbers of the unknown kind {kind}")
        bounds.take(len(data), 0)
        array = np.frombuffer(data, self.order + NUMBERS[kind])
        if array.size != self.size:
            raise ValueError(f"{array.size:,} numbers for an array of shape {self.shape}")
        return array

    def _numbers(self, bounds):
        array = self._array(bounds)
        return array.reshape(self.shape, order="F").astype(array.dtype.newbyteorder("="))

    def _text(self, bounds):
        """Of several rows the first, as they are stored column by column."""
        kind = self.content[self.place:] and _element(self.content, self.place, self.order)[0]
        if kind in TEXT:
            _, data = self._next()
            bounds.take(len(data), 0)
            encoding = TEXT[kind] if kind == 16 else TEXT[kind] + ("-le" if self.order == "<" else "-be")
            text = bytes(data).decode(encoding)
        else:
            codes = self._array(bounds)
            if codes.dtype.kind not in "iu":
                raise ValueError("text of numbers that are no codes")
            text = codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return text[::max(self.shape[0], 1)].rstrip("\0")
