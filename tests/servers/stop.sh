#!/usr/bin/env bash
# Stops what tests/servers/start.sh started, of the same instance. --forget removes its ports and logs, too.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
instance=${XDG_CACHE_HOME:-$HOME/.cache}/palisade/servers/instance-${PALISADE_TEST_INSTANCE:-default}

for name in faults athena moto; do
    if [ -f "$instance/$name.pid" ]; then
        pid=$(cat "$instance/$name.pid")
        # Only a process of ours: a number may be another's by now.
        if tr '\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -q -e moto_server -e athena_front -e microburst; then
            kill "$pid"
        fi
        rm -f "$instance/$name.pid"
    fi
done
if [ -f "$instance/trino/pid" ]; then
    PALISADE_TRINO_DATA=$instance/trino "$here/trino.sh" stop
fi
# What they knew is gone with them; ports and downloads are kept.
rm -rf "$instance/shadow" "$instance/trino"
[ "${1:-}" != --forget ] || rm -rf "$instance"
