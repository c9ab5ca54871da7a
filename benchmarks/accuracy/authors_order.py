"""A recipe of GCond from the start of the authors' code: what its order of classes costs.

    python benchmarks/accuracy/authors_order.py gcond/cora-70 --out reproduce-cora-70-order.json

The authors' labels come in the order in which classes first appear among the training labels, its
features in the order of class numbers, so that most classes begin at the nodes of another one. This
runs the recipe from that start; the rest is ``gcond reproduce``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor

from gcond import recipes, reproduction
from gcond.graph.initialise import Initialisation, Start
from gcond.graph.method import GraphMethod
from gcond.graph.task import NodeTask
from gcond.graph.validation import Validation


@dataclass(frozen=True)
class OutOfOrder:
    """A start whose blocks of features are not those of their labels; classes of equal size."""

    inner: Initialisation

    def affordable(self, task: NodeTask) -> bool:
        return self.inner.affordable(task)

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> Start:
        assert int(counts.min()) == int(counts.max()), f"classes of unequal size: {counts}"
        appearing = list(dict.fromkeys(task.labels("train").tolist()))
        found = self.inner.start(task, counts, seed, validation)
        blocks = found.features.view(len(counts), int(counts[0]), -1)
        features = torch.empty_like(blocks)
        features[appearing] = blocks  # the k-th to appear gets the features of class k
        return replace(found, features=features.flatten(0, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    recipe = recipes.load(options.recipe)
    assert isinstance(recipe.method, GraphMethod)
    method = replace(recipe.method, init=OutOfOrder(recipe.method.init))
    name = f"{recipe.name}, from the authors' start"
    with patch.object(recipes, "load", lambda _: replace(recipe, name=name, method=method)):
        found = reproduction.reproduce(options.recipe, root=options.root)
    print(found.table())
    if options.out:
        options.out.write_text(found.to_json())


if __name__ == "__main__":
    main()
