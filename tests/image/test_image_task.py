"""An image task: pixels and what networks see of them, and what selectors look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from gcond.image.task import ImageTask, PixelScale


def task(n: int = 30, shape: tuple[int, int, int] = (2, 4, 4)) -> ImageTask:
    rng = np.random.default_rng(0)
    return ImageTask(
        name="noise",
        stored=torch.as_tensor(rng.integers(0, 256, (n, *shape)), dtype=torch.uint8),
        y=np.arange(n) % 3,
        index={"train": np.arange(20), "val": np.arange(20, 24), "test": np.arange(24, n)},
        num_classes=3,
        scale=PixelScale((0.5, 0.4), (0.3, 0.2), 255.0),
        fingerprint="0" * 64,
        label_names=(0, 1, 2),
    )


def test_scale_goes_there_and_back() -> None:
    data = task()
    pixels = data.scale.pixels(data.stored)
    assert 0 <= float(pixels.min()) <= float(pixels.max()) <= 1
    seen = data.scale.normalised(pixels)
    assert torch.allclose(seen[:, 1], (data.stored[:, 1].float() / 255 - 0.4) / 0.2)
    assert torch.allclose(data.scale.back(seen), pixels, atol=1e-6)


def test_what_a_task_says_of_itself() -> None:
    data = task()
    assert repr(data) == "ImageTask(noise, 30 images 2x4x4, 20/4/6 train/val/test)"
    assert data.train_counts == [7, 7, 6]
    assert data.nbytes == 20 * 32
    assert data.labels("val").tolist() == [2, 0, 1, 2]
    assert torch.equal(
        data.images(torch.tensor([3])), data.scale.normalised(data.stored[3:4] / 255)
    )


def test_embeddings_keep_distances_and_order_directions() -> None:
    data = task()
    rows = data.images(data.numbers("train")).flatten(1)
    found = data.embeddings
    assert torch.allclose(torch.cdist(found, found), torch.cdist(rows, rows), atol=1e-3)
    spread = found.var(0)
    assert bool((spread[:-1] >= spread[1:] - 1e-4).all())
    many = replace(data, stored=torch.zeros(30, 1, 9, 9), scale=PixelScale((0.0,), (1.0,)))
    assert many.embeddings.shape == (20, 64)
