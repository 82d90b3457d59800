"""How much instances use, from a file (--dynu-file)."""

from __future__ import annotations

from ganeti.htools.loaders.textfile import read_text, shown_path
from ganeti.htools.records import Load
from ganeti.htools.rows import amount, misplaced, shown

COLUMNS = ("cpu", "memory", "disk", "net")


def parse_loads(path: str) -> dict[str, Load]:
    """
    By instance: a line is "name cpu memory disk net".

    @raise InputError: naming file, line and column.
    """
    text, source = read_text(path), shown_path(path)
    found: dict[str, Load] = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        words = line.split(" ", 5)
        if len(words) != 5:
            what = f"{shown(line)} is not 'name cpu memory disk net'"
            raise misplaced(source, number, "utilisation", what)
        if words[0] in found:
            raise misplaced(source, number, "instance", f"{shown(words[0])} is there twice")
        found[words[0]] = _load(source, number, words[1:])
    return found


def _load(source: str, number: int, words: list[str]) -> Load:
    values = []
    for column, word in zip(COLUMNS, words, strict=True):
        try:
            values.append(amount(word))
        except ValueError as err:
            raise misplaced(source, number, column, str(err)) from err
    cpu, memory, disk, net = values
    return Load(cpu=cpu, memory=memory, disk=disk, net=net)
