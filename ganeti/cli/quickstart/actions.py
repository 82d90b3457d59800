"""What quickstart can be asked: to bring a cluster up, to stop it, to remove it."""

from __future__ import annotations

import os
import sys
import time

from ganeti.cli import fleet, vcluster
from ganeti.cli.guest import processes
from ganeti.cli.quickstart.commands import Commands
from ganeti.cli.quickstart.definition import install_os
from ganeti.cli.quickstart.folder import Folder
from ganeti.cli.quickstart.guest import Preparation, forget_preparation, show_greeting, start_guest
from ganeti.cli.quickstart.instances import PLACES, REAL, add_instances
from ganeti.cli.quickstart.nodes import add_nodes, initialise, make_nodes
from ganeti.cli.quickstart.words import QuickstartError, fail_with, say, shown
from ganeti.cli.terminal import Terminal


def bring_up(folder: Folder, *, fake: bool = False) -> None:
    """
    Make or complete the cluster, and show it.

    @param fake: make no real virtual machine.
    """
    began = time.monotonic()
    commands = Commands(folder)
    nodes = make_nodes(folder)
    with folder.alone():
        preparation = Preparation(folder.path, REAL, nodes, fake=fake)
        for paths in nodes:
            install_os(paths)
        kvm = vcluster.KVM_INIT_OPTIONS if preparation.enabled else vcluster.INIT_OPTIONS
        initialise(folder, commands, nodes, kvm)
        add_nodes(commands, nodes)
        add_instances(commands, nodes, preparation)
        log = nodes[PLACES[REAL]].serial_log(REAL)
        since = None if fake else start_guest(commands, REAL, log)
        if since is not None:
            show_greeting(REAL, log, since, began)
        for command in (["gnt-node", "list"], ["gnt-instance", "list"]):
            say(f"\n$ {' '.join(command)}")
            commands.run(*command)
    say(_farewell(folder))


def stop(folder: Folder) -> None:
    """Stop all daemons; everything stays."""
    folder.check()
    with folder.alone():
        fail_with(fleet.stop(folder.path))
    for guest in folder.guests():
        say(f"{guest.name} runs on without them, as guests do (process {guest.pid})")
    say(f"Stopped. Start again with: {folder.quickstart()}")


def destroy(folder: Folder) -> None:
    """Stop all daemons, end all guests and remove the folder."""
    if not os.path.lexists(folder.path):
        say(f"{folder.path} does not exist")
        return
    folder.check()
    question = f"Remove {folder.path} with all its instances?"
    if sys.stdin.isatty() and Terminal().ask(question) != "y":
        raise QuickstartError("Nothing was removed")
    with folder.alone():
        fail_with(fleet.stop(folder.path))
        fleet.kill_strays(folder.path)
        for paths in folder.nodes():
            processes.kill_emulators(paths.libvirt_dir)
        forget_preparation(folder.path)
        folder.remove()
    say(f"Removed {folder.path}")


def _farewell(folder: Folder) -> str:
    command = shown(folder.command())
    console = f"\n  {command} gnt-instance console {REAL}" if folder.guests() else ""
    return f"""
The cluster runs. Try:{console}
  {command} gnt-instance info {REAL}
  {command} gnt-instance shutdown {REAL}
  {command} gnt-instance startup {REAL}
  {command} gnt-instance add -t file -s 1G -o busybox+default web.example.com
  {command} gnt-job list
Stop its daemons, or remove it:
  {folder.quickstart("stop")}
  {folder.quickstart("destroy")}"""
