"""Submissions run again: on sample data, under another seed, with the submitter's own personal data.

The lesson itself is run first, in the same sandbox and under the same seed: it shows that it runs here, how
long it takes, and what it scores; and it draws the samples that the others then read.
"""

import ast
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from fashion_tf.classroom.course import check_minutes
from fashion_tf.classroom.exercises import student_id
from fashion_tf.classroom.grading.cells import code_cells, is_injected, parse
from fashion_tf.classroom.grading.evidence import LessonCells, read_evidence
from fashion_tf.classroom.grading.rubric import FREE, RECORD
from fashion_tf.classroom.notebooks import INJECTED_TAG, is_parameters_cell, parameters_source
from fashion_tf.classroom.records import MIME
from fashion_tf.classroom.rerun import ENGINES, KEPT_FROM, Ahead, Isolation, Limits
from fashion_tf.cluster import check_backend
from fashion_tf.datasets import cache_folder
from fashion_tf.errors import RunError

SEED = 1009  # what the parameter SEED is set to; no lesson's own
PROFILE = "sample"
GIGABYTES = 3  # of memory for each at the same time


@dataclass(frozen=True)
class Rerun:
    """How an instructor wants submissions run again.

    Attributes:
        engine: One of `fashion_tf.classroom.rerun.ENGINES`.
        image: The container's image, where the engine is one.
        unprotected: What a submission need not be kept from: names of
            `fashion_tf.classroom.rerun.isolation.KEPT_FROM`. With less isolation than that nothing is run.
        seed: The lessons' parameter SEED.
        cell_minutes, lesson_minutes: Limits; None: several times what the lesson itself takes here.
        backend: ``"loky"``: here; ``"ray"`` or ``"dask"``: on a cluster, over folders that its machines share.
        limits: Of memory, processes, disk and output.
    """

    engine: str = ENGINES[0]
    image: str = ""
    unprotected: tuple[str, ...] = ()
    seed: int = SEED
    cell_minutes: float | None = None
    lesson_minutes: float | None = None
    backend: str = "loky"
    limits: Limits = Limits()

    @property
    def facts(self):
        """What a grade depends on."""
        return ["again", self.seed, self.cell_minutes, self.lesson_minutes, repr(self.limits)]


@dataclass(frozen=True)
class LessonPlan:
    """How the submissions of one lesson are run.

    Attributes:
        modules: What a kernel imports ahead.
        records: Name -> number that the lesson itself recorded under this seed.
    """

    rerun: Rerun
    isolation: Isolation
    samples: str
    modules: tuple[str, ...] = ()
    cell_seconds: float = 0.0
    lesson_seconds: float = 0.0
    records: dict = field(default_factory=dict)

    def rules(self, rubric, lesson):
        """The rubric as it holds for sample data under this seed."""
        return replace(rubric, profile=PROFILE, rules=tuple(self._rule(rule, rubric, lesson) for rule in rubric.rules))

    def _rule(self, rule, rubric, lesson):
        if rule.kind != RECORD:
            return rule
        if rubric.profile != PROFILE:  # bounds for other data
            rule = replace(rule, at_least=lesson.records[rule.name].floors.get(PROFILE), at_most=None)
        here = self.records.get(rule.name)
        if rule.at_least is not None and here is not None and here < rule.at_least - rule.tolerance:
            rule = replace(rule, at_least=None)  # nobody is asked for more than the lesson reaches
        return rule


def check_options(rerun):
    """Refuses options that mean nothing.

    Raises:
        RunError: Of the class's first option that does.
    """
    check_backend(rerun.backend)
    if rerun.engine not in ENGINES:
        raise RunError(f"There is no engine {rerun.engine!r}; choose {', '.join(ENGINES)}.")
    check_minutes(rerun.cell_minutes, rerun.lesson_minutes)
    if unknown := [word for word in rerun.unprotected if word not in KEPT_FROM]:
        raise RunError(f"--unprotected {unknown[0]}: there are {', '.join(KEPT_FROM)}.")
    if not 0 <= rerun.seed < 2**32:
        raise RunError(f"--seed {rerun.seed}: give a number from 0 to 4294967295.")


