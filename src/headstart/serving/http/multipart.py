"""Forms with files (RFC 7578), read strictly and within limits.

The whole body is in memory already, bounded by its cap, so a part is a slice of it. Names of
files are not read at all: nothing here can be led to a path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from headstart.serving.http.failures import RequestFailure

MOST_HEADER_BYTES: Final = 8192
"""Of one part."""
MOST_FIELDS: Final = 8
"""Parts that are no files."""
MOST_FIELD_BYTES: Final = 1024
_BOUNDARY: Final = re.compile(
    r"""multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;.*)?""",
    re.IGNORECASE,
)
_DISPOSITION: Final = re.compile(rb"^content-disposition\s*:\s*form-data\s*;(.*)$", re.I | re.M)
_NAME: Final = re.compile(rb"""(?:^|;)\s*name\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))""", re.I)
_FILE: Final = re.compile(rb""";\s*filename\*?\s*=""", re.I)


@dataclass(frozen=True, slots=True)
class Form:
    """A form's parts.

    Attributes:
        files: Their contents, in order, whatever their fields and they are called.
        fields: What else was said, by name.
    """

    files: tuple[bytes, ...]
    fields: dict[str, str]


def read_form(body: bytes, content_type: str, *, most_files: int) -> Form:
    """Return a form's parts.

    Raises:
        RequestFailure: 400 for what is no such form, 413 for too many parts.
    """
    delimiter = b"--" + _boundary(content_type)
    files: list[bytes] = []
    fields: dict[str, str] = {}
    for name, is_file, content in _parts(body, delimiter, most_files + MOST_FIELDS):
        if is_file:
            files.append(content)
        else:
            fields[name] = _text(content)
        if len(files) > most_files or len(fields) > MOST_FIELDS:
            raise _too_many(most_files)
    return Form(tuple(files), fields)


def _boundary(content_type: str) -> bytes:
    found = _BOUNDARY.fullmatch(content_type.strip()[:512])
    if not found:
        raise _malformed("its Content-Type names no boundary")
    return (found[1] or found[2]).encode("latin-1", "replace")


def _parts(body: bytes, delimiter: bytes, most: int) -> list[tuple[str, bool, bytes]]:
    if not body.startswith(delimiter):
        raise _malformed("it does not begin with its boundary")
    parts: list[tuple[str, bool, bytes]] = []
    separator = b"\r\n" + delimiter
    start = len(delimiter)
    while not body.startswith(b"--", start):
        if len(parts) >= most:
            raise _too_many(most)
        if not body.startswith(b"\r\n", start):
            raise _malformed("a boundary is not followed by a new line")
        end = body.find(separator, start)
        if end < 0:
            raise _malformed("its last boundary is missing")
        parts.append(_part(body, start + 2, end))
        start = end + len(separator)
    return parts


def _part(body: bytes, start: int, end: int) -> tuple[str, bool, bytes]:
    head_end = body.find(b"\r\n\r\n", start, min(end, start + MOST_HEADER_BYTES))
    if head_end < 0:
        raise _malformed(f"a part has no header, or one of more than {MOST_HEADER_BYTES} bytes")
    header = body[start:head_end].replace(b"\r\n", b"\n")
    disposition = _DISPOSITION.search(header)
    named = _NAME.search(disposition[1]) if disposition else None
    if not disposition or not named:
        raise _malformed("a part has no name")
    name = (named[1] if named[1] is not None else named[2]).decode("utf-8", "replace")
    return name, bool(_FILE.search(disposition[1])), body[head_end + 4 : end]


def _text(content: bytes) -> str:
    if len(content) > MOST_FIELD_BYTES:
        raise RequestFailure(413, "field_too_large", "a field that is no file is too long")
    return content.decode("utf-8", "replace")


def _malformed(why: str) -> RequestFailure:
    return RequestFailure(400, "malformed_form", f"no proper multipart/form-data: {why}")


def _too_many(most: int) -> RequestFailure:
    return RequestFailure(413, "too_many_parts", f"the form has more than {most} parts of a kind")
