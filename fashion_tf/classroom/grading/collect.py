"""Finds the notebooks that a class handed in, and whose each is: in a folder, or in a zip as Moodle, Canvas
and nbgrader export it.

Where the names are described: Moodle, mod/assign ("Full name_Identifier_assignsubmission_file_", as a folder
or before a file's name); Canvas, lib/content_zipper.rb ("name[_LATE]_user_attachment_file"); nbgrader,
"submitted/STUDENT/ASSIGNMENT/file" with a timestamp.txt.
"""

import os
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from fashion_tf.datasets.archives import is_archive, unpack
from fashion_tf.errors import DataError, RunError
from fashion_tf.files import read_whole

NOTEBOOK_ENDINGS = (".ipynb", ".ipynb.json", ".ipynb.txt")
MAXIMUM_FILES = 100_000
MAXIMUM_DEPTH = 12
MAXIMUM_CLASS_BYTES = 20 * 2**30  # unpacked, of the whole class
MAXIMUM_STUDENT_BYTES = 512 * 2**20  # unpacked, of an archive that one student handed in
NO_SUBMISSIONS = {"__MACOSX", "__pycache__", "node_modules", "venv"}  # and hidden folders

_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_[a-z]+(_(?P<rest>.*))?$", re.DOTALL)
_CANVAS = re.compile(r"(?P<name>\w+?)_(?P<late>LATE_)?(?P<id>\d+)_(?P<attachment>\d+)_(?P<rest>.+)$", re.DOTALL)


@dataclass(frozen=True)
class Submission:
    """One file that a student handed in, or one that could not be taken and why.

    Attributes:
        student: What names the student in this class: the folder's name, Moodle's or Canvas's identifier.
        name: The student's name where the export has it, or else `student`.
        system: ``"moodle"``, ``"canvas"``, ``"nbgrader"`` or ``""`` (folders and files by student).
        path: The file here; None where there is none that can be read.
        shown: The file's path as it was handed in.
        submitted: When, where it is known: local time without a zone, or with one.
        late: Canvas marked it as late.
        problem: Why it cannot be graded, a sentence; empty where it can.
    """

    student: str
    name: str
    system: str = ""
    path: Path | None = None
    shown: str = ""
    submitted: datetime | None = None
    late: bool = False
    problem: str = ""


@dataclass
class Collection:
    """What was found: submissions, and a sentence for each thing that was passed over."""

    submissions: list = field(default_factory=list)
    skipped: list = field(default_factory=list)


def collect(source, scratch):
    """Finds a class's notebooks.

    Args:
        source: A folder, or an archive.
        scratch: An empty folder for what archives hold.

    Returns:
        A `Collection`. A student whose files hold no notebook has one submission with a `problem`.

    Raises:
        RunError: There is no such folder or archive, the archive is refused, or nothing was handed in.
    """
    source = Path(source)
    times = {}
    if source.is_dir():
        root = source
    elif not source.exists():
        raise RunError(f"{source}: no such folder or archive of submissions.")
    elif not is_archive(source):
        raise RunError(f"{source}: neither a folder nor an archive of submissions (.zip).")
    else:
        root = scratch / "class"
        try:
            unpack(source, root, maximum_bytes=MAXIMUM_CLASS_BYTES)
        except DataError as error:
            raise RunError(f"{error} Nothing was graded.") from None
        times = _zip_times(source)
    found = Collection()
    files = _files(root, found.skipped)
    if root == source:
        times = {path.as_posix(): datetime.fromtimestamp((root / path).stat().st_mtime).replace(microsecond=0)
                 for path in files}
    top = _top(files)
    nbgrader = "submitted" in (source.name, *top.parts)
    for number, path in enumerate(files):
        _add(found, root, path, path.relative_to(top), times.get(path.as_posix()), scratch / str(number),
             nbgrader)
    if not found.submissions:
        raise RunError(f"{source}: holds no submission. It should have a folder for each student, or be the zip that "
                       "Moodle, Canvas or nbgrader exports.")
    found.submissions = _without_needless(found.submissions)
    return found


def _files(root, skipped):
    """Relative paths of all plain files, sorted; links and hidden folders are passed over."""
    found = []
    for folder, folders, names in os.walk(root, followlinks=False):
        here = PurePosixPath(Path(folder).relative_to(root).as_posix())
        for name in sorted(folders + names):
            if (Path(folder) / name).is_symlink():
                skipped.append(f"{here / name}: a link, which may lead anywhere; passed over.")
        deep = len(here.parts) >= MAXIMUM_DEPTH
        if deep and folders:
            skipped.append(f"{here}: folders more than {MAXIMUM_DEPTH} deep; passed over.")
        folders[:] = [] if deep else sorted(
            name for name in folders if not name.startswith(".") and name not in NO_SUBMISSIONS
            and not (Path(folder) / name).is_symlink())
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_symlink() or name.startswith("."):
                continue
            if not path.is_file():
                skipped.append(f"{here / name}: no plain file; passed over.")
                continue
            found.append(here / name)
            if len(found) > MAXIMUM_FILES:
                raise RunError(f"{root}: more than {MAXIMUM_FILES:,} files; is this the folder of submissions?")
    return sorted(found)


