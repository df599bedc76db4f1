"""The command `fashion-tf`: argument parsing only. Each command imports what it needs, when it runs."""

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import sys
import textwrap
import threading

import fashion_tf
from fashion_tf.errors import FashionError, RunError
from fashion_tf.terminal import count_of, import_tensorflow, printable, waiting

RERUN_OPTIONS = ("engine", "image", "unprotected", "seed", "cell_minutes", "lesson_minutes", "backend")  # of 'grade'
STOPPED, PIPE_CLOSED, TERMINATED = 130, 141, 143  # what a shell calls a command that SIGINT, SIGPIPE, SIGTERM ended


def main(arguments=None):
    """Runs one command; returns its exit code (0 well, 1 something failed, 2 wrong use).

    What a command answers goes to the output, as text or, with ``--json``, as one JSON value; all else that it says
    goes to the error stream then.
    """
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal's encoding lacks is no reason to fail
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parser, arguments = _parser(), sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(arguments)
    if any(argument == "" or argument.startswith("--") and argument.endswith("=") for argument in arguments):
        # As the name of a file or folder it would be the folder that one is in.
        parser.error("an argument is empty, as an unset variable of a shell leaves it")
    try:
        with (contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()), _terminable():
            code, value, text = options.command(options)
        _say(json.dumps(value, indent=1) if options.json else text)
        sys.stdout.flush()
        return code
    except FashionError as error:
        return _fail(error)
    except BrokenPipeError:  # `fashion-tf data list | head -1`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush at the end
        return PIPE_CLOSED
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{where}{(error.strerror or str(error)).lower()}.")
    except KeyboardInterrupt as stop:
        return _fail("stopped. What is done is kept: run it again to go on (lessons: with --resume).",
                     TERMINATED if isinstance(stop, _Terminated) else STOPPED)


class _Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextlib.contextmanager
def _terminable():
    """Within it SIGTERM, which `kill` and service managers send, ends a command as Ctrl-C does: what it has begun is
    ended or taken away. By default it would end the process on the spot."""
    def terminate(*_):
        raise _Terminated

    if threading.current_thread() is not threading.main_thread() or (
            signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL):
        yield
        return
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _say(text):
    if text:
        print(printable(text, lines=True), flush=True)


def _fail(error, code=2):
    print(f"fashion-tf: {printable(error, lines=True)}", file=sys.stderr)
    return code


