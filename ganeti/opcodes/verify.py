"""Opcodes that verify a cluster."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from ganeti.opcodes.base import NonEmpty, OpCode, doc


class VerifyCode(StrEnum):
    """What can be wrong; C{--error-codes} shows them, C{--ignore-errors} takes them."""

    ECLUSTERCERT = "ECLUSTERCERT"
    ECLUSTERCFG = "ECLUSTERCFG"
    ECLUSTERCLIENTCERT = "ECLUSTERCLIENTCERT"
    ECLUSTERDANGLINGINST = "ECLUSTERDANGLINGINST"
    ECLUSTERDANGLINGNODES = "ECLUSTERDANGLINGNODES"
    ECLUSTERFILECHECK = "ECLUSTERFILECHECK"
    EEXTAGS = "EEXTAGS"
    EGROUPDIFFERENTPVSIZE = "EGROUPDIFFERENTPVSIZE"
    EINSTANCEBADNODE = "EINSTANCEBADNODE"
    EINSTANCEDOWN = "EINSTANCEDOWN"
    EINSTANCEFAULTYDISK = "EINSTANCEFAULTYDISK"
    EINSTANCELAYOUT = "EINSTANCELAYOUT"
    EINSTANCEMISSINGCFGPARAMETER = "EINSTANCEMISSINGCFGPARAMETER"
    EINSTANCEMISSINGDISK = "EINSTANCEMISSINGDISK"
    EINSTANCEPOLICY = "EINSTANCEPOLICY"
    EINSTANCESPLITGROUPS = "EINSTANCESPLITGROUPS"
    EINSTANCEUNSUITABLENODE = "EINSTANCEUNSUITABLENODE"
    EINSTANCEWRONGNODE = "EINSTANCEWRONGNODE"
    ENODEDRBD = "ENODEDRBD"
    ENODEDRBDHELPER = "ENODEDRBDHELPER"
    ENODEDRBDVERSION = "ENODEDRBDVERSION"
    ENODEFILECHECK = "ENODEFILECHECK"
    ENODEFILESTORAGEPATHS = "ENODEFILESTORAGEPATHS"
    ENODEFILESTORAGEPATHUNUSABLE = "ENODEFILESTORAGEPATHUNUSABLE"
    ENODEGLUSTERSTORAGEPATHUNUSABLE = "ENODEGLUSTERSTORAGEPATHUNUSABLE"
    ENODEHOOKS = "ENODEHOOKS"
    ENODEHV = "ENODEHV"
    ENODELVM = "ENODELVM"
    ENODEN1 = "ENODEN1"
    ENODENET = "ENODENET"
    ENODEOOBPATH = "ENODEOOBPATH"
    ENODEORPHANINSTANCE = "ENODEORPHANINSTANCE"
    ENODEORPHANLV = "ENODEORPHANLV"
    ENODEOS = "ENODEOS"
    ENODERPC = "ENODERPC"
    ENODESETUP = "ENODESETUP"
    ENODESHAREDFILESTORAGEPATHUNUSABLE = "ENODESHAREDFILESTORAGEPATHUNUSABLE"
    ENODESSH = "ENODESSH"
    ENODETIME = "ENODETIME"
    ENODEUSERSCRIPTS = "ENODEUSERSCRIPTS"
    ENODEVERSION = "ENODEVERSION"


class OptionalCheck(StrEnum):
    """Checks that can be left out."""

    HVPARAM_ASSESSMENT = "hvparam_assessment"
    NPLUSONE_MEM = "nplusone_mem"


Simulate = Annotated[bool, doc("Let every check report; for tests of what reads the report")]
ShowCodes = Annotated[bool, doc("Show the code of each problem, for programs that read them")]
Ignored = Annotated[frozenset[VerifyCode], doc("Codes that are warnings and no errors")]
Skipped = Annotated[frozenset[OptionalCheck], doc("Checks to leave out")]
Verbose = Annotated[bool, doc("Say more")]
Clutter = Annotated[bool, doc("Look for SSH keys that nobody knows")]


class OpClusterVerify(OpCode, frozen=True, kw_only=True, tag="OP_CLUSTER_VERIFY"):
    """Make the jobs that verify the cluster, or one group of it."""

    RESULT: ClassVar[str] = "the jobs: [whether submitted, id] of each"

    debug_simulate_errors: Simulate = False
    error_codes: ShowCodes = False
    skip_checks: Skipped = frozenset()
    ignore_errors: Ignored = frozenset()
    verbose: Verbose = False
    group_name: Annotated[NonEmpty | None, doc("Only this group, and not the configuration")] = None
    verify_clutter: Clutter = False


class OpClusterVerifyConfig(OpCode, frozen=True, kw_only=True, tag="OP_CLUSTER_VERIFY_CONFIG"):
    """Verify the configuration and the cluster's certificates."""

    RESULT: ClassVar[str] = "whether there are no errors"

    debug_simulate_errors: Simulate = False
    error_codes: ShowCodes = False
    ignore_errors: Ignored = frozenset()
    verbose: Verbose = False


class OpClusterVerifyGroup(OpCode, frozen=True, kw_only=True, tag="OP_CLUSTER_VERIFY_GROUP"):
    """Verify the nodes of a group, and what is on them."""

    SUMMARY_FIELD: ClassVar[str | None] = "group_name"
    RESULT: ClassVar[str] = "whether there are no errors"

    group_name: Annotated[NonEmpty, doc("Name or UUID of the group")]
    debug_simulate_errors: Simulate = False
    error_codes: ShowCodes = False
    skip_checks: Skipped = frozenset()
    ignore_errors: Ignored = frozenset()
    verbose: Verbose = False
    verify_clutter: Clutter = False
