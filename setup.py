"""What is packaged, and what it needs."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
COMMANDS = ("cluster", "node", "instance", "os", "job", "debug")
DAEMONS = ("masterd", "noded")


def release() -> str:
    """The release in ganeti/version.py, which must not be imported while building."""
    for line in (HERE / "ganeti" / "version.py").read_text().splitlines():
        if line.startswith("RELEASE"):
            return line.split('"')[1]
    raise ValueError("ganeti/version.py has no RELEASE")


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
    install_requires=requirements(),
    extras_require={"libvirt": ["libvirt-python>=9"]},
    entry_points={
        "console_scripts": [
            *(f"gnt-{name} = ganeti.cli.programs:gnt" for name in COMMANDS),
            *(f"ganeti-{name} = ganeti.utils.daemon:main" for name in DAEMONS),
            "vcluster-setup = ganeti.cli.vcluster:main",
            "node-daemon-setup = ganeti.cli.tools.node_daemon_setup:run",
        ]
    },
    zip_safe=False,
)
