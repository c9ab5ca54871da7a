"""Graphs that need not fit in memory: propagated out of core once, then a matter of their rows."""
