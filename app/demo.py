"""`make demo`: the main job end to end. Asks about the bundled digits, prints the answer, trains, prints the verdict."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from app.cli.ends import main_errors
from app.cli.screen import out
from app.cli.training import follow
from app.settings import settings
from app.watch import local_service, show_answer

TASK = {
    "data": {"type": "image", "resolution": 32, "channels": 1, "samples": 5000, "labels": "none", "domain": "digits"},
    "budget": {"gpu_hours": 2},
    "top_k": 8,
}
DATASET = "mnist-5k"
RACED = ("dcgan", "sngan")
"""Two that learn digits on a CPU in the demo's minutes; what ranks first may need hours, and the race would end inconclusive."""


def demo() -> None:
    """Prints the verdict and the folder of its files in the last line."""
    started = time.monotonic()
    with local_service() as client:
        out.print(f"[bold]task[/bold] {TASK}", highlight=False)
        answer = client.recommend(TASK)
        show_answer(out, answer)
        body = {
            "recommendation_id": answer.id,
            "architectures": RACED,
            "dataset": DATASET,
            "budget": {"max_seconds": settings().demo_seconds},
        }
        out.print(f"raced on {DATASET}: {' and '.join(RACED)}, which a CPU trains in this time", highlight=False)
        folder = settings().data_dir / "demo" / answer.id[:12]
        outcome, _ = follow(client, client.validate(body).id, folder)
    out.print(f"took {time.monotonic() - started:.0f} s", highlight=False)
    sys.stdout.write(f"verdict: {outcome}  report: {Path(folder / 'report.json').absolute()}\n")


if __name__ == "__main__":
    main_errors(demo)
