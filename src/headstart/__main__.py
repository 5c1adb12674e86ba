"""``python -m headstart``: the same as ``headstart``."""

from headstart.cli.main import entry_point

if __name__ == "__main__":
    entry_point()
