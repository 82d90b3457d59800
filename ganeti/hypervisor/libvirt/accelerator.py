"""
Whether guests can have the processor's help (KVM) on this machine.

That C{/dev/kvm} can be opened does not tell: in some virtual machines guests
hang on it. So a kernel is booted once, without any root; one that gets as far
as missing it has shown enough. The verdict is kept until the machine boots anew.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from msgspec import Struct
from twisted.logger import Logger

from ganeti.errors import CommandError, CommandTimeout, ConfigurationError, ParseError
from ganeti.model.codec import decode, encode
from ganeti.utils.aio import KeyedLock
from ganeti.utils.durable import read_limited, write_atomic
from ganeti.utils.interfaces import IProcessRunner
from ganeti.utils.threads import Threads

log = Logger()

DEVICE = "/dev/kvm"
TRIAL_LIMIT_S = 6.0
"""On a machine where KVM works a kernel is through in less than one."""

_KERNELS = "/boot/vmlinuz*"
_MEMORY_MIB = 128
_SIGNS = (b"Linux version", b"Kernel panic")
_FILE_LIMIT = 1 << 16


class Subject(Struct, frozen=True, kw_only=True):
    """What a verdict holds for."""

    boot_id: str
    emulator: str
    emulator_mtime_ns: int


class Verdict(Struct, frozen=True, kw_only=True):
    """The outcome of a trial."""

    subject: Subject
    works: bool


class Verdicts(Struct, frozen=True, kw_only=True):
    """The last outcome for each QEMU of the machine."""

    known: tuple[Verdict, ...] = ()

    def on(self, subject: Subject) -> Verdict | None:
        """The one that holds for C{subject}."""
        return next((each for each in self.known if each.subject == subject), None)

    def with_one(self, verdict: Verdict) -> Verdicts:
        """With one more, in the place of what was known of its QEMU."""
        emulator = verdict.subject.emulator
        others = (each for each in self.known if each.subject.emulator != emulator)
        return Verdicts(known=(*others, verdict))


def trial_argv(emulator: str, kernel: str) -> list[str]:
    """QEMU's words: boot a kernel with KVM, print what it says, end when it gives up."""
    return [
        emulator,
        *("-accel", "kvm", "-m", str(_MEMORY_MIB), "-nodefaults", "-no-user-config"),
        *("-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"),
        *("-kernel", kernel, "-append", "console=ttyS0 panic=-1"),
    ]


def parse_trial(printed: bytes) -> bool:
    """Whether the kernel came as far as missing its root."""
    return all(sign in printed for sign in _SIGNS)


class Accelerator:
    """Knows whether KVM works; finds out when it is first asked."""

    def __init__(
        self, processes: IProcessRunner, threads: Threads, file: str, device: str = DEVICE
    ) -> None:
        """@param file: where verdicts are kept, for all nodes of the machine."""
        self._processes = processes
        self._threads = threads
        self._file = file
        self._device = device
        self._trying = KeyedLock()

    async def works(self, emulator: str, kernel: str, boot_id: str) -> bool:
        """
        Whether C{emulator} boots guests with KVM.

        @param kernel: to try it with; empty: one of the machine's own.
        """
        if not await self._threads.run(os.access, self._device, os.R_OK | os.W_OK):
            return False
        async with self._trying.hold(emulator):
            subject = await self._threads.run(thd_subject, emulator, boot_id)
            known = (await self._threads.run(thd_read_verdicts, self._file)).on(subject)
            if known is not None:
                return known.works
            kernel = kernel or await self._threads.run(thd_a_kernel)
            if not kernel:
                log.warn("There is no kernel to try KVM with: guests are emulated")
                return False
            works = await self._try(emulator, kernel)
            verdict = Verdict(subject=subject, works=works)
            await self._threads.run(thd_write_verdict, self._file, verdict)
            return works

    async def _try(self, emulator: str, kernel: str) -> bool:
        # A QEMU that hangs is to end also when this process is killed before it does.
        limit = ("timeout", "-s", "KILL", f"{TRIAL_LIMIT_S + 2:g}")
        argv = [*limit, *trial_argv(emulator, kernel)]
        try:
            output = await self._processes.run(argv, timeout_s=TRIAL_LIMIT_S, check=False)
        except (CommandTimeout, CommandError) as err:
            log.warn("KVM does not work here, guests are emulated: {error}", error=str(err))
            return False
        works = parse_trial(output.stdout)
        log.info("Tried KVM with {kernel}: works={works}", kernel=kernel, works=works)
        return works


def thd_subject(emulator: str, boot_id: str) -> Subject:
    """The machine as it was booted, and its QEMU."""
    mtime_ns = os.stat(emulator).st_mtime_ns
    return Subject(boot_id=boot_id, emulator=emulator, emulator_mtime_ns=mtime_ns)


def thd_a_kernel(pattern: str = _KERNELS) -> str:
    """A kernel of the machine that can be read; empty when there is none."""
    found: Sequence[str] = sorted(glob.glob(pattern))
    return next((path for path in found if os.access(path, os.R_OK)), "")


def thd_read_verdicts(path: str) -> Verdicts:
    """What was found out before; a file that makes no sense says nothing."""
    try:
        return decode(read_limited(path, _FILE_LIMIT), Verdicts)
    except (OSError, ParseError, ConfigurationError):
        return Verdicts()


def thd_write_verdict(path: str, verdict: Verdict) -> None:
    """Keep it; that this fails only costs the next start some time."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_atomic(path, encode(thd_read_verdicts(path).with_one(verdict)))
    except OSError as err:
        log.warn("Cannot keep whether KVM works in {path}: {err}", path=path, err=err)
