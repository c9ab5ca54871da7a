"""Cheap transductive teachers: classifiers trained on the training labels that predict all nodes.

A teacher is a frozen value; ``predict`` gives class distributions ``[N, C]``.
"""

from gcond.graph.teachers.grand import GRAND
from gcond.graph.teachers.kernel import KernelRidge
from gcond.graph.teachers.mixture import Mixture, SelfTraining
from gcond.graph.teachers.teacher import Teacher, predictions

__all__ = ["GRAND", "KernelRidge", "Mixture", "SelfTraining", "Teacher", "predictions"]
