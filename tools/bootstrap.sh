# Python and the checkout's own environment, for ./quickstart and ./runtests.
#
# To be sourced with $root set to the checkout. Afterwards
# "$root/.venv/bin/python3" has what was asked for, and the checkout on its
# path. Nothing outside the checkout is changed, but that root gets missing
# Debian packages installed.

# Print the path of a Python that will do.
find_python() {
    for name in python3.11 python3.12 python3.13 python3.14 python3 /usr/bin/python3; do
        found=$(command -v "$name") || continue
        if "$found" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            echo "$found"
            return 0
        fi
    done
    return 1
}

# can_install: whether packages can be installed here.
can_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

# need_packages WHAT PACKAGE...: install Debian packages, or say what root has to do.
# Packages that are there are never removed for it.
need_packages() {
    what=$1
    shift
    if can_install; then
        echo "Installing $*" >&2
        { install_packages "$@" || { apt-get update -qq && install_packages "$@"; }; } \
            </dev/null >/dev/null && return 0
    fi
    echo "$what is missing: as root, run: apt-get install $*" >&2
    return 1
}

install_packages() {
    DEBIAN_FRONTEND=noninteractive \
        apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=30 \
        install -qq -y --no-remove --no-install-recommends "$@"
}

# make_venv SET...: an environment with what tools/requirements*.txt of each set lists.
# Sets are "run" and "test"; "libvirt" comes with make_guests.
make_venv() {
    mkdir -p "$root/.cache" || return 1
    (
        # Two at once would spoil it for each other.
        flock -w 600 9 || exit 1
        for set in "$@"; do
            have_set "$set" || install_set "$set" || exit 1
        done
    ) 9>"$root/.cache/bootstrap.lock"
}

# make_guests: what real virtual machines need, as far as it can be had. That it cannot is no
# failure: whoever wants to run one says what is missing. Nothing is done when all is there.
make_guests() {
    [ "$(uname -m)" = x86_64 ] || return 0
    set --
    command -v qemu-system-x86_64 >/dev/null || set -- "$@" qemu-system-x86
    [ -e "$(ls -d /usr/lib*/*/libvirt/connection-driver/libvirt_driver_qemu.so 2>/dev/null | head -n 1)" ] ||
        set -- "$@" libvirt-daemon-driver-qemu
    command -v busybox >/dev/null || set -- "$@" busybox-static
    command -v mke2fs >/dev/null || [ -x /sbin/mke2fs ] || set -- "$@" e2fsprogs
    if ! have_set libvirt; then
        command -v gcc >/dev/null || set -- "$@" gcc libc6-dev
        pkg-config --exists libvirt 2>/dev/null || set -- "$@" libvirt-dev pkg-config
        has_headers || set -- "$@" python3-dev
    fi
    if [ $# != 0 ]; then
        can_install || return 0
        need_packages "What real virtual machines need" "$@" || return 0
    fi
    # libvirt wants to know this user, also where it never uses it.
    if [ "$(id -u)" = 0 ] && ! getent passwd libvirt-qemu >/dev/null; then
        useradd --system --user-group --home-dir /var/lib/libvirt --no-create-home \
            --shell /usr/sbin/nologin --comment "Libvirt Qemu" libvirt-qemu || return 0
    fi
    have_set libvirt || (flock -w 600 9 && install_extra libvirt) 9>"$root/.cache/bootstrap.lock"
    return 0
}

# Whether Python's extensions can be built.
has_headers() {
    "$root/.venv/bin/python3" -I -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

# A set without which all else works: one that fails leaves the environment as it was.
install_extra() {
    echo "Installing Python packages ($1) into .venv" >&2
    PIP_CACHE_DIR=${PIP_CACHE_DIR:-$root/.cache/pip} PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$root/.venv/bin/python3" -I -m pip install -qq --no-input --retries 1 \
        -r "$(requirements_of "$1")" </dev/null &&
        stamp_of "$1" >"$root/.venv/installed-$1"
}

requirements_of() {
    case $1 in
    libvirt) echo "$root/tools/requirements-libvirt.txt" ;;
    run) echo "$root/tools/requirements.txt" ;;
    test) echo "$root/tools/requirements-test.txt" ;;
    esac
}

# What the stamp of a set must say: it changes with the list, and when the checkout moves.
stamp_of() {
    echo "$root $(cksum <"$(requirements_of "$1")")"
}

have_set() {
    [ ! -e "$root/.venv/interrupted" ] &&
        [ "$(cat "$root/.venv/installed-$1" 2>/dev/null)" = "$(stamp_of "$1")" ] &&
        "$root/.venv/bin/python3" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The mark stays when this is interrupted or fails, and the next run begins anew.
install_set() {
    if [ -e "$root/.venv/interrupted" ] || ! belongs_here; then
        fresh_venv || return 1
    fi
    : >"$root/.venv/interrupted" || return 1
    echo "Installing Python packages ($1) into .venv" >&2
    PIP_CACHE_DIR=${PIP_CACHE_DIR:-$root/.cache/pip} PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$root/.venv/bin/python3" -I -m pip install -qq --no-input \
        -r "$(requirements_of "$1")" </dev/null || return 1
    stamp_of "$1" >"$root/.venv/installed-$1" && rm "$root/.venv/interrupted"
}

# Whether .venv works, and was made for the place where the checkout is now.
belongs_here() {
    [ "$(cat "$root"/.venv/lib/python3*/site-packages/ganeti-checkout.pth 2>/dev/null)" = "$root" ] &&
        "$root/.venv/bin/python3" -I -c 'import pip' 2>/dev/null
}

fresh_venv() {
    python=$(find_python) || { need_packages "Python 3.11 with venv" python3 python3-venv && python=$(find_python); } ||
        return 1
    rm -rf "$root/.venv"
    mkdir "$root/.venv" && : >"$root/.venv/interrupted" &&
        "$python" -m venv "$root/.venv" || return 1
    # A .pth file and not "pip install -e", which hides the twistd plugins.
    for site in "$root"/.venv/lib/python3*/site-packages; do
        echo "$root" >"$site/ganeti-checkout.pth" || return 1
    done
}
