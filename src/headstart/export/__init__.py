"""From a fitted head to a bundle that deploys identically, and the proof of it."""
