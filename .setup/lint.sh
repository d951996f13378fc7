#!/bin/sh
# lint.sh -p CRATE…: prose, names, spelling, format, clippy, dependencies, contracts, imports. The CRATEs exist only as wasm.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
failed=

# check NAME COMMAND…: continues after a failure, so one run shows all of them.
check() {
    printf '\n=== %s ===\n' "$1"
    name=$1
    shift
    "$@" || failed="$failed
  $name"
}

# The command is installed wherever contracts are written: it must not link a sandbox, a server or a client of a database.
command_is_small() {
    linked=$(cargo tree --locked -p callgate -e normal --prefix none |
        grep -E '^(axum|callgate-executor|callgate-sandbox|redis|tokio-postgres|tonic|wasmtime) v' | sort -u)
    [ -z "$linked" ] || {
        printf 'src/cli must not link:\n%s\n' "$linked"
        return 1
    }
}

check "prose" .setup/prose.py
check "names" .setup/names.py
check "spelling" "$state/checkers/bin/typos"
check "format" cargo fmt --all --check
check "the command links no server" command_is_small
check "clippy, native" cargo clippy --all-targets --quiet -- -D warnings
if [ "$(cat "$state/wasm-toolchain")" = rustup ]; then
    check "clippy, wasm" cargo clippy --profile wasm --quiet --target wasm32-wasip1 "$@" -- -D warnings
else
    # Debian's toolchain lacks clippy, and rustup's lacks std for this target here.
    check "clippy, wasm-only crates checked natively" cargo clippy --quiet "$@" -- -D warnings
fi

deny=
if cargo deny --version >/dev/null 2>&1; then
    deny="cargo deny"
elif [ -x "$state/bin/cargo-deny" ]; then
    deny="$state/bin/cargo-deny"
fi
if [ -n "$deny" ]; then
    # shellcheck disable=SC2086 # a command and its word
    check "dependencies" $deny check bans licenses sources
    printf '\n=== advisories ===\n'
    # This check downloads the advisory database, so it is skipped without a network.
    # shellcheck disable=SC2086
    if $deny fetch db >/dev/null 2>&1; then
        check "advisories" $deny check advisories
    else
        echo "left out: the advisory database cannot be fetched from here"
    fi
else
    printf '\n=== dependencies ===\nleft out: cargo-deny is not installed; "make deny-tool" installs it here (about 5 minutes, once)\n'
fi

# Only the checks' own needs, so lint builds neither the executor nor the tests.
check "build the filter" .setup/cargo-wasm build --quiet --profile wasm -p callgate-filter
check "build the checks" cargo build --quiet --profile demo -p callgate -p wasm-imports
target=$(target_folder)
check "the filter's imports" "$target/demo/wasm-imports" "$target/wasm32-wasip1/wasm/callgate_filter.wasm"
check "example contracts" "$target/demo/callgate" lint contracts/*/contract.yaml contracts/agents/*.yaml
check "generated pages" .setup/docs.py --check

if [ -n "$failed" ]; then
    printf '\nfailed:%s\n' "$failed"
    exit 1
fi
printf '\nlint: all good\n'
