"""Name, default and help of every setting. The only reader of the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Each field is read from GAN_ADVISOR_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="GAN_ADVISOR_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("var"), description="Everything the service writes: database, runs, locks.")
    database_url: str = Field("", description="SQLAlchemy URL; empty takes SQLite in data_dir, or postgresql+psycopg://...")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=0, le=64, description="Worker processes that `serve` starts.")
    data_folders: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Folders whose data sets a validation may name by path, separated by colons."
    )
    policies: Path | None = Field(None, description="Folder with a team's own rules, *.yaml; see docs/policies.md.")
    max_run_seconds: float = Field(7200.0, gt=0, description="Largest budget.max_seconds a validation may ask for.")
    max_body_bytes: int = Field(1_000_000, gt=0, description="Largest request body.")
    max_upload_bytes: int = Field(10_000_000_000, gt=0, description="Largest data set that may be uploaded.")
    max_figures: int = Field(2_000_000, ge=0, description="Own figures that a team may hold.")
    heartbeat_seconds: float = Field(5.0, gt=0, description="A worker renews its lease this often.")
    lease_seconds: float = Field(30.0, gt=0, description="A worker silent for this long is dead and its runs go elsewhere.")
    poll_seconds: float = Field(0.5, gt=0, description="How often an idle worker looks for work.")
    max_attempts: int = Field(5, ge=1, le=50, description="A validation whose worker was lost so often has failed.")
    slots: int = Field(0, ge=0, le=64, description="Runs at once on this machine; 0: one for each GPU, else `workers`.")
    slot_devices: int = Field(1, ge=1, le=16, description="Devices of one slot, which a run may take together.")
    device_memory_gb: float = Field(0.0, ge=0, description="Device memory that a worker advertises; 0: what the device has.")
    max_queued: int = Field(1000, ge=0, description="Validations that a team may have unfinished at once; 0: no limit.")
    run_memory_bytes: int = Field(0, ge=0, description="Memory of one training process on a CPU; 0: what the machine has.")
    run_file_bytes: int = Field(20_000_000_000, gt=0, description="Largest file a training process may write.")
    retention_days: float = Field(90.0, gt=0, description="Finished validations older than this are deleted.")

    log_format: Literal["text", "json"] = Field("text", description="json: one object a line, each request among them.")
    cors_origins: tuple[str, ...] = Field((), description='Origins whose pages may call: ["https://dash.example.com"].')
    requests_per_minute: int = Field(6000, ge=0, description="Of one key, or of one address without a key; 0: no limit.")
    webhook_seconds: float = Field(1.0, gt=0, description="How often the service looks for webhooks to send.")
    webhook_networks: tuple[str, ...] = Field((), description='Private networks that may get webhooks: ["10.1.0.0/16"].')

    key: SecretStr = Field(SecretStr(""), description="API key that commands send to a service.")
    demo_seconds: float = Field(150.0, gt=0, description="Training time of `make demo`.")

    @field_validator("data_folders", mode="before")
    @classmethod
    def _separated(cls, given: Any) -> Any:
        """`/data:/more`, as in PATH; a JSON list is taken too."""
        if not isinstance(given, str):
            return given
        return json.loads(given) if given.lstrip().startswith("[") else [part for part in given.split(os.pathsep) if part]

    @property
    def url(self) -> str:
        """The database URL, the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.embedded}"

    @property
    def embedded(self) -> Path:
        """The SQLite file that stands in where no database is named."""
        return (self.data_dir / "gan-advisor.sqlite3").absolute()

    @property
    def runs(self) -> Path:
        """One folder per validation."""
        return self.data_dir.absolute() / "runs"


def service_environment(folders: Sequence[Path]) -> dict[str, str]:
    """The environment of a service that this command starts for itself, which may read these folders too."""
    named = os.pathsep.join(map(str, (*settings().data_folders, *folders)))
    return {**os.environ, "GAN_ADVISOR_DATA_FOLDERS": named}


def child_environment(**values: str) -> dict[str, str]:
    """The environment of a training process: what torch and the system need, and no secret of the service."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
    kinds = ("OMP_", "MKL_", "CUDA_", "NVIDIA_", "NCCL_", "TORCH_", "PYTORCH_")
    return {k: v for k, v in os.environ.items() if k in kept or k.startswith(kinds)} | values


def otlp_endpoint() -> str | None:
    """Where traces go, by the variables that OpenTelemetry's own SDK reads; None where nothing is traced."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    return os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None


def github_file(name: str) -> Path | None:
    """Where a step of a GitHub workflow leaves its OUTPUT or STEP_SUMMARY; None elsewhere."""
    found = os.environ.get(f"GITHUB_{name}")
    return Path(found) if found else None


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
