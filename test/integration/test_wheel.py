"""What is installed from a wheel is complete."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_LIMIT_S = 120

# Without site: its .pth files would put the checkout on the path.
_CODE = """
import sys
sys.path[:0] = [sys.argv[1]]
sys.path.append(sys.argv[2])
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
import ganeti
print(ganeti.__file__)
for plugin in getPlugins(IServiceMaker):
    if plugin.tapname.startswith("ganeti"):
        print(plugin.tapname, plugin.module)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy and installed without what it needs."""
    top = tmp_path_factory.mktemp("wheel")
    source = top / "source"
    names = ("ganeti", "twisted", "tools", "setup.py", "README.md", "LICENSE", "MANIFEST.in")
    source.mkdir()
    for name in names:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "dropin.cache")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(top)]
    run([*pip, *build, str(source)])
    (wheel,) = top.glob("ganeti-*.whl")
    run([*pip, "install", "--no-deps", "--no-index", "--target", str(top / "here"), str(wheel)])
    return top / "here"


def run(argv: list[str]) -> str:
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=_LIMIT_S, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_plugins(installed: Path) -> None:
    """twistd finds the daemons, and Twisted itself is not in the way."""
    site = sysconfig.get_path("purelib")
    first, *plugins = run([sys.executable, "-I", "-S", "-c", _CODE, str(installed), site]).split(
        "\n"
    )
    assert Path(first).is_relative_to(installed)
    found = sorted(path.stem for path in (ROOT / "twisted" / "plugins").glob("ganeti_*.py"))
    expected = [f"{name.replace('_', '-')} {name.replace('_', '.')}.plugin" for name in found]
    assert sorted(filter(None, plugins)) == expected
    assert not (installed / "twisted" / "__init__.py").exists()


def test_programs(installed: Path) -> None:
    """Each program of the checkout's bin is there."""
    programs = {path.name for path in (ROOT / "bin").iterdir()}
    assert programs <= set(os.listdir(installed / "bin"))


def test_data(installed: Path) -> None:
    """The OS definition comes with its scripts executable."""
    definition = installed / "ganeti" / "share" / "os" / "busybox"
    shipped = ROOT / "ganeti" / "share" / "os" / "busybox"
    for path in shipped.iterdir():
        copy = definition / path.name
        assert copy.read_bytes() == path.read_bytes()
        assert copy.stat().st_mode & 0o100 == path.stat().st_mode & 0o100


def test_completion(installed: Path) -> None:
    """Each shell finds its script where it looks for it, by the name of the program."""
    share = installed / "share"
    programs = sorted(path.name for path in (ROOT / "bin").glob("gnt-*"))
    for name in programs:
        bash = share / "bash-completion" / "completions" / name
        fish = share / "fish" / "vendor_completions.d" / f"{name}.fish"
        assert bash.read_text().endswith(f"\ncomplete -F _ganeti {name}\n")
        assert f"\nfor program in {name}\n" in fish.read_text()
    zsh = share / "zsh" / "site-functions" / "_ganeti"
    first = zsh.read_text().splitlines()[0]
    assert sorted(first.removeprefix("#compdef ").split()) == programs


def test_modules(installed: Path) -> None:
    """No package was forgotten (each needs its __init__.py)."""
    modules = {path.relative_to(ROOT) for path in (ROOT / "ganeti").rglob("*.py")}
    assert modules <= {path.relative_to(installed) for path in installed.rglob("*.py")}
