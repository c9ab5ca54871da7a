"""Draw a condensed graph, its run and its accuracy by size, into the folder given, if one is."""

import sys
import tempfile
from pathlib import Path

import gcond
from gcond import plot

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
plot.check(folder / "overview.png")  # ask first, draw later

small = gcond.condense("digits", num_nodes=30, method="doscond")
plot.save(plot.figure(small, "digits"), folder / "overview.png")
plot.save(plot.features(small, "digits", method="tsne", max_nodes=600), folder / "features.png")

found = []
for num_nodes in (20, 40):
    for method in ("herding", "centroid"):
        other = gcond.condense("digits", num_nodes=num_nodes, method=method)
        found.append(gcond.evaluate(other, seeds=2, baselines=()))
plot.save(plot.ratio(found), folder / "ratio.pdf")

for path in sorted(folder.glob("*.p*")):
    print(f"{path}, {path.stat().st_size / 1e3:.0f} kB")
print(f"best of those compared: {max(e.mean for e in found):.1f} %")
