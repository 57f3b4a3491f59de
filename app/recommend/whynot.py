"""Why an architecture is not the first choice: the rules that keep it out and what would lift each, or how far behind it ranks.

The score is a weighted sum of quality, cost and stability, so what it lacks is the sum of what it lacks in each.
"""

from __future__ import annotations

from typing import Literal

from app.recommend.advisor import Advisor
from app.recommend.behind import hours_behind, stability_behind
from app.recommend.candidates import reasons_of
from app.recommend.describe import describe
from app.recommend.flips import flip_of, toward
from app.recommend.lift import lifted
from app.recommend.linear import Array
from app.recommend.rank import Ranking, parts_of, rank, weights_of
from app.recommend.rules import Facts, facts_of, touches
from app.vocabulary import Advice, Architecture, Flip, Ground, Kind, Part, Reason, Task, WhyNot

_CITED = 3
Status = Literal["first", "ranked", "excluded", "reference", "unranked"]


def why_not(answer_id: str, task: Task, slug: str, advisor: Advisor) -> WhyNot:
    """What keeps one architecture from being first; `task` is as it was asked. Raises KeyError for an unknown slug, alias or name."""
    index = _index(slug, advisor)
    asked = facts_of(task)
    _, _, facts = describe(task, advisor.rules, advisor.knowledge)
    ranking = rank(facts, advisor)
    it = advisor.architectures[index]
    compared = ranking.standing is not None
    first = ranking.order[0] if ranking.order and compared else None
    grounds = tuple(
        Ground(
            rule_id=rule.id,
            text=advisor.told(rule, index, facts),
            source=rule.sources[0],
            lifted_by=lifted(rule, index, asked, facts, advisor),
        )
        for rule, mask in ranking.excluding
        if touches(mask, index)
    )
    gan = it.kind is Kind.GAN
    ranked = gan and not grounds and compared
    behind = ranked and index != first
    flip = _flip(index, asked, facts, ranking, advisor) if gan and index != first else None
    status: Status = (
        "reference" if not gan else "excluded" if grounds else "unranked" if not ranked else "ranked" if behind else "first"
    )
    found = WhyNot(
        recommendation_id=answer_id,
        knowledge=advisor.stamp,
        architecture=it.slug,
        name=it.name,
        status=status,
        rank=list(ranking.order).index(index) + 1 if ranked else None,
        of=len(ranking.order) if compared else 0,
        first=advisor.architectures[first].slug if first is not None else None,
        behind=float(ranking.score[first] - ranking.score[index]) if behind and first is not None else None,
        sentences=(),
        excluded_by=grounds,
        parts=_parts(index, first, facts, ranking, advisor) if behind and first is not None else (),
        flip=flip,
    )
    rivals = tuple(rival.advice for rival in advisor.rivals.get(facts["task.task"], ()) if rival.name == it.name)
    return found.model_copy(update={"sentences": (*_sentences(found, it, ranking, advisor), *rivals)})


def _index(slug: str, advisor: Advisor) -> int:
    """The place of a slug, else of what is nearly one: a name or an alias."""
    exact = (index for index, it in enumerate(advisor.architectures) if it.slug == slug)
    wanted = _plain(slug)
    nearly = (i for i, it in enumerate(advisor.architectures) if wanted in map(_plain, (it.slug, it.name, *it.aliases)))
    for index in (*exact, *nearly):
        return index
    raise KeyError(slug)


def _plain(name: str) -> str:
    """Letters and digits alone: `StyleGAN2-ADA` and `stylegan2 ada` are one name."""
    return "".join(c for c in name.lower() if c.isalnum() or c == "+")


def _flip(index: int, asked: Facts, facts: Facts, ranking: Ranking, advisor: Advisor) -> Flip | None:
    found = toward(index, asked, facts, ranking, advisor)
    return flip_of(*found, index, asked, facts, ranking, advisor) if found is not None else None


def _parts(index: int, first: int, facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Part, ...]:
    """Quality, cost and stability of both, with the figures and rules behind each."""
    quality, cheapness, steady = parts_of(facts, ranking, advisor)
    weights = weights_of(facts)
    rules = {rule.id: rule for rule, _ in ranking.scoring}

    def behind(of: int, part: str) -> tuple[Reason, ...]:
        slug = advisor.architectures[of]
        if part == "cost":
            return hours_behind(slug, advisor.knowledge)
        own = reasons_of(of, facts, ranking, advisor)
        steadying = [r for r in own if r.rule_id in rules and rules[r.rule_id].then.stability is not None]
        if part == "stability":
            return (*steadying, *stability_behind(slug, advisor.knowledge))
        return tuple(r for r in own if r not in steadying)

    def one(part: Literal["quality", "cost", "stability"], values: Array, weight: float) -> Part:
        own, other = float(values[index]), float(values[first])
        return Part(
            part=part,
            own=own,
            first=other,
            behind=weight * (other - own),
            reasons=behind(index, part),
            first_reasons=behind(first, part),
        )

    return one("quality", quality, weights[0]), one("cost", cheapness, weights[1]), one("stability", steady, weights[2])


def _sentences(found: WhyNot, it: Architecture, ranking: Ranking, advisor: Advisor) -> tuple[Advice, ...]:
    """The whole in a few sentences, each with the rules or figures behind it."""
    cited = _cited(it.slug, ranking, advisor)
    figures = tuple(w for w, _ in cited)
    rule, source = None, cited[0][1] if cited else ""
    if found.excluded_by:
        rule, source = found.excluded_by[0].rule_id, found.excluded_by[0].source
        figures = ()
    said: list[str] = []
    if found.status == "reference":
        said.append(f"{it.name} is not a GAN, so it is no candidate.")
    elif found.status == "excluded":
        also = f" and {len(found.excluded_by) - 1} more" if len(found.excluded_by) > 1 else ""
        said.append(f"{it.name} is excluded by {rule}{also}.")
    elif found.status == "unranked":
        said.append(f"{it.name} could do this, but no two architectures were measured alike on it, so none is ranked.")
    elif found.status == "first":
        said.append(f"{it.name} is the first choice.")
    else:
        place = f"{it.name} is {found.rank} of {found.of}"
        if found.behind is not None and found.first is not None:
            worst = max(found.parts, key=lambda part: part.behind)
            name = advisor.knowledge.architectures[found.first].name
            place += f", {found.behind:.3g} behind {name} in score, most of it by {worst.part}"
        said.append(f"{place}.")
    if ranking.standing is not None and found.status == "ranked":
        index = _index(it.slug, advisor)
        if not ranking.standing.near[index]:
            said.append(
                f"{it.name} has no figure of its own on this task with about so many samples, so it ranks below the last that has one."
            )
    if found.flip is None and found.status in ("ranked", "excluded"):
        said.append(
            f"No change of samples, resolution, memory, hours, labels or licence alone was found that puts {it.name} first."
        )
    return tuple(Advice(rule_id=rule, benchmark_ids=figures, text=text, source=source) for text in said if rule or figures)


def _cited(slug: str, ranking: Ranking, advisor: Advisor) -> list[tuple[str, str]]:
    """Ids and sources of the figures that weigh most in what is said of an architecture; of any task where this one has none."""
    index = _index(slug, advisor)
    rows = {row.id: row.source for row in advisor.evidence.figures.rows}
    weights = ranking.standing.task.cites(index).weights if ranking.standing is not None else ()
    near = [(w.benchmark_id, rows[w.benchmark_id]) for w in weights[:_CITED]]
    own = [(row.id, row.source) for row in advisor.knowledge.benchmarks if row.architecture == slug]
    return near or own[:_CITED]
