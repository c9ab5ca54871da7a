"""The result of a condensation, its provenance and its file."""

from gcond.condensed.parts import edges_of, parts_of
from gcond.condensed.provenance import History, Source, versions
from gcond.condensed.result import Condensed

__all__ = ["Condensed", "History", "Source", "edges_of", "parts_of", "versions"]
