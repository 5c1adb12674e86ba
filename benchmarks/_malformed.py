"""Requests that are wrong somewhere: in their line, headers, framing, form, or timing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Attempt:
    """What is sent on one connection.

    Attributes:
        name: What is wrong.
        pieces: Sent one after another.
        is_half: Whether something is missing, so that the service may close without a word.
    """

    name: str
    pieces: tuple[bytes, ...]
    is_half: bool = False


Kind = Callable[[random.Random, bytes], bytes]
HOST: Final = b"Host: localhost\r\n"
_LINE: Final = b"POST /v1/predict HTTP/1.1\r\n"


def malformed_requests(count: int, *, image: bytes, seed: int) -> Iterator[Attempt]:
    """Yield attempts.

    Args:
        count: How many.
        image: A sound one, of which the bodies are made.
        seed: The same attempts for the same seed.
    """
    chance = random.Random(seed)
    for _ in range(count):
        kind = chance.choice(KINDS)
        sent = kind(chance, image)
        is_half = kind is half or chance.random() < 0.05
        if is_half:
            sent = sent[: chance.randrange(len(sent) + 1)]
        yield Attempt(kind.__name__, tuple(_pieces(sent, chance)), is_half)


def _pieces(sent: bytes, chance: random.Random) -> Iterator[bytes]:
    if chance.random() < 0.3 and len(sent) > 2:
        cut = chance.randrange(1, len(sent))
        yield sent[:cut]
        sent = sent[cut:]
    yield sent


def sound(image: bytes, *, headers: bytes = b"", kind: bytes = b"image/jpeg") -> bytes:
    """Return a proper request with further headers."""
    own = b"Content-Type: %s\r\nContent-Length: %d\r\n" % (kind, len(image))
    return _LINE + HOST + own + headers + b"\r\n" + image


def line(chance: random.Random, image: bytes) -> bytes:
    """A line that is no request's."""
    path = chance.choice((b"/", b"/v1/predict", b"/healthz", b"/v1/models"))
    lines = (
        b"GET" + path,
        b"GET  " + path + b"  HTTP/1.1",
        b"get " + path + b" HTTP/1.1",
        b"GE\0T " + path + b" HTTP/1.1",
        b"BREW " + path + b" HTTP/1.1",
        b"GET " + path + b" HTTP/9.9",
        b"GET " + path + b" HTTP/2.0",
        b"GET " + path + b" http/1.1",
        b"GET " + path,
        b"GET * HTTP/1.1",
        b"GET http://evil.example" + path + b" HTTP/1.1",
        b"GET //evil.example/%2e%2e/%2e%2e/etc/passwd HTTP/1.1",
        b"GET /../../../etc/passwd HTTP/1.1",
        b"GET /%00%ff%zz" + path + b" HTTP/1.1",
        b"GET /\xff\xfe\xe9 HTTP/1.1",
        b"GET /" + b"a" * chance.choice((3000, 20_000, 300_000)) + b" HTTP/1.1",
        b"CONNECT localhost:80 HTTP/1.1",
        chance.choice((b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"HEAD", b"PATCH"))
        + b" %s HTTP/1.1" % path,
        b"PRI * HTTP/2.0\r\n\r\nSM",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(80),
        chance.randbytes(chance.randrange(1, 400)),
        b"\r\n" * chance.choice((1, 3, 2000)) + b"GET " + path + b" HTTP/1.1",
    )
    return chance.choice(lines) + b"\r\n" + HOST + b"\r\n"


def header(chance: random.Random, image: bytes) -> bytes:
    """Headers that no client of good will sends."""
    headers = (
        b"Host: evil.example\r\n",
        b"No colon here\r\n",
        b"Spaced : x\r\n",
        b": nameless\r\n",
        b"X: a\r\n folded\r\n",
        b"X: \0\x01\x7f\r\n",
        b"X\xe9: \xff\r\n",
        b"X: %s\r\n" % (b"y" * chance.choice((9000, 20_000, 200_000))),
        b"".join(b"X-%d: y\r\n" % n for n in range(chance.choice((100, 5000)))),
        b"Expect: 100-continue\r\n",
        b"Expect: the unexpected\r\n",
        b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
        b"Connection: close, keep-alive,,,\r\n",
        b"Authorization: Bearer %s\r\n" % chance.randbytes(30).replace(b"\n", b""),
        b"Origin: null\r\n",
        b"X-Request-ID: ../../etc/%s\r\n" % (b"passwd" * 30),
        b"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4;host=evil.example\r\n",
        b"Range: bytes=0-1,5-2\r\nIf-Match: *\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Cookie: " + b"a=b;" * 500 + b"\r\n",
    )
    return sound(image, headers=chance.choice(headers))


def length(chance: random.Random, image: bytes) -> bytes:
    """Lengths that are not the body's, or none at all."""
    said = (
        *(b"-1", b"+5", b"1e3", b"0x10", b"1_0", b"", b" ", b"9" * 40, b"18446744073709551616"),
        *(b"0", b"1", b"%d" % (len(image) - 1), b"5, 5", b"\xd9\xa3", b"4294967296"),
    )
    headers = [b"Content-Length: " + chance.choice(said)]
    if chance.random() < 0.3:
        headers.append(b"Content-Length: %d" % len(image))
    if chance.random() < 0.2:
        headers.append(b"Transfer-Encoding: chunked")
    own = b"Content-Type: image/jpeg\r\n" + b"\r\n".join(headers)
    return _LINE + HOST + own + b"\r\n\r\n" + image