def isolate(rerun, course_path, workers, paths, say):
    """Finds out what a submission is kept from here, and says so.

    Args:
        rerun: The `Rerun`.
        course_path: course.yml.
        workers: Submissions at the same time.
        paths: What a submission must not read: the submissions, the rubric, the grades.
        say: Called with a line of text.

    Returns:
        The `Isolation`.

    Raises:
        RunError: There is less isolation than asked for, or a path lies where a submission could read it.
    """
    isolation = Isolation(rerun.engine, rerun.image, str(Path(course_path).resolve()), str(cache_folder()),
                          max(1, cores() // workers))
    try:
        isolation = isolation.tried()
    except RunError as error:
        raise RunError(f"{error} {_refused(', '.join(KEPT_FROM))}") from None
    isolation.check_places(paths)
    missing = ", ".join(isolation.missing)
    say(f"isolation: {isolation.level} ({isolation.engine})" + (f"; not kept from: {missing}" if missing else ""))
    if left := set(isolation.missing) - set(rerun.unprotected):
        raise RunError(f"A submission that runs here is not kept from: {', '.join(sorted(left))}. {_refused(missing)}")
    return isolation


def _refused(missing):
    return ("Nothing was run. Install bubblewrap (apt-get install bubblewrap), or name a container engine with "
            f"--engine and --image; where you trust every submission, say --engine none --unprotected \"{missing}\".")


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_for(rerun, jobs, many):
    """How many submissions are read at the same time, or run where there is a `rerun`."""
    if jobs != "auto":
        return max(1, int(jobs))
    if rerun is None:
        return cores()
    if rerun.backend != "loky":
        return -1  # the cluster's cores
    import psutil

    return max(1, min(cores(), int(psutil.virtual_memory().available / 2**30 / GIGABYTES), many))


def plan_lesson(rerun, isolation, course, lesson, samples, say):
    """Runs the lesson itself.

    Args:
        rerun, isolation: As `isolate` takes and returns them.
        course, lesson: The `Course`, and a `Lesson` of it.
        samples: A folder for what it draws.
        say: Called with a line of text.

    Returns:
        The `LessonPlan`.

    Raises:
        RunError: The lesson does not run here.
    """
    own = LessonCells.of(course, lesson)
    plan = LessonPlan(rerun, isolation, str(samples), _modules(own.cells))
    values = parameters_for(rerun, lesson, own, "", {})
    limit = 60 * (rerun.lesson_minutes or 10 + 6 * lesson.minutes[PROFILE])
    run, places = _run(plan, own.notebook, values, limit, limit, writable=True)
    for number, one in sorted(run.cells.items()):
        if one.state != "ok":
            why = one.why or "; ".join(f"{found.get('ename')}: {found.get('evalue')}" for found in one.outputs
                                       if found.get("type") == "error")
            cell = "the parameters" if places[number] is None else f"cell {places[number] + 1}"
            raise RunError(f"Lesson {lesson.id} itself does not run here, {cell}: {why[:500]}. Nothing was run again.")
    evidence = read_evidence(_executed(own.notebook, run, places))
    numbers = {name: found[0].value.value for name, found in evidence.records.items()
               if isinstance(found[0].value.value, (int, float)) and not isinstance(found[0].value.value, bool)}
    for name, value in numbers.items():
        floor = lesson.records[name].floors.get(PROFILE) if name in lesson.records else None
        if floor is not None and value < floor:
            say(f"lesson {lesson.id} itself reaches {name} = {value:.4g} with SEED = {rerun.seed}; its floor {floor:g} "
                "is asked of nobody.")
    spent = [one.seconds for one in run.cells.values()] or [0.0]
    say(f"lesson {lesson.id} itself ran in {sum(spent):.0f} s with SEED = {rerun.seed}")
    return replace(plan, records=numbers,
                   cell_seconds=60 * rerun.cell_minutes if rerun.cell_minutes else 60 + 4 * max(spent),
                   lesson_seconds=60 * rerun.lesson_minutes if rerun.lesson_minutes else 120 + 4 * sum(spent))


def parameters_for(rerun, lesson, own, student, handed_in, free=FREE):
    """The values that the lesson's parameters get.

    Args:
        rerun: The `Rerun`.
        lesson: The `Lesson`.
        own: Its `LessonCells`.
        student: The submitter's id.
        handed_in: The submission's parameters; those that the instructor left free stay as they are.
        free: The rubric's.
    """
    values = own.parameters | {name: value for name, value in lesson.profiles[PROFILE].parameters.items()
                               if name in own.parameters}
    values |= {name: handed_in[name] for name in free - FREE if name in handed_in and name in own.parameters}
    for name, value in (("SEED", rerun.seed), ("STUDENT", student)):
        if name in own.parameters:
            values[name] = value
    return values


def submitter(task, claims):
    """The id that a submission's personal data are drawn for: its own where it is the submitter's, or else theirs."""
    mine = student_id(claims)
    if mine and (not task.ids or mine in task.ids) and task.known.get(mine) in (None, task.label):
        return claims.strip()
    if task.person is not None:
        return task.person.id or task.person.login or task.person.label
    return "" if task.submission.system in ("moodle", "canvas") else task.label


_ahead = Ahead()


def close_ahead():
    """Ends the sandbox that waits in this process."""
    _ahead.close()


def run_again(plan, notebook, values, more):
    """Runs a submission.

    Args:
        plan: The `LessonPlan`.
        notebook: What `parse_submission` returned. It is not changed.
        values: The parameters' values.
        more: Whether another submission of this lesson will be run by this process.

    Returns:
        (the `Evidence` of the notebook as it was run now, the `Run`).

    Raises:
        RunError: There is no sandbox to be had.
    """
    if plan.rerun.backend != "loky":
        found = plan.isolation.tried()
        if left := set(found.missing) - set(plan.isolation.missing):
            raise RunError(f"On a machine of the cluster a submission is not kept from: {', '.join(sorted(left))}.")
    run, places = _run(plan, notebook, values, plan.cell_seconds, plan.lesson_seconds, more=more)
    evidence = read_evidence(_executed(notebook, run, places))
    evidence.parameters = dict(values)
    return evidence, run


def _run(plan, notebook, values, cell_seconds, lesson_seconds, writable=False, more=False):
    """(the `Run`, the place in the notebook of each cell that was run; None: the parameters that are put in)."""
    cells = code_cells(notebook)
    sources, places = [cell.source for cell in cells], [cell.number - 1 for cell in cells]
    home = max((number for number, source in enumerate(sources, 1) if is_parameters_cell(source)), default=None)
    if home is None:  # nothing is known of whose it is; the outcomes say that the cell is missing
        sources, places = [], []
    else:
        sources.insert(home, parameters_source(values))
        places.insert(home, None)
    samples = plan.samples if os.path.isdir(plan.samples) else None
    for attempt in (1, 2):
        sandbox = _ahead.take(plan.isolation, plan.rerun.limits, plan.modules, samples, writable,
                              more=more and attempt == 1)
        run = sandbox.run(sources, cell_seconds, lesson_seconds)
        if not run.problem:
            return run, places
    raise RunError(f"{plan.isolation.engine}: {run.problem}")


def _executed(notebook, run, places):
    """The notebook as it was run now, in the form in which submissions come."""
    cells = []
    for cell in notebook["cells"]:
        metadata = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
        made = {"cell_type": cell["cell_type"], "id": cell.get("id") or metadata.get("id"), "source": cell["source"],
                "metadata": {"tags": [INJECTED_TAG]} if is_injected(cell) else {}}
        cells.append(made | ({"execution_count": None, "outputs": []} if cell["cell_type"] == "code" else {}))
    for number, place in enumerate(places):
        if place is not None and number in run.cells:
            cells[place].update(execution_count=number + 1, outputs=_outputs(run.cells[number]))
    return {"cells": cells, "metadata": {}}


def _outputs(one):
    found = []
    if one.state in ("stopped", "dead"):
        found.append({"output_type": "error", "ename": "Stopped", "evalue": one.why})
    if one.printed:
        found.append({"output_type": "stream", "name": "stdout", "text": ""})
    for output in one.outputs:
        if output.get("type") == "error" and one.state == "error":
            asks = output.get("ename") == "StdinNotImplementedError"
            found.append({"output_type": "error", "ename": output.get("ename"),
                          "evalue": "nobody is there to answer input()" if asks else output.get("evalue")})
        elif output.get("type") == "record":
            found.append({"output_type": "display_data", "metadata": {},
                          "data": {MIME: output.get("record"), "text/plain": output.get("text")}})
    return found


def _modules(cells):
    """What the lesson's own cells import, so that a kernel can do it ahead."""
    found = {}
    for cell in cells:
        for node in ast.walk(parse(cell.source) or ast.Module([], [])):
            if isinstance(node, ast.Import):
                found |= {alias.name: None for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {node.module: None} | {f"{node.module}.{alias.name}": None for alias in node.names
                                                if node.module == "fashion_tf"}
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "start_lesson":
                found["tensorflow"] = None
    return tuple(name for name in found if not name.startswith("google"))
