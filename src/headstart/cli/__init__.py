"""The ``headstart`` command: parsing and printing, nothing else."""
