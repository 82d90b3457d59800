"""How much a peer may cost, before and after it has shown a certificate of the cluster."""

from __future__ import annotations

MIB = 1 << 20

# Before authentication
HANDSHAKE_S = 10.0
"""From the connection's first moment to its verified certificate."""
HANDSHAKE_BYTES = 64 * 1024
CONNECTIONS_PER_ADDRESS = 16
"""Authenticated or not."""
HANDSHAKES = 64
"""Under way at once; the oldest makes room for a new one."""

# After
CHUNK = 512 * 1024
"""Larger bodies and answers travel in parts of this size."""
MESSAGE_BYTES = CHUNK + 64 * 1024
"""Of one message on the wire, before it is decoded."""
MESSAGE_ITEMS = 64
"""Strings, numbers and lists in one message."""
MESSAGE_DEPTH = 6
BODY_BYTES = 16 * MIB
TRANSFER_BYTES = 24 * MIB
"""Parts of bodies and answers kept for one connection."""
TRANSFERS = 32
CALLS = 256
"""Under way at once on one connection; further ones are told that the node is busy."""
CALLS_SENT = 200
"""A client of ours queues calls beyond that number."""
STALLED_S = 60.0
"""For a peer that asks and does not read the answers."""

# Connecting
CONNECT_S = 4.0
OPEN_S = 5.0
"""From the first packet to the node's word that it takes calls from us."""
