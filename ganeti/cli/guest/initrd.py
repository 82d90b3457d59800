"""The initrd of a small guest: busybox, the modules of virtual devices, a script."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

from ganeti.cli.guest.cpio import Entry, build_archive, directory, link, program, regular

MODULES = (
    *("virtio_pci", "virtio_blk", "virtio_net", "virtio_balloon", "virtio_scsi"),
    *("sd_mod", "ata_piix", "e1000"),
    # The power button, without which a guest cannot be asked to shut down.
    *("button", "evdev"),
)
"""What a guest may need before it has its root; those that a kernel has built in are not files."""

_APPLETS = ("insmod", "mkdir", "mount", "sh", "sleep", "switch_root", "umount")
_FOLDERS = ("bin", "dev", "modules", "proc", "root", "sys")


def build_initrd(busybox: bytes, modules: Mapping[str, bytes], init: bytes) -> bytes:
    """
    The initrd, packed.

    @param busybox: a static one.
    @param modules: in the order in which they are to be loaded.
    @param init: the script that is run.
    """
    order = "".join(f"{name}\n" for name in modules)
    entries: list[Entry] = [
        *map(directory, _FOLDERS),
        program("bin/busybox", busybox),
        *(link(f"bin/{applet}", "busybox") for applet in _APPLETS),
        *(regular(f"modules/{name}.ko", content) for name, content in modules.items()),
        regular("modules/order", order.encode()),
        program("init", init),
    ]
    return gzip.compress(build_archive(entries), compresslevel=1, mtime=0)
