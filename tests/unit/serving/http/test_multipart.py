"""Forms: read as written, or refused with a reason; nothing else, whatever the bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.serving.http.failures import RequestFailure
from headstart.serving.http.multipart import MOST_HEADER_BYTES, read_form

KIND = "multipart/form-data; boundary=xx"


def part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'--xx\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + content + b"\r\n"


FILE = '; filename="a.jpg"'


@given(st.lists(st.binary(max_size=200).filter(lambda b: b"--xx" not in b), max_size=5))
def test_files_come_back_as_they_were(files: list[bytes]) -> None:
    body = b"".join(part("files", one, FILE) for one in files) + b"--xx--\r\n"
    assert read_form(body, KIND, most_files=5).files == tuple(files)


def test_fields_are_told_from_files() -> None:
    body = part("model", b"waste") + part("f", b"\x00", FILE) + b"--xx--"
    form = read_form(body, 'Multipart/Form-Data; charset=utf-8; boundary="xx"', most_files=1)
    assert (form.files, form.fields) == ((b"\x00",), {"model": "waste"})


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for start in (b"", b"--xx\r\n", b'--xx\r\nContent-Disposition: form-data; name="a"'):
        with pytest.raises(RequestFailure) as caught:
            read_form(start + body, KIND, most_files=2)
        assert caught.value.status in {400, 413}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (part("f", b"1", FILE) * 3 + b"--xx--", 413),
        (b"".join(part(str(n), b"1") for n in range(30)) + b"--xx--", 413),
        (part("f", b"x" * 2000) + b"--xx--", 413),
        (part("f", b"1", "; x=" + "y" * MOST_HEADER_BYTES) + b"--xx--", 400),
        (b"--xx\r\nContent-Type: image/png\r\n\r\n1\r\n--xx--", 400),
        (part("f", b"1", FILE), 400),
    ],
)
def test_limits(body: bytes, status: int) -> None:
    with pytest.raises(RequestFailure) as caught:
        read_form(body, KIND, most_files=2)
    assert caught.value.status == status
