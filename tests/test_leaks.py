"""The scan for secrets finds one of each kind, and none in what git keeps."""

from __future__ import annotations

import pytest

from tests import leaks

HEX = "0123456789abcdef"
PLANTED = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "key of this service": f"Bearer ga_{HEX[:12]}_" + 4 * HEX,
    "token of this service": "gt_" + 4 * HEX,
    "webhook secret": "whsec_" + 2 * HEX,
    "cloud key": "AKIA" + "A1" * 8,
    "token of a forge": "ghp_" + "a1" * 18,
    "token of a registry": "hf_" + "a1" * 16,
    "token of a messenger": "xoxb-" + "1234567890-abc",
    "payment key": "sk_live_" + "a1" * 12,
    "signed token": ".".join(["eyJ" + HEX, "eyJ" + HEX, HEX]),
    "password in a URL": "postgresql://advisor:" + "hunter2@db/advisor",
    "assigned secret": "api_key = '" + 2 * HEX + "'",
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found_on_its_line(kind: str) -> None:
    assert (2, kind) in list(leaks.found(f"first\n{PLANTED[kind]}\n"))
    assert list(leaks.found(f"{PLANTED[kind]}  # {leaks.EXCUSE} an example")) == []


def test_every_kind_is_planted_and_nothing_that_git_keeps_holds_one() -> None:
    assert set(PLANTED) == set(leaks.PATTERNS)
    assert leaks.main() == 0
