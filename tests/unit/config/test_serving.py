"""Settings of the service: nobody is answered by accident."""

from __future__ import annotations

import pytest

from headstart.config.serving import build_serve_config
from headstart.errors import ConfigError


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "waste.example"])
def test_other_addresses_than_loopback_need_a_token_or_a_word(host: str) -> None:
    with pytest.raises(ConfigError, match="give --token SECRET, or --insecure"):
        build_serve_config({"host": host})
    assert build_serve_config({"host": host, "insecure": True}).host == host
    assert build_serve_config({"host": host, "token": "x" * 16}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    assert build_serve_config({"host": host}).token is None


def test_mistakes_are_named_all_at_once_and_a_token_is_never_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        build_serve_config({"port": 70_000, "quue_images": 1, "token": "short"})
    message = str(caught.value)
    assert "port: " in message
    assert "queue_images" in message
    assert "short" not in message.replace("shorter", "")
