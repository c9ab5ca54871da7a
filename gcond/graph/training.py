"""Many two-layer GCNs trained as one: the judge, and the validator inside a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from gcond.graph.dropout import Masks
from gcond.graph.receptive import Receptive
from gcond.matching.adam import Adam
from gcond.matching.batch import targets
from gcond.matching.randomness import seeded
from gcond.matching.ranges import at_least, positive, share


@dataclass(frozen=True)
class Training:
    """How a GCN is trained.

    Args:
        hidden_channels: Width of the hidden layer.
        epochs: Full-batch steps of Adam.
        lr: Step size; multiplied by 0.1 at half of the epochs, where Adam starts anew.
        weight_decay: L2 penalty on all parameters, added to the gradient.
        dropout: Probability of dropping a hidden unit.
        validate_every: Epochs between two validations; the last epoch is always validated.
    """

    hidden_channels: int = 256
    epochs: int = 600
    lr: float = 0.01
    weight_decay: float = 5e-4
    dropout: float = 0.5
    validate_every: int = 10

    def __post_init__(self) -> None:
        at_least(1, hidden_channels=self.hidden_channels, validate_every=self.validate_every)
        at_least(1, epochs=self.epochs)
        positive(lr=self.lr)
        at_least(0, weight_decay=self.weight_decay)
        share(dropout=self.dropout)


Weights = tuple[Tensor, Tensor, Tensor, Tensor]


def initial(in_channels: int, out_channels: int, hidden: int, seeds: Sequence[int]) -> Weights:
    """Stacked parameters of PyG's ``GCN``, one per seed, drawn as PyG draws them:
    ``[d, R, h], [R, h], [R, h, C], [R, C]``."""
    from torch_geometric.nn import GCN

    drawn = []
    for seed in seeds:
        with seeded(seed):
            module = GCN(in_channels, hidden, 2, out_channels)
        drawn.append([p.detach() for p in _in_order(module)])
    w1, b1, w2, b2 = (torch.stack(tensors) for tensors in zip(*drawn, strict=True))
    return w1.transpose(0, 1).contiguous(), b1, w2, b2


def on(weights: Weights, device: torch.device) -> Weights:
    """The same parameters on another device."""
    w1, b1, w2, b2 = (w.to(device) for w in weights)
    return w1, b1, w2, b2


def _in_order(module: torch.nn.Module) -> list[Tensor]:
    named = dict(module.named_parameters())
    return [
        named["convs.0.lin.weight"].T,
        named["convs.0.bias"],
        named["convs.1.lin.weight"].T,
        named["convs.1.bias"],
    ]


def logits(view: Receptive, weights: Weights, mask: Tensor | None = None) -> Tensor:
    """Predictions of all models at once, ``[R, m, C]``; ``mask`` is the dropout mask
    ``[r, R, h]``, already divided by the probability of keeping a unit."""
    return _forward(view, weights, mask)[0]


def _forward(view: Receptive, weights: Weights, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Predictions and hidden units ``[r, R, h]``, those after dropout."""
    w1, b1, w2, b2 = weights
    hidden = (view.inner @ w1.flatten(1)).view(-1, *b1.shape)
    hidden = hidden.add_(b1).relu_()
    if mask is not None:
        hidden = hidden * mask
    return _across(view.outer, hidden.transpose(0, 1) @ w2) + b2[:, None], hidden


def gradients(
    view: Receptive,
    weights: Weights,
    y: Tensor,
    mask: Tensor | None = None,
    importance: Tensor | None = None,
) -> Weights:
    """Gradient of each model's mean cross-entropy, in closed form.

    Models are small and steps are many, so that recording them for autograd would cost more than
    the arithmetic.

    Args:
        view: The training graph.
        weights: Parameters of all models.
        y: Labels of the rows as distributions ``[m, C]``.
        mask: Dropout mask as in :func:`logits`.
        importance: Weights of the rows ``[m]``, instead of equal ones that sum to one.
    """
    w1, _, w2, _ = weights
    out, hidden = _forward(view, weights, mask)
    delta = out.softmax(-1).sub_(y)
    delta = delta.div_(len(y)) if importance is None else delta.mul_(importance[:, None])
    back = _across(view.outer_t, delta)
    # Laid out as the hidden units are, so that no pass over them has to stride.
    inner = torch.empty_like(hidden)
    for r, model in enumerate(w2):
        torch.mm(back[r], model.T, out=inner[:, r])
    torch.ops.aten.threshold_backward.grad_input(inner, hidden, 0, grad_input=inner)
    if mask is not None:
        inner.mul_(mask)
    return (
        (view.inner_t @ inner.flatten(1)).view_as(w1),
        inner.sum(0),
        hidden.permute(1, 2, 0) @ back,
        delta.sum(1),
    )


def _across(matrix: Tensor, stacked: Tensor) -> Tensor:
    """``matrix [m, n]`` applied to each of ``stacked [R, n, C]`` in one product."""
    r, n, c = stacked.shape
    out = matrix @ stacked.transpose(0, 1).reshape(n, r * c)
    return out.view(-1, r, c).transpose(0, 1)


