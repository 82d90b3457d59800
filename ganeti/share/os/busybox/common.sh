# Shared by the scripts of this OS definition. They need no root rights: file
# systems are made and changed in place by e2fsprogs, nothing is mounted. And
# they leave nothing behind when they are killed.

FILESYSTEM=${OSP_FILESYSTEM:-ext4}

fail() {
    echo "$*" >&2
    exit 1
}

# Give this process a file without a name, as descriptor 3, 4 or 5; debugfs(8)
# copies from such a file, but not from a pipe.
nameless_file() {
    name=$(mktemp) || exit 1
    eval "exec $1<>\"\$name\""
    rm "$name"
}

# Whether a disk holds a file system that debugfs can change.
is_ext() {
    command -v debugfs >/dev/null && dumpe2fs -h "$1" >/dev/null 2>&1
}

# debugfs reports what fails on stderr only: look whether the name is there.
check_hostname() {
    [ "$(debugfs -R 'cat /etc/hostname' "$1" 2>/dev/null)" = "$INSTANCE_NAME" ] ||
        fail "$INSTANCE_NAME could not be written to $1"
}
