"""What a file that should hold weights is, by its first bytes."""

from __future__ import annotations

from typing import Final, Literal

Format = Literal["safetensors", "torch"]
HEAD_BYTES: Final = 64

_IMPOSTORS: Final = (
    (
        (b"version https://git-lfs",),
        "is a Git LFS pointer, not the file it stands for: 'git lfs pull' brings that",
    ),
    (
        (b"<!doctype", b"<html", b"<?xml"),
        "is a web page, not weights: a file's download link has /resolve/ in it, not /blob/",
    ),
    ((b"\x89hdf\r\n",), "is HDF5, as Keras writes it: PyTorch's tensors are expected"),
    ((b"{", b"["), "is JSON, such as the index of weights in parts: one whole file is expected"),
    ((b"\x1f\x8b", b"7z\xbc", b"rar!"), "is a compressed archive: unpack it first"),
)


def impostor(head: bytes) -> str:
    """Return what a file is that is mistaken for weights; empty if it may be weights.

    Args:
        head: Its first bytes.

    >>> impostor(b"<!DOCTYPE html>")[:13]
    'is a web page'
    """
    if not head:
        return "is empty"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    found = (what for marks, what in _IMPOSTORS if start.startswith(marks))
    return next(found, "")


def format_of(head: bytes) -> Format | None:
    """Return how a file is to be read; ``None`` if it is neither format.

    >>> format_of(bytes([2, 0, 0, 0, 0, 0, 0, 0]) + b"{}")
    'safetensors'
    """
    if head[8:9] == b"{":
        return "safetensors"
    return "torch" if head.startswith((b"PK\x03\x04", b"\x80")) else None
