"""What is packaged, and what it needs."""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
BUILT = Path("build") / "completion"
COMMANDS = ("cluster", "node", "group", "instance", "os", "job", "debug")
DAEMONS = ("masterd", "noded")
HTOOLS = ("hail", "hbal", "hcheck", "hinfo", "hroller", "hscan", "hspace", "hsqueeze", "htools")


def release() -> str:
    """The release in ganeti/version.py, which must not be imported while building."""
    for line in (HERE / "ganeti" / "version.py").read_text().splitlines():
        if line.startswith("RELEASE"):
            return line.split('"')[1]
    raise ValueError("ganeti/version.py has no RELEASE")


def completion_files() -> list[tuple[str, str, str]]:
    """Where each shell looks for completion: (shell, folder below the prefix, file name)."""
    programs = [f"gnt-{name}" for name in COMMANDS]
    return [
        *(("bash", "share/bash-completion/completions", name) for name in programs),
        ("zsh", "share/zsh/site-functions", "_ganeti"),
        *(("fish", "share/fish/vendor_completions.d", f"{name}.fish") for name in programs),
    ]


class Build(build_py):
    """Writes the files for the shells, too: their scripts with the names of our programs."""

    def run(self) -> None:
        super().run()
        for shell, folder, name in completion_files():
            script = (HERE / "ganeti" / "share" / "completion" / shell).read_text()
            names = [f"gnt-{each}" for each in COMMANDS] if shell == "zsh" else [Path(name).stem]
            (BUILT / folder).mkdir(parents=True, exist_ok=True)
            (BUILT / folder / name).write_text(script.replace("@PROGRAMS@", " ".join(names)))


def requirements() -> list[str]:
    """The lines of tools/requirements.txt that are not comments."""
    lines = (HERE / "tools" / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


setup(
    name="ganeti",
    version=release(),
    description="Cluster management of virtual machines",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    author="The Ganeti on Twisted authors",
    license="BSD-2-Clause",
    python_requires=">=3.11",
    # Not twisted itself: its plugin folder only, which has no __init__.py.
    packages=[*find_packages(include=["ganeti*"]), "twisted.plugins"],
    package_data={"ganeti": ["share/**/*", "py.typed"]},
    data_files=[
        (folder, [str(BUILT / folder / name)]) for _shell, folder, name in completion_files()
    ],
    cmdclass={"build_py": Build},
    install_requires=requirements(),
    extras_require={"libvirt": ["libvirt-python>=9"]},
    entry_points={
        "console_scripts": [
            *(f"gnt-{name} = ganeti.cli.programs:gnt" for name in COMMANDS),
            *(f"ganeti-{name} = ganeti.utils.daemon:main" for name in DAEMONS),
            *(f"{name} = ganeti.cli.htools.main:start" for name in HTOOLS),
            "vcluster-setup = ganeti.cli.vcluster:main",
            "node-daemon-setup = ganeti.cli.tools.node_daemon_setup:run",
            "kvm-console = ganeti.cli.tools.kvm_console:run",
        ]
    },
    zip_safe=False,
)
