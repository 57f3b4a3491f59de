"""Who may call: the key behind a request, what a call needs, and the team that whatever it makes belongs to.

As long as no key was ever made the service is open to callers on this machine, and to no others.
"""

from __future__ import annotations

import hmac
import math
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import db
from app.buckets import Buckets
from app.errors import Forbidden, TooMany, Unprocessable
from app.keys import digest
from app.tables import ApiKeyRow, TokenRow
from app.vocabulary import Scope

FRESH_SECONDS = 0.5
"""What is known of a key is looked up again after this time, so a revoked one is refused within a second everywhere."""
MOST_HELD = 10_000
WRONG_PER_MINUTE = 60
"""Wrong credentials of one address."""
COOKIE = "gan_advisor_session"
_KEY = re.compile(r"ga_([0-9a-f]{12})_([0-9a-f]{64})")


@dataclass(frozen=True)
class Key:
    """The caller of one request. `id` and `team` are null where no key was ever made."""

    id: str | None
    team: str | None
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Raises Forbidden."""
        if scope not in self.scopes:
            raise Forbidden(f"this needs a key with the scope {scope}")


NOBODY = Key(None, None, frozenset(Scope))
"""Every caller while no key was ever made."""


# ------------------------------------------------------------------ what a call needs

OPEN = ("/healthz", "/readyz", "/problems/", "/static/", "/sign-in")
"""Answered to everybody."""
WRITES = {
    "recommendations": Scope.RECOMMEND,
    "estimates": Scope.RECOMMEND,
    "decisions": Scope.RECOMMEND,
    "mcp": Scope.READ,
    "validations": Scope.VALIDATE,
    "datasets": Scope.VALIDATE,
    "benchmarks": Scope.VALIDATE,
    "webhook-endpoints": Scope.VALIDATE,
    "stream-tokens": Scope.READ,
    "sign-out": Scope.READ,
}
"""What it takes to change a resource; one that is not named here takes admin, so that a new route is closed until it is."""


def needed(method: str, path: str) -> Scope | None:
    """The scope that a call takes, on the API and on the pages alike; None where it is answered to everybody."""
    if method == "OPTIONS" or path.startswith(OPEN):
        return None
    resource = path.removeprefix("/v1").strip("/").partition("/")[0].partition(":")[0]
    if resource == "keys":
        return Scope.ADMIN
    return Scope.READ if method in ("GET", "HEAD") else WRITES.get(resource, Scope.ADMIN)


# ------------------------------------------------------------------ looking up


class Access:
    """What this process knows of keys, never older than FRESH_SECONDS. A miss and a wrong credential cost one read.

    Who has shown WRONG_PER_MINUTE wrong ones is let in only with what was right before, so that a neighbour behind the same proxy
    is not locked out by another's guesses.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[str, tuple[float, Key]] = OrderedDict()
        self._wrong = Buckets(WRONG_PER_MINUTE)
        self._open_until = 0.0
        self._required = False

    def is_open(self) -> bool | None:
        """Whether no key was ever made; None where that must be looked up."""
        return False if self._required else True if time.monotonic() < self._open_until else None

    def held(self, credential: str, purpose: str) -> Key | None:
        """The key of a credential, if it was looked up just now."""
        until, key = self._held.get(digest(purpose + credential), (0.0, NOBODY))
        return key if time.monotonic() < until else None

    def look_open(self) -> bool:
        """As `is_open`, by the database."""
        with db.reading() as session:
            self._required = session.scalar(sa.select(sa.literal(1)).select_from(ApiKeyRow).limit(1)) is not None
        self._open_until = time.monotonic() + FRESH_SECONDS
        return not self._required

    def look(self, credential: str, purpose: str, address: str = "") -> Key | None:
        """As `_look`; None counts against the address. Raises TooMany once it has shown too many that stand for none."""
        who, now = network(address), time.monotonic()
        if digest(purpose + credential) not in self._held and (left := self._wrong.left(who, now)) < 1:
            wait = self._wrong.wait(left)
            raise TooMany(f"an address may show {WRONG_PER_MINUTE} wrong keys in a minute", retry_after=math.ceil(wait))
        if (key := self._look(credential, purpose)) is None:
            self._wrong.take(who, now)
        return key

    def _look(self, credential: str, purpose: str) -> Key | None:
        """The key that a credential stands for, by the database: a `key` itself, or a token for a `session` or a `stream`."""
        with db.reading() as session:
            row, until = _by_key(session, credential) if purpose == "key" else _by_token(session, credential, purpose)
            now = db.now(session) if row is not None else 0.0
        if row is None or row.revoked_at is not None:
            return None
        left = min((end - now for end in (row.expires_at, until) if end is not None), default=math.inf)
        if left <= 0:
            return None
        scopes = frozenset(Scope(s) for s in row.scopes)
        key = Key(row.id, row.team, scopes & {Scope.READ} if purpose == "stream" else scopes)
        self._held[digest(purpose + credential)] = time.monotonic() + min(left, FRESH_SECONDS), key
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return key


def _by_key(session: Session, credential: str) -> tuple[ApiKeyRow | None, float | None]:
    parts = _KEY.fullmatch(credential)
    row = session.get(ApiKeyRow, parts[1]) if parts else None
    wanted = row.secret_sha256 if row is not None else "0" * 64
    right = hmac.compare_digest(wanted, digest(parts[2] if parts else ""))
    return (row, None) if right else (None, None)


def _by_token(session: Session, credential: str, purpose: str) -> tuple[ApiKeyRow | None, float | None]:
    token = session.get(TokenRow, digest(credential))
    if token is None or token.purpose != purpose:
        return None, None
    return session.get(ApiKeyRow, token.key_id), token.expires_at


# ------------------------------------------------------------------ where without a key


def require_keys(host: str) -> None:
    """Raises Unprocessable for an address that others can reach, while there is no key."""
    if not (host == "localhost" or _is_loopback(host)) and Access().look_open():
        raise Unprocessable(
            f"listening on {host or 'every address'} lets others in, and there is no key yet; make one with "
            "`gan-advisor keys create --team NAME`, or listen on 127.0.0.1"
        )


@lru_cache(1024)
def is_own(address: str) -> bool:
    """Whether the address that a request came to is this machine's own; a socket of the file system is no address at all."""
    return _is_loopback(address) if _is_address(address) else True


def network(address: str) -> str:
    """The address, or the /64 of one of IPv6: whoever has one of those has all of them."""
    return str(ip_network(f"{address}/64", strict=False)) if _is_address(address) and ":" in address else address


def _is_loopback(address: str) -> bool:
    return _is_address(address) and ip_address(address.strip("[]")).is_loopback


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text.strip("[]")))
    except ValueError:
        return False


@lru_cache(1024)  # the same few with every request, and parsing one takes longer than all else at the door
def is_safe_name(host: str) -> bool:
    """Whether a Host header cannot be a name that a foreign page had resolve to this machine: an address, or no public name."""
    name = re.sub(r":\d+$", "", host)
    return _is_address(name) or "." not in name or name.endswith(".localhost")


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that another site sent this.

    Browsers leave Sec-Fetch-Site out over plain http; a proxy may change the scheme, so the host alone is compared.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin", "")
    return site not in ("same-origin", "none") if site else bool(origin) and origin.split("://")[-1] != headers.get("host")
