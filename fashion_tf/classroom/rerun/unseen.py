"""A matplotlib backend for pictures that nobody looks at: figures are made, saved where a cell says so, and never
drawn for the screen, which takes a good part of a lesson's time. As in Jupyter, a cell's figures end with it.
"""

from IPython import get_ipython
from matplotlib.backend_bases import FigureManagerBase as FigureManager
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

__all__ = ["FigureCanvas", "FigureManager", "show"]


def show(*_, **__):
    """Closes all figures."""
    from matplotlib import pyplot

    pyplot.close("all")


if get_ipython() is not None:
    get_ipython().events.register("post_execute", show)
