"""Image, compose and cluster files agree with each other and with the settings; what can be said of them without an engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text()))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
TARGETS = set(re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
IMAGES = {"gan-advisor:latest": "service", "gan-advisor-worker:latest": "worker", "gan-advisor-worker-gpu:latest": "worker-gpu"}


def containers() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name of the workload, its pod, and each container of ours."""
    pods = [(d["metadata"]["name"], d["spec"]["template"]["spec"]) for d in DOCUMENTS if "template" in d.get("spec", {})]
    return [(name, pod, one) for name, pod in pods for one in pod["containers"] if one["image"].startswith("gan-advisor")]


def test_every_image_is_a_target_of_the_dockerfile() -> None:
    assert {IMAGES[one["image"]] for _, _, one in containers()} == TARGETS - {"base"}
    built = {service["build"]["target"] for service in COMPOSE["services"].values() if "build" in service}
    assert built == TARGETS - {"base"}


def test_every_variable_is_a_setting() -> None:
    known = {f"GAN_ADVISOR_{name.upper()}" for name in Settings.model_fields}
    text = "".join((ROOT / name).read_text() for name in ("Dockerfile", "compose.yaml", "deploy/kubernetes.yaml"))
    assert set(re.findall(r"GAN_ADVISOR_[A-Z_]+", text)) <= known


def test_our_containers_have_the_least_privilege() -> None:
    assert len(containers()) == 4
    for name, pod, one in containers():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        rights = one["securityContext"]
        assert rights["readOnlyRootFilesystem"] is True and rights["allowPrivilegeEscalation"] is False, name
        assert rights["capabilities"] == {"drop": ["ALL"]}, name
        assert {mount["mountPath"] for mount in one["volumeMounts"]} == {"/var/lib/gan-advisor", "/tmp"}, name


def test_workers_get_the_time_they_need_to_leave_in_order() -> None:
    for name, pod, one in containers():
        if "worker" in one["image"]:
            assert pod["terminationGracePeriodSeconds"] >= 40, name
    assert next(one for name, _, one in containers() if name == "worker-gpu")["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_no_secret_is_written_down() -> None:
    text = (ROOT / "deploy" / "kubernetes.yaml").read_text()
    assert not [line for line in text.splitlines() if "value: postgresql" in line]
    assert text.count("secretKeyRef") == 5
