"""How much instances use, from a file (--dynu-file)."""

from __future__ import annotations

from ganeti.htools.loaders.textfile import read_file
from ganeti.htools.records import Load
from ganeti.htools.rows import amount, misplaced, shown

COLUMNS = ("cpu", "memory", "disk", "net")


def parse_loads(path: str) -> dict[str, Load]:
    """
    By instance: a line is "name cpu memory disk net".

    @raise InputError: naming file, line and column.
    """
    text = read_file(path).decode(errors="replace")
    found: dict[str, Load] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split(" ")
        if len(words) != 5:
            what = f"{shown(line)} is not 'name cpu memory disk net'"
            raise misplaced(path, number, "utilisation", what)
        found[words[0]] = _load(path, number, words[1:])
    return found


def _load(path: str, number: int, words: list[str]) -> Load:
    values = []
    for column, word in zip(COLUMNS, words, strict=True):
        try:
            values.append(amount(word))
        except ValueError as err:
            raise misplaced(path, number, column, str(err)) from err
    cpu, memory, disk, net = values
    return Load(cpu=cpu, memory=memory, disk=disk, net=net)
