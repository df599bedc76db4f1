"""Which cells a recorded value comes from, read from the code's names alone; nothing is run.

A value belongs to the lesson where every cell that it comes from says what the lesson's says, and no cell of
the student's own sets a name that it comes from. Code can hide what it does in ways that only running it
elsewhere would show; what is plainly dynamic is named.
"""

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache

from fashion_tf.classroom.grading.cells import MAGIC, parse

# Methods that change the object they belong to, in Python, NumPy, pandas and Keras.
_CHANGING = {"add", "append", "clear", "compile", "discard", "extend", "fill", "fit", "insert", "itemset",
             "load_weights", "pop", "popitem", "put", "remove", "reverse", "set_weights", "setdefault", "sort",
             "train_on_batch", "update", "assign", "set_value", "build", "adapt"}
# Functions that only look at what they are given.
_LOOKING = {"print", "len", "display", "type", "str", "repr", "int", "float", "sum", "min", "max", "list", "tuple",
            "dict", "set", "sorted", "zip", "enumerate", "range", "round", "abs", "isinstance", "record", "check"}
_DYNAMIC = {"exec", "eval", "compile", "globals", "locals", "vars", "setattr", "delattr", "get_ipython", "__import__",
            "importlib", "builtins", "ctypes", "publish_display_data", "publish_display", "display_pub"}
_DYNAMIC_ATTRIBUTES = {"showtraceback", "_showtraceback", "set_custom_exc", "user_ns", "user_global_ns", "modules",
                       "excepthook", "publish_display_data", "display_pub", "__dict__", "__globals__", "__builtins__",
                       "__class__", "__subclasses__", "__code__", "__setattr__", "execution_count", "_session"}
_SILENCING = {"showtraceback", "_showtraceback", "set_custom_exc", "excepthook"}
NO_PYTHON = "code that is no Python"
_HARMLESS = re.compile(r"%(pip|conda|matplotlib|time|timeit|config|who|whos|pwd|cd|load_ext tensorboard|"
                             r"tensorboard)\b|%%(time|timeit|capture|html|markdown|latex|javascript)\b|"
                             r"!(pip|pip3|nvidia-smi|ls|pwd|df|free|lscpu|nproc|cat|head|apt|apt-get|wget|curl|"
                             r"unzip|mkdir|python -m pip|git clone)\b")


@dataclass
class Names:
    """The names of one cell: what it sets, what it reads, what it may change; `dynamic`: what cannot be read;
    `prints`: whether it prints whenever it runs; `silences`: whether it reaches for how errors are shown."""

    sets: set = field(default_factory=set)
    reads: set = field(default_factory=set)
    changes: set = field(default_factory=set)
    imports: set = field(default_factory=set)
    records: set = field(default_factory=set)
    prints: bool = False
    silences: bool = False
    dynamic: str = ""


@lru_cache(maxsize=512)
def names_of(source):
    """The `Names` of a cell's code."""
    names = Names()
    tree = parse(source)
    if tree is None:
        names.dynamic = NO_PYTHON
        return names
    for _, magic in MAGIC.findall(source):
        if not _HARMLESS.match(magic) and "?" not in magic and not _is_python(source):
            names.dynamic = magic.split()[0][:40]
    try:
        _Reader(names).visit(tree)
    except RecursionError:
        names.dynamic = "code nested too deeply to be read"
    names.prints = any(isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
                       and isinstance(statement.value.func, ast.Name) and statement.value.func.id == "print"
                       and statement.value.args for statement in tree.body)
    return names


def _is_python(source):
    """Whether it is Python as it stands, so that a line that begins with "%" goes on with an expression."""
    try:
        compile(source, "cell", "exec", ast.PyCF_ONLY_AST)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


