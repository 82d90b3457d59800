"""How the tools read their command lines."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ganeti.cli.htools.commandline import UsageError, format_completion, format_help, parse
from ganeti.cli.htools.main import main
from ganeti.cli.htools.options import Options
from ganeti.cli.htools.optionsets import PROGRAMS, options_of
from ganeti.cli.htools.programs import format_examples
from ganeti.htools.numbers import BadValue

ROOT = Path(__file__).parents[3]
TABLES = ROOT / "test" / "compat" / "interface" / "cli.json"
OURS = {"--explain"}


def run(program: str, *words: str, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(program, words, environ or {}, stdout=out, stderr=err)
    return status, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_all_options(program: str) -> None:
    """Each option of the original is there, with its short name and its word."""
    table = json.loads(TABLES.read_text())["htools"][program]["options"]
    wanted = {
        (each["long"][0], *each["short"], each.get("metavar", ""), each.get("optional_arg", False))
        for each in table
    }
    there = {
        (f"--{opt.long}", *([f"-{opt.short}"] if opt.short else []), opt.metavar, opt.optional)
        for opt in options_of(program)
        if f"--{opt.long}" not in OURS
    }
    assert there == wanted


def test_every_option_has_a_place() -> None:
    """What the parser sets is an attribute of the options, with a default."""
    for program in PROGRAMS:
        for opt in options_of(program):
            assert hasattr(Options, opt.attribute), opt.long


def test_forms() -> None:
    """Words may be attached, follow, or come after an equals sign; long names may be short."""
    options, arguments = parse(
        "hbal",
        ["-tfile", "-l", "5", "--max-cpu=2.5", "-vvq", "x", "-O", "a", "-Ob", "--evac", "-pname"],
    )
    assert (options.text_data, options.max_length, options.max_cpu) == ("file", 5, 2.5)
    assert (options.verbosity, options.evac_mode, options.print_nodes) == (2, True, "name")
    assert options.offline == ("a", "b")
    assert arguments == ["x"]
    assert parse("hbal", ["-p", "x"])[0].print_nodes == ""
    assert parse("hbal", ["--", "-p"])[1] == ["-p"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--nonsense"], "unrecognized option `--nonsense'"),
        (["-Z"], "unrecognized option `-Z'"),
        (["--no"], "ambiguous"),
        (["--max-length"], "requires an argument N"),
        (["--quiet=yes"], "doesn't allow an argument"),
    ],
)
def test_wrong_use(words: list[str], told: str) -> None:
    """A wrong option ends the program with status 2."""
    with pytest.raises(UsageError, match=told):
        parse("hbal", words)
    status, out, err = run("hbal", *words)
    assert (status, out) == (2, "")
    assert err.startswith("Command line error: ")


@pytest.mark.parametrize(
    ("program", "words", "told"),
    [
        ("hbal", ["-l", "x"], "max solution length: cannot parse string 'x'"),
        ("hbal", ["--max-cpu=-1"], "negative"),
        ("hbal", ["--priority=urgent"], "Unknown priority 'urgent'"),
        ("hcheck", ["--machine-readable=maybe"], "pass one of 'yes' or 'no'"),
        ("hspace", ["--tiered-alloc=1"], "expected disk,ram,cpu"),
        ("hspace", ["--disk-template=paper"], "no disk template"),
    ],
)
def test_wrong_values(program: str, words: list[str], told: str) -> None:
    """A wrong value ends the program with status 1."""
    with pytest.raises(BadValue):
        parse(program, words)
    status, _out, err = run(program, *words)
    assert status == 1
    assert told in err


def test_sources() -> None:
    """One source is wanted, not none and not two."""
    assert run("hinfo") == (
        1,
        "",
        "Error: failed to load data, aborting: No backend selected! Exiting.\n",
    )
    assert "Only one of" in run("hinfo", "-t", "x", "-L")[2]
    assert "doesn't take any arguments" in run("hinfo", "-t", "x", "y")[2]
    assert run("hail")[2] == "Error: This program needs an input file.\n"


def test_information() -> None:
    """Help, version and completion need nothing else."""
    for program in PROGRAMS:
        whole = run(program, "-V")[1] + format_help(program) + format_examples(program)
        assert run(program, "--help")[:2] == (0, whole)
        assert run(program, "--help-completion")[1] == format_completion(program)
    assert "-O,--offline onenode" in format_completion("hbal")


def test_role() -> None:
    """The generic program takes its role from the environment."""
    status, out, _err = run("htools", "-V", environ={"HTOOLS": "hinfo"})
    assert (status, out.split()[0]) == (0, "hinfo")
    status, out, _err = run("htools", "--help")
    assert (status, "hspace" in out) == (0, True)
    status, _out, err = run("htools")
    assert status == 1
    assert err.startswith("Unrecognised personality 'htools'.\n")


SPACE = ("bin/hspace", "--simulate=p,2,60g,16g,4,4")


def redirected(words: tuple[str, ...], where: str) -> tuple[int, bytes]:
    """Status of a program whose standard output goes elsewhere, and what it complains of."""
    argv = ["sh", "-c", f'exec "$@" {where}', "sh", sys.executable, "-I", *words]
    done = subprocess.run(argv, cwd=ROOT, stderr=subprocess.PIPE, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [SPACE, ("bin/hspace", "--help")])
def test_output(words: tuple[str, ...]) -> None:
    """What cannot be written is an error of one line; nobody may want it at all."""
    assert redirected(words, ">/dev/full") == (1, b"Error: [Errno 28] No space left on device\n")
    assert redirected(words, ">&-") == (0, b"")
