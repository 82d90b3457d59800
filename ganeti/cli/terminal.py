"""Questions to the person at the terminal, whatever stdin and stdout are."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple, TextIO

_WIDTH = 70


class Choice(NamedTuple):
    """One possible answer: the key to type, and what it means."""

    key: str
    meaning: str


YES_NO = (Choice("y", "Yes, do it"), Choice("n", "No, leave everything as it is"))


class Terminal:
    """
    The controlling terminal; without one each question is answered by its last choice.

    @param opened: gives the terminal for reading and writing, or raises OSError.
    """

    def __init__(self, opened: Callable[[], tuple[TextIO, TextIO]] | None = None) -> None:
        self._opened = opened or _open_tty

    def ask(self, question: str, choices: Sequence[Choice] = YES_NO) -> str:
        """
        The key of the choice made; the last one when nobody can be asked or the answer is empty.

        @param question: its lines are wrapped one by one.
        """
        try:
            reading, writing = self._opened()
        except OSError:
            return choices[-1].key
        try:
            return _ask(reading, writing, question, choices)
        finally:
            reading.close()
            writing.close()


def _ask(reading: TextIO, writing: TextIO, question: str, choices: Sequence[Choice]) -> str:
    default = choices[-1].key
    keys = [choice.key for choice in choices[:-1]] + [f"[{default}]", "?"]
    text = "\n".join(textwrap.fill(line, _WIDTH) for line in question.splitlines())
    while True:
        writing.write(f"{text}\n{'/'.join(keys)}: ")
        writing.flush()
        line = reading.readline()
        answer = line.strip().lower()
        if not line or not answer:
            return default
        if any(choice.key == answer for choice in choices):
            return answer
        if answer == "?":
            writing.write("".join(f" {choice.key} - {choice.meaning}\n" for choice in choices))


def _open_tty() -> tuple[TextIO, TextIO]:
    reading = open("/dev/tty", encoding="utf-8", errors="replace")  # noqa: SIM115
    try:
        return reading, open("/dev/tty", "w", encoding="utf-8", errors="replace")
    except OSError:
        reading.close()
        raise
