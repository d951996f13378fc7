#!/bin/sh
# Runs the tests of the native module under valgrind. They call its exported hooks, in front of a fake Envoy.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
have valgrind || fail "valgrind is not installed" "on Debian: apt-get install valgrind"

# The test's program, from cargo's messages.
program=$(cargo test --quiet --package callgate-native --lib --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -x "$program" ] || fail "cargo built no test of callgate-native"
valgrind --quiet --error-exitcode=1 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --fair-sched=yes \
    "$program" --test-threads=1
say "valgrind found nothing in $(basename "$program")"
