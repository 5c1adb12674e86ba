"""Passes over activations that PyTorch takes several for, in C, compiled on first use."""
