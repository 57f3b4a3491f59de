"""What counts as a source: an address that anyone can open, pinned so that it says the same tomorrow.

arXiv:2006.06676                              a paper; a version such as v2 may follow
doi:10.1145/3721238.3730601                   a publication
openreview:rJedV3R5tm                         a submission
github:OWNER/NAME:PATH@COMMIT                 a file at a commit
github:OWNER/NAME@COMMIT                      a repository at a commit; not exact enough for a figure
github:OWNER/NAME#123                         an issue or pull request
https://papers.nips.cc/...                    proceedings; other pages may only support a card or a rule
task                                          the user's own words, for a rule that carries them out
"""

from __future__ import annotations

import re

_COMMIT = r"@[0-9a-f]{7,40}"
_REPOSITORY = r"github:[\w.-]+/[\w.-]+"
_EXACT = re.compile(
    rf"arXiv:\d{{4}}\.\d{{4,5}}(v\d+)?|doi:10\.\d{{4,9}}/\S+|openreview:[\w-]+"
    rf"|{_REPOSITORY}:[^@\s]+{_COMMIT}|{_REPOSITORY}#\d+|https://(papers\.nips\.cc|proceedings\.mlr\.press|aclanthology\.org)/\S+"
)
_LOOSE = re.compile(rf"{_REPOSITORY}{_COMMIT}|https://[\w.-]+\.[a-z]+/\S+")
_SEVERAL = " ; "


def fault(source: str, exact: bool = True) -> str | None:
    """What is wrong with a source, None if nothing is. `exact` demands the page or file that holds a figure."""
    for part in source.split(_SEVERAL):
        if _EXACT.fullmatch(part) or (not exact and _LOOSE.fullmatch(part)):
            continue
        if part.startswith("github:") and "@" not in part:
            return f"source {part!r} names no commit"
        if _LOOSE.fullmatch(part):
            return f"source {part!r} does not name the file or page that holds the figure"
        return f"source {part!r} is no address that can be opened"
    return None


TIP = "write arXiv:ID, doi:ID, openreview:ID, github:OWNER/NAME:PATH@COMMIT or github:OWNER/NAME#ISSUE"
