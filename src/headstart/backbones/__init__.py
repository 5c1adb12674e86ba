"""Pretrained networks: a declarative catalog, their weights, and their graphs."""
