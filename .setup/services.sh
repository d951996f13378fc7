#!/bin/sh
# PostgreSQL and Redis from Debian, for the tests of the executor's state. Tests start their own servers on free loopback ports, and do
# not use the services of the packages.
. "$(dirname -- "$0")/lib.sh"

# Debian keeps PostgreSQL's programs off the path.
have initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || apt postgresql
have redis-server || apt redis-server
