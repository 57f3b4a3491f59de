"""Every number to train a candidate on this task, each with its origin: a rule, its paper, a formula, or a default."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from app.recommend.rules import Facts
from app.vocabulary import Architecture, RecipeValue, Rule

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max, "round": round, "log2": np.log2}
_PUBLISHED = ("optimizer", "lr_g", "lr_d", "betas", "batch_size", "d_steps_per_g", "ema", "total")
_DESIGN = ("loss", "regularisation", "normalisation", "generator_activation", "discriminator_activation", "depth", "augmentation")


def formula(text: str, names: Mapping[str, Any]) -> float | None:
    """Value of `0.0002 * resolution ** 2 / batch_size`; None where a name is unknown. Raises ValueError on anything but arithmetic."""

    def value(node: ast.AST) -> Any:
        match node:
            case ast.Expression(body=body):
                return value(body)
            case ast.Constant(value=int() | float()):
                return node.value
            case ast.Name(id=name):
                number = names.get(name)
                if not isinstance(number, int | float):
                    raise _Unknown(name)
                return number
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](value(left), value(right))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](value(operand))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                return _FUNCTIONS[name](*map(value, args))
        raise ValueError(f"{text!r} is no formula")

    try:
        return float(value(ast.parse(text, mode="eval")))
    except _Unknown:
        return None


class _Unknown(Exception):
    """A name of a formula has no number here."""


def published(architecture: Architecture) -> dict[str, RecipeValue]:
    """What the publication states of training, as recipe values."""
    source = architecture.sources[0]
    values = {name: getattr(architecture.recipe, name) for name in _PUBLISHED}
    values |= {name: getattr(architecture, name) for name in _DESIGN}
    return {
        name: RecipeValue(value=list(value) if isinstance(value, tuple) else value, origin="paper", source=source)
        for name, value in values.items()
        if value not in (None, ())
    }


def recipe_of(
    paper: dict[str, RecipeValue], rules: list[Rule], facts: Facts, batch: tuple[int, str] | None
) -> dict[str, RecipeValue]:
    """The recipe on this task: the paper's values, then the batch that fits the memory, then rules in file order, formulas last."""
    recipe = dict(paper)
    names: dict[str, Any] = {
        path.split(".", 1)[1]: value for path, value in facts.items() if path.startswith(("data.", "budget."))
    }
    stated = recipe.get("batch_size")
    if stated is not None and isinstance(stated.value, int):
        names["batch_size"] = stated.value
    if names.get("resolution"):
        recipe["resolution"] = RecipeValue.model_construct(value=names["resolution"], origin="default", source="the task")
    if batch is not None:
        recipe["images_per_pass"] = RecipeValue.model_construct(value=batch[0], origin="formula", source=batch[1])
        names["images_per_pass"] = batch[0]
    later: list[tuple[str, str, Rule]] = []
    for rule in rules:
        for name, value in (rule.then.set or {}).items():
            if isinstance(value, str) and value.startswith("="):
                later.append((name, value[1:].strip(), rule))
            else:
                recipe[name] = RecipeValue.model_construct(value=value, origin="rule", source=rule.id)
                names[name] = value
    for name, text, rule in later:
        result = formula(text, names)
        if result is not None:
            result = round(result, 6)
            recipe[name] = RecipeValue.model_construct(value=result, origin="formula", source=f"{rule.id}: {text}")
            names[name] = result
    return recipe
