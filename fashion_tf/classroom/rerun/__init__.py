"""A notebook run again where it can do no harm: `Isolation` keeps it in, a `Sandbox` runs its cells.

What leaves the sandbox is bounded JSON, read after its last process is dead. Needs no TensorFlow here; the
kernel in the sandbox imports what the lesson does.
"""

from .isolation import ENGINES, KEPT_FROM, Isolation, Limits
from .sandbox import Ahead, CellRun, Run, Sandbox

__all__ = ["ENGINES", "KEPT_FROM", "Ahead", "CellRun", "Isolation", "Limits", "Run", "Sandbox"]
