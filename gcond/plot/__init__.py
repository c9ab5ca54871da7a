"""Pictures of condensed graphs, of runs and of results, drawn with matplotlib.

Every function draws on the axes it is given, or on a figure of its own, and returns the axes.
Nothing is shown and pyplot is never imported: the caller's figures, backend and settings stay as
they are. :func:`save` writes a picture to a file.
"""

from gcond.plot.curves import history, ratio
from gcond.plot.drawing import graph
from gcond.plot.grid import images
from gcond.plot.heat import adjacency, matrix
from gcond.plot.overview import figure
from gcond.plot.plane import features
from gcond.plot.sets import graphs
from gcond.plot.writing import check, save

__all__ = [
    "adjacency",
    "check",
    "features",
    "figure",
    "graph",
    "graphs",
    "history",
    "images",
    "matrix",
    "ratio",
    "save",
]
