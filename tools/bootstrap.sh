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

# Install Debian packages, or say what root has to do.
need_packages() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $*" >&2
        {
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$@" ||
                { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$@"; }
        } </dev/null >/dev/null && return 0
    fi
    echo "Python 3.11 with venv is missing: as root, run: apt-get install $*" >&2
    return 1
}

# make_venv SET...: an environment with what tools/requirements*.txt of each set lists.
# Sets are "run" and "test".
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

requirements_of() {
    case $1 in
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
    python=$(find_python) || { need_packages python3 python3-venv && python=$(find_python); } ||
        return 1
    rm -rf "$root/.venv"
    mkdir "$root/.venv" && : >"$root/.venv/interrupted" &&
        "$python" -m venv "$root/.venv" || return 1
    # A .pth file and not "pip install -e", which hides the twistd plugins.
    for site in "$root"/.venv/lib/python3*/site-packages; do
        echo "$root" >"$site/ganeti-checkout.pth" || return 1
    done
}
