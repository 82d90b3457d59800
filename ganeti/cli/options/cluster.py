"""Options of gnt-cluster: mostly the settings of a new cluster."""

from __future__ import annotations

from ganeti.cli.options import common, policy
from ganeti.cli.program import Opt

_YES_NO = "yes|no"

HYPERVISORS = Opt(
    ("--enabled-hypervisors",),
    "enabled_hypervisors",
    "Hypervisors to use, separated by commas; the first is the default",
    type="string",
)
HVPARAMS = Opt(
    ("-H", "--hypervisor-parameters"),
    "hvparams",
    "Parameters of a hypervisor, HYPERVISOR:NAME=VALUE,...; may be repeated",
    "append",
    "identkeyval",
    default=[],
)
BEPARAMS = Opt(
    ("-B", "--backend-parameters"),
    "beparams",
    "Default backend parameters of instances, as in memory=512,vcpus=2",
    type="keyval",
    default={},
)
NICPARAMS = Opt(
    ("-N", "--nic-parameters"),
    "nicparams",
    "Default parameters of network interfaces: mode, link, vlan",
    type="keyval",
    default={},
)
NDPARAMS = Opt(
    ("--node-parameters",), "ndparams", "Node parameters, as in oob_program=PATH", type="keyval"
)
DISKPARAMS = Opt(
    ("-D", "--disk-parameters"),
    "diskparams",
    "Parameters of a disk template, TEMPLATE:NAME=VALUE,...; may be repeated",
    "append",
    "identkeyval",
    default=[],
)
HV_STATE = Opt(
    ("--hypervisor-state",),
    "hv_state",
    "Static state of a hypervisor, HYPERVISOR:NAME=VALUE,...; may be repeated",
    "append",
    "identkeyval",
    default=[],
)
DISK_STATE = Opt(
    ("--disk-state",),
    "disk_state",
    "Static state of storage, TEMPLATE/NAME:KEY=VALUE,...; may be repeated",
    "append",
    "identkeyval",
    default=[],
)

