#!/bin/sh
# Debian's clang for WASI preview 1, with its C library and run-time, for the example tool in C.
. "$(dirname -- "$0")/lib.sh"
apt clang-19 wasi-libc libclang-rt-19-dev-wasm32 lld-19
