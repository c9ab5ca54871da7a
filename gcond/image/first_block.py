r"""The first block of a ConvNet on a CPU: convolution, instance normalisation, ReLU and halving.

With the few channels of an image a convolution is a thin product, and what takes the time are
passes over its large maps. They are not needed for the normalisation: with the centred patches
:math:`P_n` of an image as columns, :math:`[9 C, M]`, the map of a filter is :math:`w^T P_n`, its
mean is zero and its variance is

.. math:: q_n = w^T C_n w, \qquad C_n = P_n P_n^T / M

so that the normalised map is a product with scaled filters,
:math:`z_n = \gamma (q_n + \epsilon)^{-1/2} w^T P_n + \beta`. The bias of the convolution falls
out. Columns come in four quarters, the four pixels of each 2 x 2 square, so that halving adds
quarters. Maps are made a few images at a time and again on the way back, and never stored.

On the way back a map's cotangent :math:`g` enters through :math:`G_n = P_n g_n^T` alone:

.. math:: \bar\beta = \sum_n 1^T g_n, \quad
          \bar\gamma = \sum_n r_n t_n, \quad
          \bar w = \sum_n \gamma r_n \big(G_n - r_n^2 t_n C_n w\big), \qquad
          t_n = w^T G_n, \; r_n = (q_n + \epsilon)^{-1/2}

These are ordinary expressions, so that their derivative is the second one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, unfold

AT_ONCE = 2**19
"""Numbers of the maps that are made together: what stays in a processor's cache."""
WIDEST = 64
"""Longer columns are no thin product, and left to the convolution of torch."""
LEAST = 2**18
"""Fewer numbers in all maps are left to torch, whose form has fewer calls."""


def fits(x: Tensor, conv: nn.Conv2d) -> bool:
    """Whether a first convolution of these images is taken in this form."""
    height, width = (n + 2 * int(conv.padding[0]) - 2 for n in x.shape[2:])
    return (
        x.device.type == "cpu"
        and not torch._C._are_functorch_transforms_active()
        and 9 * x.shape[1] <= WIDEST
        and height % 2 == width % 2 == 0
        and len(x) * len(conv.weight) * height * width >= LEAST
    )