def _parser():
    parser = argparse.ArgumentParser(
        prog="fashion-tf", description="A course kit for fashion image analysis: run the lessons, "
        "report what they measured, check the notebooks, get the data.")
    parser.add_argument("--version", action="version", version=fashion_tf.__version__)
    parser.add_argument("--course", metavar="FILE", help="course.yml (default: the nearest one)")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = _command(commands, "run", _run, "execute lessons headlessly",
                   "Executes lessons, each in a kernel of its own, with your rights: run only notebooks that you "
                   "trust. Writes the executed notebooks and results.json. Exit code 1 if one failed.",
                   ["run 21 22 --set EPOCHS=1", "run --profile real --data data --resume"])
    run.add_argument("lessons", nargs="*", metavar="LESSON", help="ids such as 11 (default: all)")
    run.add_argument("--profile", default="sample", choices=("sample", "real", "paper", "rehearsal"),
                     help="sample: drawn data (default); real: open data on two cores; paper: the "
                     "paper's data and settings on a GPU; rehearsal: the paper's networks and sizes on "
                     "a few drawn photos, one epoch")
    run.add_argument("--data", metavar="FOLDER|sample",
                     help="folder of datasets (default: the sample, or $FASHION_TF_DATA)")
    run.add_argument("--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
                     help="replace a parameter; LESSON:NAME=VALUE for one lesson")
    run.add_argument("--jobs", type=_number_or_auto, default=1, metavar="N|auto",
                     help="lessons at a time (default: 1); auto: as many as cores and memory bear, one on a GPU")
    run.add_argument("--backend", default="loky", choices=("loky", "ray", "dask"),
                     help="where they run: processes here (default), or a cluster")
    run.add_argument("--out", metavar="DIR", help="results go here (default: runs/PROFILE)")
    run.add_argument("--resume", action="store_true", help="run only what has not passed in DIR")
    run.add_argument("--allow-cpu", action="store_true", help="run without the GPU that is asked for")
    run.add_argument("--cell-minutes", type=float, metavar="M", help="limit for one cell")
    run.add_argument("--lesson-minutes", type=float, metavar="M", help="limit for one lesson")

    predict = _command(commands, "predict", _predict, "label photos with a saved model",
                       "Labels photos, or with a parser every pixel of them. A model is data: whatever it holds, "
                       "none of its code is run. Photos that cannot be read are named and left out; exit code 1 then.",
                       ["predict clothing_model my_coat.jpg my_hat.png --out labels.csv",
                        "predict clothing_model photos --json"])
    predict.add_argument("model", metavar="FOLDER", help="a folder that save_predictor wrote")
    predict.add_argument("photos", nargs="+", metavar="PHOTO", help="photos, or a folder of them")
    predict.add_argument("--out", metavar="FILE|DIR",
                         help="a table (.csv) of all probabilities; for parsing a folder of masks")

    stylize = _command(commands, "stylize", _stylize, "paint photos in the style of paintings, or recolour a garment",
                       "Writes NAME.png for each photo. With a garment, every pixel outside it stays as it is; a photo "
                       "without the garment is written unchanged, and exit code 1 tells. Photos that cannot be read "
                       "are named and left out; exit code 1 then, too.",
                       ["stylize me.jpg --style starry_night.jpg --out painted",
                        'stylize photos --style a.jpg --style b.jpg --garment top --parser parsing/parser --out tops',
                        'stylize me.jpg --garment dress --parser parsing/parser --colour "#803050" --out red'])
    stylize.add_argument("photos", nargs="+", metavar="PHOTO", help="photos, or a folder of them")
    stylize.add_argument("--style", dest="styles", action="append", default=[], metavar="PAINTING",
                         help="a picture whose style is taken; several are mixed")
    stylize.add_argument("--share", dest="shares", type=float, action="append", metavar="NUMBER",
                         help="how much a style counts, as often as --style (default: all alike)")
    stylize.add_argument("--strength", type=float, metavar="S",
                         help="from 0, the photo's own style, to 1 (default)")
    stylize.add_argument("--garment", metavar="NAME", help="top, trousers, dress, ... (default: the whole photo)")
    stylize.add_argument("--parser", metavar="FOLDER",
                         help="a predictor for parsing, which finds the garment; lesson 51 saves one")
    stylize.add_argument("--colour", "--color", metavar="COLOUR", help='a name or "#803050": the garment\'s new colour')
    stylize.add_argument("--stylizer", choices=("magenta", "magenta-hub", "statistics"),
                         help="magenta (default): its TFLite files in $FASHION_TF_WEIGHTS; magenta-hub: TensorFlow "
                         "Hub's; statistics: no network, colours and contrasts alone")
    stylize.add_argument("--out", metavar="DIR", required=True, help="a folder for the pictures")

    describe = _command(commands, "describe", _describe, "say what somebody wears, or that it is not sure",
                        "Finds the garments of photos, names their types and the style. Where the models are not sure, "
                        "it says so. Photos that cannot be read are named and left out; exit code 1 then.",
                        ["describe street.jpg --parser parsing/parser --types types --styles styles --out seen"])
    describe.add_argument("photos", nargs="+", metavar="PHOTO", help="photos, or a folder of them")
    describe.add_argument("--parser", metavar="FOLDER", required=True, help="a saved parser, which finds the garments")
    describe.add_argument("--types", metavar="FOLDER", required=True, help="a saved classifier of garments")
    describe.add_argument("--styles", metavar="FOLDER", help="a saved classifier of whole photos")
    describe.add_argument("--out", metavar="DIR", help="annotated pictures go here")

    serve = _command(commands, "serve", _serve, "answer over HTTP with saved models",
                     "Serves saved models over HTTP until it is stopped. The environment variable FASHION_TF_API_KEY, "
                     "where set, is the key that requests must bring.",
                     ["serve clothing_model parsing/parser --index products_index --port 8000"], answers=False)
    serve.add_argument("models", nargs="*", metavar="MODEL", help="folders that save_predictor wrote")
    serve.add_argument("--index", metavar="FOLDER", help="an index of photos, for /v1/similar")
    serve.add_argument("--types", metavar="FOLDER", help="a classifier of garments, for /v1/describe; as in 'describe'")
    serve.add_argument("--styles", metavar="FOLDER", help="a classifier of whole photos, for /v1/describe")
    serve.add_argument("--stylizer", choices=("magenta", "magenta-hub", "statistics"),
                       help="who paints for /v1/stylize, as in 'stylize'")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    serve.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: 8000)")
    serve.add_argument("--cors", action="append", default=[], metavar="ORIGIN",
                       help="whose web pages may read the answers, such as https://shop.example; may be repeated")
    serve.add_argument("--no-page", dest="page", action="store_false", help="without the page for people, at /page/")

    live = _command(commands, "live", _live, "recognise what people wear on a camera or a video",
                    "Finds and follows people, labels each view with a saved classifier, and lets the best views of "
                    "each decide together. In the window, q quits; Ctrl-C does, too, and keeps what was seen. Exit "
                    "code 1 if not all of a file or folder could be read.",
                    ["live --source 0 --model clothing_model --find person --part 0.1 0.6",
                     "live --source street.mp4 --model clothing_model --headless --out seen"])
    live.add_argument("--source", default="0", metavar="0|FILE|FOLDER",
                      help="a camera's number or device, a video, or a folder of pictures (default: 0)")
    live.add_argument("--model", required=True, metavar="FOLDER", help="a classifier that save_predictor wrote")
    live.add_argument("--find", default="motion", metavar="motion|person|all|FOLDER",
                      help="how people are found: by motion, by DeepLabV3, the whole frame, or by a saved parser")
    live.add_argument("--part", nargs=2, type=float, default=(0.0, 1.0), metavar=("FROM", "TO"),
                      help="the part of a person's height that is classified (default: all of it)")
    live.add_argument("--among", nargs="+", metavar="CLASS", help="the only classes that come into question, such as "
                      "those of upper garments (default: all of the model's)")
    live.add_argument("--keep", type=int, default=8, metavar="N", help="good views that decide (default: 8)")
    live.add_argument("--out", metavar="DIR", help="a folder for live.csv and live.mp4")
    live.add_argument("--headless", action="store_true", help="no window; needs --out")
    live.add_argument("--frames", type=int, metavar="N", help="stop after so many")

    report = _command(commands, "report", _report, "paper beside here, as Markdown and HTML",
                      "Sets runs beside the papers: report.md and report.html, one figure, every table. Several runs "
                      "stand side by side, a column for each profile; of two of one profile, each lesson's newest.",
                      ["report runs/sample", "report runs/sample runs/real docs/runs --out runs/report",
                       "report docs/runs --json", "report --check docs/runs/my-gpu.json", "report --publish"])
    report.add_argument("runs", nargs="*", metavar="RUN",
                        help="a folder that 'run' wrote, its results.json, or a folder of such files")
    report.add_argument("--out", metavar="DIR", help="where to (default: the first RUN, where it is a run's folder)")
    what = report.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true",
                      help="say instead whether results files may be published; exit code 1 if not")
    what.add_argument("--publish", action="store_true",
                      help="write docs/results.md and README's figures from docs/runs instead")

    grade = _command(commands, "grade", _grade, "grade a class's executed notebooks",
                     "Grades executed notebooks; what has not changed since the last time is kept. Nothing of them is "
                     "run, unless --rerun says so: then each is run again in a sandbox, on sample data, under another "
                     "seed and with its student's own personal data. Exit code 1 if one could not be graded.",
                     ["grade submissions.zip --out grades", "grade submitted --roster roster.csv --out grades",
                      "grade submissions.zip --out grades --rerun"])
    grade.add_argument("submissions", metavar="SUBMISSIONS",
                       help="a folder of students' folders, or the zip that Moodle, Canvas or nbgrader exports")
    grade.add_argument("--out", metavar="DIR", required=True, help="grades, tables and pages go here")
    grade.add_argument("--rubric", metavar="FILE", help="what counts (default: derived from course.yml)")
    grade.add_argument("--roster", metavar="FILE", help="the class as CSV, as Canvas or Moodle exports it")
    grade.add_argument("--jobs", type=_number_or_auto, default="auto", metavar="N|auto",
                       help="files at a time (default: as many as cores)")
    again = grade.add_argument_group("running again")
    again.add_argument("--rerun", action="store_true", help="run each notebook again, and grade that")
    again.add_argument("--engine", choices=("bubblewrap", "docker", "podman", "none"),
                       help="what keeps a notebook in (default: bubblewrap)")
    again.add_argument("--image", metavar="IMAGE", help="the container's image, with this release in it")
    again.add_argument("--unprotected", metavar="WORDS",
                       help="what a notebook need not be kept from, such as \"network, files\"; else nothing is run")
    again.add_argument("--seed", type=int, metavar="N", help="the lessons' SEED (default: 1009)")
    again.add_argument("--cell-minutes", type=float, metavar="M", help="limit of a cell (default: from the lesson's)")
    again.add_argument("--lesson-minutes", type=float, metavar="M", help="limit of a notebook (default: likewise)")
    again.add_argument("--backend", choices=("loky", "ray", "dask"),
                       help="processes here (default), or a cluster whose machines share the folders")

    lint = _command(commands, "lint", _lint, "check the notebooks against the house rules",
                    "Checks notebooks, without executing them. Exit code 1 if something is wrong.",
                    ["lint", "lint notebooks/11_fashion_mnist_cnn.ipynb --fix", "lint --rules"])
    lint.add_argument("paths", nargs="*", metavar="NOTEBOOK", help="default: all of the course")
    lint.add_argument("--fix", action="store_true", help="mend what can be mended")
    lint.add_argument("--rules", action="store_true", help="print the rules")

    data = commands.add_parser("data", help="list, fetch and check datasets, or draw the sample")
    actions = data.add_subparsers(title="actions", required=True, metavar="ACTION")
    _command(actions, "list", _data_list, "the datasets the kit reads", "Lists the datasets, how each is got, and "
             "its licence.", ["data list"])
    fetch = _command(actions, "fetch", _data_fetch, "download a dataset, or say how to get it",
                     "Downloads a dataset, unpacks it and reads it once; what is there already is kept, so that it can "
                     "be stopped and run again. Where a form, an agreement or an account stands between, it says what "
                     "to do by hand, and takes it up from there. A password is taken from the environment variable "
                     "FASHION_TF_PASSWORD, or asked for: on the command line every user of the machine could read it. "
                     "Exit code 1 if photos are missing that another run may bring.",
                     ["data fetch fashion-mnist --to data", "data fetch deepfashion2 --to data --password",
                      "data fetch imaterialist --to data --photos 5000"])
    fetch.add_argument("name", help="as 'data list' names it")
    fetch.add_argument("--to", metavar="FOLDER", help="default: $FASHION_TF_DATA, or ./data")
    fetch.add_argument("--password", action="store_true", help="ask for the password of encrypted archives")
    fetch.add_argument("--photos", type=int, metavar="N",
                       help="of a dataset of addresses: so many, in equal parts of the ten classes (default: "
                       "as many as the paper takes)")
    check = _command(actions, "check", _data_check, "read a dataset and print what it holds",
                     "Reads a dataset and counts its pictures, labels and splits.",
                     ["data check fashion-mnist data", "data check fashion-mnist sample"])
    check.add_argument("name")
    check.add_argument("folder", nargs="?", help="or 'sample'; default: $FASHION_TF_DATA")
    sample = _command(actions, "sample", _data_sample, "draw a dataset's sample in its official layout",
                      "Draws a dataset's sample into FOLDER/NAME: the same seed gives the same bytes.",
                      ["data sample fashion-mnist --to samples --seed 1"])
    sample.add_argument("name")
    sample.add_argument("--to", metavar="FOLDER", required=True, help="FOLDER/NAME is written")
    sample.add_argument("--seed", type=int, default=0)
    return parser


