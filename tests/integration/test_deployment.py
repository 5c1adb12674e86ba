"""What a deployment is made of: image, proxy, unit, manifest. Linted, and held against the code."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from headstart.config.serving import ServeConfig, build_serve_config
from headstart.errors import ConfigError
from headstart.serving.http.app import ROUTES
from headstart.serving.http.guard import OPEN_PATHS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHARACTERS = 16


def instructions() -> list[tuple[str, str]]:
    """Return the image's instructions, a line each."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line]


def manifest() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))


def container() -> dict[str, Any]:
    found: dict[str, Any] = manifest()[0]["spec"]["template"]["spec"]["containers"][0]
    return found


def unit() -> dict[str, list[str]]:
    lines = (DEPLOY / "headstart.service").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    return {key: [value for name, value in pairs if name == key] for key, _ in pairs}


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    return found or pytest.skip(f"{name} is not installed")


def test_the_image_is_linted() -> None:
    done = subprocess.run(
        [tool("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_image_runs_as_nobody_without_a_shell() -> None:
    found = instructions()
    bases = [rest.split()[0] for name, rest in found if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.1[1-3]\.\d+-slim-\w+", base) for base in bases)
    last = [index for index, (name, _) in enumerate(found) if name == "FROM"][-1]
    final = found[last:]
    assert "RUN" not in dict(final)
    user, group = dict(final)["USER"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    for name in ("ENTRYPOINT", "CMD"):
        assert json.loads(dict(final)[name])
    assert json.loads(dict(final)["HEALTHCHECK"].partition("CMD ")[2])[0] == "python"
    assert "token" not in dict(final)["CMD"] + dict(final)["ENV"].lower()


def test_the_builder_is_sent_what_it_copies_and_nothing_else() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"]
    assert rules[0] == "*"
    sent = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = [
        source
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]
    assert set(copied) == sent
    assert all((ROOT / source).exists() for source in copied)
    assert any(
        fnmatch.fnmatch("src/headstart/__pycache__", rule.replace("**/", "*/")) for rule in rules
    )


def image_command() -> list[str]:
    found = dict(instructions())
    whole: list[str] = [*json.loads(found["ENTRYPOINT"]), *json.loads(found["CMD"])]
    return whole


COMMANDS: dict[str, Callable[[], list[str]]] = {
    "Dockerfile": image_command,
    "kubernetes.yaml": lambda: ["headstart", "serve", *container()["args"]],
    "headstart.service": lambda: shlex.split(unit()["ExecStart"][0]),
}


@pytest.mark.parametrize("file", COMMANDS)
def test_every_option_exists(file: str, cli: Any) -> None:
    command = COMMANDS[file]()
    assert (Path(command[0]).name, command[1]) == ("headstart", "serve")
    words = set(re.findall(r"--[a-z-]+", cli("serve", "--help").out))
    assert [word for word in command if word.startswith("--") and word not in words] == []


def test_variables_are_those_that_are_read(cli: Any) -> None:
    named = set(re.findall(r"HEADSTART_\w+", (ROOT / "docs" / "deployment.md").read_text()))
    named |= set(re.findall(r"HEADSTART_\w+", (ROOT / "Dockerfile").read_text()))
    named |= {entry["name"] for entry in container()["env"]}
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    assert [name for name in named if f'"{name}"' not in sources] == []


def test_the_manifest_fits_kubernetes() -> None:
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed"
    )
    for part in manifest():
        validate.validate(part, validate.latest_version(), strict=True)


def test_probes_ask_what_answers_without_a_token() -> None:
    probes = [container()[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness")]
    assert probes == ["/readyz", "/readyz"]
    asked = {*probes, container()["livenessProbe"]["httpGet"]["path"], "/healthz"}
    assert asked <= OPEN_PATHS & ROUTES.keys()
    assert "/healthz" in dict(instructions())["HEALTHCHECK"]


def test_there_is_time_to_finish_and_little_right_to_harm() -> None:
    drained_s = ServeConfig().drain_timeout_s + 5
    pod = manifest()[0]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > drained_s
    assert int(unit()["TimeoutStopSec"][0]) > drained_s
    security = container()["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["runAsNonRoot"]
    labels = manifest()[0]["spec"]["template"]["metadata"]["labels"]
    assert all(part["spec"]["selector"] in (labels, {"matchLabels": labels}) for part in manifest())


def test_the_proxy_is_linted_and_takes_what_the_service_takes(tmp_path: Path) -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    assert f"client_max_body_size {ServeConfig().max_body_mb}m;" in text
    assert f"client_body_timeout {ServeConfig().body_timeout_s:g}s;" in text
    assert f"client_header_timeout {ServeConfig().header_timeout_s:g}s;" in text
    crossplane = pytest.importorskip("crossplane", reason="crossplane is not installed")
    (tmp_path / "whole.conf").write_text(f"events {{}}\nhttp {{\n{text}\n}}\n")
    parsed = crossplane.parse(str(tmp_path / "whole.conf"), strict=True)
    assert (parsed["status"], parsed["errors"]) == ("ok", [])


def test_the_unit_is_linted(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    text = (DEPLOY / "headstart.service").read_text()
    copy = tmp_path / "headstart.service"
    copy.write_text(text.replace("/opt/headstart/bin/headstart", sys.executable))
    done = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["--allow-host", "--token-file"])
def test_the_page_says_what_stands_between(name: str) -> None:
    assert name in (ROOT / "docs" / "deployment.md").read_text()


def test_the_image_does_not_start_without_a_token() -> None:
    host = image_command()[image_command().index("--host") + 1]
    with pytest.raises(ConfigError, match="can be reached from other machines"):
        build_serve_config({"host": host})
    assert build_serve_config({"host": host, "token": "x" * CHARACTERS}).token
