# shellcheck shell=sh
# Shared by the set-up steps: where things go, how to speak, how to install a Debian package.
# Sourced, never run. Every step is safe to run again: it looks first, and says nothing it did not do.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
state=$root/.callgate
mkdir -p "$state"

say() { printf 'set-up: %s\n' "$*" >&2; }

# fail MESSAGE [WHAT TO DO]…
fail() {
    printf 'set-up: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '        %s\n' "$line" >&2; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# at_least 1.36 1.40.0: is the second version the first or a later one?
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# run WHAT COMMAND…: a long step. It says what it does, how long it took, and shows the end of the log if it fails.
run() {
    what=$1
    shift
    log=$state/log/$(printf '%s' "$what" | tr -c 'A-Za-z0-9\n' '-').log
    mkdir -p "$state/log"
    say "$what …"
    began=$(date +%s)
    "$@" >"$log" 2>&1 &
    job=$!
    while kill -0 "$job" 2>/dev/null; do
        sleep 1
        spent=$(($(date +%s) - began))
        if [ "$spent" -gt 0 ] && [ $((spent % 20)) -eq 0 ]; then
            say "  $what: ${spent}s so far: $(tail -n 1 "$log" | cut -c 1-100)"
        fi
    done
    if wait "$job"; then
        say "$what: done in $(($(date +%s) - began))s"
    else
        tail -n 30 "$log" >&2
        fail "$what: failed; the whole log is $log"
    fi
}

# apt PACKAGE…: installs what is missing of Debian's packages, or says that it cannot.
apt() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
    done
    [ -z "$missing" ] && return 0
    have apt-get || fail "these Debian packages are needed and there is no apt-get:$missing"
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "these Debian packages are needed; as root, run:" "apt-get update && apt-get install -y$missing"
        sudo=sudo
    fi
    # A machine may have no package list yet, or one that is out of date: fetch it only when the install needs it.
    # shellcheck disable=SC2086 # a list of words
    run "install$missing" sh -c "export DEBIAN_FRONTEND=noninteractive
        $sudo apt-get install -y --no-install-recommends $missing ||
        { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $missing; }"
}
