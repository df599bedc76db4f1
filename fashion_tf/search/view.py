"""A search's tables, and a panel for each stage."""

import math


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
