"""Who says what a real node is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from torch import Tensor

from gcond.graph.initialise import Initialisation, Start
from gcond.graph.task import NodeTask
from gcond.graph.teachers import KernelRidge, Teacher, predictions
from gcond.graph.validation import Validation


class LabelSource(Protocol):
    """A choice of who labels the real nodes that a method learns from."""

    @property
    def soft(self) -> bool:
        """Whether synthetic labels and matching targets are distributions."""

    def speak(self, task: NodeTask, seed: int) -> NodeTask:
        """The task with the nodes that have a label as its training nodes."""

    def describe(self) -> str:
        """What a table says of it."""


@dataclass(frozen=True)
class TrainingLabels:
    """The labels of the training nodes, and no others."""

    @property
    def soft(self) -> bool:
        return False

    def speak(self, task: NodeTask, seed: int) -> NodeTask:
        return task

    def describe(self) -> str:
        return "training labels"


@dataclass(frozen=True)
class Taught:
    """A teacher's predictions on all nodes of the graph, the training nodes keeping their labels.

    The teacher is trained on the training labels; validation labels choose its settings, test
    labels take no part. Most published methods do not use such labels, so that results belong in
    a column of their own. In the inductive setting every node of the graph is labelled already,
    and this is :class:`TrainingLabels`.

    Args:
        teacher: Who predicts.
        soft: Make synthetic labels and matching targets distributions instead of classes.
    """

    teacher: Teacher = KernelRidge()  # noqa: RUF009 - frozen
    soft: bool = False

    def speak(self, task: NodeTask, seed: int) -> NodeTask:
        given = task.given or task
        if given.setting == "inductive":
            return given
        given.graph("train")  # a graph on disk has no teachers, and says so
        q = predictions(self.teacher, given, seed)
        everyone = np.arange(len(q))
        return replace(
            given,
            y=q.argmax(1),
            index={**given.index, "train": everyone},
            soft=q if self.soft else None,
            trust=q.max(1),
            given=given,
        )

    def describe(self) -> str:
        return f"teacher's {'soft' if self.soft else 'hard'} labels"


@dataclass(frozen=True)
class Heard:
    """A start as another label source gives it: a candidate of a choice on validation nodes.

    Args:
        labels: Who says what a real node is.
        init: The start.
    """

    labels: LabelSource
    init: Initialisation

    def affordable(self, task: NodeTask) -> bool:
        mine = task.disk is None or isinstance(self.labels, TrainingLabels)
        return mine and self.init.affordable(task)

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> Start:
        told = self.labels.speak(task.given or task, seed)
        return self.init.start(told, counts, seed, validation)
