"""The entry point: which command, and what becomes of its errors."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import typer

from headstart.errors import HeadstartError, UnknownNameError, missing_extra

DONE, INTERNAL, MISTAKE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143

COMMANDS: Final = {
    "check": "Show what a pretrained network sees, which strategy fits.",
    "rank": "Rank pretrained networks for images, without fine-tuning.",
    "train": "Train, judge and bundle a classifier of images.",
    "predict": "Classify images with a bundle.",
    "serve": "Answer images over HTTP, safe by default.",
    "evaluate": "Judge a bundle on labelled images.",
    "ensemble": "Join runs into one bundle, if that wins.",
    "decide": "Answer 'unknown' where unsure; other priors, costs.",
    "export": "Write another format, and prove it answers alike.",
    "bundle": "Verify, show or compare bundles.",
    "errors": "Say where a finished run's classifier fails.",
    "benchmark": "Train every combination of a grid, and rank the runs.",
    "compare": "Say which of several runs is better, and how sure that is.",
    "runs": "List, filter, sort the runs in a folder; show or log one.",
    "report": "Make the page of a finished run again.",
    "explain": "Show where in an image the evidence for a class lies.",
    "tune": "Search settings, retrain the winner, judge it once.",
    "augment": "Draw a contact sheet of augmented training images.",
    "recipes": "List published plans, or show one whole.",
    "backbones": "List the pretrained networks.",
    "learning-curve": "Say whether more images would help, and by how much.",
    "lr-find": "Find a learning rate for fine-tuning, by a range test.",
    "layers": "Number a network's layers, show which are trained.",
    "weights": "List, fetch, import and verify pretrained weights.",
    "cache": "Show, limit or clear what is kept between runs.",
}
"""Command -> summary. Only the command that is called is imported."""


def entry_point() -> NoReturn:
    """Run the command line as a program.

    Taking PyTorch and OpenVINO down again costs the better part of a second and frees
    nothing that the system does not free itself, so the process ends at once.
    """
    try:
        main()
    except SystemExit as error:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(error.code if isinstance(error.code, int) else INTERNAL)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(_run(given, debug=debug))


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        code = build_app(arguments)(arguments, standalone_mode=False, prog_name="headstart")
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except HeadstartError as error:
        return _failed(error, MISTAKE, debug=debug)
    except ModuleNotFoundError as error:
        known = missing_extra(error, what=f"headstart {arguments[0]}")
        return _failed(known or error, MISTAKE if known else INTERNAL, debug=debug)
    except Exception as error:  # the last resort: anything else is ours  # noqa: BLE001
        return _usage_or_internal(error, debug=debug)
    if code == INTERRUPTED:  # Typer, too, makes this of Ctrl-C, by its version
        return _report("interrupted; nothing half-written was left", INTERRUPTED)
    return code if isinstance(code, int) else DONE


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """Return the application with the called command loaded and the rest named."""
    app = typer.Typer(
        help="From a folder of images to a judged, deployable classifier.",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="Every command takes --debug, which shows the traceback of an error.",
    )
    app.callback()(_options)
    called = next((it for it in arguments[:2] if it in COMMANDS), None)
    for name, summary in COMMANDS.items():
        command = _load(name) if name == called else _stand_in
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, short_help=summary)
        else:
            app.command(name, short_help=summary)(command)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        from headstart import __version__

        typer.echo(f"headstart {__version__}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", help="Show the version.", is_eager=True, callback=_show_version
    ),
) -> None:
    del version  # its callback has done all there is to do


def _load(name: str) -> Callable[..., Any] | typer.Typer:
    """Return a command's function, or the group of commands that its module makes up."""
    command: Callable[..., Any] | typer.Typer = importlib.import_module(_module_of(name)).run
    return command


def _module_of(name: str) -> str:
    return f"headstart.cli.{name.replace('-', '_')}"


def _stand_in() -> None:
    raise AssertionError("a command that was not called was run")


def _usage_or_internal(error: Exception, *, debug: bool) -> int:
    show = getattr(error, "show", None)
    if show is not None:
        _suggest_command(error)
        show()
        return MISTAKE
    _failed(error, INTERNAL, debug=debug)
    return _report("this is a mistake of headstart's: please report it with --debug", INTERNAL)


def _suggest_command(error: Exception) -> None:
    message = getattr(error, "message", "")
    if message.startswith("No such command"):
        wrong = message.split("'")[1]
        group = getattr(getattr(error, "ctx", None), "command", None)
        known = getattr(group, "commands", COMMANDS)
        error.message = str(UnknownNameError("command", wrong, known))  # type: ignore[attr-defined]


def _failed(error: BaseException, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    kind = "" if isinstance(error, HeadstartError) else f"{type(error).__name__}: "
    return _report(f"{kind}{error}", code)


def _report(message: str, code: int) -> int:
    typer.echo(f"headstart: {message}", err=True)
    return code


def _terminated(number: int, frame: object) -> NoReturn:
    del number, frame
    raise SystemExit(TERMINATED)
