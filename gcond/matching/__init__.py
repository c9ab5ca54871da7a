"""The shared core of dataset condensation: one loop, and the concepts in which papers differ.

Imports torch and nothing else. Domains (graphs, images) bring tasks and synthetic sets.
"""

from gcond.matching.adam import Adam
from gcond.matching.augmentation import Augmentation, Plain
from gcond.matching.batch import Batch, Groups, targets
from gcond.matching.distance import (
    CosinePerUnit,
    Distance,
    FlatCosine,
    RelativeSquaredL2,
    Signature,
    SquaredL2,
)
from gcond.matching.distributed import LostRankError, Team
from gcond.matching.grouping import ByClass, Grouping, Together
from gcond.matching.loop import match
from gcond.matching.model import MLP, Functional, Linear, Model, Theta
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
from gcond.matching.signal import FunctionalGradient, Gradients, Signal, Targets
from gcond.matching.stream import (
    Advance,
    Bank,
    Fixed,
    Fresh,
    Stream,
    TrainOnReal,
    TrainOnSynthetic,
)
from gcond.matching.task import Score, State, SyntheticSet, Task

__all__ = [
    "MLP",
    "Adam",
    "Advance",
    "AllAtOnce",
    "Augmentation",
    "Bank",
    "Batch",
    "Best",
    "ByClass",
    "CosinePerUnit",
    "Distance",
    "Draw",
    "Fixed",
    "FlatCosine",
    "Fresh",
    "Functional",
    "FunctionalGradient",
    "Gradients",
    "Grouping",
    "Groups",
    "Last",
    "Linear",
    "LostRankError",
    "Model",
    "Moment",
    "NonFiniteError",
    "Observer",
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
    "generator_for",
    "match",
    "restore",
    "state_of",
    "targets",
]
