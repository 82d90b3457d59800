# Shared by the scripts of this OS definition. They need no root rights: file
# systems are made and changed in place by e2fsprogs, nothing is mounted.

FILESYSTEM=${OSP_FILESYSTEM:-ext4}

fail() {
    echo "$*" >&2
    exit 1
}

# A folder for files on their way into an image.
make_scratch() {
    SCRATCH=$(mktemp -d) || exit 1
    trap 'rm -rf "$SCRATCH"' EXIT
    trap 'exit 1' HUP INT TERM
}

# Whether a disk holds a file system that debugfs can change.
is_ext() {
    command -v debugfs >/dev/null && debugfs -R stats "$1" >/dev/null 2>&1
}

write_hostname() {
    echo "$INSTANCE_NAME" >"$1"
}