class _Reader(ast.NodeVisitor):
    def __init__(self, names):
        self.names, self.inside = names, 0

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self.names.reads.add(node.id)
            if node.id in _DYNAMIC:
                self.names.dynamic = node.id
        elif not self.inside:
            self.names.sets.add(node.id)

    def _function(self, node):
        if not self.inside:
            self.names.sets.add(node.name)
        self.inside += 1
        self.generic_visit(node)
        self.inside -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _function

    def _scope(self, node):
        self.inside += 1
        self.generic_visit(node)
        self.inside -= 1

    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _scope

    def visit_NamedExpr(self, node):  # sets a name of the cell, also inside a comprehension
        self.names.sets.add(node.target.id)
        self.visit(node.value)

    def visit_Global(self, node):
        self.names.sets.update(node.names)

    def _imported(self, node):
        for alias in node.names:
            name = (alias.asname or alias.name).partition(".")[0]
            self.names.sets.add(name)
            self.names.imports.add(name)
            parts = alias.name.split(".") + (getattr(node, "module", None) or "").split(".")
            if _DYNAMIC.intersection(parts):
                self.names.dynamic = next(part for part in parts if part in _DYNAMIC)
            if alias.name == "*":
                self.names.dynamic = f"from {node.module} import *"

    visit_Import = visit_ImportFrom = _imported

    def visit_Attribute(self, node):
        if node.attr in _DYNAMIC_ATTRIBUTES:
            self.names.dynamic = node.attr
        self.names.silences |= node.attr in _SILENCING
        if not isinstance(node.ctx, ast.Load):
            self._changes(node)
        self.generic_visit(node)

    def visit_Subscript(self, node):
        if not isinstance(node.ctx, ast.Load):
            self._changes(node)
        self.generic_visit(node)

    def visit_AugAssign(self, node):
        self._changes(node.target)
        self.generic_visit(node)

    def visit_Call(self, node):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in _CHANGING:
            self._changes(function)
        name = function.id if isinstance(function, ast.Name) else ""
        if name in ("record", "check") and node.args and isinstance(node.args[0], ast.Constant):
            self.names.records.add(str(node.args[0].value))
        # A function may change what it is given; most that are called by a dotted name only look at it.
        if isinstance(function, ast.Name) and name not in _LOOKING:
            for argument in node.args:
                self._changes(argument)
        self.generic_visit(node)

    def _changes(self, node):
        while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
            node = node.value
        if isinstance(node, ast.Name):
            self.names.changes.add(node.id)


@dataclass
class Statement:
    """One statement of a lesson: the place of its cell, its names, and whether it always sets what it sets."""

    place: int
    names: Names
    always: bool
    defines: str | None = None  # the function or class


def statements_of(cells):
    """The `Statement`s of a list of code cells, in order."""
    found = []
    for place, cell in enumerate(cells):
        tree = parse(cell.source)
        for statement in tree.body if tree else ():
            names = Names()
            _Reader(names).visit(statement)
            defines = getattr(statement, "name", None) if isinstance(statement, _DEFINITIONS) else None
            found.append(Statement(place, names, not isinstance(statement, _PERHAPS), defines))
    return found


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_PERHAPS = (ast.If, ast.For, ast.While, ast.Try)


def origins(statements, record):
    """The cells that a record comes from: followed backwards from where it is recorded.

    Args:
        statements: The lesson's, as `statements_of` gives them.
        record: The record's name.

    Returns:
        (set of the cells' places, {place: the names that the value comes from as they stand when that cell
        begins}), or (None, {}) where no cell records it.
    """
    last = next((number for number, one in enumerate(statements) if record in one.names.records), None)
    if last is None:
        return None, {}
    imports = set().union(*(one.names.imports for one in statements))
    bodies = {one.defines: one.names.reads for one in statements if one.defines}
    places, wanted = {statements[last].place}, _with_bodies(statements[last].names.reads, bodies)
    live = {statements[last].place: set(wanted)}
    for one in reversed(statements[:last]):
        if (one.names.sets | (one.names.changes - imports)) & wanted:
            places.add(one.place)
            if one.always:
                wanted -= one.names.sets
            # What a function reads, it reads when it is called: that was wanted there.
            wanted |= set() if one.defines else _with_bodies(one.names.reads, bodies)
        live[one.place] = set(wanted)
    return places, live


def _with_bodies(names, bodies):
    """The names, and those that the functions among them read."""
    found, left = set(), list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += bodies.get(name, ())
    return found
