"""Why an instance goes where it goes, and what makes it fit where it does not."""

from __future__ import annotations

import random
import time

import msgspec
import numpy as np
from support.placement import make_cluster
from support.randomclusters import random_cluster
from support.thorough import examples
from twisted.trial.unittest import SynchronousTestCase

from ganeti.htools.allocation import AllocationOptions, allocate
from ganeti.htools.ask import cut
from ganeti.htools.candidates import allocation_candidates
from ganeti.htools.changes import Free
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.explanation import explain_allocation, explanation_lines, why_not
from ganeti.htools.groupchanges import AddNodes
from ganeti.htools.newcomer import Code
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Node
from ganeti.htools.shortage import primary_rules, secondary_rules
from ganeti.model.group import AllocPolicy
from ganeti.model.templates import DiskTemplate

NO_CHECKS = AllocationOptions(capacity_checks=False)


def even_cluster(
    count: int = 4, memory: int = 16384, free: int | None = None, **group: object
) -> Cluster:
    """Equal nodes without instances; something uses what is not free."""
    nodes = tuple(
        Node(
            name=f"node{number}",
            group="uuid-1",
            total_memory=memory,
            node_memory=0,
            free_memory=memory if free is None else free,
            total_disk=100000,
            free_disk=100000,
            cpus=8,
        )
        for number in range(count)
    )
    record = msgspec.structs.replace(Group(name="default", uuid="uuid-1"), **group)
    return prepare(ClusterData(groups=(record,), nodes=nodes, instances=()))


def drbd(name: str = "new", memory: int = 1024, disk: int = 10240, vcpus: int = 1) -> Instance:
    """A mirrored instance."""
    return Instance(
        name=name,
        memory=memory,
        disk=disk,
        vcpus=vcpus,
        template=DiskTemplate.DRBD,
        disks=(Disk(size=disk),),
    )


def hard_instance(chance: random.Random) -> tuple[Instance, int]:
    """An instance that rarely fits, and how many nodes it needs."""
    template = chance.choice([DiskTemplate.DRBD, DiskTemplate.PLAIN, DiskTemplate.EXT])
    count = chance.randint(1, 2)
    sizes = [chance.choice([500, 1024, 20480, 300000, 600000]) for _disk in range(count)]
    instance = Instance(
        name="new",
        memory=chance.choice([64, 512, 4096, 9000, 40000]),
        disk=sum(sizes),
        vcpus=chance.choice([1, 4, 9, 30]),
        template=template,
        disks=tuple(Disk(size=size, spindles=chance.randint(1, 9)) for size in sizes),
        tags=tuple(tag for tag in ("service:a", "service:b") if chance.random() < 0.5),
        spindle_use=chance.choice([0, 1, 13, 400]),
        nics=(chance.choice([None, None, None, "net1"]),),
        forthcoming=chance.random() < 0.1,
    )
    return instance, 2 if template is DiskTemplate.DRBD else 1


def hard_cluster(seed: int) -> Cluster:
    """A small cluster, perhaps with rules that are against it."""
    cluster, chance = random_cluster(seed), random.Random(seed)
    if chance.random() < 0.2:
        group = msgspec.structs.replace(cluster.groups[0], alloc_policy=AllocPolicy.UNALLOCABLE)
        data = msgspec.structs.replace(cluster.data(), groups=(group,))
        return prepare(data, msgspec.structs.replace(cluster.settings, min_disk=0.1))
    return cluster


