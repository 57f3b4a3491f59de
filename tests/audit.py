"""`make check`: locked versions against the advisory database. A vulnerability fails; an unreachable database is said."""

from __future__ import annotations

import json
import subprocess
import sys


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--disable-pip", "--no-deps", "-r", "constraints.txt"]
    run = subprocess.run([*command, "-f", "json"], capture_output=True, text=True, timeout=300)
    if not run.stdout.startswith("{"):
        print("audit: the advisory database could not be reached, nothing was audited")
        return 0
    packages = json.loads(run.stdout)["dependencies"]
    skipped = [p["name"] for p in packages if "skip_reason" in p]
    bad = [f"{p['name']} {p['version']}: {v['id']}, fixed in {v['fix_versions']}" for p in packages for v in p.get("vulns", [])]
    print(
        "\n".join([*bad, f"audit: {len(packages) - len(skipped)} audited, {len(skipped)} not reachable, {len(bad)} vulnerable"])
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
