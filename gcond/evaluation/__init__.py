"""The judge: fresh models trained on a condensed set, tested on the real one."""

from gcond.evaluation.comparison import Comparison, compare
from gcond.evaluation.fitting import fit
from gcond.evaluation.judge import evaluate
from gcond.evaluation.protocol import Protocol, get_protocol
from gcond.evaluation.ranking import Candidate, Search, Space, search
from gcond.evaluation.result import Evaluation, Row

__all__ = [
    "Candidate",
    "Comparison",
    "Evaluation",
    "Protocol",
    "Row",
    "Search",
    "Space",
    "compare",
    "evaluate",
    "fit",
    "get_protocol",
    "search",
]
