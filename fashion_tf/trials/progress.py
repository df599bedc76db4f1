"""What one sees while trials run: a line with the time left, and a table that grows."""

import html
import math
import sys
import time

SECONDS_BETWEEN = 0.3  # a front end that redraws a table more often than that falls behind


class Progress:
    """One line that is written over, and in a notebook the stage's table so far. Where the output
    is neither a notebook nor a terminal, nothing but what `say` is given."""

    def __init__(self, total):
        self.total, self.done, self.ran, self.width = total, 0, 0, 0
        self.began, self.shown = time.monotonic(), -math.inf
        self.handle, self.name, self.varied = None, "", ()
        self.notebook = _in_notebook()

    def stage(self, name, varied, known):
        """A stage begins, of trials that differ in the settings `varied`; `known` of them need not run."""
        self.name, self.varied = name, varied
        self.done += known
        self._show([])

    def step(self, rows):
        """A trial has ended; `rows` are those of the stage so far."""
        self.done += 1
        self.ran += 1
        if time.monotonic() - self.shown >= SECONDS_BETWEEN:
            self._show(rows)

    def say(self, text):
        print("\n" + text if self.width else text, flush=True)
        self.width = 0

    def close(self):
        seconds = duration(time.monotonic() - self.began)
        self._write(f"{self.done} trials asked for, {self.ran} run now, in {seconds}", [])
        if self.width:
            print()

    def line(self):
        line = f"{self.name}: trial {self.done} of {self.total}"
        if self.ran and self.done < self.total:
            left = (time.monotonic() - self.began) / self.ran * (self.total - self.done)
            line += f", about {duration(left)} left"
        return line

    def _show(self, rows):
        self._write(self.line(), rows)
        self.shown = time.monotonic()

    def _write(self, line, rows):
        if self.notebook:
            from IPython.display import display

            content = _Live(line, as_table(rows, self.varied))
            if self.handle is None:
                self.handle = display(content, display_id=True)
            else:
                self.handle.update(content)
        elif sys.stdout.isatty():
            print("\r" + line.ljust(self.width), end="", flush=True)
            self.width = len(line)


class _Live:
    """A line and a table, for a notebook's display."""

    def __init__(self, line, table):
        self.line, self.table = line, table

    def __repr__(self):
        return self.line

    def _repr_html_(self):
        table = "" if self.table.empty else self.table.drop(columns=["stage", "message"]).to_html(
            index=False, float_format="{:.4g}".format)
        return f"<p>{html.escape(self.line)}</p>{table}"


def _in_notebook():
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def duration(seconds):
    """As text: "45 s", "3 min 20 s", "2 h 5 min"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


# --- tables ------------------------------------------------------------------------------------


def as_table(rows, settings):
    """Rows of the engine as a pandas table. The metrics of a failed trial are no numbers there:
    they cannot win. A setting keeps its values as they are: None stays None, 10 does not become 10.0.
    """
    import pandas as pd

    table = pd.DataFrame([
        {"stage": row["stage"], **{name: None for name in settings}, "seed": row["seed"],
         "status": row["status"], "message": row["message"], "seconds": row["seconds"],
         **{name: value if row["status"] == "finished" else math.nan
            for name, value in row["metrics"].items()}} for row in rows])
    for name in settings if rows else ():
        values = [row["settings"][name] for row in rows]
        kinds = {type(value) for value in values}
        plain = len(kinds) == 1 and kinds <= {bool, int, float, str}
        table[name] = pd.Series(values, dtype=None if plain else object)
    return table
