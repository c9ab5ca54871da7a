"""What a person wants to know of a condensed set: a card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gcond.image.task import PixelScale

if TYPE_CHECKING:
    from gcond.condensed.provenance import Source
    from gcond.condensed.result import Condensed


def card(condensed: Condensed) -> str:
    """A few lines on what was condensed, how, and what came out."""
    return "\n".join(f"{name:12} {text}" for name, text in lines(condensed).items())


def lines(condensed: Condensed) -> dict[str, str]:
    """The lines of the card by name."""
    source, history = condensed.source, condensed.history
    images = isinstance(source.preprocess, PixelScale)
    setting = "" if images else f" {source.setting},"
    found = {
        "dataset": f"{source.name},{setting} split {source.split}",
        "method": f"{condensed.config['name']}, seed {condensed.seed}",
        **(_of_images(condensed) if images else _of_graphs(condensed)),
        "classes": ", ".join(
            f"{label}: {_count(condensed, c)}" for c, label in enumerate(source.label_names)
        ),
        "bytes": f"{condensed.nbytes:,} of {source.nbytes:,}",
        "steps": f"{history.steps:,}, step {history.selected_step:,} selected",
    }
    if history.scores:
        best = history.scores.get(history.selected_step)
        found["validation"] = f"{best:.1f} %" if best is not None else "not scored"
    found["made with"] = ", ".join(f"{name} {v}" for name, v in condensed.versions.items())
    found["fingerprint"] = source.fingerprint[:16]
    return found


def _of_graphs(condensed: Condensed) -> dict[str, str]:
    source = condensed.source
    share = condensed.num_nodes / source.num_nodes
    graphs = {"graphs": f"{condensed.num_graphs:,} of {source.num_graphs:,}"}
    return {
        **(graphs if source.num_graphs else {}),
        "nodes": f"{condensed.num_nodes:,} of {source.num_nodes:,} ({share:.2%})",
        "features": f"{source.num_features:,}, preprocessed: {_kind(source)}",
        "edges": f"{condensed.edge_index.shape[1] // 2:,}",
    }


def _of_images(condensed: Condensed) -> dict[str, str]:
    source = condensed.source
    share = condensed.num_items / source.num_items
    assert isinstance(source.preprocess, PixelScale)
    assert source.shape is not None
    channels = zip(source.preprocess.mean, source.preprocess.std, strict=True)
    found = {
        "images": f"{condensed.num_items:,} of {source.num_items:,} ({share:.2%})",
        "shape": " x ".join(map(str, source.shape)),
        "pixels": "mean and deviation " + ", ".join(f"{m:.4f} / {s:.4f}" for m, s in channels),
    }
    if condensed.steps is not None:
        lr = condensed.steps.lr
        sizes = f"{len(lr)} steps of {float(lr.min()):.3g} to {float(lr.max()):.3g}"
        found["training"] = f"{sizes}, learned, in order"
    return found


def _kind(source: Source) -> str:
    assert not isinstance(source.preprocess, PixelScale)
    return source.preprocess.kind


def _count(condensed: Condensed, c: int) -> int:
    """Items of a class, or those with a label where they have several."""
    y = condensed.y
    return int((y[:, c] == 1).sum() if y.dim() == 2 else (y == c).sum())
