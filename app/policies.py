"""A team's own rules: files in the language of app/knowledge/rules that exclude architectures or shift scores. Data, never code.

They are read from the folder of GAN_ADVISOR_POLICIES, and from the files that `recommend --policy` names, held to the laws of the
shipped rules, proved on their own golden cases, and cited under ids that begin with policy/.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.errors import FieldProblem, KnowledgeError, PolicyError
from app.knowledge import laws
from app.knowledge.files import KINDS, Item, read, short
from app.knowledge.load import line, misfit
from app.recommend import Advisor
from app.recommend.describe import complete
from app.recommend.rank import rank
from app.recommend.rules import facts_of
from app.settings import settings
from app.vocabulary import Golden, Knowledge, Rule, Task

PREFIX = laws.POLICY
SUFFIX = ".yaml"
_KIND = next(kind for kind in KINDS if kind.name == "rules")
_RULES: TypeAdapter[list[Rule]] = TypeAdapter(list[Rule])
_DEFAULTS: dict[str, Any] = {"topic": "policy", "sources": ["policy"]}


def in_force(knowledge: Knowledge, files: Sequence[Path] = ()) -> Knowledge:
    """The knowledge with the policies of the settings and of `files`, their digest beside its own. Raises PolicyError."""
    paths = [*_folder(), *files]
    if not paths:
        return knowledge
    total, rules, findings = hashlib.sha256(), [], []
    for path in paths:
        if not path.is_file():
            raise PolicyError(f"there is no policy at {path}")
        total.update(f"{path.name}\0".encode() + path.read_bytes())
        for found in _read(path, knowledge):
            if isinstance(found, Rule):
                rules.append(found)
            else:
                findings.append(found)
    ids = [rule.id for rule in rules]
    findings += [f"{i} is used twice. Tip: tell them apart" for i in sorted({i for i in ids if ids.count(i) > 1})]
    _refuse(findings)
    return replace(knowledge, rules=(*knowledge.rules, *rules), policies=total.hexdigest())


def prove(advisor: Advisor, files: Sequence[Path] = ()) -> Advisor:
    """The advisor, once every policy was seen to fire on its golden cases and nowhere it says it must not. Raises PolicyError."""
    if not advisor.knowledge.policies:
        return advisor
    rules = {rule.id: rule for rule in advisor.knowledge.rules}
    _refuse(
        [
            f"{short(item.path)}:{line(item, ('golden', number))} {rule.id} {'does not fire' if case.fires else 'fires'} on this "
            "golden case. Tip: compare `when` with the case"
            for path in (*_folder(), *files)
            for item in read(path, _KIND)
            for rule in [rules[PREFIX + item.body["id"]]]
            for number, case in enumerate(rule.golden)
            if _fires(rule, case, advisor) is not case.fires
        ]
    )
    return advisor


def _folder() -> list[Path]:
    folder = settings().policies
    if folder is None:
        return []
    if not folder.is_dir():
        raise PolicyError(f"GAN_ADVISOR_POLICIES names {folder}, which is no folder")
    return sorted(folder.glob(f"*{SUFFIX}"))


def _read(path: Path, knowledge: Knowledge) -> Iterator[Rule | str]:
    """Each rule of a file, or what is wrong with it."""
    try:
        items = [Item(item.path, item.line, _DEFAULTS | item.body) for item in read(path, _KIND)]
    except KnowledgeError as error:
        yield error.detail
        return
    for item in items:
        try:
            (rule,) = _RULES.validate_python([item.body])
        except ValidationError as error:
            yield from misfit([item], error)
            continue
        faults = list(laws.of_policy(rule, knowledge.architectures))
        yield from (f"{short(path)}:{line(item, (fault.field,))} {fault.text}. Tip: {fault.tip}" for fault in faults)
        if not faults:
            yield rule.model_copy(update={"id": PREFIX + rule.id})


def _fires(rule: Rule, case: Golden, advisor: Advisor) -> bool:
    facts = facts_of(Task.model_validate(case.task))
    complete(facts, advisor.rules)
    ranking = rank(facts, advisor)
    slugs = [a.slug for a in advisor.architectures]
    for one, mask in (*ranking.excluding, *ranking.scoring):
        if one is rule:
            return mask is True or bool(mask[slugs.index(case.architecture)] if case.architecture else mask.any())  # type: ignore[index,union-attr]
    return False


def _refuse(findings: Sequence[str]) -> None:
    if findings:
        problems = [
            FieldProblem(pointer=f.partition(" ")[0], code="invalid_policy", detail=f.partition(" ")[2]) for f in findings
        ]
        raise PolicyError(f"{len(findings)} mistake{'s' * (len(findings) > 1)} in the policies", problems)