def _command(commands, name, function, summary, description, examples, answers=True):
    """A command with its description and examples of its use; and with --json where it gives an answer."""
    parser = commands.add_parser(
        name, help=summary, description=textwrap.fill(description, 100),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["examples:", *(f"  fashion-tf {example}" for example in examples)]))
    parser.set_defaults(command=function, json=False)
    if answers:
        parser.add_argument("--json", action="store_true", help="answer with one JSON value, for machines")
    return parser


def _number_or_auto(text):
    return text if text == "auto" else int(text)


def _load_course(options):
    from fashion_tf.classroom.course import load_course

    return load_course(options.course)


# Each command returns (exit code, a JSON value, a text); `main` prints one of the two.


def _run(options):
    from fashion_tf.classroom.runner import PASSED, run_course

    results = run_course(
        _load_course(options), options.lessons, options.profile, options.data, options.settings,
        options.jobs, options.backend, options.out, options.resume, options.allow_cpu,
        options.cell_minutes, options.lesson_minutes, say=_say)
    passed = sum(result.status == PASSED for result in results)
    return (0 if passed == len(results) else 1, [dataclasses.asdict(result) for result in results],
            f"{passed} of {count_of(len(results), 'lesson')} passed.")


def _predict(options):
    from fashion_tf.predictor import predict_to

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    done = predict_to(options.model, options.photos, options.out)
    if done.summary():
        print(done.summary(), file=sys.stderr)
    return 1 if done.skipped else 0, dataclasses.asdict(done), done.text()


