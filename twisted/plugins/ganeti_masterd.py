"""twistd finds C{ganeti-masterd} here."""

from twisted.application.service import ServiceMaker

ganeti_masterd = ServiceMaker(
    "ganeti-masterd",
    "ganeti.masterd.plugin",
    "The master of a Ganeti cluster: jobs, locks, configuration.",
    "ganeti-masterd",
)
