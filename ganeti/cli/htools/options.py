"""What a command line of placement's programs says."""

from __future__ import annotations

from ganeti.cli.htools.values import SizeSpec


class Options:
    """The value of each option of L{ganeti.cli.htools.optiontable}; the class has the defaults."""

    print_nodes: str | None = None
    print_instances: bool = False
    print_commands: str | None = None
    text_data: str | None = None
    master: str | None = None
    luxi: str | None = None
    ialloc_src: str | None = None
    simulate: tuple[str, ...] = ()
    verbosity: int = 1
    offline: tuple[str, ...] = ()
    static_kvm_node_memory: int = 4096
    group: str | None = None
    max_length: int = -1
    min_score: float = 1e-9
    min_gain: float = 0.01
    min_gain_limit: float = 0.1
    max_cpu: float | None = None
    min_disk: float = 0.0
    evac_mode: bool = False
    restricted_migration: bool = False
    no_disk_moves: bool = False
    no_instance_moves: bool = False
    ignore_soft_errors: bool = False
    select_instances: tuple[str, ...] | None = None
    exclude_instances: tuple[str, ...] = ()
    exclusion_tags: tuple[str, ...] = ()
    dynu_file: str | None = None
    ignore_dynu: bool = False
    mond: bool = False
    mond_data: str | None = None
    mond_xen: bool = False
    exit_on_missing_mond_data: bool = False
    save: str | None = None
    execute: bool = False
    first_job_group: bool = False
    reason: str | None = None
    priority: str | None = None
    machine_readable: bool = False
    no_simulation: bool = False
    capacity_checks: bool = True
    independent_groups: bool = False
    accept_existing_errors: bool = False
    disk_template: str | None = None
    spindle_use: int | None = None
    standard_alloc: SizeSpec | None = None
    tiered_alloc: SizeSpec | None = None
    restrict_allocation_to: tuple[str, ...] | None = None
    offline_maintenance: bool = False
    node_tags: tuple[str, ...] | None = None
    print_moves: bool = False
    full_evacuation: bool = False
    skip_non_redundant: bool = False
    ignore_non_redundant: bool = False
    force: bool = False
    one_step_only: bool = False
    headers: bool = True
    output_dir: str = "."
    minimal_resources: float = 2.0
    target_resources: float = 2.0
    explain: bool = False
    help: bool = False
    version: bool = False
    help_completion: bool = False