def _stylize(options):
    from fashion_tf.style.use import stylize_to

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    done = stylize_to(options.out, options.photos, styles=options.styles, garment=options.garment,
                      parser=options.parser, strength=options.strength, colour=options.colour, shares=options.shares,
                      stylizer=options.stylizer)
    if done.summary():
        print(done.summary(), file=sys.stderr)
    return 1 if done.skipped or done.absent else 0, dataclasses.asdict(done), done.text()


def _describe(options):
    import_tensorflow()
    from fashion_tf.describe import describe_to
    from fashion_tf.predictor.photos import left_out

    done = describe_to(options.photos, options.parser, options.types, options.styles, options.out)
    for line in left_out(done.skipped):
        print(line, file=sys.stderr)
    return 1 if done.skipped else 0, done.as_json(), done.text()


def _serve(options):
    from fashion_tf.serving import serve

    import_tensorflow()
    serve(options.models, options.index, options.host, options.port, options.cors, stylizer=options.stylizer,
          types=options.types, styles=options.styles, page=options.page)
    return 0, None, ""


def _live(options):
    from fashion_tf.live.use import live

    import_tensorflow()
    seen = live(options.source, options.model, options.find, tuple(options.part), options.keep, options.out,
                options.headless, options.frames, options.among)
    print(printable(seen.summary(), lines=True), file=sys.stderr)
    return 0 if seen.whole else 1, dataclasses.asdict(seen), seen.text()


