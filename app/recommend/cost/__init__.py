"""What training takes: memory, seconds, money, from published rows and traced steps. Pure, like the rest of this room."""

from app.recommend.cost.costs import Costs, Spent, estimate, fit_costs
from app.recommend.cost.inverse import answered
from app.recommend.cost.ledger import Pair
from app.recommend.cost.predict import Predictor, Unanswerable, fit_predictor, predict

__all__ = [
    "Costs",
    "Pair",
    "Predictor",
    "Spent",
    "Unanswerable",
    "answered",
    "estimate",
    "fit_costs",
    "fit_predictor",
    "predict",
]
