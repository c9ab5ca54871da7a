"""What a teacher is, and what it shares with others."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol

import numpy as np

from gcond.graph.task import NodeTask

Distributions = np.ndarray[Any, Any]
"""Class distributions ``[N, C]``, float32."""


class Teacher(Hashable, Protocol):
    """A classifier of all nodes that is trained on the training labels."""

    def predict(self, task: NodeTask, seed: int) -> Distributions:
        """Class distributions of all nodes of a transductive task."""


def predictions(teacher: Teacher, task: NodeTask, seed: int) -> Distributions:
    """A teacher's distributions, the training nodes with their own labels; computed once."""
    key = (teacher, seed)
    if key not in task.memory:
        q = teacher.predict(task, seed).astype(np.float32)
        task.memory[key] = clamped(q / q.sum(1, keepdims=True), task)
    found: Distributions = task.memory[key]
    return found


def clamped(q: Distributions, task: NodeTask) -> Distributions:
    """A copy in which the training nodes have their own labels."""
    out, rows = q.copy(), task.index["train"]
    out[rows] = one_hot(task)
    return out


def one_hot(task: NodeTask) -> Distributions:
    """Labels of the training nodes as distributions ``[n, C]``."""
    return np.eye(task.num_classes, dtype=np.float32)[task.y[task.index["train"]]]


def accuracy(scores: Distributions, task: NodeTask) -> float:
    """Share of validation nodes whose largest score is that of their label."""
    rows = task.index["val"]
    return float((scores[rows].argmax(1) == task.y[rows]).mean())
