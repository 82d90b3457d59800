"""
The one encoder and decoder for records: JSON, with the project's hooks.

Unknown keys are ignored here: stored and node records are read by newer and
older releases. Outer faces refuse them by C{forbid_unknown_fields} on their
records.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

import msgspec

from ganeti.errors import ParseError
from ganeti.model.secret import Secret
from ganeti.utils.resolving import resolved

T = TypeVar("T")


def _to_plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"cannot encode a {type(value).__name__}")


def _from_plain(wanted: type, value: Any) -> Any:
    if wanted is Secret:
        if not isinstance(value, str):
            raise ValueError(f"Expected `str`, got `{type(value).__name__}`")
        return Secret(value)
    raise NotImplementedError(f"cannot decode a {wanted.__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_to_plain)


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(wanted: Any) -> msgspec.json.Decoder[Any]:
    if wanted not in _decoders:
        _decoders[wanted] = msgspec.json.Decoder(resolved(wanted), dec_hook=_from_plain)
    return _decoders[wanted]


def encode(obj: Any) -> bytes:
    """JSON of a record, or of plain values that contain records."""
    return _encoder.encode(obj)


@overload
def decode(data: bytes | str, wanted: type[T]) -> T: ...
@overload
def decode(data: bytes | str, wanted: Any) -> Any: ...
def decode(data: bytes | str, wanted: Any) -> Any:
    """
    Read what L{encode} wrote.

    @param wanted: the record type, or a type expression such as C{tuple[Change, ...]}.
    @raise ParseError: not JSON, or a field is missing or ill-typed; the text names it.
    """
    try:
        return _decoder(wanted).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise ParseError(_explain(wanted, err)) from err


@overload
def convert(obj: Any, wanted: type[T]) -> T: ...
@overload
def convert(obj: Any, wanted: Any) -> Any: ...
def convert(obj: Any, wanted: Any) -> Any:
    """
    Make a record from plain values (dicts and lists).

    @raise ParseError: a field is missing or ill-typed; the text names it.
    """
    try:
        return msgspec.convert(obj, resolved(wanted), dec_hook=_from_plain)
    except (msgspec.ValidationError, RecursionError) as err:
        raise ParseError(_explain(wanted, err)) from err


def to_builtins(obj: Any) -> Any:
    """Plain dicts, lists and scalars of a record, as in its JSON; secrets in clear."""
    return msgspec.to_builtins(obj, enc_hook=_to_plain)


def _explain(wanted: Any, err: Exception) -> str:
    name = getattr(wanted, "__name__", None) or str(wanted)
    return f"cannot read {name}: {err}"
