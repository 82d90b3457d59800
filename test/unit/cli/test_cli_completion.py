"""What fits where the cursor is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import VirtualNode
from support.fakemaster import FakeMaster

from ganeti import errors
from ganeti.cli.completion import Candidate, Found, complete
from ganeti.cli.completionshells import programs, script, split_line
from ganeti.cli.main import load_program

ROOT = Path(__file__).parents[3]
OBJECTS = {
    "node": ["node1", "node2", "other"],
    "instance": ["web1", "web2"],
    "group": ["default", "rack"],
    "os": ["busybox+default", "noop"],
    "iallocator": ["hail", "mine"],
    "os-name": ["busybox", "noop"],
    "jobid": ["7", "12"],
    "field": ["name", "pnode", "status"],
}


def _names(kind: str) -> list[Candidate]:
    return [Candidate(name) for name in OBJECTS.get(kind, ())]


def _found(line: str, names: Callable[[str], Any] = _names) -> Found:
    program, *words = split_line(line)
    return complete(load_program(program), words, names)


def _words(line: str) -> set[str]:
    return {candidate.word for candidate in _found(line).candidates}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("gnt-job l", {"list", "list-fields"}),
        ("gnt-job --", {"--help", "--version"}),
        ("gnt-instance st", {"startup", "start", "stop"}),
        ("gnt-job nosuch ", set()),
        ("gnt-instance list ", {"web1", "web2"}),
        ("gnt-instance list web1 w", {"web2"}),
        ("gnt-node info n", {"node1", "node2"}),
        ("gnt-job watch ", {"7", "12"}),
        ("gnt-job autoarchive ", {"1d", "1w", "4w", "all"}),
        ("gnt-cluster queue un", {"undrain"}),
        ("gnt-os info b", {"busybox"}),
        ("gnt-group modify --alloc-policy=u", {"--alloc-policy=unallocable"}),
        ("gnt-job change-priority --priority=l", {"--priority=low"}),
        ("gnt-job change-priority --priority ", {"low", "normal", "high"}),
        ("gnt-job change-priority --prio=h", {"--prio=high"}),
        ("gnt-node add --vm-capable=", {"--vm-capable=yes", "--vm-capable=no"}),
        ("gnt-node add -g d", {"default"}),
        ("gnt-node add ", set()),
        ("gnt-instance add -o ", {"busybox+default", "noop"}),
        ("gnt-instance add -n n", {"node1", "node2"}),
        ("gnt-instance add -I ", {"hail", "mine"}),
        ("gnt-cluster modify --default-iallocator=h", {"--default-iallocator=hail"}),
        ("gnt-instance add -n node1:", {"node1:node1", "node1:node2", "node1:other"}),
        ("gnt-instance add --node=node1:o", {"--node=node1:other"}),
        ("gnt-instance list -o ", {"name", "pnode", "status"}),
        ("gnt-instance list -o name,p", {"name,pnode"}),
        ("gnt-instance list -o +s", {"+status"}),
        ("gnt-instance list --output=+name,s", {"--output=+name,status"}),
        ("gnt-instance list-fields pn", {"pnode"}),
        ("gnt-instance startup --primary ", {"node1", "node2", "other"}),
        ("gnt-instance startup --tags ", set()),
        ("gnt-instance startup --primary --instance ", {"web1", "web2"}),
        ("gnt-instance remove --dry", {"--dry-run", "--dry-run=json"}),
        ("gnt-instance remove --dry-run=", {"--dry-run=json"}),
        ("gnt-instance remove --force --force", set()),
        ("gnt-instance remove -f --for", set()),
        ("gnt-instance remove -- --for", set()),
        ("gnt-instance remove -- w", {"web1", "web2"}),
        ("gnt-instance add --disk=0:size=1G --dis", {"--disk=", "--disk-template="}),
        ("gnt-instance list --nosuch=", set()),
        ("gnt-instance list --nosuch w", {"web1", "web2"}),
        ("gnt-debug delay -n ", {"node1", "node2", "other"}),
        ("gnt-debug delay -in n", {"node1", "node2"}),
        ("gnt-debug delay -nnode1 ", set()),
    ],
)
def test_words(line: str, words: set[str]) -> None:
    """Sub-commands, options, their values and the names of objects are completed."""
    assert _words(line) == words


def test_options() -> None:
    """All options that are left fit; those with a value end in an equals sign."""
    found = _words("gnt-job list --running -o id --")
    assert {"--archived", "--separator=", "--filter", "--debug", "--reason=", "--help"} <= found
    assert not {"--running", "--output=", "-o"} & found
    assert all(each.startswith("--") for each in found)


def test_short_options() -> None:
    """After a single dash there are short ones, too."""
    found = _words("gnt-debug delay -")
    short = {each for each in found if not each.startswith("--")}
    assert short == {"-n", "-i", "-r", "-l", "-d", "-h"}
    assert "--no-master" in found


def test_no_arguments() -> None:
    """Where no argument fits, options are shown unasked."""
    assert "--yes-do-it" in _words("gnt-cluster destroy ")
    assert "--force" in _words("gnt-instance remove web1 ")
    assert _words("gnt-cluster destroy x") == set()


def test_repeatable() -> None:
    """What may be given again stays."""
    assert "-n" in _words("gnt-debug delay -n node1 -")
    assert "--debug" in _words("gnt-debug delay -d --d")


def test_files() -> None:
    """File names are the shell's business."""
    assert _found("gnt-debug submit-job ").files
    assert _found("gnt-node add-tags --from=").files
    assert not _found("gnt-job watch ").files


