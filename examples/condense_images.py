"""Condense a set of images, then train an ordinary torch network on the few that are left.

    python examples/condense_images.py fashion-mnist 10 dsa

Any name of a set of images will do (`gcond datasets`); without one, the digits that come with
scikit-learn.
"""

import sys
from dataclasses import replace

import torch
from torch.utils.data import DataLoader

import gcond
from gcond.image.networks import ConvNet
from gcond.matching import Schedule

name = sys.argv[1] if len(sys.argv) > 1 else "digits-images"
per_class = int(sys.argv[2]) if len(sys.argv) > 2 else 1

if len(sys.argv) > 3:
    method = sys.argv[3]
else:  # a method is a value: fewer steps and a narrow network, for a few seconds
    usual = gcond.get_method("dm", "images")
    method = replace(usual, schedule=Schedule(epochs=100), network=ConvNet(width=32))

small = gcond.condense(name, per_class=per_class, method=method)
print(small, small.images.shape)
print(gcond.evaluate(small, model="MLP", seeds=2, baselines=("random",)).table("plain"))

# The images are a dataset like any other, normalised by mean and deviation of each channel.
torch.manual_seed(0)
width = small.images[0].numel()
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(width, small.num_classes))
optimizer = torch.optim.Adam(network.parameters(), 0.01)
for _ in range(100):
    for x, y in DataLoader(small.to_dataset(), batch_size=64, shuffle=True):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
print(f"loss of a linear model on the condensed images {loss:.3f}")
