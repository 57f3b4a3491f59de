"""A lock held against the answer of today: what has changed, what it breaks, and where in the task file that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from app.gate.lock import asked_of, estimates_of, facts, recipe_of, ruleset_of, sha256
from app.gate.task import TaskFile
from app.gate.words import Drift, Finding, Kind, Limit, Lock, Report, State
from app.recommend import Advisor
from app.vocabulary import Candidate, Licence, LicenceNeed, Outcome, Recommendation, Rule

_LIMITS = (
    ("fit.memory", "peak_memory_bytes", "max_memory_gb", 1e9, "GB of one GPU"),
    ("fit.hours", "gpu_hours", "max_gpu_hours", 1.0, "GPU-hours"),
    ("fit.usd", "usd", "max_usd", 1.0, "USD"),
)
_ENOUGH = {
    LicenceNeed.ANY: tuple(Licence),
    LicenceNeed.COMMERCIAL: (Licence.COMMERCIAL, Licence.PERMISSIVE),
    LicenceNeed.PERMISSIVE: (Licence.PERMISSIVE,),
}
_STATES: dict[Outcome, State] = {
    Outcome.CONFIRMED: "passed",
    Outcome.OVERTURNED: "failed",
    Outcome.INCONCLUSIVE: "unknown",
}
_OWN = ("budget.", "constraints.")
"""Paths by which a rule speaks of what the team asked for."""


def compare(lock: Lock, asked: TaskFile, answer: Recommendation, advisor: Advisor, today: date) -> Report:
    """Every check of a lock. Pure: the same lock, task, knowledge and day give the same report."""
    ranked = () if answer.abstained else answer.candidates
    locked = lock.choice.architecture if lock.choice else None
    candidate = next((c for c in ranked if c.architecture == locked), None)
    first = ranked[0] if ranked else None
    decision, drift = _decision(locked, candidate, first, answer, advisor)
    findings = [
        decision,
        *_lead(lock, candidate, ranked, asked.limit),
        *_recipe(lock, candidate),
        *_policy(locked, candidate, asked.limit, advisor),
        *_validations(lock),
        *_fresh(lock, asked, answer, advisor, today),
    ]
    return Report(_drift(drift, findings), locked, first.architecture if first else None, tuple(findings))


def _drift(decision: Drift, findings: list[Finding]) -> Drift:
    failed = {f.check for f in findings if f.state == "failed"}
    if decision is not Drift.SAME:
        return decision
    if "decision.margin" in failed:
        return Drift.MARGIN_SHRUNK
    return Drift.STALE if any(check.startswith("lock.") for check in failed) else Drift.SAME


def _decision(
    locked: str | None, candidate: Candidate | None, first: Candidate | None, answer: Recommendation, advisor: Advisor
) -> tuple[Finding, Drift]:
    """Whether the choice is still first, or if not, overtaken or out."""

    def finding(
        state: State, text: str, drift: Drift, kind: Kind = Kind.DRIFT, pointer: str = "/data", rule_id: str | None = None
    ) -> tuple[Finding, Drift]:
        return Finding("decision.same", kind, state, text, pointer, rule_id), drift

    if locked is None:
        if first is None:
            return finding("passed", f"As before, nothing is recommended: {answer.abstained_reason}", Drift.SAME)
        return finding("failed", f"Nothing was recommended; now {first.name} is.", Drift.OVERTAKEN)
    if candidate is None:
        out = next((e for e in answer.excluded if e.architecture == locked), None)
        if out is not None:
            rule = next(rule for rule in advisor.knowledge.rules if rule.id == out.rule_id)
            kind, pointer = (Kind.POLICY, _pointer(rule)) if _is_own(rule) else (Kind.DRIFT, "/data")
            return finding("failed", f"{locked} is now excluded: {out.text}", Drift.INVALIDATED, kind, pointer, rule.id)
        if first is None:
            text = f"{locked} was chosen; now nothing is recommended: {answer.abstained_reason}"
            return finding("failed", text, Drift.INVALIDATED)
        if locked not in advisor.knowledge.architectures:
            return finding("failed", f"{locked} is no longer known; {first.name} is first.", Drift.INVALIDATED)
        text = f"{locked} is no longer among the first {len(answer.candidates)}; {first.name} is first."
        return finding("failed", text, Drift.OVERTAKEN)
    assert first is not None
    if first is not candidate:
        lead = first.score - candidate.score
        why = "".join(f" {r.text} [{r.rule_id or r.benchmark_id}]" for r in first.reasons[:1])
        text = f"{first.name} has overtaken {candidate.name} by {lead:.2f}; it is now place {candidate.rank}.{why}"
        return finding("failed", text, Drift.OVERTAKEN)
    return finding("passed", f"{candidate.name} is still first.", Drift.SAME)


def _lead(lock: Lock, candidate: Candidate | None, ranked: tuple[Candidate, ...], limit: Limit) -> Iterator[Finding]:
    if candidate is None or not lock.runners_up or candidate.rank != 1:
        return
    before = lock.runners_up[0].margin
    now = candidate.score - ranked[1].score if len(ranked) > 1 else before
    behind = ranked[1].name if len(ranked) > 1 else "nobody"
    state: State = "failed" if now < limit.margin * before else "passed"
    text = f"It leads {behind} by {now:.2f}; it led by {before:.2f} when it was locked."
    yield Finding("decision.margin", Kind.MARGIN, state, text, "/policy/margin")


def _recipe(lock: Lock, candidate: Candidate | None) -> Iterator[Finding]:
    if candidate is None:
        return
    now = recipe_of(candidate)
    changed = [
        f"{name} {lock.recipe.get(name, 'unset')} is now {now.get(name, 'unset')}"
        for name in sorted(now.keys() | lock.recipe.keys())
        if now.get(name) != lock.recipe.get(name)
    ]
    if changed:
        yield Finding("decision.recipe", Kind.RECIPE, "failed", f"The recipe differs: {'; '.join(changed)}.")
    else:
        yield Finding("decision.recipe", Kind.RECIPE, "passed", "The recipe is the same.")


def _policy(locked: str | None, candidate: Candidate | None, limit: Limit, advisor: Advisor) -> Iterator[Finding]:
    """What the policy says of the locked choice, by the figures of today."""
    card = advisor.knowledge.architectures.get(locked or "")
    if card is None:
        return

    def held(check: str, ok: bool | None, text: str, field: str) -> Finding:
        state: State = "unknown" if ok is None else "passed" if ok else "failed"
        return Finding(check, Kind.POLICY, state, text, f"/policy/{field}")

    if limit.licence is not None:
        own = card.slug in advisor.knowledge.trainable
        text = f"The reference code of {card.name} is {card.code_licence or 'of unknown licence'} ({card.licence}); "
        text += f"{limit.licence} is asked for" + ("; our own network of it is Apache-2.0." if own else ".")
        ok = own or card.licence in _ENOUGH[limit.licence]
        yield held("policy.licence", ok, text, "licence")
    if limit.allow:
        yield held("policy.allow", locked in limit.allow, f"{locked} must be one of {', '.join(limit.allow)}.", "allow")
    if limit.deny:
        yield held("policy.deny", locked not in limit.deny, f"{locked} must not be one of {', '.join(limit.deny)}.", "deny")
    estimates = estimates_of(candidate) if candidate else {}
    for check, name, field, scale, unit in _LIMITS:
        most = getattr(limit, field)
        if most is None:
            continue
        value: float | None = getattr(estimates.get(name), "mid" if limit.hold == "expected" else limit.hold, None)
        if value is None:
            yield held(check, None, f"What {locked} takes in {unit} is not known; at most {most:g} is allowed.", field)
        else:
            text = f"{locked} takes {value / scale:.3g} {unit} ({limit.hold} end of its interval); at most {most:g} is allowed."
            yield held(check, value / scale <= most, text, field)


def _validations(lock: Lock) -> Iterator[Finding]:
    for one in lock.validations:
        if lock.choice is None or one.architecture != lock.choice.architecture:
            continue
        text = f"Validation {one.id} on {one.hardware}: {one.architecture} {one.verdict}."
        yield Finding(f"validation.{one.id}", Kind.VALIDATION, _STATES[one.verdict], text)


def _fresh(lock: Lock, asked: TaskFile, answer: Recommendation, advisor: Advisor, today: date) -> Iterator[Finding]:
    now = asked_of(asked.task)
    if sha256(now) == lock.task_sha256:
        yield Finding("lock.task", Kind.STALE, "passed", "The lock was written for this task.")
    else:
        before, after = dict(facts(lock.task)), dict(facts(now))
        fields = [pointer for pointer in sorted(before.keys() | after.keys()) if before.get(pointer) != after.get(pointer)]
        text = f"The task was changed after the lock was written: {', '.join(fields)}. `gan-advisor lock update` writes it anew."
        yield Finding("lock.task", Kind.STALE, "failed", text, fields[0] if fields else "/data")
    if today > lock.recheck_after:
        text = f"The lock was to be looked at again after {lock.recheck_after}; `gan-advisor lock update` does."
        yield Finding("lock.recheck", Kind.STALE, "failed", text, "/policy/recheck_days")
    else:
        yield Finding("lock.recheck", Kind.STALE, "passed", f"To be looked at again after {lock.recheck_after}.")
    known = answer.knowledge
    moved = [
        f"{what} {before.version} {before.sha256[:12]} -> {version} {digest[:12]}"
        for what, before, version, digest in (
            ("evidence", lock.evidence, known.version, known.sha256),
            ("rules", lock.ruleset, known.version, ruleset_of(advisor).sha256),
        )
        if before.sha256 != digest
    ]
    text = f"What is known has moved on: {', '.join(moved)}." if moved else "Evidence and rules are those of the lock."
    yield Finding("lock.evidence", Kind.STALE, "passed", text)


def _is_own(rule: Rule) -> bool:
    return rule.id.startswith("policy/") or any(path in str(rule.when) for path in _OWN)


def _pointer(rule: Rule) -> str:
    """The field of the task that such a rule looks at."""
    paths = [path for path in rule.when if path.startswith(_OWN)]
    text = str(rule.when)
    paths += [
        word.strip("'\"") for word in text.replace(",", " ").replace("}", " ").split() if word.strip("'\"").startswith(_OWN)
    ]
    return "/" + paths[0].replace(".", "/") if paths else "/data"
