"""Condense the digits graph, look at the result, judge it. Needs no network and a few seconds."""

import gcond

small = gcond.condense("digits", num_nodes=50, method="doscond-x")
print(small)
print(small.data)
print(small.history)
print(gcond.evaluate(small, seeds=3, baselines=("random",)).table())
