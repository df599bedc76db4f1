"""MATLAB's .mat files, of version 5 to 7.2 and of version 7.3 (HDF5), as plain Python values.

Both kinds come back alike: a struct or an array of structs is a list of dicts, a cell array a list,
a char array a str, and a numeric array a NumPy array with MATLAB's rows and columns (version 7.3
stores arrays transposed: that is undone here). Files may come from strangers: nothing is read from
outside of them, and no more than `fashion_tf.datasets.matlab_v5.Bounds` allows.

Sources: MathWorks, *MAT-File Format* (version 5: a 116-byte text that holds the time of writing,
then the data); for 7.3, HDF5 with a 512-byte head, the attribute ``MATLAB_class`` on every item,
and cells and struct arrays as object references into the group ``#refs#``.
"""

import io
import os
import struct
import zlib

import numpy as np

from fashion_tf.datasets.matlab_v5 import Bounds, TooLarge, read_variables
from fashion_tf.errors import DataError

HEADER_LENGTH = 116
# The header names a time of writing; ours names none, so the same data gives the same bytes.
HEADER_5 = b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(HEADER_LENGTH)
HEADER_73 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(HEADER_LENGTH)
DAMAGED = "Its data is cut off or damaged; get the file again."


def read_mat(path, *names):
    """Reads variables from a .mat file of any version.

    Args:
        path: The file.
        names: The variables' names; all of them must be there.

    Returns:
        A dict from name to value, as the module's docstring says.

    Raises:
        DataError: The file is absent, no .mat file or damaged, or lacks a variable; or it holds
            more than its size allows, or data that lies in other files.
    """
    if is_version_73(path):
        with open_version_73(path, *names) as file:
            try:
                return {name: plain(member(file, name)) for name in names}
            except TooLarge as error:
                raise DataError(f"{path}: {error}; refused.") from None
            except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
                raise DataError(f"{path}: {DAMAGED} ({error})") from None
    try:
        found, present = read_variables(path, names)
    except TooLarge as error:
        raise DataError(f"{path}: {error}; refused.") from None
    except (ValueError, OverflowError, struct.error, zlib.error) as error:
        raise DataError(f"{path}: {DAMAGED} ({error})") from None
    _require(path, present, names)
    return found


def is_version_73(path):
    """Whether a .mat file is of version 7.3, which is HDF5, and not older.

    Raises:
        DataError: The file is absent or no .mat file.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEADER_LENGTH)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a folder stands where a .mat file should.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    if head.startswith(b"MATLAB 7.3"):
        return True
    if head.startswith(b"MATLAB 5.0"):
        return False
    raise DataError(f"{path}: not a MATLAB file (it begins with {head[:16]!r}). A download that "
                    "went wrong often leaves a web page or an empty file; get it again.")


def open_version_73(path, *names):
    """Opens a .mat file of version 7.3 for reading piece by piece: an `h5py.File`.

    Args:
        path: The file.
        names: Variables that it must hold.

    Raises:
        DataError: The file is absent, of an older version or damaged, or lacks a variable.
    """
    import h5py

    if not is_version_73(path):
        raise DataError(f"{path}: a MATLAB file older than version 7.3, where 7.3 (HDF5) belongs.")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: {DAMAGED} ({error})") from None
    try:
        _require(path, list(file), names)
        for name in names:
            member(file, name)
    except (KeyError, RuntimeError, ValueError) as error:
        file.close()
        raise DataError(f"{path}: {DAMAGED} ({error})") from None
    except BaseException:
        file.close()
        raise
    return file


def _require(path, found, names):
    missing = [name for name in names if name not in found]
    if missing:
        present = [name for name in map(str, found) if not name.startswith("#")]
        raise DataError(f"{path}: holds no variable {', '.join(missing)}; it has "
                        f"{', '.join(present) or 'none'}. Is it another file of the dataset?")


def member(group, name):
    """An item of an h5py group, which stands in the group itself.

    Raises:
        KeyError: There is none.
        DataError: It is a link: to another file, which may be any on this machine, or to a path.
    """
    import h5py

    link = group.get(name, getlink=True)
    if link is None:
        raise KeyError(f"{group.name} has no {name}")
    if not isinstance(link, h5py.HardLink):
        raise DataError(f"{group.file.filename}: {name!r} is a link to somewhere else; refused.")
    return group[name]


def plain(item, bounds=None, depth=0):
    """An item of a version 7.3 file (an h5py group or dataset) as the module's docstring says.

    Args:
        item: The group or dataset.
        bounds: What may be read; by default what one file may hold.
        depth: How many groups and cells it stands in.

    Raises:
        TooLarge: A bound is passed.
        DataError: Its data lies in other files.
    """
    import h5py

    bounds = bounds or Bounds(item.file.filename)
    bounds.take(depth=depth)
    if isinstance(item, h5py.Group):
        bounds.take(items=len(item))
        fields = {name: member(item, name) for name in item}
        # A field of a struct array is a dataset of bare references; a cell array has a class.
        is_array = fields and all(
            isinstance(field, h5py.Dataset) and _holds_references(field)
            and "MATLAB_class" not in field.attrs for field in fields.values())
        if not is_array:
            return [{name: plain(field, bounds, depth + 1) for name, field in fields.items()}]
        columns = {name: references(field, bounds) for name, field in fields.items()}
        return [{name: plain(item.file[reference], bounds, depth + 1) for name, reference in zip(columns, row)}
                for row in zip(*columns.values(), strict=True)]
    if item.attrs.get("MATLAB_empty", 0):
        return "" if item.attrs.get("MATLAB_class") == b"char" else np.empty((0, 0))
    if _holds_references(item):
        return [plain(item.file[reference], bounds, depth + 1) for reference in references(item, bounds)]
    array = _array(item, bounds).T
    if item.attrs.get("MATLAB_class") == b"char":
        bounds.take(8 * array.size)
        return "".join(map(chr, array.ravel()))
    return array


def references(item, bounds=None):
    """The object references of a cell array or struct field, in MATLAB's (column-first) order."""
    bounds = bounds or Bounds(item.file.filename)
    bounds.take(items=item.size)
    return _array(item, bounds).ravel()


