"""The loop of GCond and its judge, written plainly from their description.

This is the other side of the comparison: real neighbourhoods are sampled and propagated for each
class and step, the synthetic graph is run through the model once per class, gradients are matched
through a double backward pass, pairs of nodes are concatenated, and nothing is kept between steps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from sampling import Sample
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu


class SGC(nn.Module):
    """A linear map first, then the propagations, the bias last."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(bias.clone())

    def forward(self, x: Tensor, operators: Sequence[Tensor]) -> Tensor:
        x = x @ self.weight
        for operator in operators:
            x = operator @ x
        return x + self.bias


class ConcatenatedPairs(nn.Module):
    """The pairwise MLP on the ``[n * n, 2 d]`` matrix of concatenated pairs."""

    def __init__(self, num_nodes: int, in_channels: int, hidden_channels: int) -> None:
        super().__init__()
        # Made once: the published code uploads this index at each call.
        each = torch.arange(num_nodes)
        self.register_buffer("pairs", torch.cartesian_prod(each, each).T.contiguous())
        widths = 2 * in_channels, hidden_channels
        self.layers = nn.ModuleList(nn.Linear(width, hidden_channels) for width in widths)
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden_channels) for _ in range(2))
        self.last = nn.Linear(hidden_channels, 1)
        self.num_nodes = num_nodes

    @torch.no_grad()
    def load(self, parameters: Sequence[Tensor]) -> ConcatenatedPairs:
        """Takes the weights of gcond's factored form."""
        first, gain1, shift1, second, gain2, shift2, last, bias = parameters
        self.layers[0].weight.copy_(torch.cat(first.chunk(2, 1)).T)
        self.layers[1].weight.copy_(second.T)
        for layer in self.layers:
            layer.bias.zero_()  # batch normalisation cancels it
        for norm, gain, shift in zip(self.norms, (gain1, gain2), (shift1, shift2), strict=True):
            norm.weight.copy_(gain)
            norm.bias.copy_(shift)
        self.last.weight.copy_(last[None])
        self.last.bias.copy_(bias)
        return self

    def unload(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Tensors in the order of ``parameters()`` in the order and shape of gcond's form."""
        w1, _, w2, _, gain1, shift1, gain2, shift2, last, bias = tensors
        first = torch.cat(w1.T.chunk(2), 1)
        return [first, gain1, shift1, w2.T, gain2, shift2, last[0], bias]

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.cat([x[self.pairs[0]], x[self.pairs[1]]], 1)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = relu(norm(layer(hidden)))
        logits = self.last(hidden).view(self.num_nodes, self.num_nodes)
        adj = torch.sigmoid((logits + logits.T) / 2)
        return adj - torch.diag(adj.diag())


def normalise(adj: Tensor) -> Tensor:
    looped = adj + torch.eye(len(adj), device=adj.device)
    scale = looped.sum(1).pow(-0.5)
    return scale[:, None] * looped * scale


def distance(synthetic: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """One minus the cosine of each output column, over matrices only."""
    total = torch.zeros((), device=synthetic[0].device)
    for g, h in zip(synthetic, real, strict=True):
        if g.dim() == 2:
            cosine = (g * h).sum(0) / (g.norm(dim=0) * h.norm(dim=0) + 1e-6)
            total = total + (1 - cosine).sum()
    return total


class Loop:
    """A run of the published loop from a given start.

    Args:
        features: Features of the real graph ``[N, d]``.
        labels: Its labels ``[N]``.
        sampler: Draws targets of a class and their neighbourhood.
        x: Synthetic features at the start ``[n, d]``.
        counts: Synthetic nodes of each class; rows of ``x`` are in class order.
        pairwise: The structure, changed in place.
        lr: Steps of features, structure and model.
    """

    def __init__(
        self,
        features: Tensor,
        labels: Tensor,
        sampler: Callable[[int], Sample],
        x: Tensor,
        counts: Tensor,
        pairwise: ConcatenatedPairs,
        lr: tuple[float, float, float],
    ) -> None:
        self.features, self.labels, self.sampler, self.lr = features, labels, sampler, lr
        self.x = nn.Parameter(x.detach().clone())
        self.y = torch.repeat_interleave(torch.arange(len(counts)), counts).to(x.device)
        ends = counts.cumsum(0).tolist()
        self.rows = [slice(end - n, end) for end, n in zip(ends, counts.tolist(), strict=True)]
        self.importance = (counts / counts.max()).tolist()
        self.pairwise = pairwise
        self.of_features = torch.optim.Adam([self.x], lr=lr[0])
        self.of_structure = torch.optim.Adam(pairwise.parameters(), lr=lr[1])

    def begin(self, weight: Tensor, bias: Tensor) -> None:
        """A fresh model, as at the start of each epoch."""
        self.model = SGC(weight, bias)
        self.of_model = torch.optim.Adam(self.model.parameters(), lr=self.lr[2])

    def outer_step(self, structure_turn: bool, inner_steps: int) -> float:
        loss = self.objective()
        value = loss.item()
        self.of_features.zero_grad()
        self.of_structure.zero_grad()
        loss.backward()
        (self.of_structure if structure_turn else self.of_features).step()
        if inner_steps:
            self.train_model(inner_steps)
        return value

    def objective(self) -> Tensor:
        a_hat = normalise(self.pairwise(self.x))
        parameters = list(self.model.parameters())
        loss = torch.zeros((), device=a_hat.device)
        for c, rows in enumerate(self.rows):
            targets, nodes, operators = self.sampler(c)
            out = self.model(self.features[nodes], operators)
            real = torch.autograd.grad(cross_entropy(out, self.labels[targets]), parameters)
            out = self.model(self.x, [a_hat, a_hat])
            each = cross_entropy(out[rows], self.y[rows])
            synthetic = torch.autograd.grad(each, parameters, create_graph=True)
            loss = loss + self.importance[c] * distance(synthetic, real)
        return loss

    def train_model(self, steps: int) -> None:
        x = self.x.detach()
        with torch.no_grad():
            a_hat = normalise(self.pairwise(x))
        for _ in range(steps):
            self.of_model.zero_grad()
            cross_entropy(self.model(x, [a_hat, a_hat]), self.y).backward()
            self.of_model.step()


def judge(
    condensed: Sequence[Tensor],
    real: Sequence[Tensor],
    val: Tensor,
    test: Tensor,
    seed: int,
    epochs: int,
    validate_every: int,
) -> float:
    """Test accuracy of one PyG GCN; both graphs are features, normalised sparse CSR and labels."""
    from torch_geometric.nn import GCN

    x, a_hat, y = condensed
    torch.manual_seed(seed)
    # Both graphs come normalised and are propagated by a sparse product: PyG's default, which
    # normalises edges anew at each call, takes longer.
    model = GCN(x.shape[1], 256, 2, int(y.max()) + 1, dropout=0.5, normalize=False).to(x.device)
    lr, best, kept = 0.01, -1.0, None
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=5e-4)
    for epoch in range(epochs):
        if epoch == epochs // 2:
            optimizer = torch.optim.Adam(model.parameters(), lr=0.1 * lr, weight_decay=5e-4)
        model.train()
        optimizer.zero_grad()
        cross_entropy(model(x, a_hat), y).backward()
        optimizer.step()
        if (epoch + 1) % validate_every == 0 or epoch + 1 == epochs:
            accuracy = _accuracy(model, real, val)
            if accuracy > best:
                best, kept = accuracy, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    return _accuracy(model, real, test)


@torch.no_grad()
def _accuracy(model: nn.Module, graph: Sequence[Tensor], rows: Tensor) -> float:
    model.eval()
    x, a_hat, y = graph
    return float((model(x, a_hat)[rows].argmax(1) == y[rows]).float().mean())
