"""A service's inside, without HTTP: decoding processes, micro-batches, models, admission."""
