"""The one instance of quickstart that is a real virtual machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from threading import Thread

from ganeti.cli.guest.kernel import BootFiles, provide
from ganeti.cli.guest.look import clear, look_at_machine
from ganeti.cli.guest.support import why_not
from ganeti.errors import GanetiError
from ganeti.paths import Paths

KERNEL_PATH = "/boot/vmlinuz-guest"
INITRD_PATH = "/boot/initrd-guest"
HVPARAMS = ",".join(
    (
        f"kvm:kernel_path={KERNEL_PATH}",
        f"initrd_path={INITRD_PATH}",
        "root_path=/dev/vda",
        "kernel_args=ro quiet",
        "user_shutdown=true",
    )
)


class RealGuest:
    """
    Makes a machine ready for the guest, in the background, while the cluster is made.

    @ivar problem: why there will be none; empty as long as nothing is known against it.
    """

    def __init__(self, cache: str) -> None:
        """@param cache: a folder that outlives clusters."""
        self._cache = cache
        self._found = os.path.join(cache, "libvirt")
        self._files: BootFiles | None = None
        self._preparing: Thread | None = None
        self.problem = why_not()

    def begin(self, nodes: Sequence[Paths] = ()) -> None:
        """
        Find a kernel, and find out what the first start of a guest would have to.

        @param nodes: those of a virtual cluster: when all of them have it already, nothing is done.
        """
        ready = [os.path.exists(paths.root + INITRD_PATH) for paths in nodes]
        if self.problem or (ready and all(ready)):
            return
        self._preparing = Thread(target=self._prepare, daemon=True)
        self._preparing.start()

    def _prepare(self) -> None:
        try:
            self._files = provide(self._cache)
            self.problem = look_at_machine(self._found, self._files.kernel)
        except (GanetiError, OSError) as err:
            self.problem = str(err)

    def forget(self) -> None:
        """Remove what was left by one that was killed."""
        clear(self._found)

    @property
    def busy(self) -> bool:
        """Whether that takes more time."""
        return self._preparing is not None and self._preparing.is_alive()

    def finish(self, nodes: Iterable[Paths]) -> None:
        """Wait for that, and hand its outcome to the nodes."""
        if self._preparing is not None:
            self._preparing.join()
        if self.problem or self._files is None:
            return
        for paths in nodes:
            _copy(self._found, paths.libvirt_cache_dir)
            for source, target in zip(self._files, (KERNEL_PATH, INITRD_PATH), strict=True):
                _put(source, paths.root + target)


def _copy(source: str, target: str) -> None:
    """The files of a folder, but for hidden ones."""
    hidden = shutil.ignore_patterns(".*")
    shutil.copytree(source, target, ignore=hidden, dirs_exist_ok=True)


def _put(source: str, target: str) -> None:
    """The same file at another place; a copy where there can be no link."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.exists(target) and os.path.samefile(source, target):
        return
    temporary = f"{target}.new"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    os.replace(temporary, target)
