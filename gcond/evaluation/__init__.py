"""The judge: fresh models trained on a condensed set, tested on the real one."""

from gcond.evaluation.comparison import Comparison, compare
from gcond.evaluation.fitting import fit
from gcond.evaluation.images import ImageProtocol
from gcond.evaluation.judge import evaluate
from gcond.evaluation.protocol import Protocol, get_protocol
from gcond.evaluation.ranking import Search, search
from gcond.evaluation.result import Evaluation, Row
from gcond.evaluation.sets import SetProtocol
from gcond.evaluation.space import Candidate, Space

__all__ = [
    "Candidate",
    "Comparison",
    "Evaluation",
    "ImageProtocol",
    "Protocol",
    "Row",
    "Search",
    "SetProtocol",
    "Space",
    "compare",
    "evaluate",
    "fit",
    "get_protocol",
    "search",
]
