"""What the papers report, each under its own protocol."""

from __future__ import annotations

NODES = {
    ("cora", 35): ("79.8 ± 1.3", "82.5"),
    ("cora", 70): ("80.1 ± 0.6", "83.6"),
    ("cora", 140): ("79.3 ± 0.3", "82.8"),
    ("citeseer", 30): ("70.5 ± 1.2", "73.3"),
    ("citeseer", 60): ("70.6 ± 0.9", "74.3"),
    ("citeseer", 120): ("69.8 ± 1.4", "73.4"),
    ("pubmed", 15): ("76.5 ± 0.2", "77.7"),
    ("pubmed", 30): ("77.1 ± 0.5", "78.4"),
    ("pubmed", 60): ("77.9 ± 0.4", "78.2"),
}
"""GCond, Table 2 of "Graph Condensation for Graph Neural Networks" (https://arxiv.org/abs/2110.07580)
as quoted by later papers, and the best published by anyone, by dataset and nodes."""

SETS = {
    ("nci1", 50, "random"): "58.5 ± 1.7",
    ("nci1", 50, "herding"): "58.9 ± 0.8",
    ("nci1", 50, "k-center"): "56.6 ± 3.1",
    ("nci1", 50, "doscond"): "60.1 ± 1.6",
    ("nci1", 0, "whole"): "71.7 ± 0.2",
    ("mutag", 0, "whole"): "88.6 ± 1.4",
}
"""Cells that could be verified of "Condensing Graphs via One-Step Gradient Matching"
(https://arxiv.org/abs/2206.07746), by dataset, graphs per class (0: all) and row."""

IMAGES = {
    ("fashion-mnist", 1, "dc"): "70.5 ± 0.6",
    ("fashion-mnist", 10, "dc"): "82.3 ± 0.4",
    ("fashion-mnist", 50, "dc"): "83.6 ± 0.4",
    ("fashion-mnist", 1, "dsa"): "70.6 ± 0.6",
    ("fashion-mnist", 10, "dsa"): "84.6 ± 0.3",
    ("fashion-mnist", 50, "dsa"): "88.7 ± 0.2",
    ("mnist", 1, "dc"): "91.7 ± 0.5",
    ("mnist", 10, "dc"): "97.4 ± 0.2",
    ("mnist", 1, "dsa"): "88.7 ± 0.6",
    ("mnist", 10, "dsa"): "97.8 ± 0.1",
}
"""ConvNet-3, "Dataset Condensation with Differentiable Siamese Augmentation"
(https://arxiv.org/abs/2102.08259) for both methods, by dataset, images per class and row."""

ARCHITECTURES = {"citeseer": {"GCN": 70.5, "SGC": 70.3, "APPNP": 69.6, "ChebNet": 68.3}}
"""GCond condensed with SGC, Table 3 of "Graph Distillation with Eigenbasis Matching"
(https://arxiv.org/abs/2310.09202). It has no row for Cora."""