MAC_PREFIX = Opt(
    ("-m", "--mac-prefix"),
    "mac_prefix",
    "First three bytes of generated MAC addresses",
    type="string",
    metavar="PREFIX",
)
VG_NAME = Opt(
    ("--vg-name",),
    "vg_name",
    "Volume group of LVM disks; empty for none",
    type="string",
    metavar="VG",
)
MASTER_NETDEV = Opt(
    ("--master-netdev",),
    "master_netdev",
    "Interface that carries the cluster's address on the master",
    type="string",
    metavar="NETDEV",
)
MASTER_NETMASK = Opt(
    ("--master-netmask",),
    "master_netmask",
    "Prefix length of the cluster's address",
    type="string",
    metavar="NETMASK",
)
EXTERNAL_IP_SCRIPT = Opt(
    ("--use-external-mip-script",),
    "use_external_mip_script",
    "Let your own script set up the cluster's address",
    type="bool",
    metavar=_YES_NO,
)
FILE_STORAGE_DIR = Opt(
    ("--file-storage-dir",),
    "file_storage_dir",
    "Folder of file disks; empty for none",
    type="string",
    metavar="DIR",
)
SHARED_FILE_STORAGE_DIR = Opt(
    ("--shared-file-storage-dir",),
    "shared_file_storage_dir",
    "Folder of file disks on a file system that all nodes share",
    type="string",
    metavar="SHAREDDIR",
)
GLUSTER_STORAGE_DIR = Opt(
    ("--gluster-storage-dir",),
    "gluster_storage_dir",
    "Folder where Gluster volumes are mounted",
    type="string",
    default="/var/run/ganeti/gluster",
    metavar="GLUSTERDIR",
)
CANDIDATE_POOL_SIZE = Opt(
    ("-C", "--candidate-pool-size"),
    "candidate_pool_size",
    "How many nodes keep a copy of the cluster's state",
    type="int",
)
SECONDARY_IP = Opt(
    ("-s", "--secondary-ip"),
    "secondary_ip",
    "The node's address for disk replication",
    type="string",
    metavar="ADDRESS",
)
PRIMARY_IP_VERSION = Opt(
    ("--primary-ip-version",),
    "primary_ip_version",
    "Version of the addresses that nodes call each other by",
    type="string",
    default=4,
    metavar="4|6",
)
UID_POOL = Opt(
    ("--uid-pool",),
    "uid_pool",
    "User ids that instances may run under, as in 2000-2099,3000",
    type="string",
)
MAINTAIN_NODE_HEALTH = Opt(
    ("--maintain-node-health",),
    "maintain_node_health",
    "Let the watcher end what should not run on a node",
    type="bool",
    metavar=_YES_NO,
)
NO_ETC_HOSTS = Opt(
    ("--no-etc-hosts",),
    "modify_etc_hosts",
    "Do not write the nodes into /etc/hosts",
    "store_false",
    default=True,
)
NO_SSH_INIT = Opt(
    ("--no-ssh-init",),
    "modify_ssh_setup",
    "Leave the nodes' SSH keys to you",
    "store_false",
    default=True,
)
SSH_KEY_TYPE = Opt(
    ("--ssh-key-type",),
    "ssh_key_type",
    "Type of the nodes' SSH keys",
    choices=("dsa", "ecdsa", "rsa"),
)
SSH_KEY_BITS = Opt(("--ssh-key-bits",), "ssh_key_bits", "Length of the nodes' SSH keys", type="int")
DRBD_HELPER = Opt(
    ("--drbd-usermode-helper",),
    "drbd_helper",
    "Program that DRBD calls; Ganeti sets it in the kernel module",
    type="string",
)
DEFAULT_IALLOCATOR = Opt(
    ("-I", "--default-iallocator"),
    "default_iallocator",
    "Instance allocator that chooses nodes when none is named",
    type="string",
    metavar="<NAME>",
    values="iallocator",
)
DEFAULT_IALLOCATOR_PARAMS = Opt(
    ("--default-iallocator-params",),
    "default_iallocator_params",
    "Parameters of that allocator",
    type="keyval",
)
PREALLOC_WIPE = Opt(
    ("--prealloc-wipe-disks",),
    "prealloc_wipe_disks",
    "Overwrite disks before instances get them",
    type="bool",
    metavar=_YES_NO,
)
DISK_TEMPLATES = Opt(
    ("--enabled-disk-templates",),
    "enabled_disk_templates",
    "Disk templates to allow, separated by commas; the first is the default",
    type="string",
)
USER_SHUTDOWN = Opt(
    ("--user-shutdown",),
    "enabled_user_shutdown",
    "Accept that users shut instances down from inside",
    type="bool",
)
COMPRESSION_TOOLS = Opt(
    ("--compression-tools",),
    "compression_tools",
    "Programs that may compress transfers, separated by commas",
    type="string",
)
INSTALL_IMAGE = Opt(
    ("--install-image",),
    "install_image",
    "Image of the helper machine that installs systems",
    type="string",
)
ZEROING_IMAGE = Opt(
    ("--zeroing-image",),
    "zeroing_image",
    "Image of the helper machine that zeroes disks",
    type="string",
)

# What init and modify have in common, in the order of their help.
_DEFAULTS_AND_PLACES = (
    HYPERVISORS,
    HVPARAMS,
    BEPARAMS,
    NICPARAMS,
    NDPARAMS,
    DISKPARAMS,
    HV_STATE,
    DISK_STATE,
    MAC_PREFIX,
    VG_NAME,
    MASTER_NETDEV,
    MASTER_NETMASK,
    EXTERNAL_IP_SCRIPT,
    FILE_STORAGE_DIR,
    SHARED_FILE_STORAGE_DIR,
)
_DISKS_AND_IMAGES = (
    DRBD_HELPER,
    DEFAULT_IALLOCATOR,
    DEFAULT_IALLOCATOR_PARAMS,
    PREALLOC_WIPE,
    DISK_TEMPLATES,
    USER_SHUTDOWN,
    COMPRESSION_TOOLS,
    INSTALL_IMAGE,
    ZEROING_IMAGE,
)

