"""twistd finds C{ganeti-noded} here."""

from twisted.application.service import ServiceMaker

ganeti_noded = ServiceMaker(
    "ganeti-noded",
    "ganeti.noded.plugin",
    "A node of a Ganeti cluster: does what the master asks.",
    "ganeti-noded",
)
