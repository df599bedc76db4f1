"""What one sees of a search: a line with the time left, a table that grows, and a panel for each stage."""

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
        self.handle, self.name, self.grid = None, "", ()
        self.notebook = _in_notebook()

    def stage(self, stage, known):
        """A stage begins; `known` of its trials need not run."""
        self.name, self.grid = stage.name, tuple(stage.grid)
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

            content = _Live(line, as_table(rows, self.grid))
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


def mean_table(rows, stage, spread):
    """One stage in the paper's form; see `fashion_tf.search.SearchResult.stage_table`."""
    import pandas as pd

    labels, metric = [rows[name].map(_label) for name in stage.crossed], rows[stage.metric]
    means = metric.groupby(labels, sort=False).agg(_mean)
    if len(labels) == 2:
        down, across = ([*dict.fromkeys(column)] for column in labels)
        return pd.DataFrame([[means.get((one, other), math.nan) for other in across] for one in down],
                            pd.Index(down, name=stage.crossed[0]),
                            pd.Index(across, name=stage.crossed[1]))
    table = means.to_frame(stage.metric)
    if spread and rows["seed"].nunique() > 1:
        table["spread"] = metric.groupby(labels, sort=False).std()
    return table


def _mean(values):
    return values.mean(skipna=False)


def _label(value):
    """A setting's value as a table's heading: None is the library's default."""
    return "default" if value is None else str(value) if isinstance(value, (list, dict)) else value


# --- the plot ----------------------------------------------------------------------------------


def plot_stages(result, chance, columns):
    """See `fashion_tf.search.SearchResult.plot`."""
    import matplotlib.pyplot as plt

    across = min(columns, len(result.stages))
    down = -(-len(result.stages) // columns)
    figure, axes = plt.subplots(down, across, figsize=(2.6 * across, 2.7 * down), squeeze=False,
                                layout="constrained")
    for number, axis in enumerate(axes.flat):
        if number >= len(result.stages):
            axis.axis("off")
            continue
        stage = result.stages[number]
        _draw_stage(axis, stage, result.table[result.table["stage"] == stage.name],
                    result.winners[stage.name])
        if chance is not None:
            axis.axhline(chance, color="grey", lw=1, ls=":")
        if number % across == 0 or stage.metric != result.stages[number - 1].metric:
            axis.set_ylabel(stage.metric)
    # The stages of one metric share its scale, so that their gains can be compared.
    for metric in {stage.metric for stage in result.stages}:
        same = [axis for axis, stage in zip(axes.flat, result.stages) if stage.metric == metric]
        limits = [limit for axis in same for limit in axis.get_ylim()]
        for axis in same:
            axis.set_ylim(min(limits), max(limits))
    plt.show()
    return figure


def _draw_stage(axis, stage, rows, winner):
    """The first crossed setting along the axis, a line for each value of the others."""
    import seaborn as sns

    first, *others = stage.crossed
    palette = sns.color_palette("colorblind")
    places = list(dict.fromkeys(rows[first].map(_tick)))
    line_of = rows[others].apply(lambda row: ", ".join(map(_tick, row)), axis=1) if others else (
        rows[first].map(lambda value: ""))
    lines = list(dict.fromkeys(line_of))
    ordered = others or not any(isinstance(value, (str, bool)) for value in rows[first])
    for number, name in enumerate(lines):
        line, colour, marker = rows[line_of == name], palette[number % 10], "osD^vP*X"[number % 8]
        where = line[first].map(_tick).map(places.index).to_numpy()
        means = line[stage.metric].groupby(where).agg(_mean)
        axis.plot(means.index, means, "-" if ordered else "", color=colour, lw=1.2, label=name)
        axis.plot(where, line[stage.metric], marker, color=colour, mfc="white", ms=5, ls="")
        if name == ", ".join(_tick(winner[other]) for other in others):
            place = places.index(_tick(winner[first]))
            axis.plot([place], [means[place]], marker, color=colour, ms=8)
    long = max(len(text) for text in places) > 5
    axis.set_xticks(range(len(places)), places, fontsize=8, rotation=45 if long else 0,
                    ha="right" if long else "center")
    axis.set_title(stage.name, fontsize=10)
    axis.grid(alpha=0.3)
    if others and len(lines) <= 10:
        axis.legend(fontsize=7, title=", ".join(others), title_fontsize=7)


def _tick(value):
    return "default" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
