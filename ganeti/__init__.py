"""
Ganeti: cluster management of virtual machines, on one Twisted reactor.

Loads C{datetime} before anything loads msgspec: an interrupt (Ctrl-C) while msgspec itself
loads it is lost, and the process dies of it later (a segmentation fault, seen with 0.22).
"""

import datetime as datetime