def test_texts() -> None:
    """Sub-commands and options come with what they are for."""
    (candidate,) = _found("gnt-job wat").candidates
    assert candidate == Candidate("watch", "Show the log of a job, and follow it to its end")
    (candidate,) = _found("gnt-job list --archiv").candidates
    assert candidate.about == "Archived jobs too"


def test_names_only_when_needed() -> None:
    """Nobody is asked for names where none fit."""

    def asked(kind: str) -> Any:
        raise AssertionError(kind)

    for line in ("gnt-node l", "gnt-node list --n", "gnt-instance add -t ", "gnt-node add "):
        _found(line, asked)


def test_everything_completes() -> None:
    """Each option of each sub-command is found by its own name, and its values do no harm."""
    for name in programs():
        program = load_program(name)
        for command in program.commands:
            for option in command.options:
                words = {c.word.rstrip("=") for c in _found(f"{name} {command.name} -").candidates}
                assert set(option.flags) <= words, (name, command.name)
                _found(f"{name} {command.name} {option.flags[-1]} ")
                _found(f"{name} {command.name} {option.name}=")


def test_programs() -> None:
    """All programs with sub-commands have completion."""
    assert programs() == sorted(path.name for path in (ROOT / "bin").glob("gnt-*"))


# -- Lines


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a ", ["a", ""]),
        ("  a\t b", ["a", "b"]),
        ("a 'b c", ["a", "b c"]),
        ("a 'b c' ", ["a", "b c", ""]),
        ('a "b\\" \'c"d e', ["a", "b\" 'cd", "e"]),
        ("a b\\ c", ["a", "b c"]),
        ("a \\", ["a", ""]),
        ("a ''", ["a", ""]),
        ("a --x=y:z", ["a", "--x=y:z"]),
    ],
)
def test_split(line: str, words: list[str]) -> None:
    """A line is split as a shell does, wherever it breaks off."""
    assert split_line(line) == words


# -- Answers to the shells


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


def _answer(method: str, args: list[Any]) -> Any:
    if method == "QueryFields":
        return {"fields": [{"name": "sip", "title": "Secondary\tIP"}]}
    what, fields, _filter = args
    rows: dict[str, list[list[Any]]] = {
        "node": [["node1", "default"], ["node2", None]],
        "job": [[7, "running", ["A(x)", "B"]]],
        "os": [["busybox", ["default", "small"]], ["noop", []]],
    }
    return {
        "fields": [{"name": field} for field in fields],
        "data": [[[0 if v is not None else 2, v] for v in row] for row in rows[what]],
    }


