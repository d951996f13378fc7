#!/bin/sh
# promtool and Prometheus from Debian, for the tests of rules and dashboard. The package is unpacked here and not installed: installed, it
# starts a server on every address. Without it, those tests are skipped and say so.
. "$(dirname -- "$0")/lib.sh"
into=$state/prometheus

if have promtool && have prometheus; then exit 0; fi
if [ -x "$into/promtool" ] && [ -x "$into/prometheus" ]; then exit 0; fi
# The package list may be missing or out of date. It is fetched only if the download fails.
unpack() {
    rm -rf "$into"
    mkdir -p "$into/package"
    cd "$into/package"
    apt-get download prometheus || { apt-get update && apt-get download prometheus; }
    dpkg-deb -x prometheus_*.deb .
    mv usr/bin/promtool usr/bin/prometheus "$into/"
    cd "$root"
    rm -rf "$into/package"
}
if ! have apt-get || ! (run "unpack prometheus" unpack); then
    rm -rf "$into"
    say "no Prometheus: rules and dashboard are not tested with it"
fi
