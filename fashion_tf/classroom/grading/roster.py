"""Who is in the class: a table that Canvas or Moodle exports, or one of an instructor's own."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from fashion_tf.classroom.exercises import student_id
from fashion_tf.errors import RunError
from fashion_tf.files import read_whole

MAXIMUM_BYTES = 10 * 2**20
# Column -> what it holds. Canvas: the gradebook's export. Moodle: the grading worksheet, the list of
# participants, the grader report's export. Others: by hand.
COLUMNS = {
    "student": "id", "id": "id", "student id": "id", "id number": "id", "sis user id": "sis", "sis login id": "login",
    "username": "login", "login": "login", "email": "email", "email address": "email", "identifier": "participant",
    "full name": "name", "name": "name", "first name": "first", "last name": "last", "surname": "last",
    "section": "section",
}


@dataclass(frozen=True)
class Person:
    """One student. `id` is Moodle's ID number or the instructor's own; `canvas` is Canvas's number, `sis` and
    `login` stand beside it there; `participant` is Moodle's number in one assignment."""

    name: str = ""
    id: str = ""
    canvas: str = ""
    sis: str = ""
    login: str = ""
    email: str = ""
    participant: str = ""
    section: str = ""

    @property
    def label(self):
        """What names the student in the grades."""
        return self.id or self.canvas or self.login or self.sis or self.email or self.participant or self.name

    @property
    def ids(self):
        """Everything that is the student's own, as `student_id` compares it."""
        mail = self.email.partition("@")[0]
        own = {student_id(one) for one in (self.id, self.canvas, self.sis, self.login, self.email, mail, self.name)}
        return own - {""}


def read_roster(path):
    """Reads a class's roster.

    Args:
        path: A CSV file with a line of column names; see `COLUMNS`. Others are passed over.

    Returns:
        A list of `Person`.

    Raises:
        RunError: It cannot be read, names no student, or two lines claim one id. Names the line.
    """
    path = Path(path)
    try:
        text = read_whole(path, MAXIMUM_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise RunError(f"{path}: not UTF-8 text; save it as CSV UTF-8.") from None
    except ValueError as error:
        raise RunError(f"{path}: {error}.") from None
    first = text.partition("\n")[0]
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count)))
    except csv.Error as error:
        raise RunError(f"{path}: no CSV file ({error}).") from None
    names = [name.strip().lower() for name in rows[0]] if rows else []
    canvas = "sis login id" in names or "sis user id" in names
    meanings = COLUMNS | ({"student": "name", "id": "canvas"} if canvas else {})
    columns = {place: meanings[name] for place, name in enumerate(names) if name in meanings}
    if not {"id", "login", "email", "participant", "name", "sis"} & set(columns.values()):
        raise RunError(f"{path}, line 1: no column names the students; there may be student, name, id, email, "
                       "username, or the columns that Canvas and Moodle export.")
    people, seen = [], {}
    for number, row in enumerate(rows[1:], 2):
        found = {}
        for place, field in columns.items():
            if place < len(row) and row[place].strip():
                found.setdefault(field, row[place].strip())
        if not found or "points possible" in row[0].lower():
            continue
        given, family = found.pop("first", ""), found.pop("last", "")
        found.setdefault("name", f"{given} {family}".strip())
        if "participant" in found:  # "Participant 123", in the language of the export
            found["participant"] = found["participant"].split()[-1]
        person = Person(**found)
        if not person.label or person.name.lower() in ("test student", "student, test"):
            continue
        for one in {student_id(person.id or person.canvas), student_id(person.login), student_id(person.email)} - {""}:
            if one in seen:
                raise RunError(f"{path}, line {number}: {one!r} stands in line {seen[one]} too.")
            seen[one] = number
        people.append(person)
    if not people:
        raise RunError(f"{path}: names no student.")
    return people


class Class:
    """Finds people by what a submission or a notebook calls them."""

    def __init__(self, people, others=()):
        """`others`: what names students where there is no roster."""
        self.people = list(people)
        self.known = {}
        for person in self.people:
            self.known.update((one, person.label) for one in person.ids)
        if not self.people:
            self.known = {student_id(one): one for one in others if one}

    def person(self, student, name, system):
        """The `Person` of a submission, or None."""
        mine = student_id(student)
        for person in self.people:
            if system == "moodle" and person.participant == student or system == "canvas" and person.canvas == student:
                return person
            if system not in ("moodle", "canvas") and mine in person.ids:
                return person
        plain = _plain(name)
        found = [person for person in self.people if plain and plain in (_plain(person.name), _turned(person.name))]
        return found[0] if len(found) == 1 else None

    def owner(self, identity):
        """Whose an id is, or None."""
        return self.known.get(student_id(identity)) if student_id(identity) else None


def _plain(name):
    """A name as Canvas writes it into a file's name."""
    return "".join(letter for letter in student_id(name) if letter.isalnum())


def _turned(name):
    """Without the comma: "Lovelace, Ada" for "Ada Lovelace", and the reverse."""
    if "," in name:
        family, _, given = name.partition(",")
        return _plain(f"{given} {family}")
    given, _, family = name.strip().rpartition(" ")
    return _plain(f"{family} {given}")