def first_block(x: Tensor, conv: nn.Conv2d, norm: nn.GroupNorm) -> Tensor:
    """Halved maps ``[n, C, H, W] -> [n, width, H', W']``, as convolution, normalisation, ReLU and
    halving one after the other give them up to rounding; twice differentiable.

    Args:
        x: Images, on the CPU.
        conv: A 3 x 3 convolution with a bias.
        norm: Normalisation of each channel by itself.
    """
    padding = int(conv.padding[0])
    height, width = ((n + 2 * padding - 2) // 2 for n in x.shape[2:])
    columns = _columns(x, padding, height, width)
    found: Tensor = _Block.apply(  # type: ignore[no-untyped-call]
        columns, conv.weight, conv.bias, norm.weight, norm.bias, float(norm.eps)
    )
    return found.view(len(x), len(conv.weight), height, width)


def _columns(x: Tensor, padding: int, height: int, width: int) -> Tensor:
    """Centred patches in four quarters, and a row of ones below ``[n, 9 C + 1, M]``."""
    n, size = len(x), 9 * x.shape[1]
    patches = unfold(x, 3, padding=padding).view(n, size, height, 2, width, 2)
    quarters = patches.permute(0, 1, 3, 5, 2, 4).reshape(n, size, -1)
    return pad(quarters - quarters.mean(-1, keepdim=True), (0, 0, 0, 1), value=1.0)


class _Block(torch.autograd.Function):
    @staticmethod
    def forward(
        columns: Tensor, weight: Tensor, bias: Tensor, gamma: Tensor, beta: Tensor, eps: float
    ) -> Tensor:
        filters, _, r = _normalised(columns, weight, eps)
        scaled = _scaled(filters, r, gamma, beta)
        n, many, width = len(columns), columns.shape[2], len(weight)
        found = columns.new_empty(n, width, many // 4)
        for rows, z in _maps(columns, scaled):
            four = z.relu_().view(len(z), 4, many // 4, width)
            total = four[:, 0].add_(four[:, 1]).add_(four[:, 2]).add_(four[:, 3])
            torch.mul(total.mT, 0.25, out=found[rows])
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.eps = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, back: Tensor) -> tuple[Tensor | None, ...]:
        columns, weight, bias, gamma, beta = ctx.saved_tensors
        filters, spread, r = _normalised(columns, weight, ctx.eps)
        asked = ctx.needs_input_grad[0]
        share = gamma * r
        with torch.no_grad():
            scaled = _scaled(filters, r, gamma, beta)
        way = _tracked if torch.is_grad_enabled() else _in_parts
        product, own = way(columns, scaled, filters * share[:, None], back, asked)
        t = (product * filters).sum(1)
        steep = (r.square() * t)[:, None]
        by_weight = (share[:, None] * (product - steep * spread)).sum(0)[:-1]
        by_gamma = (r * t).sum(0)
        if own is not None:
            through = filters * (steep * share[:, None]) / columns.shape[2]
            own = own - through @ (filters.mT @ columns)
        return (
            own,
            by_weight.mT.reshape(weight.shape),
            by_gamma * 0.0 + torch.zeros_like(bias),  # a constant is normalised away
            by_gamma,
            product[:, -1].sum(0),
            None,
        )


def _normalised(columns: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Filters as columns with a zero below, ``C_n`` times each, and one over their deviation."""
    filters = pad(weight.flatten(1).mT, (0, 0, 0, 1))
    spread = (columns @ columns.mT) @ filters / columns.shape[2]
    return filters, spread, ((spread * filters).sum(1) + eps).rsqrt()


def _scaled(filters: Tensor, r: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Filters whose product with the columns is the normalised map ``[n, 9 C + 1, width]``."""
    scaled = filters * (gamma * r)[:, None]
    scaled[:, -1] = beta
    return scaled


def _in_parts(
    columns: Tensor, scaled: Tensor, way: Tensor, back: Tensor, asked: bool
) -> tuple[Tensor, Tensor | None]:
    """``G`` and, where asked for, the direct share of the columns' cotangent."""
    product = torch.empty_like(scaled)
    own = torch.empty_like(columns) if asked else None
    for rows, z in _maps(columns, scaled):
        four = z.view(len(z), 4, -1, z.shape[2])
        g = torch.mul(back[rows].mT, 0.25).contiguous()[:, None].expand_as(four)
        torch.ops.aten.threshold_backward.grad_input(g, four, 0.0, grad_input=four)
        torch.bmm(columns[rows], z, out=product[rows])
        if own is not None:
            torch.bmm(way[rows], z.mT, out=own[rows])
    return product, own


def _tracked(
    columns: Tensor, scaled: Tensor, way: Tensor, back: Tensor, asked: bool
) -> tuple[Tensor, Tensor | None]:
    """The same, to be differentiated."""
    many = columns.shape[2]
    with torch.no_grad():
        z = torch.bmm(columns.mT, scaled)
        there = (z > 0).to(z.dtype).mul_(0.25).view(len(z), 4, many // 4, -1)
    g = (back.mT.contiguous()[:, None] * there).view(len(z), many, -1)
    return columns @ g, (way @ g.mT if asked else None)


def _maps(columns: Tensor, scaled: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """The normalised maps ``[m, M, width]`` of a few images at a time, in the same memory."""
    n, many, width = len(columns), columns.shape[2], scaled.shape[2]
    size = min(n, max(1, AT_ONCE // (many * width)))
    held = columns.new_empty(size, many, width)
    for first in range(0, n, size):
        rows = slice(first, min(first + size, n))
        yield rows, torch.bmm(columns[rows].mT, scaled[rows], out=held[: rows.stop - first])
