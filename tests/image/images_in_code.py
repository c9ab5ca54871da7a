"""A small image task made in code: classes are noisy blobs at different places."""

import numpy as np
import torch

from gcond.image.task import ImageTask, PixelScale


def image_task(num_images=120, num_classes=3, side=8, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(num_images) % num_classes
    x = 0.3 * rng.random((num_images, channels, side, side))
    for i, c in enumerate(y):
        row, column = divmod(3 * c + int(rng.integers(0, 2)), side - 2)
        x[i, :, row : row + 3, column : column + 3] += 0.7
    order = rng.permutation(num_images)
    third = num_images // 4
    index = {"train": order[2 * third :], "val": order[:third], "test": order[third : 2 * third]}
    stored = torch.tensor(x, dtype=torch.float32)
    scale = PixelScale((float(stored.mean()),) * channels, (float(stored.std()),) * channels)
    return ImageTask(
        "blobs", stored, y, index, num_classes, scale, "made-in-code", tuple(range(num_classes))
    )
