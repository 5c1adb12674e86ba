"""The fixtures that keep tests to themselves do so."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from headstart.config import cache_dir


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.org", 443)])
def test_no_test_reaches_the_network(address: tuple[str, int]) -> None:
    with pytest.raises(pytest.fail.Exception, match="reaches out"):
        socket.create_connection(address, timeout=1)
    with socket.socket() as plain, pytest.raises(pytest.fail.Exception, match="reaches out"):
        plain.connect(address)


def test_this_machine_may_talk_to_itself(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()[:2], timeout=5).close()
    if not hasattr(socket, "AF_UNIX"):
        return
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        name = os.path.relpath(tmp_path / "s")  # such names are short
        server.bind(name)
        server.listen()
        client.connect(name)


def test_every_test_has_a_cache_of_its_own(tmp_path: Path, own_cache: Path) -> None:
    assert cache_dir() == own_cache
    assert not own_cache.exists()
    assert not own_cache.is_relative_to(tmp_path)
