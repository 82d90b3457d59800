"""
Completion as the shells want it: the scripts that they load, and the answers to these.

A script calls the very command that is being typed, with C{--complete}, the shell's name, and
the line. The answer's first line says C{words}, or C{files} for the shell's own completion of
file names; the other lines are candidates, for zsh and fish with a tab and a text behind each.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganeti.cli.completion import Found, complete

if TYPE_CHECKING:
    from ganeti.cli.program import Program
    from ganeti.cli.session import World

SHELLS = ("bash", "zsh", "fish")
_SPACE = " \t\n"


def script(shell: str, programs: Sequence[str]) -> str:
    """The script that makes a shell complete these programs."""
    import ganeti

    folder = os.path.join(os.path.dirname(ganeti.__file__), "share", "completion")
    with open(os.path.join(folder, shell), encoding="utf-8") as stream:
        return stream.read().replace("@PROGRAMS@", " ".join(programs))


def programs() -> list[str]:
    """The programs that can be completed."""
    from ganeti.cli import commands

    names = {name for folder in commands.__path__ for name in os.listdir(folder)}
    tables = sorted(name for name in names if name.startswith("gnt_") and name.endswith(".py"))
    return [name.removesuffix(".py").replace("_", "-") for name in tables]


def print_script(words: Sequence[str], world: World) -> int:
    """Answer to C{--completion-script SHELL}."""
    if len(words) != 1 or words[0] not in SHELLS:
        world.stderr.write(f"--completion-script wants one of: {', '.join(SHELLS)}\n")
        return 2
    world.stdout.write(script(words[0], programs()))
    return 0


def answer(program: Program, words: Sequence[str], world: World) -> int:
    """
    Answer to C{--complete}.

    @param words: C{bash}, its COMP_WORDBREAKS and the line up to the cursor; or C{zsh} or C{fish},
        and the words after the program's name, the last of which is unfinished.
    """
    shell, *rest = words or [""]
    if shell == "bash" and len(rest) == 2:
        breaks, line = rest
        typed = split_line(line)[1:]
        lines = _for_bash(_found(program, typed, world), typed[-1] if typed else "", breaks)
    elif shell in ("zsh", "fish") and rest:
        lines = _with_texts(_found(program, rest, world))
    else:
        return 2
    world.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _found(program: Program, typed: Sequence[str], world: World) -> Found:
    from ganeti.cli.completionnames import LIMIT_S, ObjectNames
    from ganeti.cli.master import socket_path
    from ganeti.cli.session import Session
    from ganeti.errors import GanetiError
    from ganeti.luxi.client import Client, Timeouts

    try:
        session = Session(program.name, "--complete", world)
    except GanetiError:  # no node to ask for names
        return complete(program, typed, lambda _kind: [])
    timeouts = Timeouts(connect=LIMIT_S, answer=LIMIT_S, reconnect=0)
    with Client(socket_path(session), timeouts) as client:
        return complete(program, typed, ObjectNames(client, program.name, session.paths))


def _for_bash(found: Found, word: str, breaks: str) -> list[str]:
    """Bash replaces what stands behind the last of its break characters only."""
    kept = max((word.rfind(character) for character in breaks), default=-1) + 1
    return _lines(found, [each.word[kept:] for each in found.candidates])


def _with_texts(found: Found) -> list[str]:
    return _lines(found, [f"{each.word}\t{_one_line(each.about)}" for each in found.candidates])


def _lines(found: Found, candidates: list[str]) -> list[str]:
    return ["files" if found.files else "words", *candidates]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def split_line(line: str) -> list[str]:
    """The words of a line that may end in the middle of one; the last may be empty."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    characters = iter(line)
    for character in characters:
        if not quote and character in _SPACE:
            if word is not None:
                words.append(word)
            word = None
        elif character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote, word = character, word or ""
        elif character == "\\" and quote != "'":
            word = (word or "") + next(characters, "")
        else:
            word = (word or "") + character
    return [*words, word or ""]
