"""What a deployed model needs: the base package, and none of what trains."""

from __future__ import annotations

import csv
import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TRAINING = ("torch", "torchvision", "timm", "sklearn", "scipy", "lmdb", "onnx", "matplotlib")

WITHOUT_TRAINING = f"""
import sys

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {TRAINING}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refusal())
"""
"""Makes the training libraries as if they were not installed."""
RUN_WITHOUT_TRAINING = f"""{WITHOUT_TRAINING}
from headstart.cli.main import entry_point
entry_point()
"""

LOADED = """
import contextlib, io, json, sys

out = io.StringIO()
with contextlib.redirect_stdout(out):
    try:
        exec(sys.argv.pop(1))
    except SystemExit as done:
        assert not done.code, done.code
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
"""Runs a line of Python, and prints the packages that are loaded afterwards."""


@pytest.fixture(scope="module")
def image(finished: Any) -> Path:
    return Path(finished.photos / "cat" / "0.png")


@pytest.fixture
def loaded(command: Callable[..., Any]) -> Callable[..., set[str]]:
    def run(line: str, *arguments: object) -> set[str]:
        outcome = command(line, *arguments, script=LOADED)
        assert outcome.code == 0, outcome.err
        return set(json.loads(outcome.out))

    return run


def test_importing_headstart_loads_nothing_else(loaded: Callable[..., set[str]]) -> None:
    packages = loaded("import headstart")
    assert "headstart" in packages
    assert not packages & {"numpy", "pydantic", "PIL", "typer", "openvino", *TRAINING}


def test_help_loads_only_the_parser(loaded: Callable[..., set[str]]) -> None:
    packages = loaded("from headstart.cli.main import main; main(['--help'])")
    assert "typer" in packages
    assert not packages & {"numpy", "pydantic", "PIL", "polars", "openvino", *TRAINING}


def test_looking_at_errors_loads_neither_engine_nor_training_library(
    loaded: Callable[..., set[str]], finished: Any
) -> None:
    line = "from headstart.cli.main import main; main(['errors', *sys.argv[1:]])"
    assert not loaded(line, finished.folder) & {"openvino", *TRAINING}


def test_predicting_loads_no_training_library(
    loaded: Callable[..., set[str]], finished: Any, image: Path
) -> None:
    line = "from headstart.cli.main import main; main(['predict', *sys.argv[1:]])"
    packages = loaded(line, finished.folder, image)
    assert "openvino" in packages
    assert not packages & set(TRAINING)


def test_predict_and_evaluate_without_the_training_libraries(
    command: Callable[..., Any], finished: Any, image: Path, tmp_path: Path
) -> None:
    table = tmp_path / "predictions.csv"
    options = ["--out", table, "--top-k", "3", "--probabilities"]
    predicted = command("predict", finished.folder, image, *options, script=RUN_WITHOUT_TRAINING)
    assert predicted.code == 0, predicted.err
    with table.open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["prob_cat"]) + float(row["prob_dog"]) + float(row["prob_eel"]) > 0.999
    assert {row["label"], row["label_2"], row["label_3"]} == {"cat", "dog", "eel"}
    judged = command("evaluate", finished.folder, finished.photos, script=RUN_WITHOUT_TRAINING)
    assert judged.code == 0, judged.err
    assert "36 images" in judged.out


def test_compare_and_runs_without_the_training_libraries(
    command: Callable[..., Any], finished: Any, tmp_path: Path
) -> None:
    other = shutil.copytree(finished.folder, tmp_path / "runs" / "other")
    compared = command("compare", finished.folder, other, script=RUN_WITHOUT_TRAINING)
    assert compared.code == 0, compared.err
    assert "say the same of every one of" in compared.out
    listed = command("runs", tmp_path / "runs", script=RUN_WITHOUT_TRAINING)
    assert listed.code == 0, listed.err
    assert "other" in listed.out


def test_training_without_its_libraries_says_what_to_install(
    command: Callable[..., Any], finished: Any, tmp_path: Path
) -> None:
    arguments = ("train", finished.photos, "--out", tmp_path / "run")
    outcome = command(*arguments, script=RUN_WITHOUT_TRAINING)
    assert outcome.code == 2
    assert outcome.err.startswith("headstart: headstart train needs the training libraries (")
    assert outcome.err.endswith("is not installed): pip install 'headstart[train]'\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ImageClassifier", "train"])
def test_python_without_the_training_libraries_says_what_to_install(
    command: Callable[..., Any], name: str
) -> None:
    script = WITHOUT_TRAINING + (
        "import headstart\n"
        "try:\n"
        f"    headstart.{name}\n"
        "except headstart.HeadstartError as error:\n"
        "    print(error)\n"
    )
    outcome = command(script=script)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith(f"headstart.{name} needs the training libraries (")


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a new environment that holds the base package alone."""
    root = tmp_path_factory.mktemp("floor")
    source, environment = _copied_source(root / "source"), root / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    python = binaries / Path(sys.executable).name
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    install = [*pip, "install", "--quiet", "--no-compile", str(source)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return binaries


def _copied_source(target: Path) -> Path:
    """Copy what is packaged, so that building it leaves nothing in the working tree."""
    shutil.copytree(
        ROOT / "src", target / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, target / name)
    return target


def test_the_base_package_alone_predicts_and_evaluates(
    floor: Path, finished: Any, image: Path, tmp_path: Path
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def call(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [floor / name, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            check=False,
        )

    script = (
        "import importlib.util as u; "
        f"print([name for name in {TRAINING} if u.find_spec(name) is not None])"
    )
    assert call(Path(sys.executable).name, "-c", script).stdout == "[]\n"

    predicted = call("headstart", "predict", finished.folder / "bundle", image)
    assert predicted.returncode == 0, predicted.stderr
    path, label, *_ = predicted.stdout.split("\t")
    assert (path, label in {"cat", "dog", "eel"}) == (str(image), True)

    judged = call("headstart", "evaluate", finished.folder / "bundle", finished.photos)
    assert judged.returncode == 0, judged.stderr
    assert "36 images" in judged.stdout

    batch = call("headstart", "predict", finished.folder, finished.photos, "-o", "t.parquet")
    assert batch.returncode == 0, batch.stderr
    assert batch.stdout.startswith("36 images")
    (tmp_path / "t.parquet").unlink()

    listed = call("headstart", "backbones")
    assert listed.returncode == 0, listed.stderr
    assert "efficientnet_lite0" in listed.stdout

    trained = call("headstart", "train", finished.photos)
    assert trained.returncode == 2
    assert "pip install 'headstart[train]'" in trained.stderr
    assert "Traceback" not in trained.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_base_package_alone_serves_as_the_image_does(
    floor: Path, finished: Any, image: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("a token of sufficient length\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["HEADSTART_TOKEN_FILE"] = str(tmp_path / "token")
    served = [f"model={finished.folder / 'bundle'}", "--host", "0.0.0.0", "--port", "0"]
    with subprocess.Popen(
        [floor / "headstart", "serve", *served, "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stderr is not None
        line = next((line for line in process.stderr if line.startswith("serving on")), "")
        port = int(line.split()[2].rpartition(":")[2])
        answers = [_asked(port, path, body) for path, body in _questions(image)]
        process.terminate()
        process.stderr.read()
    assert [status for status, _ in answers] == [200, 401, 200]
    assert json.loads(answers[2][1])["predictions"][0]["label"] in {"cat", "dog", "eel"}
    assert process.returncode == 0


def _questions(image: Path) -> list[tuple[str, bytes | None]]:
    return [("/healthz", None), ("/v1/models", None), ("/v1/predict", image.read_bytes())]


def _asked(port: int, path: str, body: bytes | None) -> tuple[int, bytes]:
    token = {"Authorization": "Bearer a token of sufficient length"} if body else {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "image/png", **token}
    connection.request("POST" if body else "GET", path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content
