"""Real data as a model trained on a condensed set must see it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gcond.condensed.provenance import Source
from gcond.graph.sets.encoding import Encoding
from gcond.image.task import PixelScale


def prepared(data: Any, source: Source, encoded: bool) -> Any:
    """Images, or a copy of a graph or of graphs with new ``x``, preprocessed as the source was.

    Args:
        data: Real data, see :meth:`gcond.Condensed.prepare`.
        source: What was condensed.
        encoded: Whether the set's rows are encoded as models see them.
    """
    preprocess = source.preprocess
    if isinstance(preprocess, PixelScale):
        return _images(data, preprocess, source.shape or ())
    if data.x.shape[1] != source.num_features:
        raise ValueError(
            f"the data has {data.x.shape[1]} features, this set was condensed from "
            f"{source.num_features}"
        )
    if isinstance(preprocess, Encoding):
        out = data.clone()
        if encoded:
            out.x = preprocess(data.x)
        return out
    x = data.x.to_dense() if data.x.layout != torch.strided else data.x
    rows = preprocess(x.detach().cpu().float().numpy())
    out = data.clone() if hasattr(data, "clone") else data
    out.x = torch.as_tensor(np.asarray(rows)).to(data.x.device)
    return out


def _images(images: Tensor, scale: PixelScale, shape: tuple[int, ...]) -> Tensor:
    if images.dim() != 4 or tuple(images.shape[1:]) != shape:
        raise ValueError(
            f"images must have shape [n, {', '.join(map(str, shape))}], got {list(images.shape)}"
        )
    return scale.normalised(images if images.is_floating_point() else scale.pixels(images))