def chunks(chance: random.Random, image: bytes) -> bytes:
    """Chunks that are none, or say what they are not."""
    size = b"%x" % len(image)
    coding = chance.choice(
        (*(b"chunked",) * 6, b"gzip", b"chunked, chunked", b"identity", b"xchunked", b"\x0bchunked")
    )
    bodies = (
        size + b"\r\n" + image + b"\r\n0\r\n\r\n",
        size + b"\n" + image + b"\n0\n\n",
        b"-1\r\nx\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nx",
        b"7fffffffffffffff\r\n" + image,
        b"zz\r\n" + image,
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello-and-more\r\n0\r\n\r\n",
        b"5;" + b"e=x;" * chance.choice((10, 20_000)) + b"\r\nhello\r\n0\r\n\r\n",
        b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n",
        b"0\r\n" + b"Trailer: x\r\n" * chance.choice((1, 20_000)) + b"\r\n",
        b"0\r\nContent-Length: 5\r\n\r\nhello",
        b"\r\n\r\n\r\n",
        size + b"\r\n" + image + b"0\r\n\r\n",
    )
    own = b"Content-Type: image/jpeg\r\nTransfer-Encoding: " + coding
    return _LINE + HOST + own + b"\r\n\r\n" + chance.choice(bodies)


def form(chance: random.Random, image: bytes) -> bytes:
    """Forms that are none."""
    part = b'--xx\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n'
    field = b'--xx\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    named = part % chance.choice((b"a.jpg", b"../../etc/passwd", b"", b"\0", b"<b>" * 99))
    whole = named + image + b"\r\n--xx--\r\n"
    bodies = (
        whole,
        whole[: chance.randrange(len(whole))],
        whole.replace(b"\r\n", b"\n"),
        whole.replace(b"--xx", b"--yy"),
        b"preamble" + whole,
        whole + whole,
        b"--xx\r\n\r\n\r\n" * 500 + b"--xx--",
        (named + b"x\r\n") * chance.choice((5, 40, 2000)) + b"--xx--",
        field % (b"model", b"../../" * 9) + whole,
        field % (b"top_k", chance.choice((b"-1", b"1e9", b"9" * 999, b"\xd9\xa3"))) + whole,
        field % (b"x" * 9000, b"y") + whole,
        field % (b"x", b"y" * 9000) + whole,
        b"--xx\r\n" + b"X: y\r\n" * 3000 + b"\r\n" + image + b"\r\n--xx--",
        b"--xx\r\nContent-Disposition: attachment\r\n\r\nx\r\n--xx--",
        b"",
        b"--xx--",
    )
    kinds = (
        *(b"multipart/form-data; boundary=xx",) * 9,
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary="' + b"x" * 500 + b'"',
        b"multipart/form-data; boundary=(((((a+)+)+)+)+)",
        b"multipart/mixed; boundary=xx",
        b"multipart/form-data;" + b" a=b;" * 2000 + b" boundary=xx",
        b"text/html",
        b"",
    )
    return sound(chance.choice(bodies), kind=chance.choice(kinds))


def query(chance: random.Random, image: bytes) -> bytes:
    """Questions after the path that have no answer."""
    asked = (
        *(b"top_k=0", b"top_k=-1", b"top_k=%d9", b"top_k=\xff", b"top_k=" + b"9" * 5000),
        *(b"model=../../etc", b"model=%00", b"model=" + b"m" * 9000, b"model=a&model=b", b"&&&=%"),
    )
    return sound(image).replace(b"/v1/predict", b"/v1/predict?" + chance.choice(asked), 1)


def pipelined(chance: random.Random, image: bytes) -> bytes:
    """Several at once, sound and other ones."""
    get = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    others = (get, sound(image), b"nonsense\r\n\r\n", sound(image)[:-5], chunks(chance, image))
    return b"".join(chance.choice(others) for _ in range(chance.choice((2, 3, 40))))


def damaged(chance: random.Random, image: bytes) -> bytes:
    """A proper request with some bytes flipped, left out or put in."""
    changed = bytearray(sound(image, headers=b"Accept: */*\r\nUser-Agent: x\r\n"))
    for _ in range(chance.choice((1, 1, 3, 10))):
        place = chance.randrange(min(len(changed), 240))
        action = chance.randrange(3)
        if action == 0:
            changed[place] ^= 1 << chance.randrange(8)
        elif action == 1:
            del changed[place]
        else:
            changed.insert(place, chance.randrange(256))
    return bytes(changed)


def half(chance: random.Random, image: bytes) -> bytes:
    """A proper request that does not go on."""
    return sound(image)


KINDS: Final[tuple[Kind, ...]] = (
    *(line, header, length, chunks, form, query, pipelined, damaged, half),
)
