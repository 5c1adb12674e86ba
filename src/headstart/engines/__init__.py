"""What runs a graph: uint8 batches in, float arrays out."""
