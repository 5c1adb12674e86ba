"""Requests that ask the service for what lies outside. Sent as they are, byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import quote

from _attack_ground import Ground, photo

HOST = "127.0.0.1"


def requests(ground: Ground) -> Iterator[tuple[str, bytes]]:
    """Yield requests."""
    yield from _paths(ground)
    yield from _models(ground)
    yield from _headers(ground)
    yield from _forms(ground)


def ask(port: int, request: bytes, *, timeout_s: float) -> bytes:
    """Return all that the service says to a request, then closes or falls silent."""
    with socket.create_connection((HOST, port), timeout=timeout_s) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while piece := connection.recv(65_536):
                answer += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return answer


def _get(path: str, *headers: str, verb: str = "GET") -> bytes:
    lines = [f"{verb} {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def _post(path: str, body: bytes, kind: str, *headers: str) -> bytes:
    about = (f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers)
    return _get(path, *about, verb="POST") + body


def _paths(ground: Ground) -> Iterator[tuple[str, bytes]]:
    secret = f"{ground.outside}/secret.bin"
    forms = {
        "dot-dot": "../" * 8 + secret.lstrip("/"),
        "encoded": "..%2f" * 8 + quote(secret.lstrip("/"), safe=""),
        "encoded twice": "..%252f" * 8 + secret.lstrip("/"),
        "encoded dots": "%2e%2e/" * 8 + secret.lstrip("/"),
        "overlong": "..%c0%af" * 8 + secret.lstrip("/"),
        "backslashes": "..\\" * 8 + secret.lstrip("/"),
        "absolute": secret,
        "parameter": "..;/" * 8 + secret.lstrip("/"),
    }
    for place in ("/", "/v1/models/", "/runs/", "/static/", "/reports/"):
        for what, rest in forms.items():
            yield f"GET {place} {what}", _get(place + rest)
    for odd in (
        f"file://{secret}",
        "http://169.254.169.254/latest",
        "//evil.example/x",
        "*",
        "/%00",
        "/runs/%00.html",
        "/" + "a/" * 3000,
    ):
        yield f"GET {odd[:40]}", _get(odd)
    for verb in ("PUT", "DELETE", "PROPFIND", "TRACE", "CONNECT", "MOVE"):
        yield f"{verb} a file", _get("/runs/evil.html", "Content-Length: 0", verb=verb)


def _models(ground: Ground) -> Iterator[tuple[str, bytes]]:
    names = {
        "dot-dot": "../../outside",
        "absolute": str(ground.outside),
        "NUL": "small\0/../../outside",
        "address": "http://127.0.0.1:9/bundle",
        "equals": f"evil={ground.outside}",
        "empty": "",
        "very long": "a" * 8000,
        "template": "{{7*7}}${7*7}",
    }
    for what, name in names.items():
        yield (
            f"model in the address: {what}",
            _post(f"/v1/predict?model={quote(name, safe='')}", photo(), "image/jpeg"),
        )
        body = _form([('name="model"', name.encode()), ('name="files"; filename="a.jpg"', photo())])
        yield (
            f"model in the form: {what}",
            _post("/v1/predict", body, "multipart/form-data; boundary=XX"),
        )


def _headers(ground: Ground) -> Iterator[tuple[str, bytes]]:
    for header in (
        f"X-Original-URL: {ground.outside}/secret.bin",
        "X-Rewrite-URL: /../../outside/secret.bin",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Prefix: /../../outside",
        f"X-Sendfile: {ground.outside}/secret.bin",
        f"X-Accel-Redirect: {ground.outside}/secret.bin",
        "X-Request-Id: ../../../outside/evil",
        "X-Request-Id: a\r\nSet-Cookie: evil=1",
        "X-HTTP-Method-Override: DELETE",
        "Range: bytes=0-18446744073709551615",
        f"Referer: file://{ground.outside}/secret.bin",
        "Origin: http://evil.example",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Expect: 100-continue",
        "Upgrade: websocket",
    ):
        yield f"header {header[:32]!r}", _get("/v1/models", header)
    yield "another host", _get("/v1/models").replace(HOST.encode(), b"evil.example")
    yield (
        "a host with a path",
        _get("/v1/models").replace(HOST.encode(), b"127.0.0.1/../../outside"),
    )


def _forms(ground: Ground) -> Iterator[tuple[str, bytes]]:
    secret = f"{ground.outside}/secret.bin"
    for what, name in {
        "dot-dot": "../../outside/evil.jpg",
        "absolute": f"{ground.outside}/evil.jpg",
        "NUL": "a.jpg\0../../outside/evil",
        "quotes": 'a\\".jpg\\"; name=\\"model',
        "HTML": "<script>alert(1)</script>.jpg",
    }.items():
        body = _form([(f'name="files"; filename="{name}"', photo())])
        yield f"file called: {what}", _post("/v1/predict", body, "multipart/form-data; boundary=XX")
    links = {
        "a link in a form": (f'name="files"; filename="a.jpg"; path="{secret}"', secret.encode()),
        "a field that names a file": ('name="files"', f"@{secret}".encode()),
        "an address for an image": ('name="files"; filename="a.jpg"', f"file://{secret}".encode()),
    }
    for what, part in links.items():
        yield what, _post("/v1/predict", _form([part]), "multipart/form-data; boundary=XX")
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{secret}"/></svg>'.encode()
    yield "SVG that names a file", _post("/v1/predict", svg, "image/svg+xml")
    yield (
        "JSON that names a file",
        _post("/v1/predict", f'{{"path": "{secret}"}}'.encode(), "application/json"),
    )
    yield "top_k of a path", _post("/v1/predict?top_k=../../1", photo(), "image/jpeg")


def _form(parts: list[tuple[str, bytes]]) -> bytes:
    return (
        b"".join(
            b"--XX\r\nContent-Disposition: form-data; "
            + about.encode()
            + b"\r\n\r\n"
            + content
            + b"\r\n"
            for about, content in parts
        )
        + b"--XX--\r\n"
    )