@pytest.fixture
def server(node: VirtualNode) -> Iterator[FakeMaster]:
    running = node.serve(_answer)
    yield running
    running.stop()


def _ask(node: VirtualNode, program: str, *words: str) -> list[str]:
    ran = node.run(program, "--complete", *words)
    assert (ran.status, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_zsh(node: VirtualNode, server: FakeMaster) -> None:
    """zsh and fish get whole words with texts."""
    assert _ask(node, "gnt-node", "zsh", "info", "") == ["words", "node1\tdefault", "node2\t"]
    assert _ask(node, "gnt-job", "fish", "watch", "") == ["words", "7\trunning, A(x), B"]
    assert _ask(node, "gnt-node", "fish", "list-fields", "s") == ["words", "sip\tSecondary IP"]
    assert _ask(node, "gnt-debug", "zsh", "submit-job", "x") == ["files"]


def test_os_variants(node: VirtualNode, server: FakeMaster) -> None:
    """An operating system with variants is completed with one, where that is needed."""
    found = _ask(node, "gnt-instance", "zsh", "add", "-o", "")
    assert found == ["words", "busybox+default\t", "busybox+small\t", "noop\t"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("gnt-node info n", ["node1", "node2"]),
        ("gnt-node info --debug x'", []),
        ("gnt-debug delay --priority=l", ["low"]),
        ("gnt-instance add --node=node1:n", ["node1", "node2"]),
        ("gnt-instance add --node=n", ["node1", "node2"]),
    ],
)
def test_bash(node: VirtualNode, server: FakeMaster, line: str, words: list[str]) -> None:
    """Bash gets what stands behind its last break character."""
    program = line.partition(" ")[0]
    assert _ask(node, program, "bash", " \t\n\"'><=;|&(:", line) == ["words", *words]


def test_bash_without_breaks(node: VirtualNode, server: FakeMaster) -> None:
    """Who has taken the equals sign out of them gets whole words."""
    found = _ask(node, "gnt-debug", "bash", " \t\n", "gnt-debug delay --priority=l")
    assert found == ["words", "--priority=low"]


@pytest.mark.parametrize("words", [[], ["bash"], ["bash", "x"], ["zsh"], ["csh", "x", "y"]])
def test_strange_question(node: VirtualNode, words: list[str]) -> None:
    """What no script of ours asks has no answer."""
    assert node.run("gnt-node", "--complete", *words) == (2, "", "", "")


def test_no_daemon(node: VirtualNode) -> None:
    """When nobody answers, there are no names; all else is completed."""
    assert _ask(node, "gnt-node", "zsh", "info", "") == ["words"]
    assert _ask(node, "gnt-job", "zsh", "wat")[1].startswith("watch\t")


@pytest.mark.parametrize("answer", [errors.GanetiError("no"), {}, {"data": [[3]]}, 7, None])
def test_strange_daemon(node: VirtualNode, answer: Any) -> None:
    """An error and a strange answer are no names, either."""

    def say(_method: str, _args: list[Any]) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    server = node.serve(say)
    assert _ask(node, "gnt-node", "zsh", "info", "") == ["words"]
    assert _ask(node, "gnt-node", "zsh", "list-fields", "") == ["words"]
    server.stop()


def test_wrong_environment(node: VirtualNode) -> None:
    """Nor is a node that contradicts itself worth a word."""
    ran = node.run("gnt-node", "--complete", "zsh", "info", "", environ={"GANETI_HOSTNAME": "x"})
    assert ran == (0, "words\n", "", "")


# -- Scripts


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script(node: VirtualNode, shell: str) -> None:
    """The script for a shell names all programs."""
    ran = node.run("gnt-job", "--completion-script", shell)
    assert ran == (0, script(shell, programs()), "", "")
    assert " ".join(programs()) in ran.stdout


@pytest.mark.parametrize("words", [[], ["csh"], ["bash", "zsh"]])
def test_no_script(node: VirtualNode, words: list[str]) -> None:
    """Other shells have none."""
    ran = node.run("gnt-job", "--completion-script", *words)
    assert (ran.status, ran.stdout) == (2, "")
    assert "bash, zsh, fish" in ran.stderr
