"""The graph domain: node tasks, synthetic graphs, matching models, methods as values."""