def _holds_references(item):
    import h5py

    return h5py.check_ref_dtype(item.dtype) is h5py.Reference


def _array(item, bounds):
    """A dataset's values, once it is sure that they lie in this file and fit into memory."""
    if item.external or item.is_virtual:
        raise DataError(f"{item.file.filename}: the data of {item.name!r} lies in other files; refused.")
    if item.dtype.hasobject and not _holds_references(item):
        raise ValueError(f"{item.name} has values of no fixed size")
    chunk = np.prod(item.chunks or (0,), dtype=object)  # a chunk is unpacked as a whole
    bounds.take(int(max(item.size, chunk)) * item.dtype.itemsize, 0)
    return item[()]


def write_version_5(path, variables):
    """Writes a version 5 .mat file; the same variables give the same bytes.

    Args:
        path: The file.
        variables: A dict from name to what `scipy.io.savemat` takes.
    """
    from scipy.io import savemat

    buffer = io.BytesIO()
    # Not compressed: two builds of zlib may pack the same data into different bytes.
    savemat(buffer, variables, format="5", do_compression=False, oned_as="column")
    unfinished = f"{path}.part"
    with open(unfinished, "wb") as file:
        file.write(HEADER_5 + buffer.getvalue()[HEADER_LENGTH:])
    os.replace(unfinished, path)


class Version73Writer:
    """Writes a version 7.3 .mat file; the same calls give the same bytes.

    Example:
        >>> with Version73Writer(path) as writer:
        ...     writer.put("names", ["bk", "hat"])       # a cell array of char arrays
        ...     writer.put("image", np.zeros((4, 3)))     # a 4 x 3 double
        ...     writer.put("people", [{"age": [[7]]}])    # a cell array of structs
    """

    def __init__(self, path):
        self.path = path
        self.count = 0

    def __enter__(self):
        import h5py

        # MATLAB's text stands in the first 512 bytes, which HDF5 leaves to its user.
        self.file = h5py.File(f"{self.path}.part", "w", userblock_size=512, libver="earliest")
        return self

    def __exit__(self, kind, *error):
        self.file.close()
        if kind is not None:
            os.remove(f"{self.path}.part")
            return
        with open(f"{self.path}.part", "r+b") as file:
            # 8 bytes for a subsystem offset (none), the version, and the byte order ("MI" swapped).
            file.write(HEADER_73 + bytes(8) + b"\x00\x02IM")
        os.replace(f"{self.path}.part", self.path)

    def put(self, name, value, group=None):
        """Writes one variable, or one field of the struct `group`.

        Args:
            name: Its name.
            value: A str (char array), a list (cell array, n x 1), a dict (struct), or an array of
                MATLAB's shape.
            group: Where to write; the file's top by default.
        """
        import h5py

        group = self.file if group is None else group
        if isinstance(value, dict):
            item = group.create_group(name)
            for field, content in value.items():
                self.put(field, content, item)
            matlab_class = b"struct"
        elif isinstance(value, list):
            names = []
            for element in value:
                names.append(f"#refs#/{self.count}")
                self.count += 1
                self.put(names[-1], element)
            item = group.create_dataset(name, (1, len(names)), dtype=h5py.ref_dtype)
            item[0] = [self.file[element].ref for element in names]
            matlab_class = b"cell"
        elif isinstance(value, str):
            codes = np.array([[ord(letter)] for letter in value], np.uint16)
            item = group.create_dataset(name, data=codes)
            matlab_class = b"char"
        else:
            array = np.asarray(value)
            item = group.create_dataset(name, data=np.ascontiguousarray(array.T))
            matlab_class = {"f8": b"double", "f4": b"single"}.get(
                array.dtype.str[1:], array.dtype.name.encode())
        item.attrs["MATLAB_class"] = np.bytes_(matlab_class)
