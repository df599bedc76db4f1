"""The command `fashion-tf`: argument parsing only. Each command imports what it needs, when it runs."""

import argparse
import sys

import fashion_tf
from fashion_tf.errors import FashionError, ServiceError


def main(arguments=None):
    """Runs one command; returns its exit code (0 well, 1 something failed, 2 wrong use)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return options.command(options)
    except FashionError as error:
        print(f"fashion-tf: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fashion-tf: stopped. What is done is kept: run it again to go on (lessons: with "
              "--resume).", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="fashion-tf", description="A course kit for fashion image analysis: run the lessons, "
        "report what they measured, check the notebooks, get the data.")
    parser.add_argument("--version", action="version", version=fashion_tf.__version__)
    parser.add_argument("--course", metavar="FILE", help="course.yml (default: the nearest one)")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="execute lessons headlessly",
                              description="Executes lessons, each in a kernel of its own; writes "
                              "the executed notebooks and results.json. Exit code 1 if one failed.")
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
                     help="lessons at a time (default: 1); auto: as many as cores and memory bear")
    run.add_argument("--backend", default="loky", choices=("loky", "ray", "dask"),
                     help="where they run: processes here (default), or a cluster")
    run.add_argument("--out", metavar="DIR", help="results go here (default: runs/PROFILE)")
    run.add_argument("--resume", action="store_true", help="run only what has not passed in DIR")
    run.add_argument("--allow-cpu", action="store_true", help="run without the GPU that is asked for")
    run.add_argument("--cell-minutes", type=float, metavar="M", help="limit for one cell")
    run.add_argument("--lesson-minutes", type=float, metavar="M", help="limit for one lesson")
    run.set_defaults(command=_run)

    predict = commands.add_parser("predict", help="label photos with a saved model")
    predict.add_argument("model", metavar="FOLDER", help="a folder that save_predictor wrote")
    predict.add_argument("photos", nargs="+", metavar="PHOTO", help="photos, or a folder of them")
    predict.add_argument("--out", metavar="FILE|DIR",
                         help="a table (.csv) of all probabilities; for parsing a folder of masks")
    predict.set_defaults(command=_predict)

    serve = commands.add_parser("serve", help="answer over HTTP with saved models",
                                description="Serves saved models over HTTP until it is stopped. The environment "
                                "variable FASHION_TF_API_KEY, where set, is the key that requests must bring.")
    serve.add_argument("models", nargs="*", metavar="MODEL", help="folders that save_predictor wrote")
    serve.add_argument("--index", metavar="FOLDER", help="an index of photos, for /v1/similar")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    serve.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: 8000)")
    serve.add_argument("--cors", action="append", default=[], metavar="ORIGIN",
                       help="whose web pages may read the answers, such as https://shop.example; may be repeated")
    serve.set_defaults(command=_serve)

    report = commands.add_parser("report", help="paper beside here, as Markdown and HTML")
    report.add_argument("folder", metavar="DIR", help="a folder that 'run' wrote")
    report.set_defaults(command=_report)

    lint = commands.add_parser("lint", help="check the notebooks against the house rules")
    lint.add_argument("paths", nargs="*", metavar="NOTEBOOK", help="default: all of the course")
    lint.add_argument("--fix", action="store_true", help="mend what can be mended")
    lint.add_argument("--rules", action="store_true", help="print the rules")
    lint.set_defaults(command=_lint)

    data = commands.add_parser("data", help="list, fetch and check datasets, or draw the sample")
    actions = data.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the datasets the kit reads")
    listing.set_defaults(command=_data_list)
    fetch = actions.add_parser("fetch", help="download a dataset, or say how to get it")
    fetch.add_argument("name")
    fetch.add_argument("--to", metavar="FOLDER", help="default: $FASHION_TF_DATA, or ./data")
    fetch.add_argument("--password", help="for encrypted archives")
    fetch.set_defaults(command=_data_fetch)
    check = actions.add_parser("check", help="read a dataset and print what it holds")
    check.add_argument("name")
    check.add_argument("folder", nargs="?", help="default: $FASHION_TF_DATA")
    check.set_defaults(command=_data_check)
    sample = actions.add_parser("sample", help="draw a dataset's sample in its official layout")
    sample.add_argument("name")
    sample.add_argument("--to", metavar="FOLDER", required=True, help="FOLDER/NAME is written")
    sample.add_argument("--seed", type=int, default=0)
    sample.set_defaults(command=_data_sample)
    return parser


def _number_or_auto(text):
    return text if text == "auto" else int(text)


def _load_course(options):
    from fashion_tf.classroom.course import load_course

    return load_course(options.course)


def _run(options):
    from fashion_tf.classroom.runner import PASSED, run_course

    results = run_course(
        _load_course(options), options.lessons, options.profile, options.data, options.settings,
        options.jobs, options.backend, options.out, options.resume, options.allow_cpu,
        options.cell_minutes, options.lesson_minutes)
    passed = sum(result.status == PASSED for result in results)
    print(f"{passed} of {len(results)} lessons passed.")
    return 0 if passed == len(results) else 1


def _predict(options):
    from fashion_tf.predictor import predict_to

    print(predict_to(options.model, options.photos, options.out))
    return 0


def _serve(options):
    try:
        from fashion_tf.serving import serve
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in ("fastapi", "uvicorn", "starlette", "pydantic"):
            raise
        raise ServiceError("Serving needs FastAPI and uvicorn: pip install 'fashion_tf[serve]'") from None
    serve(options.models, options.index, options.host, options.port, options.cors)
    return 0


def _report(options):
    from fashion_tf.classroom.report import write_report

    for path in write_report(options.folder, _load_course(options)):
        print(f"wrote {path}")
    return 0


def _lint(options):
    from fashion_tf.classroom import lint

    if options.rules:
        print(lint.rules_table())
        return 0
    problems = lint.lint(_load_course(options), options.paths or None, fix=options.fix)
    for problem in problems:
        print(problem)
    left = sum(not problem.fixed for problem in problems)
    print(f"{left} problem(s)." if left else "The notebooks are in order.")
    return 1 if left else 0


def _data_list(options):
    from fashion_tf.datasets import READERS, reader
    from fashion_tf.datasets.sources import SOURCES

    for name in READERS:
        module, source = reader(name), SOURCES[name]
        print(f"{name:24} {module.TITLE}\n{'':24} {source.way}; licence: {module.LICENCE}; account: "
              f"{source.account}; {source.size}")
    return 0


def _data_fetch(options):
    from fashion_tf.datasets.fetch import fetch

    print(fetch(options.name, options.to, options.password))
    return 0


def _data_check(options):
    from fashion_tf.datasets import load

    dataset = load(options.name, options.folder)
    print(dataset)
    print(dataset.counts().to_string())
    for note in dataset.notes:
        print(note)
    return 0


def _data_sample(options):
    from fashion_tf.datasets import write_sample

    print(write_sample(options.name, options.to, options.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
