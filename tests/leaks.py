"""`make check`: no key, token, password or private key in any file that git keeps. One that only looks like it says why, on its line,
after `no secret:`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = {
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "key of this service": r"\bga_[0-9a-f]{12}_[0-9a-f]{64}\b",
    "token of this service": r"\bgt_[0-9a-f]{64}\b",
    "webhook secret": r"\bwhsec_[A-Za-z0-9+/]{24,}",
    "cloud key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b",
    "token of a forge": r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{22,}|glpat-[\w-]{20,})",
    "token of a registry": r"\b(?:pypi-AgE[\w-]{50,}|npm_[0-9A-Za-z]{36}|hf_[0-9A-Za-z]{30,}|dckr_pat_[\w-]{20,})",
    "token of a messenger": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "payment key": r"\b[rs]k_live_[0-9A-Za-z]{20,}",
    "signed token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "password in a URL": r"://[^/\s:@'\"`{}$<>]+:(?!secret@|password@|pw@|\.\.\.@)[^/\s:@'\"`{}$<>]{3,}@",
    "assigned secret": r"(?i)(?:secret|password|api_?key|access_?token)[\"']?\s*[:=]\s*[\"'](?=[^\"']*\d)[\w+/=-]{20,}[\"']",
}
KNOWN = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}
EXCUSE = "no secret:"


def found(text: str) -> Iterator[tuple[int, str]]:
    """Line number and kind of whatever looks like a secret; the secret itself is not said."""
    for number, line in enumerate(text.splitlines(), start=1):
        if EXCUSE not in line:
            yield from ((number, name) for name, pattern in KNOWN.items() if pattern.search(line))


def main() -> int:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
    bad = 0
    for path in texts:
        for number, kind in found(path.read_bytes().decode("utf-8", "replace")):
            bad += 1
            print(f"{path.relative_to(ROOT)}:{number} looks like a {kind}")
    print(f"secrets: {len(texts)} files, {bad} found")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