INIT_OPTIONS = (
    *_DEFAULTS_AND_PLACES,
    GLUSTER_STORAGE_DIR,
    CANDIDATE_POOL_SIZE,
    SECONDARY_IP,
    PRIMARY_IP_VERSION,
    UID_POOL,
    MAINTAIN_NODE_HEALTH,
    NO_ETC_HOSTS,
    NO_SSH_INIT,
    SSH_KEY_TYPE,
    SSH_KEY_BITS,
    *_DISKS_AND_IMAGES,
    *policy.CLUSTER_OPTIONS,
    *policy.SPECS_OPTIONS,
)


# -- Only of modify

MAX_RUNNING_JOBS = Opt(
    ("--max-running-jobs",), "max_running_jobs", "How many jobs run at a time", type="int"
)
MAX_TRACKED_JOBS = Opt(
    ("--max-tracked-jobs",),
    "max_tracked_jobs",
    "How many running jobs the scheduler of Ganeti 3 watches; kept on record",
    type="int",
)
ADD_UIDS = Opt(
    ("--add-uids",), "add_uids", "User ids to add to the pool, as in 2000-2099,3000", type="string"
)
REMOVE_UIDS = Opt(
    ("--remove-uids",), "remove_uids", "User ids to take from the pool", type="string"
)
RESERVED_LVS = Opt(
    ("--reserved-lvs",),
    "reserved_lvs",
    "Logical volumes that are not Ganeti's: regular expressions, separated by commas",
    type="string",
)
MODIFY_ETC_HOSTS = Opt(
    ("--modify-etc-hosts",),
    "modify_etc_hosts",
    "Write the nodes into /etc/hosts",
    type="bool",
    metavar=_YES_NO,
)
COMMUNICATION_NETWORK = Opt(
    ("--instance-communication-network",),
    "instance_communication_network",
    "Network by which instances reach the metadata service; empty for none",
    type="string",
)
DATA_COLLECTORS = Opt(
    ("--enabled-data-collectors",),
    "enabled_data_collectors",
    "Collectors of the monitoring daemon to switch on or off, as in drbd=yes,lv=no",
    type="keyval",
    default={},
)
COLLECTOR_INTERVAL = Opt(
    ("--data-collector-interval",),
    "data_collector_interval",
    "How often collectors collect, in seconds, as in lv=30",
    type="keyval",
    default={},
)
NO_QUESTIONS = Opt(
    ("--yes-do-it",),
    "yes_do_it",
    "Taken for the sake of old scripts: nothing is asked",
    "store_true",
    default=False,
)

_SUBMIT_OPTIONS = (common.DRY_RUN, common.PRIORITY, *common.SUBMIT_OPTIONS)

MODIFY_OPTIONS = (
    *_DEFAULTS_AND_PLACES,
    CANDIDATE_POOL_SIZE,
    MAX_RUNNING_JOBS,
    MAX_TRACKED_JOBS,
    UID_POOL,
    ADD_UIDS,
    REMOVE_UIDS,
    MAINTAIN_NODE_HEALTH,
    MODIFY_ETC_HOSTS,
    RESERVED_LVS,
    *_DISKS_AND_IMAGES,
    COMMUNICATION_NETWORK,
    DATA_COLLECTORS,
    COLLECTOR_INTERVAL,
    *policy.CLUSTER_OPTIONS,
    common.FORCE._replace(help="Go on when a node says that it cannot do what is wanted"),
    *_SUBMIT_OPTIONS,
)
REDIST_OPTIONS = (NO_QUESTIONS, *_SUBMIT_OPTIONS)
