"""What a publication leaves out comes from its nearest relative, under that relative's name."""

from __future__ import annotations

from app.recommend.kin import completed
from app.vocabulary import Architecture
from tests.recommend.shipped import knowledge

CORE = ("optimizer", "lr_g", "lr_d", "beta1", "beta2", "batch_size", "total")


def card(slug: str, family: str, **recipe: object) -> Architecture:
    base = knowledge().architectures["dcgan"].model_dump(exclude_none=True, mode="json")
    for name in ("recipe", "normalisation", "generator_activation", "discriminator_activation", "loss"):
        base.pop(name, None)
    return Architecture.model_validate(
        {**base, "slug": slug, "name": slug, "family": family, "recipe": recipe, **recipe.pop("card", {})}
    )  # type: ignore[dict-item]


def test_a_value_of_its_own_paper_is_kept_and_a_missing_one_names_the_relative() -> None:
    silent, loud = (
        card("silent", "f", lr_g=0.5),
        card("loud", "f", lr_g=0.1, lr_d=0.2, card={"normalisation": "batch", "loss": "hinge"}),
    )
    recipe = completed((silent, loud))[0]
    assert (recipe["lr_g"].value, recipe["lr_g"].origin) == (0.5, "paper")
    assert (recipe["lr_d"].value, recipe["lr_d"].origin) == (0.2, "kin")
    assert recipe["lr_d"].source.startswith("loud: ")
    assert recipe["normalisation"].value == "batch"
    assert "loss" not in recipe


def test_a_strangers_design_is_not_taken_and_the_same_family_comes_first() -> None:
    silent, near, far = (
        card("silent", "f"),
        card("near", "f", lr_d=0.2),
        card("far", "g", lr_d=0.9, batch_size=7, card={"normalisation": "none"}),
    )
    recipe = completed((silent, far, near))[0]
    assert recipe["lr_d"].value == 0.2
    assert recipe["batch_size"].value == 7
    assert "normalisation" not in recipe


def test_words_are_not_taken_for_a_number() -> None:
    silent, wordy, plain = (
        card("silent", "f"),
        card("wordy", "f", batch_size="64 on CIFAR-10, 8 on churches"),
        card("zplain", "g", batch_size=16),
    )
    assert completed((silent, wordy, plain))[0]["batch_size"].value == 16


def test_nearly_every_gan_that_a_user_may_be_told_to_train_has_the_core_of_a_recipe() -> None:
    cards = tuple(knowledge().architectures.values())
    gans = [recipe for one, recipe in zip(cards, completed(cards), strict=True) if one.kind == "gan"]
    whole = sum(all(name in recipe for name in CORE) for recipe in gans)
    assert whole > 0.85 * len(gans), f"{whole} of {len(gans)}"
