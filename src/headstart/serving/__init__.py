"""Answering with a bundle, on the runtime floor: no PyTorch, no scikit-learn."""
