"""
A process that stands for a node daemon with kvm guests: it does what it is told, and ends.

C{python kvmchild.py ROOT UID WORD...}; words are start, list, stop, and die, which kills it.
What is listed is printed, one line for each guest; so are errors.
"""

from __future__ import annotations

import encodings.ascii
import encodings.idna
import os
import signal
import sys
from typing import Any

import libvirt
import twisted.internet._signals
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from ganeti.errors import GanetiError
from ganeti.hypervisor.libvirt.node import kvm_on_libvirt
from ganeti.paths import Paths
from ganeti.utils.threads import ReactorThreads
from support.kvm import kvm_spec

# A process without privileges may not be able to read modules when they are needed.
LOADED = (libvirt, twisted.internet._signals, encodings.ascii, encodings.idna)


async def main(reactor: Any, root: str, uid: str, *words: str) -> None:
    reactor.getThreadPool()
    if os.geteuid() != int(uid):
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    hypervisor = kvm_on_libvirt(Paths(root=root), reactor, ReactorThreads(reactor))
    try:
        for word in words:
            await obey(hypervisor, word)
    except GanetiError as err:
        print(err)
    await hypervisor.close()


async def obey(hypervisor: Any, word: str) -> None:
    spec = kvm_spec(1)
    if word == "start":
        await hypervisor.start(spec, ())
    elif word == "stop":
        await hypervisor.stop(spec.instance.name, force=True)
    elif word == "die":
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        for guest in await hypervisor.list():
            print(guest.name, guest.state)


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
