#!/bin/sh
# Chromium and its driver, for the test of the approvals page: Debian's packages. Where they cannot be had, that test says so and
# is left out.
. "$(dirname -- "$0")/lib.sh"

if have chromium && have chromedriver; then exit 0; fi
(apt chromium chromium-driver) || say "no Chromium: the approvals page is not tested in a browser"
