"""The figures that lessons share. Each function draws and returns its matplotlib figure.

Colours are seaborn's colour-blind-safe palette; text stays readable at Colab's width.
"""

import numpy as np


def _new_figure(width, height, rows=1, columns=1, **options):
    import matplotlib.pyplot as plt

    return plt.subplots(rows, columns, figsize=(width, height), layout="constrained",
                        squeeze=False, **options)


def show_images(images, titles=None, columns=10, size=1.1, title=None, row_titles=None):
    """Pictures in a grid.

    Args:
        images: uint8 0..255 or float 0..1, (n, height, width) or (n, height, width, 3).
        titles: n short texts, or None. Line breaks are allowed.
        columns: Pictures in a row.
        size: Width of one picture, in inches.
        title: Text above the grid.
        row_titles: Short texts left of the rows, or None. Line breaks are allowed.

    Taught in: 00_start_here.ipynb
    """
    import matplotlib.pyplot as plt

    images = np.asarray(images)
    rows = max(1, -(-len(images) // columns))
    lines = max((text.count("\n") + 1 for text in titles), default=0) if titles is not None else 0
    height = size * images.shape[1] / images.shape[2] + 0.17 * lines + 0.05
    figure, axes = _new_figure(size * columns + (0.4 if row_titles else 0), height * rows + (0.35 if title else 0),
                               rows, columns)
    bright = 1 if images.dtype.kind == "f" else 255
    for number, axis in enumerate(axes.flat):
        axis.axis("off")
        if number < len(images):
            axis.imshow(images[number], cmap="gray", vmin=0, vmax=bright, interpolation="nearest")
            if titles is not None:
                axis.set_title(titles[number], fontsize=9)
    for axis, text in zip(axes[:, 0], row_titles or ()):
        axis.set(frame_on=False, xticks=[], yticks=[])
        axis.set_axis_on()
        axis.set_ylabel(text, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11)
    plt.show()
    return figure


def show_neighbours(pictures, titles, right, size=1.35, title=None):
    """Searches side by side: in each row the query, and what was found for it, the nearest first.

    Args:
        pictures: uint8 (queries, 1 + found, height, width, 3); the first of each row is the query.
        titles: Short texts, (queries, 1 + found). Line breaks are allowed.
        right: Whether what was found is right, bools (queries, found): such pictures are framed blue,
            the others orange and dashed.
        size: Width of one picture, in inches.
        title: Text above.

    Taught in: 34_similar_products.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    rows, columns, high, wide = np.shape(pictures)[:4]
    lines = 1 + max(text.count("\n") for row in titles for text in row)
    figure, axes = _new_figure(size * columns, rows * (size * high / wide + 0.16 * lines + 0.1)
                               + (0.35 if title else 0), rows, columns)
    blue, orange = sns.color_palette("colorblind")[0], sns.color_palette("colorblind")[1]
    for row, column in np.ndindex(rows, columns):
        axis = axes[row, column]
        axis.imshow(pictures[row][column])
        axis.set(xticks=[], yticks=[])
        axis.set_title(titles[row][column], fontsize=8)
        hit = column == 0 or right[row][column - 1]
        axis.spines[:].set(color="black" if column == 0 else blue if hit else orange,
                           linewidth=1 if column == 0 else 2.5, linestyle="-" if hit else "--")
    if title:
        figure.suptitle(title, fontsize=11)
    plt.show()
    return figure


def label_colours(count):
    """A colour for each of `count` labels, as (red, green, blue) in 0..1; label 0 is light grey.

    Args:
        count: At most 60.
    """
    import cv2
    import seaborn as sns

    pool = [(0.93, 0.93, 0.93), *(colour for name in ("tab20", "tab20b", "tab20c", "bright", "dark")
                                  for colour in sns.color_palette(name)), (0.0, 0.0, 0.0)]
    # Distances in CIE Lab are those that an eye sees. The next colour is always the one farthest from all
    # before it, so that few labels get colours far apart, and more labels keep those.
    seen = cv2.cvtColor(np.float32(pool)[None], cv2.COLOR_RGB2LAB)[0]
    order, nearest = [0], np.linalg.norm(seen - seen[0], axis=1)
    while len(order) < count:
        order.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(seen - seen[order[-1]], axis=1))
    return [pool[number] for number in order]


def _largest_first(masks, count):
    """The labels of `count` that occur in masks, those with the most pixels first."""
    areas = sum(np.bincount(mask.ravel(), minlength=count) for mask in masks)
    return [label for label in np.argsort(-areas, kind="stable") if areas[label]]


def _label_legend(figure, colours, names, labels, fontsize):
    from matplotlib.patches import Patch

    figure.legend(handles=[Patch(color=colours[label], label=names[label]) for label in labels],
                  loc="outside right center", fontsize=fontsize, frameon=False)


def show_masks(images, masks, names, size=2.0, title=None):
    """Photos above their label masks, with a legend of the labels that occur, the largest first.

    A label keeps its colour from figure to figure. Label 0 (background) is light grey.

    Args:
        images: n pictures, uint8 0..255, (height, width, 3); their sizes may differ.
        masks: n masks of label numbers, (height, width).
        names: The labels' names, in the order of their numbers; at most 60.
        size: Width of one picture, in inches.
        title: Text above.

    Taught in: 00_start_here.ipynb
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    colours = label_colours(len(names))
    tall = max(image.shape[0] / image.shape[1] for image in images)
    figure, axes = _new_figure(size * len(images) + 1.6, 2 * size * tall + (0.4 if title else 0), 2,
                               len(images))
    for column, (image, mask) in enumerate(zip(images, masks, strict=True)):
        axes[0, column].imshow(image)
        axes[1, column].imshow(mask, cmap=ListedColormap(colours), vmin=0, vmax=len(names) - 1,
                               interpolation="nearest")
    for axis in axes.flat:
        axis.axis("off")
    _label_legend(figure, colours, names, _largest_first(masks, len(names)), fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11)
    plt.show()
    return figure


def mask_errors(image, predicted, truth):
    """A photo with a mask laid over it: the garment in its own colours where the mask is right, the background in pale
    grey, what the mask misses in blue, and what it claims wrongly in orange.

    Args:
        image: uint8 (height, width, 3).
        predicted, truth: Binary masks (height, width), 0 outside.

    Returns:
        uint8 (height, width, 3).
    """
    import seaborn as sns

    predicted, truth = np.asarray(predicted) > 0, np.asarray(truth) > 0
    grey = np.asarray(image, np.float32).mean(-1, keepdims=True).repeat(3, -1)
    palette = 255 * np.array(sns.color_palette("colorblind"))
    picture = np.where(truth[..., None], image, 0.35 * grey + 0.65 * 255)
    for wrong, colour in ((truth & ~predicted, palette[0]), (predicted & ~truth, palette[1])):
        picture[wrong] = 0.25 * grey[wrong] + 0.75 * colour
    return picture.round().astype(np.uint8)


def show_mask_errors(images, truths, predictions, titles=None, size=1.5):
    """Photos, and below them a row for each network with its masks' errors (see `mask_errors`).

    Args:
        images: n pictures, uint8 (height, width, 3).
        truths: n binary masks.
        predictions: Network's name to its n binary masks.
        titles: n short texts, or None.
        size: Width of one picture, in inches.

    Taught in: 38_masked_style_transfer.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns
    from matplotlib.patches import Patch

    rows = {"photo": list(images)} | {name: [mask_errors(image, predicted, truth) for image, predicted, truth in zip(
        images, masks, truths, strict=True)] for name, masks in predictions.items()}
    tall = max(image.shape[0] / image.shape[1] for image in images)
    figure, axes = _new_figure(size * len(images) + 0.3, len(rows) * size * tall + 0.5, len(rows), len(images))
    for row, (name, pictures) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(name)
        for axis, picture in zip(row, pictures, strict=True):
            axis.imshow(picture)
            axis.set(xticks=[], yticks=[])
    for axis, title in zip(axes[0], titles or ()):
        axis.set_title(title, fontsize=9)
    palette = sns.color_palette("colorblind")
    figure.legend(handles=[Patch(color=palette[0], label="missed"), Patch(color=palette[1], label="claimed wrongly")],
                  loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    plt.show()
    return figure


def plot_learning_curves(histories, metric="accuracy", held_out="validation"):
    """Loss and one metric over the epochs: training dashed, held-out data solid, a colour a model.

    Args:
        histories: Model name to `keras.callbacks.History` (or its ``history`` dict).
        metric: The metric's name in the history.
        held_out: What the data are that were given to `fit` as validation data, for the legend.

    Taught in: 11_fashion_mnist_cnn.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    figure, axes = _new_figure(9, 3.6, columns=2)
    palette = sns.color_palette("colorblind", len(histories))
    for axis, key in zip(axes.flat, ("loss", metric), strict=True):
        for colour, (name, history) in zip(palette, histories.items(), strict=True):
            values = getattr(history, "history", history)
            for curve, style, part in ((key, "--", "training"), (f"val_{key}", "-", held_out)):
                if curve in values:
                    epochs = np.arange(1, len(values[curve]) + 1)
                    axis.plot(epochs, values[curve], style, color=colour, marker="o", markersize=3,
                              label=f"{name}, {part}")
        axis.set(xlabel="epoch", ylabel=key)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    axes.flat[-1].legend(fontsize=8)
    plt.show()
    return figure


def plot_curves(curves, xlabel, ylabel, title=None, levels=None):
    """Lines of several runs: a colour and a dash for each name, a line for each run of it.

    Args:
        curves: (name, run) to (x values, y values in 0..1).
        xlabel, ylabel: What the axes are.
        title: Text above.
        levels: Name to a value that is the same everywhere, such as chance; drawn as thin lines.

    Taught in: 21_three_architectures.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, axes = _new_figure(8, 3.8)
    axis, names = axes[0, 0], list(dict.fromkeys(name for name, _ in curves))
    dashes = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 3)))
    palette = sns.color_palette("colorblind")
    named = set()
    for (name, _), (x, y) in curves.items():
        number = names.index(name)
        axis.plot(x, y, ls=dashes[number % 6], color=palette[number % 10], lw=2,
                  label=None if name in named else name)
        named.add(name)
    for (name, value), dash in zip((levels or {}).items(), ((0, (1, 3)), "-", "--")):
        axis.axhline(value, color="grey" if dash != "-" else "black", lw=1, ls=dash, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, 1), title=title)
    if all((np.asarray(line.get_xdata()) % 1 == 0).all() for line in axis.lines):  # epochs: no tick between two
        axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    plt.show()
    return figure


def plot_reliability(answers, bins=10):
    """What models say of their answers beside how often these are right, in bins of equal width.

    Args:
        answers: Name to (probability of each answer, in 0..1; whether it is right), (rows,) each.
        bins: How many; one without answers has no dot.

    Taught in: 43_describe_an_outfit.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, axes = _new_figure(5, 4)
    axis = axes[0, 0]
    axis.plot([0, 1], [0, 1], color="grey", ls=":", label="means what it says")
    for (name, (sure, right)), colour, style in zip(answers.items(), sns.color_palette("colorblind"), "o^sDv"):
        place = np.minimum((np.asarray(sure) * bins).astype(int), bins - 1)
        counts = np.bincount(place, minlength=bins)
        there = counts > 0
        said, true = (np.bincount(place, values, bins)[there] / counts[there] for values in (sure, right))
        axis.plot(said, true, color=colour, lw=1)
        axis.scatter(said, true, s=20 + 400 * counts[there] / counts.sum(), color=colour, marker=style, alpha=0.7,
                     label=name)
    axis.set(xlabel="probability that it gives its answers", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=9)
    plt.show()
    return figure


def plot_log_lines(panels, xlabel, ylabel, level=None):
    """Lines over 0, 1, 2 ... on a logarithmic scale, side by side; a name keeps its colour and mark.

    Args:
        panels: Title to {name: values above 0}.
        xlabel, ylabel: What the axes are.
        level: (name, value) of a line that is drawn across, or None.

    Taught in: 21_three_architectures.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, axes = _new_figure(4.75 * len(panels), 3.8, columns=len(panels))
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    palette, handles = sns.color_palette("colorblind"), {}
    for axis, (title, lines) in zip(axes.flat, panels.items()):
        for name, values in lines.items():
            number = names.index(name)
            handles[name], = axis.plot(values, "os^Dv"[number % 5], ls=("-", ":", "--", "-.")[number % 4], markersize=4,
                                       color=palette[number % 10])
        if level is not None:
            handles[level[0]] = axis.axhline(level[1], color="black", lw=1)
        axis.set(yscale="log", xlabel=xlabel, title=title)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel(ylabel)
    figure.legend(handles.values(), handles, fontsize=9, loc="outside lower center", ncols=min(5, len(handles)))
    plt.show()
    return figure


def plot_confusion_matrix(truth, predicted, classes, title=None):
    """Confusion matrix: rows are the true classes, each row sums to 100 %; cells show per cent.

    Args:
        truth: Class indices, (n,).
        predicted: Class indices, (n,).
        classes: Class names, in index order.
        title: Text above it.

    Taught in: 11_fashion_mnist_cnn.ipynb
    """
    from sklearn.metrics import confusion_matrix

    return plot_confusion_counts(confusion_matrix(truth, predicted, labels=np.arange(len(classes))),
                                 classes, title)


def plot_confusion_counts(counts, classes, title=None):
    """The same from counts; the row of a class that never occurs is all zeros.

    Args:
        counts: Whole numbers (classes, classes): row the true class, column the predicted one.
        classes, title: As in `plot_confusion_matrix`.

    Taught in: 51_clothing_parsing.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    counts = np.asarray(counts)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    many = len(classes) > 16
    side = 2.2 + (0.34 if many else 0.5) * len(classes)
    figure, axes = _new_figure(side + 0.4, side)
    text = np.where(shares > 0.5, np.char.mod("%.0f", shares), "")  # empty cells read as zero
    sns.heatmap(shares, annot=text, fmt="", cmap="cividis", vmin=0, vmax=100, square=True,
                xticklabels=classes, yticklabels=classes, ax=axes[0, 0],
                annot_kws={"fontsize": 7} if many else None,
                cbar_kws={"label": "% of the true class", "shrink": 0.8})
    axes[0, 0].set(xlabel="predicted", ylabel="true", title=title)
    axes[0, 0].tick_params(axis="x", rotation=45)
    plt.setp(axes[0, 0].get_xticklabels(), ha="right", rotation_mode="anchor")
    plt.show()
    return figure


def plot_paper_and_here(table, ylabel, chance=None, columns=3):
    """A panel for each of a paper's tables: its values and this run's, the best of each ringed.

    Args:
        table: Columns ``paper`` and ``here``, numbers in 0..1; an index of (title, row), as the data of
            `fashion_tf.classroom.paper_beside_here`. Missing values leave a gap.
        ylabel: What the numbers are.
        chance: Where to draw a line for a guess, or None.
        columns: Panels in a row.

    Taught in: 22_hyperparameter_search.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    titles = list(dict.fromkeys(table.index.get_level_values(0)))
    down = -(-len(titles) // columns)
    figure, axes = _new_figure(3.35 * columns, 3.2 * down, down, columns, sharey=True)
    blue, orange = sns.color_palette("colorblind")[:2]
    for axis, title in zip(axes.flat, titles):
        rows = table.loc[title].astype(float)
        for source, colour in (("paper", orange), ("here", blue)):
            axis.plot(rows.index, rows[source], "o--", color=colour, linewidth=0.8, label=source)
            if rows[source].notna().any():
                axis.plot([rows[source].idxmax()], [rows[source].max()], "o", color=colour, markersize=13,
                          fillstyle="none")
        if chance is not None:
            axis.axhline(chance, color="grey", linestyle=":", label="chance")
        axis.set(title=title, ylim=(0, 1))
        axis.grid(alpha=0.3)
        if len(rows) > 4:
            plt.setp(axis.get_xticklabels(), rotation=30, ha="right")
    for axis in axes.flat[len(titles):]:
        axis.axis("off")
    axes[0, 0].legend(fontsize=8)
    figure.supylabel(ylabel)
    plt.show()
    return figure


def plot_label_shares(counts, names, title=None):
    """How the pixels are shared out among labels, on a scale of powers of ten, the largest first.

    Args:
        counts: Pixels of each label, (n,); one that never occurs gets no bar.
        names: The labels' names; at most 60. A label has the colour of `show_masks`.
        title: Text above.

    Taught in: 51_clothing_parsing.ipynb
    """
    import matplotlib.pyplot as plt

    counts, colours = np.asarray(counts), label_colours(len(names))
    order = np.argsort(-counts, kind="stable")
    figure, axes = _new_figure(9, 3.2)
    axis = axes[0, 0]
    axis.bar(range(len(names)), 100 * counts[order] / counts.sum(), color=[colours[label] for label in order],
             edgecolor="grey")
    axis.set_yscale("log")
    axis.set_xticks(range(len(names)), [names[label] for label in order], rotation=45, ha="right", fontsize=8)
    axis.set(ylabel="% of the pixels", title=title)
    plt.show()
    return figure


def show_parsings(rows, titles, names, row_titles=None, size=1.6, title=None):
    """Photos, their label masks and where they are wrong, in a grid with a legend.

    Args:
        rows: Lists of pictures, as many in each: a photo, uint8 (height, width, 3); a mask of label numbers (height,
            width); or bools (height, width), drawn black where true.
        titles: Of the columns. Line breaks are allowed.
        names: The labels' names, in the order of their numbers; at most 60. The legend has the 24 largest that occur.
        row_titles: Of the rows, or None.
        size: Width of one picture, in inches.
        title: Text above.

    Taught in: 51_clothing_parsing.ipynb
    """
    import matplotlib.pyplot as plt

    colours = np.array(label_colours(len(names)))
    masks = [picture for row in rows for picture in row if picture.ndim == 2 and picture.dtype != bool]
    present = _largest_first(masks, len(names))[:24]
    tall = size * sum(row[0].shape[0] / row[0].shape[1] for row in rows) + 0.08 * len(rows) + 0.35
    figure, axes = _new_figure(size * len(titles) + 1.7, max(tall, 0.19 * len(present)), len(rows), len(titles))
    for axis, picture in zip(axes.flat, [picture for row in rows for picture in row], strict=True):
        if picture.dtype == bool:
            axis.imshow(~picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        else:
            axis.imshow(picture if picture.ndim == 3 else colours[picture], interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("lightgrey")
    for axis, text in zip(axes[0], titles):
        axis.set_title(text, fontsize=9)
    for axis, text in zip(axes[:, 0], row_titles or []):
        axis.set_ylabel(text, fontsize=9)
    _label_legend(figure, colours, names, present, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=11)
    plt.show()
    return figure


def plot_draws(tables, parameters, metric, lines=None):
    """A random search: every draw a dot, in a panel for each parameter over that parameter's value.

    Args:
        tables: Name to a pandas table with a row for each draw and the columns below; a colour and a marker a table,
            its best draw filled.
        parameters: Columns to draw over.
        metric: The column of the score.
        lines: Name to a score that is drawn as a dashed line, or None.

    Taught in: 52_dense_crf.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, axes = _new_figure(3.3 * len(parameters), 3.3, columns=len(parameters), sharey=True)
    for (name, table), marker, colour in zip(tables.items(), "o^sDv", sns.color_palette("colorblind")):
        best = table.loc[table[metric].idxmax()]
        for axis, parameter in zip(axes[0], parameters):
            axis.plot(table[parameter], table[metric], marker, color=colour, mfc="none", label=name)
            axis.plot(best[parameter], best[metric], marker, color=colour, label=f"best, {name}")
    for axis, parameter in zip(axes[0], parameters):
        for name, score in (lines or {}).items():
            axis.axhline(score, color="black", ls="--", label=name)
        axis.set_xlabel(parameter)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel(metric)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    plt.show()
    return figure


def plot_histograms(table, xlabel, ylabel):
    """The columns of a pandas table as histograms over one another, with the same bins, and a line at zero.

    Args:
        table: Numbers; the legend names the columns.
        xlabel, ylabel: Of the axes.

    Taught in: 52_dense_crf.ipynb
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, axes = _new_figure(7, 2.8)
    axis = axes[0, 0]
    bins = np.histogram_bin_edges(np.asarray(table, float), 40)
    for name, colour in zip(table.columns, sns.color_palette("colorblind")):
        axis.hist(table[name], bins, color=colour, alpha=0.7, label=name)
    axis.axvline(0, color="black", lw=1)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.legend(fontsize=8)
    plt.show()
    return figure
