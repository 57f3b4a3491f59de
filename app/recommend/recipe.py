"""Every number to train a candidate on this task, each with its origin: a rule, its paper, a formula, or the task itself."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.recommend.rules import Facts
from app.vocabulary import Architecture, RecipeValue, Rule

Formula = Callable[[Mapping[str, Any]], float]

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max, "round": round, "log2": math.log2}
_PUBLISHED = ("optimizer", "lr_g", "lr_d", "betas", "batch_size", "d_steps_per_g", "ema", "total")
_DESIGN = ("loss", "regularisation", "normalisation", "generator_activation", "discriminator_activation", "depth", "augmentation")
_NUMBERS = (int, float)
_NAMES = {name: f"data.{name}" for name in ("resolution", "samples", "classes", "channels", "length", "columns")}
FIXED_GB = 0.5
"""What published peaks tend to without images; the rest of a GPU's memory grows with the images per pass."""


def formula(text: str) -> Formula:
    """The function of `0.0002 * resolution ** 2 / batch_size`; it raises KeyError on a name without a number.

    Raises ValueError on anything but arithmetic.
    """

    def build(node: ast.AST) -> Formula:
        match node:
            case ast.Expression(body=body):
                return build(body)
            case ast.Constant(value=int() | float() as number):
                return lambda names: number
            case ast.Name(id=name):
                return lambda names: names[name]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                a, b, combine = build(left), build(right), _OPERATORS[type(op)]
                return lambda names: combine(a(names), b(names))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                inner, apply = build(operand), _OPERATORS[type(op)]
                return lambda names: apply(inner(names))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                parts, call = [build(arg) for arg in args], _FUNCTIONS[name]
                return lambda names: call(*(part(names) for part in parts))
        raise ValueError(f"{text!r} is no formula")

    try:
        return build(ast.parse(text, mode="eval"))
    except SyntaxError:
        raise ValueError(f"{text!r} is no formula") from None


@dataclass(frozen=True)
class Setting:
    """What one rule sets: values as they are, and formulas with their text."""

    rule: Rule
    values: Mapping[str, RecipeValue]
    formulas: Sequence[tuple[str, Formula, str]]

    def __reduce__(self) -> tuple[Callable[[Rule], Setting], tuple[Rule]]:
        """Pickled as the rule, since closures cannot be."""
        return setting_of, (self.rule,)


def setting_of(rule: Rule) -> Setting:
    """A rule's `set`, its formulas compiled."""
    plain: dict[str, RecipeValue] = {}
    formulas: list[tuple[str, Formula, str]] = []
    for name, value in (rule.then.set or {}).items():
        if isinstance(value, str) and value.startswith("="):
            text = value[1:].strip()
            formulas.append((name, formula(text), f"{rule.id}: {text}"))
        else:
            plain[name] = RecipeValue(value=value, origin="rule", source=rule.id)
    return Setting(rule, plain, formulas)


def published(architecture: Architecture) -> dict[str, RecipeValue]:
    """What the publication states of training, also under the names that models.contract.Recipe has for it."""
    source = architecture.sources[0]
    values = {name: getattr(architecture.recipe, name) for name in _PUBLISHED}
    values |= {name: getattr(architecture, name) for name in _DESIGN}
    betas = architecture.recipe.betas
    if betas:
        values |= {"beta1": betas[0], "beta2": betas[1]}
    steps = architecture.recipe.d_steps_per_g
    if isinstance(steps, int | float) and steps >= 1 and steps == int(steps):
        values["d_steps"] = int(steps)
    return {
        name: RecipeValue(value=list(value) if isinstance(value, tuple) else value, origin="paper", source=source)
        for name, value in values.items()
        if value not in (None, ())
    }


@dataclass(frozen=True)
class Draft:
    """What holds of a design's recipe whatever the numbers of the task: values, those of them that are numbers, and formulas."""

    values: Mapping[str, RecipeValue]
    names: Mapping[str, float]
    formulas: Sequence[tuple[str, Formula, str]]


def draft_of(paper: Mapping[str, RecipeValue], rules: Sequence[Setting]) -> Draft:
    """The paper's values, over them what the rules set, in file order."""
    values = dict(paper)
    for setting in rules:
        values.update(setting.values)
    names = {name: value.value for name, value in values.items() if type(value.value) in _NUMBERS}
    return Draft(values, names, [formula for setting in rules for formula in setting.formulas])


def recipe_of(draft: Draft, facts: Facts, room_gb: float | None, gb: tuple[float, float]) -> dict[str, RecipeValue]:
    """The recipe of one design on one task: its draft, then formulas, then memory, then formulas that need it.

    `room_gb` is the memory of one GPU and `gb` what one image in a pass takes of it, NaN where unknown, with its power of their number.
    """
    recipe, formulas = dict(draft.values), draft.formulas
    names: dict[str, Any] = {name: value for name, path in _NAMES.items() if (value := facts.get(path)) is not None}
    names.update(draft.names)
    if "resolution" in names:
        recipe["resolution"] = _value(names["resolution"], "default", "the task: /data/resolution")
    _derive(recipe, names, formulas)
    one, power = gb
    if room_gb is not None and one == one:
        most = (max(room_gb - FIXED_GB, one) / one) ** (1 / power)
        fit = int(min(most, names.get("batch_size", most)))
        text = f"floor((({room_gb:g} GB - {FIXED_GB:g} GB) / {one:.3g} GB) ^ (1 / {power:.2g})), at most the batch"
        recipe["images_per_pass"] = _value(fit, "formula", text)
        names["images_per_pass"] = fit
        _derive(recipe, names, [f for f in formulas if f[0] not in recipe])
    return recipe


def _derive(recipe: dict[str, RecipeValue], names: dict[str, Any], formulas: Sequence[tuple[str, Formula, str]]) -> None:
    for name, compute, text in formulas:
        try:
            result = compute(names)
        except (KeyError, ZeroDivisionError, OverflowError):
            continue
        result = int(result) if result == int(result) else float(f"{result:.4g}")
        recipe[name] = _value(result, "formula", text)
        names[name] = result


@lru_cache(10_000, typed=True)
def _value(value: float, origin: str, source: str) -> RecipeValue:
    return RecipeValue(value=value, origin=origin, source=source)