class AdviceTest(SynchronousTestCase):
    """What is told has to be true."""

    def test_changes_make_it_fit(self) -> None:
        """With the changes that are told, it fits; with what is told to ask for, it fits, too."""
        told = asked = 0
        tried = max(12, examples(60))
        for seed in range(tried):
            cluster, chance = hard_cluster(seed), random.Random(seed + 1000)
            instance, count = hard_instance(chance)
            options = NO_CHECKS if seed % 3 else AllocationOptions()
            if allocate(cluster, instance, count, options).nodes:
                continue
            advice = explain_allocation(cluster, instance, count, options).advice
            changed = cluster
            for change in advice.changes:
                changed = change.apply(changed)
            if advice.changes:
                told += 1
                found = allocate(changed, instance, count, options)
                self.assertTrue(found.nodes, (seed, advice, found.info))
            if advice.ask is not None:
                asked += 1
                other = advice.ask.changed(instance)
                self.assertNotEqual(instance, other)
                self.assertTrue(allocate(cluster, other, count, options).nodes, (seed, advice))
        self.assertGreater(told, tried * 5 // 12)
        self.assertGreater(asked, tried // 12)

    def test_every_free_amount_is_needed(self) -> None:
        """One MiB less than what is told does not do."""
        for seed in range(examples(40)):
            cluster, chance = random_cluster(seed, offline=False), random.Random(seed)
            instance, count = hard_instance(chance)
            options = AllocationOptions(capacity_checks=False)
            if allocate(cluster, instance, count, options).nodes:
                continue
            advice = explain_allocation(cluster, instance, count, options).advice
            if not advice.nodes or isinstance(advice.changes[0], AddNodes):
                continue
            only = AllocationOptions(capacity_checks=False, restrict_to=advice.nodes)
            for position, change in enumerate(advice.changes):
                for field in ("memory", "disk"):
                    if not isinstance(change, Free) or not getattr(change, field):
                        continue
                    less = change._replace(**{field: getattr(change, field) - 1})
                    changed = cluster
                    for one in (*advice.changes[:position], less, *advice.changes[position + 1 :]):
                        changed = one.apply(changed)
                    found = allocate(changed, instance, count, only).nodes
                    self.assertNotEqual(advice.nodes, found, (seed, advice))


class RulesTest(SynchronousTestCase):
    """What is explained is what is computed."""

    def test_first_rule(self) -> None:
        """The rule that is told is the one that the search refuses a node, or a pair, for."""
        for seed in range(examples(60)):
            instance, count = hard_instance(random.Random(seed))
            options = AllocationOptions(ignore_soft_errors=seed % 4 == 0)
            found = allocation_candidates(hard_cluster(seed), instance, count, options)
            newcomer, places = found.newcomer, found.places
            for rules, codes in (
                (primary_rules(newcomer), newcomer.primary_codes()),
                (secondary_rules(newcomer), newcomer.secondary_codes()),
            ):
                told = np.zeros(len(codes), dtype=np.int8)
                for rule in reversed(rules):
                    told[rule.short > 0] = rule.code
                self.assertEqual(codes.tolist(), told.tolist(), seed)
            fits = newcomer.primary_codes()[places.primary] == Code.FITS
            if places.pairs:
                fits &= newcomer.secondary_codes()[places.secondary] == Code.FITS
                if newcomer.counted:
                    fits &= ~newcomer.pair_n1(places.primary, places.secondary)
            self.assertEqual(fits.tolist(), found.survey.fits.tolist())

    def test_same_as_search(self) -> None:
        """So many places fit as the search finds; the best is the one that is chosen."""
        for seed in range(examples(60)):
            cluster, options = random_cluster(seed), NO_CHECKS
            found = allocate(cluster, drbd(memory=512), 2, options)
            explained = explain_allocation(cluster, drbd(memory=512), 2, options)
            self.assertEqual(found.nodes, explained.chosen)
            self.assertEqual(found.successes, int(explained.found.fits.sum()))
            if not found.nodes:
                self.assertIn("fits nowhere: ", explained.summary)
                continue
            best = explained.candidates(10)[0]
            self.assertAlmostEqual(found.score, best.score or 0.0, places=6)
            terms = sum(each.weight * each.value for each in best.terms)
            self.assertAlmostEqual(found.score, terms, places=6)


class SentenceTest(SynchronousTestCase):
    """Sentences that an admin can act on."""

    def test_memory(self) -> None:
        """Full memory: how much is missing where, and what to ask for instead."""
        self.assertEqual(
            "new fits nowhere: node0/node1 comes nearest of 12 pairs, but node0 needs 9000 MiB of "
            "memory and has 8192 (809 short). Ask for 8191 MiB of memory instead of 9000, or free "
            "809 MiB of memory on node0 and free 809 MiB of memory on node1.",
            why_not(even_cluster(free=8192), drbd(memory=9000), 2),
        )

    def test_too_large(self) -> None:
        """What no node has in all cannot be freed."""
        text = why_not(even_cluster(free=8192), drbd(memory=20000), 2)
        self.assertIn("no node is large enough: the largest, node3, has 16384 MiB of memory", text)
        self.assertIn("Ask for 8191 MiB of memory instead of 20000, or add 2 nodes with", text)
        self.assertNotIn("ree 11", text)
        lines = explanation_lines(explain_allocation(even_cluster(), drbd(memory=20000), 2))
        self.assertTrue(any("make node0 larger: it needs 3617 MiB" in line for line in lines))

    def test_disk(self) -> None:
        """Full disks."""
        text = why_not(even_cluster(), drbd(disk=120000), 2)
        self.assertIn("node0 needs 120000 MiB of disk and has 100000 (20001 short)", text)
        self.assertIn("Ask for a disk of 99999 MiB instead of 120000", text)

    def test_offline(self) -> None:
        """Nodes that are not there."""
        cluster = even_cluster(2).with_offline(["node0", "node1"])
        text = why_not(cluster, drbd(), 2)
        self.assertIn("all nodes are offline, drained or cannot have instances", text)
        self.assertIn("node0 back (gnt-node modify --offline=no --drained=no)", text)

    def test_no_second_node(self) -> None:
        """A mirrored instance needs two nodes."""
        text = why_not(even_cluster(1), drbd(), 2)
        self.assertIn("it needs two nodes in one group, and no group has more than one", text)
        self.assertIn(
            "Add a node with at least 1025 MiB of memory and 10241 MiB of disk free to the group "
            "default",
            text,
        )

    def test_policy(self) -> None:
        """What a policy forbids can be asked for otherwise, or allowed."""
        text = why_not(even_cluster(), drbd(memory=64), 2)
        self.assertEqual(
            "new fits nowhere: the policy of the group default forbids 64 MiB of memory: it allows "
            "128 to 32768. Ask for 128 MiB of memory instead of 64, or let the policy of the group "
            "default allow 64 MiB of memory (gnt-group modify --ipolicy-bounds-specs).",
            text,
        )

    def test_template(self) -> None:
        """A disk template that a policy forbids."""
        cluster = even_cluster()
        policy = msgspec.structs.replace(cluster.policy, templates=(DiskTemplate.PLAIN,))
        text = why_not(even_cluster(policy=policy), drbd(), 2)
        self.assertEqual(
            "new fits nowhere: the policy of the group default forbids the disk template drbd: it "
            "allows plain. Let the policy of the group default allow drbd (gnt-group modify "
            "--ipolicy-disk-templates).",
            text,
        )

    def test_unallocable(self) -> None:
        """A group that takes nothing has to be opened."""
        text = why_not(even_cluster(alloc_policy=AllocPolicy.UNALLOCABLE), drbd(), 2)
        self.assertIn("the group default is unallocable. Let instances come to", text)
        self.assertIn("gnt-group modify --alloc-policy=preferred default", text)

    def test_network(self) -> None:
        """A network that the group does not have."""
        instance = msgspec.structs.replace(drbd(), nics=("net1",))
        text = why_not(even_cluster(), instance, 2)
        self.assertIn("is not connected to the network net1. Connect the group default to", text)

    def test_restriction(self) -> None:
        """Who may go to some nodes only is told where it would fit."""
        only = AllocationOptions(restrict_to=("node0",))
        text = why_not(even_cluster(), drbd(), 2, only)
        self.assertIn("no group has more than one of those that it is restricted to", text)
        self.assertIn("without that it fits, on node", text)

    def test_three_nodes(self) -> None:
        """Nobody has three nodes."""
        found = explain_allocation(even_cluster(), drbd(), 3)
        told = ["new fits nowhere: 3 nodes are asked for, not one or two."]
        self.assertEqual(told, explanation_lines(found))

    def test_ratios(self) -> None:
        """Ratios of a policy are raised as far as both nodes need it."""
        cluster = prepare(make_cluster(3, per_node=2))
        policy = msgspec.structs.replace(cluster.policy, spindle_ratio=0.5, vcpu_ratio=0.5)
        group = msgspec.structs.replace(cluster.groups[0], policy=policy)
        data = msgspec.structs.replace(cluster.data(), groups=(group,))
        text = why_not(prepare(data), drbd(vcpus=8), 2, NO_CHECKS)
        self.assertEqual(1, text.count("--ipolicy-spindle-ratio="))
        self.assertIn("(or raise its group's --ipolicy-vcpu-ratio)", text)

    def test_redundancy(self) -> None:
        """A node that could not fail, and what helps."""
        disks = (Disk(size=1024),)
        plain = Instance(name="old", memory=9000, disk=1024, vcpus=1, primary="node0", disks=disks)
        cluster = even_cluster(2).with_instances([plain])
        new = msgspec.structs.replace(plain, name="new", primary="")
        text = why_not(cluster, new, 1)
        self.assertIn("if node0 or node1 failed, not all its instances could be started", text)
        self.assertIn("--no-capacity-checks ignores that", text)

    def test_fits(self) -> None:
        """Who asks in vain is told so."""
        self.assertIn("new fits, on node", why_not(even_cluster(), drbd(), 2))

    def test_cut(self) -> None:
        """The largest disks become smaller first, and none smaller than it may be."""
        self.assertEqual((50, 50, 10), cut([100, 80, 10], 110, 5))
        self.assertEqual((10,), cut([10], 20, 5))
        self.assertIsNone(cut([100, 100], 9, 5))


class LinesTest(SynchronousTestCase):
    """What people read."""

    def test_big_cluster(self) -> None:
        """Ten places, then groups of reasons; quickly, and all of them only when asked."""
        cluster = prepare(make_cluster(200, per_node=3))
        start = time.process_time()
        lines = explanation_lines(explain_allocation(cluster, drbd(disk=900000), 2))
        self.assertLess(time.process_time() - start, 5.0)
        self.assertLess(len(lines), 60)
        pairs = sum(int(line.split()[0]) for line in lines if " pairs: the " in line)
        self.assertIn(" by ", lines[-1])
        fits = int(explain_allocation(cluster, drbd(disk=900000), 2).found.fits.sum())
        self.assertEqual(200 * 199, pairs + fits)

    def test_verbose(self) -> None:
        """Every place is told, with what it lacks and what would help."""
        found = explain_allocation(even_cluster(free=8192), drbd(memory=9000), 2)
        lines = explanation_lines(found, verbose=True)
        self.assertEqual(12, sum(": no, " in line for line in lines))
        self.assertEqual(12, sum("to fit: free " in line for line in lines))
