"""A virtual environment for a peer, so that the project's own never holds it."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path


def peer_python(folder: Path, packages: Sequence[str], *, imports: str) -> str:
    """Return the interpreter of a virtual environment, made and filled where missing.

    Args:
        folder: The environment's folder.
        packages: What pip installs into it.
        imports: Module whose presence shows that it is ready.
    """
    python = _interpreter(folder)
    if not python.is_file():
        print(f"making {folder} with {', '.join(packages)}: minutes, once", file=sys.stderr)
        venv.create(folder, with_pip=True)
    ready = f"import importlib.util as u, sys; sys.exit(u.find_spec({imports!r}) is None)"
    if subprocess.run([python, "-c", ready], check=False).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return str(python)


def _interpreter(folder: Path) -> Path:
    inside = Path("Scripts", "python.exe") if sys.platform == "win32" else Path("bin", "python")
    return folder.absolute() / inside
