"""How often the advice was right."""

from __future__ import annotations

from pydantic import Field

from app.vocabulary.task import TaskSlug
from app.vocabulary.word import Word


class Scores(Word):
    """How one method of choosing did, as means over groups of figures; null where it does not apply."""

    top1: float | None = Field(description="Share of groups in which the first named is the best; ties count in shares.")
    spearman: float | None = Field(description="Rank correlation of the order named with the order found.")
    within20: float | None = Field(description="Share of groups in which the first named is within 20 % of the best.")
    coverage80: float | None = Field(description="Share of figures inside their 80 % interval.")


class Tested(Word):
    """Groups of figures that were predicted unseen, and how each method did on them."""

    groups: int
    right: dict[str, float] = Field(description="Method -> groups in which it named the best.")
    methods: dict[str, Scores]


class Backtest(Tested):
    """How often this version's advice is right: every group predicted by a model that saw neither its data set nor its source."""

    id: str = Field(description="backtest/ and 8 hex digits of the scores.")
    version: str = Field(description="Of the knowledge base.")
    figures_sha256: str = Field(description="Digest of the files of figures it was made from.")
    when: str
    by_task: dict[TaskSlug, Tested]


class Record(Word):
    """How often advice on such a task was right."""

    id: str = Field(description="The backtest it is read from: GET /v1/advisor/backtest.")
    task: TaskSlug | None = Field(description="The cases are of this task; null: it has too few, so all tasks are counted.")
    cases: int
    right: float = Field(description="Cases in which the first named was the best; ties count in shares.")
    random: float = Field(description="Cases in which a name drawn at random would have been the best, on average.")
    text: str
