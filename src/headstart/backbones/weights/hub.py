"""The hub: the one place where headstart opens a connection, and says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headstart.backbones.spec import BackboneSpec, HubWeights
from headstart.backbones.weights.digests import file_sha256
from headstart.backbones.weights.hub_cache import (
    hub_cache_dir,
    hub_endpoint,
    promised_sha256,
    repository_dir,
)
from headstart.backbones.weights.missing import missing_weights
from headstart.errors import WeightsError
from headstart.files import storage_errors
from headstart.progress import Progress

_MEGABYTE: Final = 1_000_000
_LOOK_S: Final = 0.1


def fetch_weights(spec: BackboneSpec, *, progress: Progress) -> Path:
    """Download a backbone's weights into the hub's cache, where timm finds them as well.

    An interrupted download goes on where it stopped. The file's digest is checked against
    the one that the hub promises.

    Args:
        spec: Entry whose weights are on the hub.
        progress: Who is told what is fetched, from where, and how far it is.

    Returns:
        The file in the hub's cache.

    Raises:
        WeightsError: The hub cannot be reached, lacks the file, or sent another one; the
            message names the file to bring and the place to put it.
        StorageError: The disk is full or refuses.
    """
    assert isinstance(spec.weights, HubWeights), f"no hub has the weights of {spec.name}"
    with _quietly(), _hub_errors(spec), storage_errors(hub_cache_dir()):
        size = _size_of(spec.weights)
        progress.say(
            f"fetching the weights of {spec.name}: {spec.weights.file} of "
            f"{spec.weights.repository} from {hub_endpoint()}, {size / _MEGABYTE:,.1f} MB, "
            f"licence {spec.weights.licence}"
        )
        path = _download(spec, size, progress)
    check_promise(path)
    return path


def check_promise(path: Path) -> None:
    """Refuse a cached file whose content is not what the hub promised; it is removed.

    Raises:
        WeightsError: The digest differs.
    """
    promised = promised_sha256(path)
    if promised is not None and file_sha256(path) != promised:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise WeightsError(
            f"{path.name} arrived damaged (its SHA-256 is not {promised[:12]}…) and was "
            "removed: fetch it again"
        )


def _size_of(weights: HubWeights) -> int:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    endpoint = hub_endpoint()
    url = hf_hub_url(weights.repository, weights.file, endpoint=endpoint)
    return get_hf_file_metadata(url, endpoint=endpoint).size or 0


def _download(spec: BackboneSpec, size: int, progress: Progress) -> Path:
    assert isinstance(spec.weights, HubWeights)
    download = _Download(spec.weights)
    task = f"fetching {spec.name}"
    for _ in progress.track(download.megabytes(size), total=_steps(size), task=task, unit="MB"):
        pass
    return download.result()


def _steps(size: int) -> int:
    return max(1, -(-size // _MEGABYTE))


@dataclass
class _Download:
    """One download on a thread of its own, so that somebody can watch it grow."""

    weights: HubWeights
    path: Path | None = None
    error: Exception | None = None

    def megabytes(self, size: int) -> Iterator[int]:
        """Download; yield once for every megabyte that has arrived."""
        worker = threading.Thread(target=self._run, daemon=True)
        worker.start()
        seen = 0
        while worker.is_alive():
            worker.join(_LOOK_S)
            arrived = min(self._arrived() // _MEGABYTE, _steps(size))
            yield from range(seen, arrived)
            seen = max(seen, arrived)
        if self.error is None:
            yield from range(seen, _steps(size))

    def result(self) -> Path:
        """Return the file, or raise what kept it from arriving."""
        if self.error is not None:
            raise self.error
        assert self.path is not None
        return self.path

    def _run(self) -> None:
        from huggingface_hub import hf_hub_download

        try:
            downloaded = hf_hub_download(
                self.weights.repository,
                self.weights.file,
                cache_dir=hub_cache_dir(),
                endpoint=hub_endpoint(),
            )
            self.path = Path(downloaded)
        except _connection_errors() as error:  # raised again by whoever asks for the result
            self.error = error

    def _arrived(self) -> int:
        sizes = [0]
        for partial in (repository_dir(self.weights) / "blobs").glob("*.incomplete"):
            with suppress(OSError):  # it may be renamed under our eyes
                sizes.append(partial.stat().st_size)
        return max(sizes)


@contextmanager
def _quietly() -> Iterator[None]:
    """Draw none of the hub library's own bars, and send nothing but what is asked for.

    Its telemetry goes to the public hub even where ``HF_ENDPOINT`` names another.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    quiet, silent = are_progress_bars_disabled(), constants.HF_HUB_DISABLE_TELEMETRY
    disable_progress_bars()
    constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = silent
        if not quiet:
            enable_progress_bars()


@contextmanager
def _hub_errors(spec: BackboneSpec) -> Iterator[None]:
    """Turn what the hub, or the way to it, says into what the user can do."""
    try:
        yield
    except _connection_errors() as error:
        raise missing_weights(spec, f"{hub_endpoint()} {_reason(error)}") from error


def _connection_errors() -> tuple[type[Exception], ...]:
    """Return what ``huggingface_hub``, and whichever HTTP client it uses, raises."""
    from huggingface_hub import errors

    return (OSError, ValueError, *errors.HfHubHTTPError.__bases__)


def _reason(error: Exception) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return "asks you to accept its terms and to log in first"
    unreachable = isinstance(error, errors.LocalEntryNotFoundError)
    if isinstance(error, (errors.RepositoryNotFoundError, errors.EntryNotFoundError)):
        return "could not be reached" if unreachable else "does not have them"
    said = str(error).strip().split("\n")[0] or type(error).__name__
    return f"gave none ({said})"
