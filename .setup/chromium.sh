#!/bin/sh
# Chromium and its driver from Debian, for the test of the approvals page. Without them, that test is skipped and says so.
. "$(dirname -- "$0")/lib.sh"

if have chromium && have chromedriver; then exit 0; fi
(apt chromium chromium-driver) || say "no Chromium: the approvals page is not tested in a browser"
