"""The shared core of dataset condensation: one loop, and the concepts in which papers differ.

Imports torch and nothing else. Domains (graphs, images) bring tasks and synthetic sets.
"""

from gcond.matching.adam import Adam
from gcond.matching.augmentation import Augmentation, Plain
from gcond.matching.batch import Batch, Groups, targets
from gcond.matching.distance import (
    AngleAndMagnitude,
    CosinePerUnit,
    Distance,
    FlatCosine,
    RelativeSquaredL2,
    Signature,
    SquaredL2,
)
from gcond.matching.distributed import LostRankError, Team
from gcond.matching.embeddings import Embeddings
from gcond.matching.grouping import ByClass, ByClassAndTogether, Grouping, Together, WarmUp
from gcond.matching.itemwise import ItemwiseGradient
from gcond.matching.loop import match
from gcond.matching.memory import Chunked, Full, Memory
from gcond.matching.model import MLP, Functional, Linear, Model, Theta
from gcond.matching.optimizer import SGD, Optimizer
from gcond.matching.randomness import Draw, generator_for
from gcond.matching.run import (
    Moment,
    NonFiniteError,
    Observer,
    Plan,
    Progress,
    restore,
    state_of,
)
from gcond.matching.schedule import AllAtOnce, Schedule, Step, Turns
from gcond.matching.selection import Best, Last, Selection
from gcond.matching.signal import FunctionalGradient, Gradients, Kind, Signal, Targets
from gcond.matching.stream import (
    Advance,
    Bank,
    Fixed,
    Fresh,
    Stream,
    TrainOnReal,
    TrainOnSynthetic,
    WhileRealImproves,
)
from gcond.matching.task import Score, State, SyntheticSet, Task
from gcond.matching.unrolled import LossOf, Unrolled

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "Advance",
    "AllAtOnce",
    "AngleAndMagnitude",
    "Augmentation",
    "Bank",
    "Batch",
    "Best",
    "ByClass",
    "ByClassAndTogether",
    "Chunked",
    "CosinePerUnit",
    "Distance",
    "Draw",
    "Embeddings",
    "Fixed",
    "FlatCosine",
    "Fresh",
    "Full",
    "Functional",
    "FunctionalGradient",
    "Gradients",
    "Grouping",
    "Groups",
    "ItemwiseGradient",
    "Kind",
    "Last",
    "Linear",
    "LossOf",
    "LostRankError",
    "Memory",
    "Model",
    "Moment",
    "NonFiniteError",
    "Observer",
    "Optimizer",
    "Plain",
    "Plan",
    "Progress",
    "RelativeSquaredL2",
    "Schedule",
    "Score",
    "Selection",
    "Signal",
    "Signature",
    "SquaredL2",
    "State",
    "Step",
    "Stream",
    "SyntheticSet",
    "Targets",
    "Task",
    "Team",
    "Theta",
    "Together",
    "TrainOnReal",
    "TrainOnSynthetic",
    "Turns",
    "Unrolled",
    "WarmUp",
    "WhileRealImproves",
    "generator_for",
    "match",
    "restore",
    "state_of",
    "targets",
]
