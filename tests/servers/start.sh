#!/usr/bin/env bash
# Starts the servers that tests run against, on loopback: moto (S3, STS, Organizations, Security Hub ...), a Trino server, the Athena
# front and a proxy that makes faults. Prints `export PALISADE_TEST_...=` lines on standard output: eval "$(tests/servers/start.sh)".
# What runs already is kept. Stop with tests/servers/stop.sh.
#
#   --without-trino           no Trino: the front serves metadata, workgroups and tables, but answers no query
#   PALISADE_TEST_INSTANCE    another set of servers beside the usual one (default: `default`)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/palisade/servers
instance=$cache/instance-${PALISADE_TEST_INSTANCE:-default}
with_trino=yes
[ "${1:-}" != --without-trino ] || with_trino=
mkdir -p "$instance"

exec 9>"$cache/lock"
flock 9
say() { echo "servers: $*" >&2; }

# Python packages, one environment per list of them.
environment=$cache/python-$(sha256sum "$here/requirements.txt" | cut -c1-12)
if [ ! -f "$environment/complete" ]; then
    say "installing Python packages into $environment"
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    touch "$environment/complete"
fi
ln -sfn "$environment" "$cache/python"
python=$environment/bin/python

# Ports are chosen once and kept in a file, so that a second start finds the same servers.
if [ ! -f "$instance/ports" ]; then
    "$python" - > "$instance/ports" <<'PYTHON'
import socket
sockets = [socket.socket() for _ in range(5)]
for name, one in zip(("moto", "athena", "faults", "trino"), sockets):
    one.bind(("127.0.0.1", 0))
    print(f"{name}={one.getsockname()[1]}")
PYTHON
fi
# shellcheck disable=SC1091
. "$instance/ports"

alive() { [ -f "$instance/$1.pid" ] && kill -0 "$(cat "$instance/$1.pid")" 2>/dev/null; }

# launch NAME HEALTH-URL COMMAND... : starts what does not run, and waits until it answers.
launch() {
    local name=$1 health=$2 waited=0
    shift 2
    if ! alive "$name"; then
        # The lock is ours, not the server's.
        nohup "$@" > "$instance/$name.log" 2>&1 9>&- < /dev/null &
        echo $! > "$instance/$name.pid"
    fi
    until curl --silent --fail --output /dev/null --max-time 2 "$health"; do
        alive "$name" || { say "$name ended:"; tail -20 "$instance/$name.log" >&2; exit 1; }
        ((waited++ < 300)) || { say "$name does not answer, see $instance/$name.log"; exit 1; }
        sleep 0.2
    done
}

aws=http://127.0.0.1:$moto
front=http://127.0.0.1:$athena
launch moto "$aws/moto-api/data.json" "$environment/bin/moto_server" --host 127.0.0.1 --port "$moto"

trino_url=
if [ -n "$with_trino" ] && [ -x "$here/trino.sh" ]; then
    export PALISADE_TRINO_PORT=$trino PALISADE_TRINO_DATA=$instance/trino PALISADE_TEST_AWS=$aws
    # Athena's own catalog: what `AwsDataCatalog` names there it names here.
    mkdir -p "$instance/trino/etc/catalog"
    cat > "$instance/trino/etc/catalog/awsdatacatalog.properties" <<EOF
connector.name=hive
hive.metastore=file
hive.metastore.catalog.dir=local://$instance/trino/athena-metastore
hive.metastore.disable-location-checks=true
hive.partition-projection-enabled=true
hive.non-managed-table-writes-enabled=true
hive.non-managed-table-creates-enabled=true
hive.ignore-absent-partitions=true
hive.allow-register-partition-procedure=true
hive.parquet.use-column-names=true
hive.recursive-directories=true
hive.max-partitions-per-scan=1000000
hive.security=allow-all
fs.native-s3.enabled=true
s3.endpoint=$aws
s3.region=us-east-1
s3.path-style-access=true
s3.aws-access-key=testing
s3.aws-secret-key=testing
EOF
    trino_url=$(cd "$instance" && "$here/trino.sh" start 9>&-)
fi

launch athena "$front/_front/health" \
    "$python" "$here/athena_front.py" --port "$athena" --s3 "$aws" --trino "$trino_url" --shadow "$instance/shadow"
launch faults "http://127.0.0.1:$faults/_microburst/health" \
    "$environment/bin/microburst" --port "$faults" --upstream "$front"

cat <<EOF
export PALISADE_TEST_AWS=$aws
export PALISADE_TEST_ATHENA=$front
export PALISADE_TEST_FAULTS=http://127.0.0.1:$faults
EOF
[ -z "$trino_url" ] || echo "export PALISADE_TEST_TRINO=$trino_url"