def train(
    view: Receptive,
    num_classes: int,
    seeds: Sequence[int],
    training: Training | Sequence[Training],
    val: Receptive | None = None,
    start: Weights | None = None,
    importance: Tensor | None = None,
    masks: Masks | None = None,
) -> tuple[Weights, Tensor, Tensor]:
    """Trains one model per seed; a seed's model does not depend on the others.

    Args:
        view: The training graph.
        num_classes: Number of classes.
        seeds: One model each.
        training: Hyper-parameters, of all models or of each; models trained together may differ
            in weight decay and dropout only.
        val: Validation rows; each model keeps its best validated epoch (the earliest of equals),
            or its last epoch where this is ``None``.
        start: Initial parameters instead of those that PyG draws for the seeds.
        importance: Weights of the training rows, as for :func:`gradients`.
        masks: Dropout masks of these seeds that earlier trainings kept.

    Returns:
        Weights, validation accuracy ``[R]`` and validation loss ``[R]`` of the kept epochs.
    """
    r = len(seeds)
    each = [training] * r if isinstance(training, Training) else list(training)
    training = each[0]
    for other in each:
        same = replace(other, weight_decay=training.weight_decay, dropout=training.dropout)
        if same != training:
            raise ValueError(
                f"models trained together share all but weight_decay, dropout: {other}"
            )
    if start is None:
        start = initial(view.inner.shape[1], num_classes, training.hidden_channels, seeds)
    where = view.outer
    w1, b1, w2, b2 = (w.detach().to(where.device, where.dtype, copy=True) for w in start)
    weights = (w1, b1, w2, b2)
    if masks is None:
        rows, hidden = view.inner.shape[0], training.hidden_channels
        masks = Masks(seeds, [t.dropout for t in each], rows, hidden)
    masks.rewind()
    decay = _Decay([t.weight_decay for t in each], weights)
    y = targets(view.y, num_classes, where.dtype)
    best = (w1.clone(), b1.clone(), w2.clone(), b2.clone())
    accuracy = torch.full((r,), -1.0, device=where.device)
    loss = torch.full((r,), torch.inf, device=where.device)

    lr = training.lr
    optimizer = Adam(weights, lr, decay.common)
    for epoch in range(training.epochs):
        if epoch == training.epochs // 2 and epoch > 0:
            lr = 0.1 * lr
            optimizer = Adam(weights, lr, decay.common)
        found = gradients(view, weights, y, masks.draw(y), importance)
        decay.add(weights, found)
        optimizer.step(found)
        last = epoch + 1 == training.epochs
        if val is not None and (last or (epoch + 1) % training.validate_every == 0):
            hits, value = score(val, weights)
            better = hits > accuracy
            accuracy = torch.where(better, hits, accuracy)
            loss = torch.where(better, value, loss)
            _copy(best, weights, better)
    if val is None:
        _copy(best, weights, torch.ones_like(accuracy, dtype=torch.bool))
    return best, accuracy, loss


@torch.no_grad()
def score(view: Receptive, weights: Weights) -> tuple[Tensor, Tensor]:
    """Accuracy ``[R]`` and mean cross-entropy ``[R]`` on labelled rows.

    Model by model: a sparse product reads a row of weights for each non-zero, and one model's
    weights stay in the cache where those of all do not.
    """
    out = torch.cat([logits(view, _one(weights, r)) for r in range(len(weights[1]))])
    hit = (out.argmax(-1) == view.y).double().mean(1)
    nll = -log_softmax(out, -1).gather(-1, view.y.expand(len(out), -1)[..., None])
    return hit, nll.mean((1, 2))


def _one(weights: Weights, r: int) -> Weights:
    """Parameters of one model, stacked as one."""
    w1, b1, w2, b2 = weights
    return w1[:, r : r + 1].contiguous(), b1[r : r + 1], w2[r : r + 1], b2[r : r + 1]


def _copy(best: Weights, weights: Weights, which: Tensor) -> None:
    """Copies the marked models; the first weight has its models in the second axis."""
    rows = which.nonzero().flatten()
    best[0][:, rows] = weights[0][:, rows]
    for kept, now in zip(best[1:], weights[1:], strict=True):
        kept[rows] = now[rows]


class _Decay:
    """Weight decay: the optimiser's where all models share it, else added to the gradients."""

    def __init__(self, decays: Sequence[float], weights: Weights) -> None:
        shared = len(set(decays)) == 1
        self.common = decays[0] if shared else 0.0
        column = weights[0].new_tensor(decays)
        shapes = ((1, -1, 1), (-1, 1), (-1, 1, 1), (-1, 1))
        self.factors = None if shared else [column.view(shape) for shape in shapes]

    def add(self, weights: Weights, gradients: Weights) -> None:
        if self.factors is not None:
            for weight, gradient, factor in zip(weights, gradients, self.factors, strict=True):
                gradient.addcmul_(weight, factor)
