"""What is reported of predictions, and their loss."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from gcond.graph.sets.task import Metric


def score_of(logits: Tensor, y: Tensor, metric: Metric) -> float:
    """The metric of predictions ``[G, C]``, from 0 to 1; NaN where it is not defined.

    Areas under curves are means over those labels of which zeros and ones are there, as OGB's
    evaluators have it; with one label per graph of two classes, of the second class.
    """
    if metric == "accuracy":
        if y.dim() == 2:
            known = ~y.isnan()
            return float(((logits > 0) == (y > 0.5))[known].double().mean())
        return float((logits.argmax(-1) == y).double().mean())
    from sklearn.metrics import average_precision_score, roc_auc_score

    area = roc_auc_score if metric == "rocauc" else average_precision_score
    predicted, truth = columns(logits, y)
    found = []
    for p, t in zip(predicted.T.numpy(), truth.T.numpy(), strict=True):
        known = ~np.isnan(t)
        if len(np.unique(t[known])) == 2:
            found.append(float(area(t[known], p[known])))
    return float(np.mean(found)) if found else float("nan")


def columns(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Predictions and truth ``[G, T]``, one column per label, as OGB's evaluators take them."""
    if y.dim() == 2:
        return logits, y
    return (logits[:, 1] - logits[:, 0])[:, None], y[:, None].float()


def loss_of(logits: Tensor, y: Tensor) -> float:
    """Mean cross-entropy; labels that are not known say nothing."""
    if y.dim() == 1:
        return float(cross_entropy(logits, y))
    known = ~y.isnan()
    return float(binary_cross_entropy_with_logits(logits[known], torch.nan_to_num(y)[known]))
