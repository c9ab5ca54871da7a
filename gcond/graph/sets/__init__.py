"""Sets of graphs: tasks, synthetic sets, matching models and training."""
