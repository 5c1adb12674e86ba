"""From what a user points at to labelled, checked and split images."""
