#!/bin/sh
# PostgreSQL and Redis, for the tests of what the executor keeps in them: Debian's packages. Tests start servers of their own, on
# free ports of loopback; what the packages start as services is not used.
. "$(dirname -- "$0")/lib.sh"

# Debian keeps PostgreSQL's programs off the path.
have initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || apt postgresql
have redis-server || apt redis-server
