"""
Shell patterns as regular expressions.

Python's own C{fnmatch.translate} writes groups that RE2 (L{ganeti.utils.patterns}) has not.
"""

from __future__ import annotations

import re


def glob_expression(glob: str) -> str:
    """What finds the texts that a pattern with C{*}, C{?}, C{[abc]} and C{[!abc]} stands for."""
    parts: list[str] = []
    at = 0
    while at < len(glob):
        character, at = glob[at], at + 1
        end = _closing(glob, at) if character == "[" else -1
        if end > 0:
            parts.append(_character_class(glob[at:end]))
            at = end + 1
        else:
            parts.append({"*": ".*", "?": "."}.get(character) or re.escape(character))
    return f"^(?s:{''.join(parts)})\\Z"


def _closing(glob: str, at: int) -> int:
    """Where a bracket closes whose content begins at C{at}; the first character never does it."""
    first = at + 1 if glob[at : at + 1] == "!" else at
    return glob.find("]", first + 1)


def _character_class(text: str) -> str:
    negated = text[0] == "!"
    kept = re.sub(r"([\\\[\]^&~|])", r"\\\1", text[negated:])
    return f"[{'^' if negated else ''}{kept}]"
