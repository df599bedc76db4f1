"""Each item of a lesson's grade: pass, fail, not attempted, not run, altered or missing, with a reason."""

import json
import time
from dataclasses import dataclass

from fashion_tf.classroom.exercises import NOT_ATTEMPTED, judge, student_id
from fashion_tf.classroom.grading.cells import match
from fashion_tf.classroom.grading.origins import NO_PYTHON, names_of, origins
from fashion_tf.classroom.grading.rubric import EXECUTED, EXERCISE, RECORD, RECORDED, SETTINGS
from fashion_tf.classroom.records import as_text
from fashion_tf.classroom.report import format_value, tidy
from fashion_tf.errors import CourseError

PASS, FAIL, NOT_RUN, ALTERED, MISSING = "pass", "fail", "not run", "altered", "missing"
OUTCOMES = (PASS, FAIL, NOT_ATTEMPTED, NOT_RUN, ALTERED, MISSING)
FAST = 0.03  # of a lesson's minutes: a run in less is worth a look


@dataclass
class Item:
    """One item's outcome. `answer`: what was answered, in the student's words, where that was wrong."""

    name: str
    kind: str
    title: str
    outcome: str
    points: float
    maximum: float
    reason: str
    hidden: bool = False
    answer: str = ""


def judge_items(evidence, lesson, own, rubric, ids, other=None, handed_in=None):
    """Judges all items of a lesson.

    Args:
        evidence: The submission's `Evidence`; where it was run again, that of the new run.
        lesson: course.yml's `Lesson`.
        own: The lesson's `LessonCells`.
        rubric: The `LessonRubric`.
        ids: The submitter's ids, as `student_id` gives them, or None where they cannot be told.
        other: Of whom the id in the notebook is, where it is another's of this class; else None.
        handed_in: The submission's `Evidence` where `evidence` is of a new run: what was set there is judged.

    Returns:
        (list of `Item`, list of notes for the instructor).
    """
    bench = _Bench(evidence, lesson, own, rubric, ids, other, handed_in)
    judges = {EXECUTED: bench.executed, SETTINGS: bench.settings, RECORDED: bench.recorded, RECORD: bench.record,
              EXERCISE: bench.exercise}
    items = []
    for rule in rubric.rules:
        outcome, reason, *answer = judges[rule.kind](rule)
        items.append(Item(rule.name, rule.kind, rule.title, outcome, rule.points if outcome == PASS else 0.0,
                          rule.points, reason, rule.hidden, answer[0] if answer else ""))
    return items, bench.notes()


