#!/bin/sh
# fuzz.sh [TARGET]…: builds the fuzz targets and runs each (or the named ones) for FUZZ_SECONDS; `shell_oracle` is the test with real
# shells, on mutants of a new seed. .callgate/fuzz keeps the results:
# inputs with new coverage in corpus/, failing inputs in artifacts/.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
seconds=${FUZZ_SECONDS:-60}
pinned=0.13.2
folder=$state/fuzz
mkdir -p "$folder"

have c++ || { say "no C++ compiler: libFuzzer is built with one"; apt g++; }
PATH=$state/bin:$PATH
export PATH
if [ "$(cargo fuzz --version 2>/dev/null)" != "cargo-fuzz $pinned" ]; then
    run "install cargo-fuzz $pinned" \
        cargo install cargo-fuzz --version "$pinned" --locked --force --root "$state" --target-dir "$folder/tool"
    rm -rf "$folder/tool"
fi

# Coverage is a nightly flag; RUSTC_BOOTSTRAP lets the project's stable compiler take it. No code here is unsafe, so AddressSanitizer
# would find little and cost six sevenths of the speed. FUZZ_SANITIZER=address turns it on.
export RUSTC_BOOTSTRAP=1
sanitizer=${FUZZ_SANITIZER:-none}
host=$(rustc -vV | sed -n 's/^host: //p')
target_dir=$folder/target-$sanitizer
run "build the fuzz targets" \
    cargo fuzz build --fuzz-dir tests/fuzz --target-dir "$target_dir" --target "$host" --sanitizer "$sanitizer"

# Leak detection is off: it needs ptrace, which many containers forbid.
export ASAN_OPTIONS=detect_leaks=0
failed=
targets=${*:-$(cargo fuzz list --fuzz-dir tests/fuzz) shell_oracle}
for target in $targets; do
    if [ "$target" = shell_oracle ]; then
        if (run "fuzz $target" env CALLGATE_SHELL_SECONDS="$seconds" CALLGATE_SHELL_SEED="$(date +%s)" \
            cargo test --quiet --release -p callgate-kinds --test shell_oracle); then
            grep COVERED "$state/log/fuzz-shell-oracle.log" >&2
        else
            failed="$failed $target"
        fi
        continue
    fi
    mkdir -p "$folder/corpus/$target" "$folder/artifacts/$target"
    set -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -len_control=20 \
        -print_final_stats=1 -artifact_prefix="$folder/artifacts/$target/"
    [ ! -e "tests/fuzz/$target.dict" ] || set -- "$@" -dict="tests/fuzz/$target.dict"
    set -- "$@" "$folder/corpus/$target"
    [ ! -d "tests/fuzz/seeds/$target" ] || set -- "$@" "tests/fuzz/seeds/$target"
    if (run "fuzz $target" "$target_dir/$host/release/$target" "$@"); then
        log=$state/log/fuzz-$(printf '%s' "$target" | tr _ -).log
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
        new=$(sed -n 's/^stat::new_units_added: *//p' "$log")
        say "  $target: $runs inputs, $new of them new, $memory MB at most"
    else
        failed="$failed $target"
    fi
done

if [ -n "$failed" ]; then
    fail "broken:$failed" "the inputs are in $folder/artifacts; tests/fuzz/README.md says what to do with one"
fi
say "nothing broke"
