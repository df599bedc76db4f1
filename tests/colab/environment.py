"""Makes an environment that has of Colab's packages what the kit imports, in exactly Colab's versions.

    python tests/colab/environment.py FOLDER                         as tests/colab/installed.txt says
    python tests/colab/environment.py FOLDER --list published        as Google's list says today; or a file
                                             --write                 and writes installed.txt anew

Colab's packages are put together by hand and do not all suit one another by their own metadata; pip
would refuse or change them. So each is installed by itself (`--no-deps`), round by round: what the kit
and its lessons import, then what those require, as far as Colab has it. What Colab has in a version
that there is not for this Python, and what is required and Colab lacks, is said and not hidden.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALLED = Path(__file__).with_name("installed.txt")
PUBLISHED = "https://raw.githubusercontent.com/googlecolab/backend-info/main/pip-freeze.txt"

# Modules whose package has another name.
PACKAGE_OF = {"cv2": "opencv-python", "PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
# What executes a lesson there, as Colab's own server does with its kernel.
KERNEL = {"ipykernel", "nbclient", "nbformat"}


def package_of(module):
    return canonicalize_name(PACKAGE_OF.get(module, module))


def modules_imported(code, needed_only=False):
    """Top-level modules of other people that this code imports, in functions too.

    `needed_only`: without those whose absence the code expects (``try: import`` with an ``except ImportError``).
    """
    found = {name.split(".")[0] for name, _ in _imports(code, needed_only=needed_only)}
    return {name for name in found if name not in sys.stdlib_module_names and name != "fashion_tf"}


def kit_modules(code, package="fashion_tf"):
    """The kit's own modules that this code, in a module of `package`, imports, and the rooms in which they stand."""
    found = set()
    for module, names in _imports(code, package):
        for name in (module, *(f"{module}.{name}" for name in names)):
            parts = name.split(".")
            file = REPOSITORY.joinpath(*parts)
            if parts[0] == "fashion_tf" and (file.is_dir() or file.with_suffix(".py").is_file()):
                found |= {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return found


def _imports(code, package="fashion_tf", needed_only=False):
    """(module's full name, names taken from it) of each import, in functions too."""
    tree = ast.parse(code)
    expected = {node for block in ast.walk(tree) if isinstance(block, ast.Try)
                and any(handler.type is None or re.search("ImportError|ModuleNotFoundError", ast.unparse(handler.type))
                        for handler in block.handlers)
                for statement in block.body for node in ast.walk(statement)}
    for node in ast.walk(tree):
        if needed_only and node in expected:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            rooms = package.split(".")
            above = rooms[:max(1, len(rooms) - node.level + 1)] if node.level else []
            yield ".".join(filter(None, [*above, node.module])), tuple(alias.name for alias in node.names)


def code_of(notebook):
    """A notebook's code as one Python text, without the lines that IPython alone understands."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    lines = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code").splitlines()
    return "\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in lines)


def packages_imported():
    """Packages that the kit or a lesson imports, anywhere."""
    code = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "fashion_tf").rglob("*.py")]
    code += [code_of(path) for path in (REPOSITORY / "notebooks").glob("*.ipynb")]
    return {package_of(module) for text in code for module in modules_imported(text)}


def read_list(text):
    """The packages of a `pip freeze`, name to version; those from an address of Google's own are left out."""
    pins = re.findall(r"^([\w.-]+)==([^\s;+]+)\s*$", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def required_by(python):
    """What the packages installed in an environment require, name to the names that require it."""
    code = ("import json, importlib.metadata as m; "
            "print(json.dumps({d.metadata['Name']: d.requires or [] for d in m.distributions()}))")
    answer = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    wanted = {}
    for package, lines in json.loads(answer.stdout).items():
        for line in lines:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.setdefault(canonicalize_name(requirement.name), set()).add(package)
    return wanted


def install(python, pins):
    """Installs exactly these, each without what it requires. Returns those that there are not for this Python."""
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
           "--only-binary", ":all:"]
    lines = [f"{name}=={version}" for name, version in sorted(pins.items())]
    if subprocess.run([*pip, *lines], stderr=subprocess.DEVNULL).returncode == 0:
        return {}
    absent = {}
    for name, version in sorted(pins.items()):
        if subprocess.run([*pip, f"{name}=={version}"], capture_output=True).returncode:
            absent[name] = version
            subprocess.run([*pip, f"{name}<={version}"], check=True)
    return absent


def make(folder, colab):
    """Makes the environment. Returns its packages and lines that say where it differs from Colab."""
    venv.create(folder, with_pip=True, clear=True)
    python = str(Path(folder) / "bin" / "python")
    wanted, done, differences = dict.fromkeys(packages_imported() | KERNEL, "the kit"), {}, []
    while wanted:
        absent = install(python, {name: colab[name] for name in wanted if name in colab})
        differences += [f"{name} {version}: not for this Python; the nearest older one is taken"
                        for name, version in absent.items()]
        differences += [f"{name}: Colab lacks it ({by} asks for it)"
                        for name, by in wanted.items() if name not in colab]
        done |= wanted
        wanted = {name: ", ".join(sorted(by)) for name, by in required_by(python).items() if name not in done}
    return {name: colab[name] for name in sorted(done) if name in colab}, sorted(differences)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--list", metavar="FILE", default=INSTALLED,
                        help=f"a pip freeze, or 'published': {PUBLISHED}")
    parser.add_argument("--write", action="store_true", help=f"write {INSTALLED.name} anew")
    options = parser.parse_args()
    if options.list == "published":
        with urllib.request.urlopen(PUBLISHED, timeout=60) as answer:
            text = answer.read().decode()
    else:
        text = Path(options.list).read_text(encoding="utf-8")
    installed, differences = make(options.folder, read_list(text))
    print(f"{len(installed)} packages in Colab's versions")
    print("\n".join(differences))
    if options.write:
        header = ("# What Colab has of what the kit imports, and of what that requires in turn. Written by\n"
                  "# environment.py --write from the list that Google publishes:\n"
                  f"# {PUBLISHED}\n")
        INSTALLED.write_text(header + "".join(f"{name}=={version}\n" for name, version in installed.items()))


if __name__ == "__main__":
    main()
