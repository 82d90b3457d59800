"""
Secret values of jobs: stored encrypted, shown as C{<redacted>}, gone when the job ends.

The key is in masterd's own directory and never leaves this node; after a
failover the secrets of unfinished jobs cannot be read, and such a job says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from msgspec.structs import replace

from ganeti.errors import OpExecError
from ganeti.model.job import Job, JobOp
from ganeti.utils.durable import read_limited, write_atomic

SECRET_KEYS = ("osparams_secret",)
NESTED_KEY = "instances"
"""Where an opcode may have others in it."""
REDACTED = "<redacted>"
_SEALED = "sealed:"


class SecretBox:
    """Encrypts and decrypts single values."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    @classmethod
    def at(cls, path: str) -> SecretBox:
        """With the key in that file, which is made when there is none."""
        if not os.path.exists(path):
            write_atomic(path, Fernet.generate_key(), mode=0o600)
        return cls(read_limited(path, 1024))

    def seal(self, text: str) -> str:
        return _SEALED + self._fernet.encrypt(text.encode()).decode()

    def unseal(self, text: str) -> str:
        """@raise OpExecError: it was sealed on another node, or is redacted already."""
        try:
            return self._fernet.decrypt(text.removeprefix(_SEALED).encode()).decode()
        except InvalidToken as err:
            raise OpExecError(
                "A secret parameter of this job cannot be read on this node; submit the job again"
            ) from err


def sealed(stored: dict[str, Any], box: SecretBox) -> dict[str, Any]:
    """An opcode's stored form with its secret values encrypted."""
    return _mapped(stored, box.seal)


def unsealed(stored: dict[str, Any], box: SecretBox) -> dict[str, Any]:
    """The same with its secret values in clear, to be run."""
    return _mapped(stored, box.unseal)


def redacted(job: Job) -> Job:
    """C{job} as it may be shown, and as it is kept once it has ended."""
    if not any(_has_secrets(op.input) for op in job.ops):
        return job
    return replace(job, ops=tuple(_redacted_op(op) for op in job.ops))


def _redacted_op(op: JobOp) -> JobOp:
    return replace(op, input=_mapped(op.input, lambda _: REDACTED))


def _has_secrets(stored: dict[str, Any]) -> bool:
    return any(key in stored for key in SECRET_KEYS) or any(map(_has_secrets, _nested(stored)))


def _nested(stored: dict[str, Any]) -> list[dict[str, Any]]:
    """The opcodes in an opcode."""
    found = stored.get(NESTED_KEY)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _mapped(stored: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    changed: dict[str, Any] = {
        key: {name: change(str(value)) for name, value in stored[key].items()}
        for key in SECRET_KEYS
        if isinstance(stored.get(key), dict)
    }
    if _nested(stored):
        changed[NESTED_KEY] = [
            _mapped(each, change) if isinstance(each, dict) else each for each in stored[NESTED_KEY]
        ]
    return {**stored, **changed} if changed else stored
