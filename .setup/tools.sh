#!/bin/sh
# Builds the example tools cargo cannot build: in C, in Python, and the typed ones. The result is tools/ in the target folder.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
target=${CARGO_TARGET_DIR:-target}
tools=$target/tools
mkdir -p "$tools"

# changed OUTPUT INPUT…: true if OUTPUT is missing, or older than these inputs
changed() {
    output=$1
    shift
    sum=$(sha256sum "$@" | sha256sum | cut -d ' ' -f 1)
    [ ! -f "$output" ] || [ "$(cat "$output.inputs" 2>/dev/null)" != "$sum" ]
}

# made: records the inputs of the last `changed` output.
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
    # In a copy, because Python writes compiled files next to the source.
    rm -rf "$tools/describe"
    mkdir -p "$tools/describe"
    cp "$describe/app.py" "$tools/describe"
    run "make a component of the example tool in Python" \
        "$state/componentize-py/bin/componentize-py" -d "$wit" -w tool componentize app -p "$tools/describe" -o "$output"
    made
fi
