#!/bin/sh
# The example tools that cargo does not make: in C, in Python, and of the typed world. They go to tools/ in the target folder.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
target=${CARGO_TARGET_DIR:-target}
tools=$target/tools
mkdir -p "$tools"

# changed OUTPUT INPUT…: is OUTPUT missing, or made of other inputs than these?
changed() {
    output=$1
    shift
    sum=$(sha256sum "$@" | sha256sum | cut -d ' ' -f 1)
    [ ! -f "$output" ] || [ "$(cat "$output.inputs" 2>/dev/null)" != "$sum" ]
}

# made: the output that was asked about is there, of the inputs that were named.
made() { printf '%s\n' "$sum" >"$output.inputs"; }

if changed "$tools/iban.wasm" contracts/tool-desk/tools/iban/iban.c; then
    clang-19 --target=wasm32-wasi --sysroot=/usr -std=c17 -O2 -s -Wall -Wextra -Werror -o "$output" contracts/tool-desk/tools/iban/iban.c
    made
fi

for tool in units payment; do
    module=$target/wasm32-wasip1/wasm/callgate_tool_$tool.wasm
    if changed "$tools/$tool.wasm" "$module" "$target/release/componentize"; then
        "$target/release/componentize" "$module" "$output"
        made
    fi
done

wit=src/sandbox/wit
describe=contracts/tool-desk/tools/describe
if changed "$tools/describe.wasm" "$wit/tool.wit" "$describe/app.py" "$describe/requirements.txt"; then
    # In a copy, because Python leaves what it compiled beside the source.
    rm -rf "$tools/describe"
    mkdir -p "$tools/describe"
    cp "$describe/app.py" "$tools/describe"
    run "make a component of the example tool in Python" \
        "$state/componentize-py/bin/componentize-py" -d "$wit" -w tool componentize app -p "$tools/describe" -o "$output"
    made
fi
