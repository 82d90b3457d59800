"""The numbers by which releases, peers, files and scripts recognise each other."""

from __future__ import annotations

from typing import Final

RELEASE: Final = "4.0.0.dev0"

# Node calls: a node refuses peers more than one protocol version older.
PROTOCOL_VERSION: Final = 4000000

# config.data: written with the first, read from the second to the third.
CONFIG_VERSION: Final = 3010000
CONFIG_VERSION_MIN: Final = 3000000
CONFIG_VERSION_MAX: Final = 3020000

# LUXI: sent by clients, ignored by the server.
LUXI_VERSION: Final = 3010000

# Versions of the OS script interface that we speak, lowest first.
OS_API_VERSIONS: Final = (10, 15, 20)

# [export] version in config.ini of an exported instance.
EXPORT_VERSION: Final = 0
