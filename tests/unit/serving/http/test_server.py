"""The whole service, over real connections."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from headstart.bundle import load_bundle
from headstart.bundle.sealing import copy_changed
from headstart.serving.predictor import load

ENTRY = "from headstart.cli.main import entry_point; entry_point()"
LIMITS = {
    "header_timeout_s": 3,
    "body_timeout_s": 3,
    "idle_timeout_s": 5,
    "drain_timeout_s": 2,
    "max_body_mb": 1,
    "max_files": 4,
    "max_pixels": 500_000,
    "queue_images": 8,
    "reload_s": 0.2,
    "workers": 1,
    "threads": 1,
}


class Running(NamedTuple):
    """A service in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    bundle: Path
    log: list[str]
    reader: threading.Thread


class Told(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def start(bundle: Path, *more: str) -> Running:
    limits = [text for key, value in LIMITS.items() for text in ("--set", f"{key}={value}")]
    arguments = ["serve", f"small={bundle}", "--port", "0", "--precision", "f32", *limits, *more]
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY, *arguments], stderr=subprocess.PIPE, text=True
    )
    log: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line)
        if line.startswith("serving on"):
            break
    else:
        pytest.fail("".join(log))
    rest = process.stderr
    reader = threading.Thread(target=lambda: log.extend(rest), daemon=True)
    reader.start()
    return Running(process, int(line.split()[2].rsplit(":", 1)[1]), bundle, log, reader)