def _report(options):
    from fashion_tf.classroom import report

    course = _load_course(options)
    if options.publish:
        if options.runs or options.out:
            raise RunError("--publish takes the runs in docs/runs, and writes where they are published: leave RUN and "
                           "--out out.")
        return _written(report.publish(course))
    if not options.runs:
        raise RunError("Say which run: the folder that 'fashion-tf run' wrote, such as runs/sample.")
    if options.check:
        problems = [problem for run in options.runs for problem in report.check_run(run, course)]
        return 1 if problems else 0, problems, "\n".join(problems or ["May be published."])
    with waiting("writing the report"):
        comparison = report.compare(options.runs, course)
        out = options.out or comparison.folder
        paths = report.write_report(comparison, out) if out else []
    if not paths and not options.json:
        raise RunError(f"{options.runs[0]}: no folder of a run; say with --out DIR where the report goes.")
    code, written, text = _written(paths)
    return code, report.as_json(comparison) | {"written": written}, text


def _written(paths):
    return 0, [str(path) for path in paths], "\n".join(f"wrote {path}" for path in paths)


def _grade(options):
    from fashion_tf.classroom.course import find_course_file
    from fashion_tf.classroom.grading import Rerun, grade_class

    given = {name: value for name in RERUN_OPTIONS if (value := getattr(options, name)) is not None}
    if given and not options.rerun:
        raise RunError(f"--{next(iter(given)).replace('_', '-')}: says how notebooks are run again; add --rerun, or "
                       "leave it out.")
    if "unprotected" in given:
        given["unprotected"] = tuple(word.strip() for word in options.unprotected.split(",") if word.strip())
    rerun = Rerun(**given) if options.rerun else None
    summary = grade_class(options.submissions, options.out, _load_course(options),
                          options.course or find_course_file(), options.rubric, options.roster, options.jobs, say=_say,
                          rerun=rerun)
    last = (f"{count_of(summary.graded, 'file')} graded, {summary.kept} kept from before; {len(summary.problems)} of "
            f"{count_of(len(summary.rows), 'row')} without a grade. See {options.out}/class.html.")
    return 1 if summary.problems else 0, summary.as_json(), "\n".join([*summary.notes, last])


