"""The terminal, with colours where it has them."""

from __future__ import annotations

from rich.console import Console

out = Console()
err = Console(stderr=True)
