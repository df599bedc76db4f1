"""The IDX format of MNIST and Fashion-MNIST: a big-endian header, then raw bytes.

Source: http://yann.lecun.com/exdb/mnist/ ("the IDX file format"): two zero bytes, a type byte
(0x08 = unsigned byte), the number of dimensions, one 4-byte size per dimension, the data.
"""

import gzip
import os
import struct
import zlib

import numpy as np

from fashion_tf.errors import DataError

UNSIGNED_BYTE = 0x08
# Far above any IDX file in use (Fashion-MNIST's largest is 47 MB); a forged header stops here.
MAXIMUM_BYTES = 1 << 30


def read_idx(path, dimensions):
    """Reads one IDX file of unsigned bytes, gzipped or not.

    Args:
        path: The file; gzip is recognised by its first bytes, not by its name.
        dimensions: What the file must hold: 3 for pictures (count, height, width), 1 for labels.

    Returns:
        uint8 array with `dimensions` axes.

    Raises:
        DataError: The file is absent, cut off, too long, not IDX, of another type, or holds
            labels where pictures belong (or the reverse). The message names the file.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if packed else file
            head = stream.read(4)
            if len(head) < 4 or head[:2] != b"\x00\x00" or not 1 <= head[3] <= 4:
                raise DataError(f"{path}: not an IDX file (it begins with {head.hex() or 'nothing'}).")
            if head[2] != UNSIGNED_BYTE:
                raise DataError(f"{path}: IDX data of type 0x{head[2]:02x}; only unsigned bytes "
                                "(0x08) are expected here.")
            if head[3] != dimensions:
                kinds = {1: "labels", 3: "pictures"}
                raise DataError(
                    f"{path}: holds {kinds.get(head[3], f'{head[3]}-dimensional data')} where "
                    f"{kinds.get(dimensions, f'{dimensions}-dimensional data')} belong. "
                    "Were two files swapped or renamed?"
                )
            sizes = stream.read(4 * dimensions)
            if len(sizes) < 4 * dimensions:
                raise DataError(f"{path}: cut off inside its header.")
            shape = struct.unpack(f">{dimensions}I", sizes)
            expected = int(np.prod([int(size) for size in shape], dtype=object))
            if expected > MAXIMUM_BYTES:
                raise DataError(f"{path}: its header claims {expected:,} bytes; refused.")
            data = stream.read(expected + 1)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a folder stands where a file of this name belongs.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip data is cut off or damaged ({error}). "
                        "Download the file again.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    if len(data) != expected:
        state = "cut off" if len(data) < expected else "longer than it says"
        raise DataError(f"{path}: {state}: its header promises {expected:,} bytes for shape {shape}, "
                        f"and {'more' if len(data) > expected else format(len(data), ',')} follow.")
    return np.frombuffer(data, np.uint8).reshape(shape)


def write_idx(path, array):
    """Writes a uint8 array as a gzipped IDX file: the same array gives the same bytes.

    Raises:
        DataError: The array is not uint8.
    """
    array = np.asarray(array)
    if array.dtype != np.uint8:
        raise DataError(f"{path}: IDX files here hold uint8, not {array.dtype}.")
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    unfinished = f"{path}.part"
    with open(unfinished, "wb") as file:
        # No name and no time in the gzip header: they would change the bytes.
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed:
            packed.write(header + array.tobytes())
    os.replace(unfinished, path)
