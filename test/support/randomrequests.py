"""Requests to an instance allocator on random clusters; the same for the same seed."""

from __future__ import annotations

import random
from typing import Any

from support.randomclusters import TAGS

KINDS = ("allocate", "multi-allocate", "relocate", "node-evacuate", "change-group")
ALLOC_POLICIES = ("preferred", "preferred", "preferred", "last_resort", "unallocable")
TEMPLATES = ("drbd", "drbd", "drbd", "drbd", "plain", "rbd", "ext", "file")
MODES = ("primary-only", "secondary-only", "all")
SPEC_KEYS = ("memory-size", "cpu-count", "disk-size", "disk-count", "nic-count", "spindle-use")
Message = dict[str, Any]


class RandomRequest:
    """A cluster that may have anything, as an input file tells it, and what is asked."""

    def __init__(self, seed: int, kind: str) -> None:
        chance = self.chance = random.Random(f"{kind}-{seed}")
        groups = chance.choice((1, 1, 2, 3)) if kind != "change-group" else chance.choice((2, 3))
        self.exclusive = chance.random() < 0.15
        self.tagged = chance.random() < 0.4
        self.odd_states = chance.random() < 0.4
        self.groups = {f"uuid-{number}": self._group(number) for number in range(groups)}
        count = chance.randint(2 * groups, 4 * groups + 2)
        self.nodes = {f"node{number}": self._node(number) for number in range(count)}
        self.instances: Message = {}
        for number in range(chance.randint(1, 4 * count)):
            self._settle(f"inst{number:02}")
        self.request = self._request(kind if self.instances else "allocate")

    def message(self) -> Message:
        """The input file."""
        return {
            "version": 2,
            "cluster_name": "cluster",
            "cluster_tags": list(TAGS) if self.tagged else [],
            "enabled_hypervisors": ["fake"],
            "ipolicy": self._policy(),
            "nodegroups": self.groups,
            "nodes": self.nodes,
            "instances": self.instances,
            "request": self.request,
        }

    def _group(self, number: int) -> Message:
        return {
            "name": f"group{number}",
            "alloc_policy": self.chance.choice(ALLOC_POLICIES),
            "networks": [],
            "tags": [],
            "ipolicy": self._policy(),
        }

    def _policy(self) -> Message:
        ranges = [((128, 1, 1024, 1, 1, 1), (32768, 8, 1048576, 16, 8, 12))]
        if self.chance.random() < 0.2:
            ranges = [((512, 1, 1024, 1, 1, 1), (2048, 4, 30000, 4, 8, 3))]
        specs = [[dict(zip(SPEC_KEYS, one, strict=True)) for one in pair] for pair in ranges]
        return {
            "minmax": [{"min": least, "max": most} for least, most in specs],
            "std": specs[0][0],
            "disk-templates": sorted(set(TEMPLATES)),
            "vcpu-ratio": self.chance.choice((4.0, 1.0, 2.5)),
            "spindle-ratio": self.chance.choice((32.0, 6.0)),
        }

    def _node(self, number: int) -> Message:
        chance = self.chance
        memory, spindles = chance.choice((8192, 16384)), 12 if self.exclusive else 0
        tags = (f"power:{chance.choice('xyz')}", f"hv:{chance.choice('ab')}")
        return {
            "group": f"uuid-{number % len(self.groups)}",
            "tags": [tag for tag in tags if self.tagged and chance.random() < 0.6],
            "offline": chance.random() < 0.07,
            "drained": chance.random() < 0.03,
            "master_candidate": True,
            "master_capable": True,
            "vm_capable": True,
            "primary_ip": "192.0.2.1",
            "secondary_ip": "192.0.2.1",
            "ndparams": {"spindle_count": 12, "exclusive_storage": self.exclusive},
            "total_memory": memory,
            "reserved_memory": 512,
            "free_memory": memory - 512,
            "total_disk": 200000,
            "free_disk": 200000,
            "total_spindles": spindles,
            "free_spindles": spindles,
            "total_cpus": chance.choice((4, 8)),
            "reserved_cpus": 1,
            "i_pri_memory": 0,
            "i_pri_up_memory": 0,
        }

    def _instance(self) -> Message:
        chance, template = self.chance, self.chance.choice(TEMPLATES)
        size, count = chance.choice((1024, 5000, 20480)), chance.choice((1, 1, 1, 2))
        tags = (f"service:{chance.choice('abc')}", f"power:{chance.choice('xyz')}", "other")
        disk = {"size": size, "mode": "rw", "dev_type": template, "spindles": 1}
        return {
            "tags": [tag for tag in tags if self.tagged and chance.random() < 0.4],
            "vcpus": chance.choice((1, 1, 2, 4)),
            "memory": chance.choice((256, 512, 1000, 2048, 4000)),
            "spindle_use": chance.choice((1, 1, 2)),
            "os": "busybox",
            "nics": [],
            "disks": [disk] * count,
            "disk_space_total": (size + 128 * (template == "drbd")) * count,
            "disk_template": template,
            "hypervisor": "fake",
        }

    def _settle(self, name: str) -> None:
        """One more instance, if there is room on the nodes that were drawn."""
        chance, one = self.chance, self._instance()
        first = chance.choice(list(self.nodes))
        group = self.nodes[first]["group"]
        others = [n for n, node in self.nodes.items() if n != first and node["group"] == group]
        on = [first, *([chance.choice(others)] if one["disk_template"] == "drbd" else [])]
        one |= {"nodes": on, "disks_active": True}
        one["admin_state"] = "up"
        if self.odd_states:
            one["admin_state"] = chance.choice(("up", "up", "down", "offline"))
        memory = one["memory"] if one["admin_state"] == "up" else 0
        local = one["disk_template"] in ("drbd", "plain")
        disk, spindles = one["disk_space_total"] * local, len(one["disks"]) * local
        nodes = [self.nodes[name] for name in on]
        full = any(node["free_disk"] < disk + 1000 for node in nodes)
        cramped = self.exclusive and any(node["free_spindles"] < spindles for node in nodes)
        if full or cramped or nodes[0]["free_memory"] < memory + 200:
            return
        nodes[0]["free_memory"] -= memory
        for node in nodes:
            node["free_disk"] -= disk
            node["free_spindles"] -= spindles * self.exclusive
        self.instances[name] = one

    def _request(self, kind: str) -> Message:
        chance, names = self.chance, list(self.instances)
        some = chance.sample(names, min(len(names), chance.randint(1, 3)))
        match kind:
            case "allocate":
                return self._allocation("new")
            case "multi-allocate":
                count = chance.randint(1, 5)
                asked = [self._allocation(f"new{n}", plain=True) for n in range(count)]
                return {"type": kind, "instances": asked}
            case "relocate":
                old = self.instances[some[0]]["nodes"][-1]
                asked = {"name": some[0], "relocate_from": [old], "required_nodes": 1}
                return {"type": kind, "disk_space_total": 0, **asked}
            case "node-evacuate":
                return {"type": kind, "evac_mode": chance.choice(MODES), "instances": some}
        group = self.nodes[self.instances[some[0]]["nodes"][0]]["group"]
        mine = [n for n in some if self.nodes[self.instances[n]["nodes"][0]]["group"] == group]
        others = [uuid for uuid in self.groups if uuid != group]
        targets = chance.choice(([], others))
        return {"type": "change-group", "instances": mine, "target_groups": targets}

    def _allocation(self, name: str, *, plain: bool = False) -> Message:
        chance, one = self.chance, self._instance()
        nodes = 2 if one["disk_template"] == "drbd" else 1
        one |= {"type": "allocate", "name": name, "required_nodes": nodes}
        if not plain and chance.random() < 0.15:
            one["group_name"] = "group0"
        if not plain and chance.random() < 0.15:
            one["restrict-to-nodes"] = chance.sample(list(self.nodes), 2)
        return one
