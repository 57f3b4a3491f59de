"""What a data set is, read locally and without torch: counts, sizes, classes, columns, faults, and the task it implies.

    fingerprint(Path("photos")).task      -> the Task to ask the advisor with

Nothing is executed, unpickled or followed out of the folder; what cannot be a data set is refused with the reason and, where it has
one, the line.
"""

from __future__ import annotations

from app.fingerprint.facts import Refused
from app.fingerprint.read import fingerprint
from app.fingerprint.unpack import unpack

__all__ = ["Refused", "fingerprint", "unpack"]