def _lint(options):
    from fashion_tf.classroom import lint

    if options.rules and (options.paths or options.fix):
        raise RunError("--rules prints the rules and checks nothing: leave the notebooks and --fix out.")
    if options.rules:
        rules = [{"code": rule.code, "text": rule.text, "fixes": rule.fixes} for rule in lint.RULES]
        return 0, rules, lint.rules_table()
    with waiting("checking the notebooks"):
        problems = lint.lint(_load_course(options), options.paths or None, fix=options.fix)
    left = sum(not problem.fixed for problem in problems)
    found = [dataclasses.asdict(problem) | {"path": str(problem.path)} for problem in problems]
    last = f"{count_of(left, 'problem')}." if left else "The notebooks are in order."
    return 1 if left else 0, found, "\n".join([*map(str, problems), last])


def _data_list(options):
    from fashion_tf.datasets import READERS, reader
    from fashion_tf.datasets.sources import SOURCES

    found = []
    for name in READERS:
        module, source = reader(name), SOURCES[name]
        found.append({"name": name, "title": module.TITLE, "way": source.way, "licence": module.LICENCE,
                      "account": source.account, "size": source.size})
    text = "\n".join("{name:24} {title}\n{0:24} {way}; licence: {licence}; account: {account}; {size}".format(
        "", **each) for each in found)
    return 0, found, text


def _data_fetch(options):
    from fashion_tf.datasets.fetch import fetch

    fetched = fetch(options.name, options.to, _password(options), options.photos)
    return 0 if fetched.whole else 1, fetched.as_json(), fetched.text()


def _password(options):
    """From the environment or the keyboard: every user of a machine can read a process's arguments."""
    import getpass

    given = os.environ.get("FASHION_TF_PASSWORD")
    if given or not options.password:
        return given
    if not sys.stdin.isatty():
        raise RunError("--password asks for the password, and there is no keyboard to ask at: set the environment "
                       "variable FASHION_TF_PASSWORD instead.")
    return getpass.getpass("Password of the archives: ")


def _data_check(options):
    from fashion_tf.datasets import load

    with waiting(f"reading {options.name}"):
        dataset = load(options.name, options.folder)
        counts = dataset.counts()
    value = {"name": options.name, "classes": list(dataset.classes), "notes": list(dataset.notes),
             "counts": {str(row): {str(name): int(count) for name, count in numbers.items()}
                        for row, numbers in counts.to_dict("index").items()}}
    return 0, value, "\n".join([str(dataset), counts.to_string(), *dataset.notes])


def _data_sample(options):
    from fashion_tf.datasets import write_sample

    with waiting(f"drawing {options.name}"):
        folder = str(write_sample(options.name, options.to, options.seed))
    return 0, folder, folder


if __name__ == "__main__":
    sys.exit(main())