def _top(files):
    """The folder that holds the students' folders: down where all stands in one folder of folders."""
    top = PurePosixPath()
    while True:
        below = {path.relative_to(top).parts for path in files}
        first = {parts[0] for parts in below if len(parts) > 1}
        if any(len(parts) == 1 and is_notebook(parts[0]) for parts in below) or len(first) != 1:
            return top
        if any(len(parts) == 2 and (is_notebook(parts[1]) or is_archive(parts[1])) for parts in below) and not any(
                _MOODLE.match(parts[1]) or _CANVAS.match(parts[1]) for parts in below if len(parts) == 2):
            return top  # the one folder is a student's
        if _MOODLE.match(next(iter(first))) or any(parts[-1] == "timestamp.txt" and len(parts) <= 3 for parts in below):
            return top
        if not any(len(parts) > 2 or len(parts) == 2 and _named(parts[1]) for parts in below):
            return top
        top = top / next(iter(first))


def _named(name):
    return bool(_MOODLE.match(name) or _CANVAS.match(name))


def is_notebook(name):
    """Whether a file's name is one that notebooks come under."""
    return name.lower().endswith(NOTEBOOK_ENDINGS)


def _whose(path, nbgrader):
    """(student, name, system, late, path below the student) of a file's path below the class."""
    for depth, part in enumerate(path.parts):
        if match := _MOODLE.match(part):
            rest = PurePosixPath(match["rest"] or "", *path.parts[depth + 1:])
            return match["id"], match["name"], "moodle", False, rest
    if match := _CANVAS.match(path.name):
        return match["id"], match["name"], "canvas", bool(match["late"]), PurePosixPath(match["rest"])
    if len(path.parts) > 1:
        return path.parts[0], path.parts[0], "nbgrader" if nbgrader else "", False, PurePosixPath(*path.parts[1:])
    return "", "", "", False, path


def _add(found, root, path, below, submitted, scratch, nbgrader):
    student, name, system, late, rest = _whose(below, nbgrader)
    if rest.name == "timestamp.txt" and student:
        return
    if is_archive(below.name) and not is_notebook(below.name):
        student = student or _stem(below.name)
        found.submissions += _from_archive(root, path, student, name or student, system, late, submitted, scratch,
                                           found.skipped)
        return
    if not is_notebook(below.name):
        if student:
            found.submissions.append(Submission(student, name, system, None, path.as_posix(), submitted, late,
                                                "No notebook was handed in (no file ends in .ipynb)."))
        else:
            found.skipped.append(f"{path}: no notebook; passed over.")
        return
    submitted = _timestamp((root / path).parent) or submitted
    found.submissions.append(Submission(student, name, system, root / path, path.as_posix(), submitted, late))


def _from_archive(root, path, student, name, system, late, submitted, scratch, skipped):
    """The notebooks in an archive that one student handed in."""
    common = {"student": student, "name": name, "system": system, "submitted": submitted, "late": late}
    try:
        unpack(root / path, scratch, maximum_bytes=MAXIMUM_STUDENT_BYTES)
    except DataError as error:
        # The archive's place here is no business of the student's page.
        reason = str(error).replace(str(root / path), path.name)
        return [Submission(**common, shown=path.as_posix(), problem=f"The archive was refused. {reason}")]
    inside = [one for one in _files(scratch, skipped) if is_notebook(one.name)]
    if not inside:
        return [Submission(**common, shown=path.as_posix(), problem="The archive holds no notebook.")]
    return [Submission(**common, path=scratch / one, shown=f"{path}/{one}") for one in inside]


def _without_needless(submissions):
    """Leaves out what says "no notebook" of a student who has one, and says it once of the others."""
    has = Counter(one.student for one in submissions if one.path or "archive" in one.problem)
    kept, said = [], set()
    for one in submissions:
        if one.path is None and not one.problem.startswith("The archive"):
            if has[one.student] or one.student in said:
                continue
            said.add(one.student)
        kept.append(one)
    return kept


def _timestamp(folder):
    """When nbgrader took the submission: the time in the timestamp.txt beside the notebook."""
    try:
        text = read_whole(folder / "timestamp.txt", 1000, links=False).decode("utf-8", "replace").strip()
        text = re.sub(r" (UTC|GMT)$", "+00:00", text)
        return datetime.fromisoformat(text)
    except (OSError, ValueError):
        return None


def _zip_times(archive):
    """When each file of a zip was last changed, in local time; exports put the time of submission there."""
    if not zipfile.is_zipfile(archive):
        return {}
    times = {}
    with zipfile.ZipFile(archive) as handle:
        for member in handle.infolist():
            try:
                times[PurePosixPath(member.filename.replace("\\", "/")).as_posix()] = datetime(*member.date_time)
            except ValueError:
                continue  # a date such as the 0th of a month
    return {name: time for name, time in times.items() if time.year > 1980}  # 1980: no time was stored


def _stem(name):
    """A file's name without what copies and downloads add: "Copy of 22_x (1).ipynb.json" is "22_x"."""
    for ending in (*NOTEBOOK_ENDINGS, ".zip", ".tar.gz", ".tgz", ".tar"):
        if name.lower().endswith(ending):
            name = name[:-len(ending)]
            break
    name = re.sub(r"^(copy of |kopie von |copie de |copia de )+", "", name, flags=re.IGNORECASE)
    return re.sub(r"([ _-]*\(\d+\)|[ _-]+copy\d*|-\d)+$", "", name, flags=re.IGNORECASE).strip() or name


def student_of_file(shown, notebook_names):
    """The student that a file's name says, where it stands in no folder of a student's; "" where it says none.

    Args:
        shown: The file's path.
        notebook_names: The names of the course's notebooks, without ``.ipynb``.
    """
    stem = _stem(PurePosixPath(shown).name)
    for name in sorted(notebook_names, key=len, reverse=True):
        if name in stem:
            return stem.replace(name, "", 1).strip(" _-.")
    return re.sub(r"^\d\d[ _-]+", "", stem) if stem else ""
