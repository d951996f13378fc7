#!/bin/sh
# Runs the tests of the native module under AddressSanitizer, and under valgrind. They call its exported hooks, in front of a fake Envoy.
# Then loads a module with AddressSanitizer in the real Envoy.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
have valgrind || fail "valgrind is not installed" "on Debian: apt-get install valgrind"

# program [OPTION]…: builds the tests, and prints the path of their program, from cargo's messages.
program() {
    cargo test --quiet --package callgate-native --lib --no-run --message-format json "$@" |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

# It sees what valgrind does not: accesses beyond an object on the stack or of a static. The flag is a nightly one; RUSTC_BOOTSTRAP lets
# the project's stable compiler take it. Code of the standard library is not instrumented, its allocations are.
host=$(rustc -vV | sed -n 's/^host: //p')
runtime=$(find "$(rustc --print sysroot)/lib/rustlib/$host/lib" -name 'librustc*_rt.asan.a' 2>/dev/null | head -n 1)
if [ -n "$runtime" ]; then
    address=$(RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address program --target "$host" --target-dir "$(target_folder)/address")
    [ -x "$address" ] || fail "cargo built no test of callgate-native with AddressSanitizer"
    # Leaks are valgrind's: finding them needs ptrace, which many containers forbid.
    ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1 "$address"
    say "AddressSanitizer found nothing in $(basename "$address")"

    # The runtime is linked into the module, and checks the module's own memory. It cannot be preloaded: a malloc of the loader's, during
    # its start, reaches Envoy's tcmalloc, which calls functions that the runtime has not resolved yet.
    dist=${CALLGATE_DIST:-$root/dist}
    if [ -x "${ENVOY_BIN:-$state/envoy/envoy}" ] && [ -x "$dist/callgate-executor" ]; then
        folder=$(target_folder)/address
        RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo rustc --quiet --package callgate-native --lib --crate-type cdylib \
            --target "$host" --target-dir "$folder" -- -C link-arg=-Wl,--whole-archive -C "link-arg=$runtime" \
            -C link-arg=-Wl,--no-whole-archive -C link-arg=-lm -C link-arg=-ldl -C link-arg=-lrt -C link-arg=-lpthread
        mkdir -p "$folder/dist"
        ln -sf "$dist"/callgate "$dist"/callgate-executor "$folder/dist/"
        put "$folder/$host/debug/libcallgate.so" "$folder/dist/libcallgate.so"
        # A bound on the quarantine of freed memory, which would look like growth.
        ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0:detect_stack_use_after_return=1:quarantine_size_mb=8 \
            CALLGATE_DIST=$folder/dist CALLGATE_HOST=native CALLGATE_LOAD_EXCHANGES=0 \
            cargo test --quiet --release --test load
        say "AddressSanitizer found nothing in the module under load, in the real Envoy"
    else
        say "SKIPPED: the load in the real Envoy under AddressSanitizer: dist/ or Envoy is missing (make build)"
    fi
else
    say "SKIPPED: AddressSanitizer: $(rustc --version) has no runtime of it for $host (rustup's has one)"
fi

plain=$(program)
[ -x "$plain" ] || fail "cargo built no test of callgate-native"
valgrind --quiet --error-exitcode=1 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --fair-sched=yes \
    "$plain" --test-threads=1
say "valgrind found nothing in $(basename "$plain")"
