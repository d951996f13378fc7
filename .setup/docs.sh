#!/bin/sh
# Builds the book of docs/ in target/book, with an installed mdbook, or with one that cargo builds into .callgate/ once.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
pinned=0.5.4

if have mdbook; then
    mdbook=mdbook
else
    mdbook=$state/bin/mdbook
    # Without its web server, which more than halves the build.
    [ -x "$mdbook" ] || run "install mdbook $pinned" \
        cargo install mdbook --version "$pinned" --locked --no-default-features --features search --root .callgate --target-dir .callgate/mdbook
fi
"$mdbook" build docs
