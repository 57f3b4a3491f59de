"""Recommending is a pure function: describe -> rules -> evidence -> cost -> rank -> recipe -> flips."""

from app.recommend.advisor import Advisor, fit
from app.recommend.answer import recommend
from app.recommend.describe import TaskError

__all__ = ["Advisor", "TaskError", "fit", "recommend"]