class _Bench:
    def __init__(self, evidence, lesson, own, rubric, ids, other, handed_in=None):
        self.evidence, self.lesson, self.own, self.rubric = evidence, lesson, own, rubric
        self.again, self.handed_in = handed_in is not None, handed_in or evidence
        self.cells = evidence.cells
        self.matches = match(own.cells, self.cells)
        self.place_of = {other: place for place, other in self.matches.of.items()}
        self.identity = self._identity(ids, other)
        self.changed = self._changed()
        self.foreign = self._foreign()
        self.doubt = next((f"Cell {self.cells[place].number} {why}." for place, why in self._dynamic()), "")

    # --- what was altered ----------------------------------------------------------------------

    def _changed(self):
        """Places of the lesson's cells that say something else in the student's notebook."""
        return {place for place, other in self.matches.of.items() if not self._is_open(place)
                and self.cells[other].meaning != self.own.cells[place].meaning}

    def _is_open(self, place):
        """Whether a cell is the student's to change: an exercise, or the parameters."""
        marker = self.own.cells[place].marker or ""
        return marker == "parameters" or marker.startswith(EXERCISE)

    def _foreign(self):
        """(place in the lesson before which it runs, the student's cell, its names) for what is not the lesson's."""
        found = []
        counts = [(self.cells[other].count, place) for place, other in self.matches.of.items()
                  if self.cells[other].count is not None]
        for number in [*self.matches.added, *(other for place, other in self.matches.of.items()
                                               if self._is_open(place))]:
            cell = self.cells[number]
            if cell.count is None:
                continue
            names = names_of(cell.source)
            place = self.place_of.get(number)
            sets = names.sets | names.changes
            if place is not None:
                allowed = names_of(self.own.cells[place].source)
                sets -= allowed.sets | allowed.changes
            after = [(count, one) for count, one in counts if count > cell.count]
            found.append((min(after)[1] if after else None, number, sets))
        return found

    def _dynamic(self):
        """(place, why) of cells whose code can do what it does not say."""
        for number in [*self.matches.added, *self.matches.of.values()]:
            names = names_of(self.cells[number].source)
            place = self.place_of.get(number)
            if self.cells[number].count is None or names.dynamic == NO_PYTHON and self._has_no_syntax(number):
                continue
            if names.dynamic and (place is None or names_of(self.own.cells[place].source).dynamic != names.dynamic):
                yield number, f"uses {tidy(names.dynamic, 60)}, which can change what the notebook shows"

    def _has_no_syntax(self, number):
        """Whether a cell that is no Python ended as such a cell does, so that nothing of it was run."""
        return any(place == number and error.startswith(("SyntaxError", "IndentationError", "TabError"))
                   for place, error in self.evidence.errors)

    # --- items ---------------------------------------------------------------------------------

    def executed(self, _):
        missing = [self.own.cells[place] for place in range(len(self.own.cells)) if place not in self.matches.of]
        run = [place for place, other in self.matches.of.items() if self.cells[other].count is not None]
        if not run and not (self.again and missing):
            return NOT_RUN, "No cell was run. Run all cells, save, and hand in the notebook with its outputs."
        if missing:
            return MISSING, (f"{_cells(len(missing))} of the lesson {'is' if len(missing) == 1 else 'are'} not in the "
                             f"notebook; the first begins with: {_first_line(missing[0])}")
        if errors := [one for one in self.evidence.errors if one[0] in self.place_of]:
            place, error = errors[0]
            return FAIL, f"Cell {self.cells[place].number} ended with an error: {error}"
        idle = [self.cells[other].number for other in self.matches.of.values() if self.cells[other].count is None]
        if idle:
            return NOT_RUN, f"{_named(sorted(idle))} not run. Choose Run all, and save when it has ended."
        if silent := [cell.number for cell in self.cells if names_of(cell.source).silences]:
            return ALTERED, f"Cell {silent[0]} hides errors. They must stay visible."
        for other in sorted(self.matches.of.values()):
            if names_of(self.cells[other].source).prints and not self.cells[other].outputs:
                return ALTERED, (f"Cell {self.cells[other].number} prints something when it runs, and nothing stands "
                                 "under it. Run all cells and save again.")
        in_order = [other for _, other in sorted(self.matches.of.items())]
        if in_order != sorted(in_order):
            first = next(one for one, two in zip(in_order, in_order[1:]) if two < one)
            return FAIL, f"The cells stand in another order than the lesson's (after cell {self.cells[first].number})."
        counts = [self.cells[other].count for other in in_order]
        if wrong := [number for number, (one, two) in enumerate(zip(counts, counts[1:])) if two <= one]:
            cell = self.cells[in_order[wrong[0] + 1]]
            return FAIL, (f"Cell {cell.number} was run before a cell above it (its count is {cell.count}). Restart the "
                          "kernel, run all cells from top to bottom, and save.")
        if self.matches.doubled:
            number = min(min(others) for others in self.matches.doubled.values())
            return ALTERED, f"Cell {self.cells[number].number} stands there twice. Keep one, and run all cells again."
        if contradiction := self._contradiction():
            return ALTERED, contradiction
        return PASS, "Every cell was run, in order, and none ended with an error."

    def _contradiction(self):
        """Times that no single run has."""
        last, before = 0.0, None
        for place in sorted(self.evidence.times, key=lambda place: self.cells[place].count or 0):
            begin, end = self.evidence.times[place]
            if begin < last - 1.0:
                one, two = (self.cells[other].number for other in (place, before))
                return f"By its times, cell {one} ran before cell {two} had ended: these outputs are not of one run."
            if end > time.time() + 2 * 86400:
                return f"By its time, cell {self.cells[place].number} ran in the future."
            last, before = end, place
        return ""

    def settings(self, _):
        if self.handed_in.parameters_problem:
            return ALTERED, f"The parameters cannot be read: {self.handed_in.parameters_problem}."
        values = [one.value.parameters for found in self.evidence.records.values() for one in found]
        if self.again:  # with which it is run is ours to say; what stands there is the student's
            values = [self.handed_in.parameters]
        if not values:
            return NOT_RUN, "Nothing is recorded, so that it cannot be told with which parameters the lesson was run."
        wanted = self.own.parameters | self.lesson.profiles[self.rubric.profile].parameters
        for used in values:
            for name, value in self.handed_in.parameters.items():
                if name in self.own.parameters and name in used and used[name] != value:
                    return ALTERED, (f"{name} is {_value(value)} in the parameters cell, and the results were recorded "
                                     f"with {_value(used[name])}. Run all cells again.")
        if any(used != values[0] for used in values):
            return ALTERED, "The results were recorded with different parameters: they are not of one run."
        used = values[0]
        changed = []
        for name, value in wanted.items():
            if name in self.rubric.free or (name == "DATA" and self.rubric.profile in ("real", "paper")):
                continue
            if name not in used:
                return ALTERED, (f"The parameters cell no longer says what {name} is." if self.again else
                                 f"The results do not say what {name} was.")
            if used[name] != value and not (isinstance(value, tuple) and used[name] == list(value)):
                changed.append(f"{name} is {_value(used[name])} where the lesson has {_value(value)}")
        if changed:
            return FAIL, f"{'; '.join(changed[:3])}. Set it back and run all cells again."
        return PASS, "The lesson's parameters and data were used."

    def recorded(self, _):
        promised = [record.name for record in self.lesson.records.values()
                    if record.kind != "result" and record.promised_in(self.rubric.profile)]
        judged = {name: self._origin(name) for name in promised}
        for outcome in (MISSING, NOT_RUN, ALTERED, FAIL):
            if names := [name for name, (found, _) in judged.items() if found == outcome]:
                more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
                return outcome, f"{names[0]}{more}: {judged[names[0]][1]}"
        return PASS, f"{len(promised)} value{'s' if len(promised) != 1 else ''} recorded."

    def record(self, rule):
        outcome, reason = self._origin(rule.name)
        if outcome != PASS:
            return outcome, reason
        value = self.evidence.records[rule.name][-1].value.value
        if rule.at_least is None and rule.at_most is None:
            return PASS, f"{format_value(value)} is recorded."
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return FAIL, f"What is recorded is {_value(value)}, not a number."
        if rule.at_least is not None and value < rule.at_least - rule.tolerance:
            return FAIL, f"{format_value(float(value))} is below {rule.at_least:g}, which a run of the lesson reaches."
        if rule.at_most is not None and value > rule.at_most + rule.tolerance:
            return FAIL, f"{format_value(float(value))} is above {rule.at_most:g}."
        bounds = " and ".join(f"{word} {bound:g}" for word, bound in (
            ("at least", rule.at_least), ("at most", rule.at_most)) if bound is not None)
        return PASS, f"{format_value(float(value))}; asked for is {bounds}."

    def _origin(self, name):
        """(outcome, reason) of a record's being there, alone, and made by the lesson's own code."""
        places, live = origins(self.own.statements, name)
        found = self.evidence.records.get(name, [])
        if places is None:
            raise CourseError(f"lesson {self.lesson.id}: no cell records {name!r}, which course.yml promises.")
        home = next(place for place in places if name in names_of(self.own.cells[place].source).records)
        cell = self.cells[self.matches.of[home]] if home in self.matches.of else None
        if not found:
            for place, damage in self.evidence.damaged:
                if cell is self.cells[place]:
                    return ALTERED, f"What stands under cell {cell.number} is damaged ({damage})."
            if cell is None:
                return MISSING, "The cell that records it is not in the notebook."
            if cell.count is None:
                return NOT_RUN, f"Cell {cell.number}, which records it, was not run."
            return MISSING, f"Cell {cell.number} was run, and no value is recorded under it."
        if len(found) > 1:
            return ALTERED, f"It is recorded {len(found)} times. Run all cells again from the top."
        one, = found
        stands = self.cells[one.place]
        if self.matches.of.get(home) != one.place:
            return ALTERED, f"It stands under cell {stands.number}, which is not the lesson's cell that records it."
        if stands.count is None:
            return ALTERED, f"It stands under cell {stands.number}, which was not run."
        if one.value.lesson != self.lesson.id:
            return ALTERED, f"It was recorded in lesson {tidy(one.value.lesson, 20) or '?'}, not in {self.lesson.id}."
        if " ".join(one.claim.split()) != " ".join(f"recorded {name} = {as_text(one.value.value)}".split()):
            return ALTERED, "The stored value is another than the one shown beside it."
        if self.identity:
            return ALTERED, self.identity
        if missing := [place for place in sorted(places) if place not in self.matches.of]:
            return ALTERED, (f"A cell that it comes from is not in the notebook; it begins with: "
                             f"{_first_line(self.own.cells[missing[0]])}")
        if changed := sorted(places & self.changed):
            numbers = [self.cells[self.matches.of[place]].number for place in changed]
            return ALTERED, (f"It comes from {_named(numbers, verb='')} of your notebook, which no longer "
                             f"{'says' if len(numbers) == 1 else 'say'} what the lesson says.")
        for place, number, sets in self.foreign:
            if place is not None and (hit := sorted(sets & live.get(place, set()))):
                own = self.cells[number].number
                return ALTERED, f"Cell {own} is not the lesson's, and changes {tidy(hit[0], 60)}, from which it comes."
        if self.doubt:
            return ALTERED, self.doubt
        return PASS, ""

    def exercise(self, rule):
        name = rule.name.removeprefix(f"{EXERCISE} ")
        marked = self.own.exercises[name]
        home = next((place for place, cell in enumerate(self.own.cells)
                     if name in names_of(cell.source).records), marked)  # where check stands
        if marked not in self.matches.of:
            return MISSING, f"The cell marked '# exercise: {name}' is not in the notebook."
        if home not in self.matches.of:
            return MISSING, f"The cell with check(\"{name}\", answer) is not in the notebook."
        for place in (marked, home):
            cell = self.cells[self.matches.of[place]]
            if cell.count is None:
                return NOT_RUN, f"Cell {cell.number} with the exercise was not run."
        found = self.evidence.attempts.get(name, [])
        here = [one for one in found if one.place == self.matches.of[home]]
        if not here:
            elsewhere = f" An outcome stands under cell {self.cells[found[0].place].number}." if found else ""
            return (ALTERED if found else NOT_RUN), (
                f"Under cell {cell.number} stands no outcome: check(\"{name}\", answer) was not run there.{elsewhere}")
        if len(here) > 1 or len(found) > 1:
            return ALTERED, "Its outcome is recorded more than once. Run all cells again from the top."
        attempt = here[0].value
        if not attempt.answered:
            if attempt.outcome == NOT_ATTEMPTED:
                return NOT_ATTEMPTED, "The three dots were not replaced by an answer."
            return (FAIL if attempt.outcome == FAIL else ALTERED), (
                tidy(attempt.message) if attempt.outcome == FAIL else "An outcome is stored, and no answer.")
        if attempt.lesson != self.lesson.id:
            return ALTERED, f"It was checked in lesson {tidy(attempt.lesson, 20) or '?'}, not in {self.lesson.id}."
        if self.identity:
            return FAIL, self.identity
        if student_id(attempt.student) != student_id(self.evidence.student):
            return ALTERED, (f"It was answered for the id {tidy(attempt.student, 60)!r}; the notebook's is "
                             f"{tidy(self.evidence.student, 60)!r}.")
        if not student_id(attempt.student) and self.rubric.student_required and "STUDENT" in self.own.parameters:
            return FAIL, "STUDENT is empty. Put your id there, run all cells, and answer on your own data."
        try:
            outcome, message = judge(name, attempt.answer, attempt.student)
        except CourseError as error:
            return FAIL, f"It cannot be judged: {tidy(error)}"
        return outcome, tidy(message), "" if outcome == PASS else _value(attempt.answer)

    def _identity(self, ids, other):
        """Why the notebook is not the submitter's; empty where nothing speaks against it."""
        self.other = None
        if self.handed_in.parameters_problem:
            return f"Whose it is cannot be told: the parameters cannot be read ({self.handed_in.parameters_problem})."
        claimed = student_id(self.handed_in.student)
        self.other = other if claimed else None
        if claimed and (other or ids and claimed not in ids):
            return f"The id in the notebook, {tidy(self.handed_in.student, 60)!r}, is not yours."
        mine = student_id(self.evidence.student)
        for found in self.evidence.records.values():
            for one in found:
                recorded = student_id(one.value.parameters.get("STUDENT", ""))
                if recorded != mine and "STUDENT" in self.own.parameters:
                    return (f"The results were recorded for the id {tidy(recorded, 60)!r}; the notebook's is "
                            f"{tidy(self.evidence.student, 60)!r}.")
        return ""

    def notes(self):
        """What an instructor may want to know, and what no grade hangs on."""
        found = []
        if self.other:  # whose, is no business of the student's page
            found.append(f"The id in the notebook, {tidy(self.handed_in.student, 60)!r}, is "
                         f"{tidy(self.other, 60)}'s.")
        if self.matches.added:
            found.append(f"{_cells(len(self.matches.added))} of the student's own.")
        if self.changed:
            numbers = sorted(self.cells[self.matches.of[place]].number for place in self.changed)
            found.append(f"Changed: {_named(numbers, verb='')}.")
        if self.doubt:
            found.append(self.doubt)
        kits = {json.dumps(one.value.versions, sort_keys=True)
                for many in self.evidence.records.values() for one in many}
        if len(kits) > 1:
            found.append("The results were recorded with different versions of the packages: more than one run.")
        if len(self.evidence.users) > 1:
            found.append(f"The cells were run by {len(self.evidence.users)} different accounts.")
        if self.evidence.times:
            spent = sum(end - begin for begin, end in self.evidence.times.values())
            usual = 60 * self.lesson.minutes[self.rubric.profile]
            if len(self.evidence.times) > len(self.own.cells) / 2 and spent < FAST * usual:
                found.append(f"All cells together took {spent:.1f} s; the lesson takes about {usual:.0f} s.")
        return found


def _cells(number):
    return f"{number} cell{'s' if number != 1 else ''}"


def _named(numbers, verb=" was", verbs=" were"):
    shown = ", ".join(str(number) for number in numbers[:5]) + (f" and {len(numbers) - 5} more" if len(numbers) > 5
                                                                else "")
    if len(numbers) == 1:
        return f"Cell {shown}{verb}" if verb else f"cell {shown}"
    return f"Cells {shown}{verbs}" if verb else f"cells {shown}"


def _first_line(cell):
    return tidy(next((line for line in cell.source.splitlines() if line.strip()), ""), 100)


def _value(value):
    return tidy(format_value(value), 120)
