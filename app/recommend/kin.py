"""What a publication leaves out of its recipe, from its nearest relatives that state it.

Of any relative that shares a task: the numbers of the optimisation. Of the same family alone: normalisation and activations; loss and
regularisation are a design's own. Nearest is the same family, then the most tasks in common, then the nearest year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.recommend.recipe import published
from app.vocabulary import Architecture, Kind, RecipeValue

OPTIMISATION = ("optimizer", "lr_g", "lr_d", "beta1", "beta2", "betas", "batch_size", "d_steps", "total")
NUMBERS = ("lr_g", "lr_d", "beta1", "beta2", "batch_size", "d_steps")
DESIGN = ("normalisation", "generator_activation", "discriminator_activation", "ema")
_UNDATED = 2020


def completed(architectures: Sequence[Architecture]) -> tuple[dict[str, RecipeValue], ...]:
    """The recipe of each architecture, what its publication states first; a value of a relative names it in its source."""
    own = [published(one) for one in architectures]
    return tuple(_completed(i, architectures, own) if a.kind is Kind.GAN else own[i] for i, a in enumerate(architectures))


def _plain(name: str, value: object) -> bool:
    """Whether a value holds for another design: a number where one is wanted, not what its publication says of each of its sets."""
    return name not in NUMBERS or isinstance(value, int | float)


def _completed(
    index: int, architectures: Sequence[Architecture], own: Sequence[Mapping[str, RecipeValue]]
) -> dict[str, RecipeValue]:
    one = architectures[index]

    def far(other: int) -> tuple[bool, int, int, str]:
        card = architectures[other]
        shared = len(set(card.tasks) & set(one.tasks))
        return card.family != one.family, -shared, abs((card.year or _UNDATED) - (one.year or _UNDATED)), card.slug

    relatives = [i for i, c in enumerate(architectures) if i != index and c.kind is Kind.GAN and set(c.tasks) & set(one.tasks)]
    recipe = dict(own[index])
    for relative in sorted(relatives, key=far):
        card = architectures[relative]
        names = OPTIMISATION + DESIGN if card.family == one.family else OPTIMISATION
        for name in names:
            if name not in recipe and (value := own[relative].get(name)) is not None and _plain(name, value.value):
                recipe[name] = RecipeValue(value=value.value, origin="kin", source=f"{card.slug}: {value.source}")
    return recipe