@pytest.fixture(scope="module")
def service(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    bundle = tmp_path_factory.mktemp("served-secret") / "bundle"
    shutil.copytree(small_bundle, bundle)
    running = start(bundle, "--token", "open sesame, please")
    yield running
    running.process.kill()
    running.process.wait()
    running.reader.join(10)
    assert running.process.stderr is not None
    running.process.stderr.close()


AUTHORISED = {"Authorization": "Bearer open sesame, please"}


def ask(running: Running, method: str, path: str, body: bytes = b"", **headers: str) -> Told:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(connection):
        connection.request(method, path, body=body or None, headers={**AUTHORISED, **named})
        answer = connection.getresponse()
        return Told(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def form(*files: bytes, **fields: str) -> tuple[bytes, dict[str, str]]:
    parts = [
        b'--xx\r\nContent-Disposition: form-data; name="files"; filename="../../etc/secret.jpg"'
        b"\r\nContent-Type: image/jpeg\r\n\r\n" + file + b"\r\n"
        for file in files
    ]
    for name, value in fields.items():
        head = f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        parts.append(head.encode())
    return b"".join(parts) + b"--xx--\r\n", {"Content_Type": "multipart/form-data; boundary=xx"}


def encoded(picture: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


def test_answers_are_those_of_the_predictor(service: Running, picture: Any) -> None:
    images = [encoded(picture(seed)) for seed in range(3)]
    body, headers = form(*images)
    told = ask(service, "POST", "/v1/predict", body, **headers)
    assert told.status == 200
    expected = load(service.bundle, precision="f32").predict_proba([picture(s) for s in range(3)])
    found = [list(one["probabilities"].values()) for one in told.json["predictions"]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    classes = [f"class {number}" for number in range(3)]
    assert [one["decision"] for one in told.json["predictions"]] == [
        classes[row.argmax()] for row in expected
    ]
    assert told.json["model"]["version"] == load_bundle(service.bundle).info.seal[:12]
    assert told.json["timing_ms"]["total"] > 0


def test_one_image_may_be_the_body(service: Running, picture: Any) -> None:
    told = ask(
        service, "POST", "/v1/predict?model=small", encoded(picture(1)), Content_Type="image/png"
    )
    assert told.status == 200
    assert len(told.json["predictions"]) == 1


def test_top_k_names_the_most_probable(service: Running, picture: Any) -> None:
    body, headers = form(encoded(picture(1)), top_k="1")
    one = ask(service, "POST", "/v1/predict", body, **headers).json["predictions"][0]
    assert one["probabilities"] == {one["label"]: one["confidence"]}


def test_a_bad_file_among_good_ones_is_an_answer_with_its_reason(
    service: Running, picture: Any
) -> None:
    body, headers = form(encoded(picture(1)), encoded(picture(2))[:300], b"<html>")
    told = ask(service, "POST", "/v1/predict", body, **headers)
    assert [one["status"] for one in told.json["predictions"]] == ["ok", "error", "error"]
    codes = [(one["error"] or {}).get("code") for one in told.json["predictions"]]
    assert codes == [None, "unreadable_image", "not_an_image"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"<html>", "image/jpeg", 415, "not_an_image"),
        (b"", "image/jpeg", 415, "not_an_image"),
        (b"\xff\xd8\xff\xe0 no more", "image/jpeg", 422, "unreadable_image"),
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (b"x" * 1_000_001, "image/jpeg", 413, "body_too_large"),
        (b"no form", "multipart/form-data; boundary=xx", 400, "malformed_form"),
        (b"no form", "multipart/form-data", 400, "malformed_form"),
        (form()[0], "multipart/form-data; boundary=xx", 400, "no_files"),
        (form(model="small")[0], "multipart/form-data; boundary=xx", 400, "no_files"),
        (form(*[b"x"] * 5)[0], "multipart/form-data; boundary=xx", 413, "too_many_parts"),
        (form(b"x", model="../etc")[0], "multipart/form-data; boundary=xx", 404, "unknown_model"),
    ],
)
def test_what_is_refused_says_why(
    service: Running, body: bytes, kind: str, status: int, code: str
) -> None:
    told = ask(service, "POST", "/v1/predict", body, Content_Type=kind)
    assert (told.status, told.json["error"]["code"]) == (status, code)
    assert told.json["request_id"] == told.headers["x-request-id"]


def test_large_pictures_are_not_decoded(service: Running) -> None:
    bomb = encoded(np.zeros((1000, 501, 3), np.uint8))
    told = ask(service, "POST", "/v1/predict", bomb, Content_Type="image/png")
    assert told.status == 422
    assert "501,000 pixels" in told.json["error"]["message"]


def test_no_answer_tells_of_files(service: Running, picture: Any) -> None:
    body, headers = form(encoded(picture(1)), b"nothing")
    answers = [
        ask(service, "POST", "/v1/predict", body, **headers),
        *(ask(service, "GET", path) for path in ("/v1/models", "/metrics", "/openapi.json", "/")),
        ask(service, "GET", "/v1/../../etc/passwd"),
    ]
    for told in answers:
        assert b"secret" not in told.body
        assert str(service.bundle).encode() not in told.body
        assert b"Traceback" not in told.body
        assert "default-src 'none'" in told.headers["content-security-policy"]
        assert told.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer open sesame"}, 401),
        ({"Authorization": "Bearer \xe9"}, 401),
        ({"Host": "evil.example"}, 403),
        ({"Host": "192.0.2.1"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 200),
    ],
)
def test_who_may_ask(service: Running, headers: dict[str, str], status: int) -> None:
    assert ask(service, "GET", "/v1/models", **headers).status == status


def test_probes_need_no_token_and_metrics_count(service: Running) -> None:
    assert ask(service, "GET", "/healthz", Authorization="").status == 200
    assert ask(service, "GET", "/readyz", Authorization="").status == 200
    assert ask(service, "HEAD", "/readyz", Authorization="").status == 200  # as balancers do
    assert ask(service, "GET", "/metrics", Authorization="").status == 401
    text = ask(service, "GET", "/metrics").body.decode()
    assert "headstart_ready 1\n" in text
    assert 'headstart_requests_total{route="healthz",status="200"}' in text


def test_openapi_describes_requests_with_an_example(service: Running) -> None:
    described = ask(service, "GET", "/openapi.json").json["paths"]["/v1/predict"]["post"]
    assert "multipart/form-data" in described["requestBody"]["content"]
    assert described["responses"]["200"]["content"]["application/json"]["example"]
    assert {"413", "415", "422", "503"} <= described["responses"].keys()


HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer open sesame, please"


HALF_REQUESTS = [
    b"",
    HEAD,
    HEAD + b"\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nhalf",
    HEAD + b"\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    HEAD + b"\r\nContent-Type: text/html\r\nContent-Length: 99\r\n\r\nhalf",
]


def test_slow_connections_are_closed_and_hold_nobody_up(service: Running) -> None:
    address = ("127.0.0.1", service.port)
    slow = [socket.create_connection(address, timeout=20) for _ in HALF_REQUESTS]
    for connection, begun in zip(slow, HALF_REQUESTS, strict=True):
        connection.sendall(begun)
    assert ask(service, "GET", "/healthz").status == 200
    said = []
    for connection in slow:
        with connection, connection.makefile("rb") as answer:
            said.append(answer.read().partition(b"\r\n")[0][9:12])  # until the service closes
    assert said == [b"", b"", b"408", b"408", b"415"]


def test_bodies_are_capped_as_they_stream(service: Running) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as endless:
        endless.sendall(HEAD + b"\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            endless.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        assert endless.recv(4096).split()[1] == b"413"


def test_more_than_is_taken_on_is_told_to_come_again(service: Running, picture: Any) -> None:
    image = encoded(picture(1, size=(700, 700)))
    body, headers = form(*[image] * 4)
    told: list[Told] = []

    def hammer() -> None:
        told.append(ask(service, "POST", "/v1/predict", body, **headers))

    threads = [threading.Thread(target=hammer) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.status for one in told} == {200, 503}
    assert {one.headers["retry-after"] for one in told if one.status == 503} == {"1"}


def test_new_versions_take_over_and_no_request_is_dropped(
    service: Running, small_bundle: Path, picture: Any
) -> None:
    image = encoded(picture(1))
    seen: list[tuple[int, str, set[str]]] = []
    is_over = threading.Event()

    def asking() -> None:
        while not is_over.is_set():
            told = ask(service, "POST", "/v1/predict", image, Content_Type="image/png")
            if told.status != 200:
                seen.append((told.status, "", set()))
                return
            probabilities = told.json["predictions"][0]["probabilities"]
            seen.append((told.status, told.json["model"]["version"], set(probabilities)))

    threads = [threading.Thread(target=asking) for _ in range(3)]
    for thread in threads:
        thread.start()
    classes_of = {load_bundle(service.bundle).info.seal[:12]: {f"class {n}" for n in range(3)}}
    for name in ("new", "newer"):
        classes = tuple(f"{name} {number}" for number in range(3))
        after = copy_changed(load_bundle(small_bundle), service.bundle, {"classes": classes})
        classes_of[after.seal[:12]] = set(classes)
        new, until = after.seal[:12], time.monotonic() + 60
        while new not in {version for _, version, _ in seen[-3:]} and time.monotonic() < until:
            time.sleep(0.02)
    is_over.set()
    for thread in threads:
        thread.join()
    assert {status for status, *_ in seen} == {200}
    assert {version for _, version, _ in seen} == set(classes_of)
    assert all(names == classes_of[version] for _, version, names in seen)


def test_a_damaged_new_version_leaves_the_old_one_answering(service: Running, picture: Any) -> None:
    version = ask(service, "GET", "/v1/models").json["models"][0]["version"]
    info = service.bundle / "bundle.json"
    whole, before = info.read_text(), len(service.log)
    info.write_text(whole[:-200])
    wait_for(service, "reload failed", start=before)
    told = ask(service, "POST", "/v1/predict", encoded(picture(1)), Content_Type="image/png")
    assert (told.status, told.json["model"]["version"]) == (200, version)
    info.write_text(whole)


def test_requests_are_logged_with_their_ids(service: Running) -> None:
    told = ask(service, "GET", "/v1/models", X_Request_ID="mine-1")
    assert told.headers["x-request-id"] == "mine-1"
    line = json.loads(wait_for(service, "mine-1"))
    assert (line["route"], line["status"]) == ("models", 200)
    assert ask(service, "GET", "/", X_Request_ID="no\tid").headers["x-request-id"] != "no\tid"


def test_a_lost_decoder_is_replaced(service: Running, picture: Any) -> None:
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    if not children.exists():
        pytest.skip("needs /proc")
    until = time.monotonic() + 60
    while not (found := children.read_text().split()):
        assert time.monotonic() < until, "it has no decoder"
        time.sleep(0.02)
    for child in found:
        os.kill(int(child), signal.SIGKILL)
    time.sleep(0.1)
    told = ask(service, "POST", "/v1/predict", encoded(picture(1)), Content_Type="image/png")
    assert told.status == 200


def test_told_to_end_it_finishes_what_has_begun_and_ends_with_0(
    service: Running, picture: Any
) -> None:
    image = encoded(picture(1))
    head = HEAD + b"\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(image)
    address = ("127.0.0.1", service.port)
    with (
        socket.create_connection(address, timeout=20) as begun,
        socket.create_connection(address, timeout=20) as never_goes_on,
        contextlib.closing(http.client.HTTPConnection(*address, timeout=20)) as idle,
    ):
        assert status_of(idle, "/healthz") == 200
        begun.sendall(head + image[:50])
        never_goes_on.sendall(head + image[:50])
        time.sleep(0.1)
        service.process.send_signal(signal.SIGTERM)
        while (told := status_of(idle, "/readyz")) == 200:  # until it has heard of it
            time.sleep(0.01)
        assert told == 503
        begun.sendall(image[50:])
        assert begun.recv(4096).startswith(b"HTTP/1.1 200")
        assert service.process.wait(60) == 0
    service.reader.join(10)
    assert json.loads(service.log[-1])["event"] == "ended"


def status_of(connection: http.client.HTTPConnection, address: str) -> int:
    """Ask on a connection that stays open."""
    connection.request("GET", address)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def wait_for(running: Running, text: str, *, start: int = 0) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for line in list(running.log)[start:]:
            if text in line:
                return line
        time.sleep(0.02)
    pytest.fail(f"no line of the log says {text!r}")
