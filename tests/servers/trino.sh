#!/usr/bin/env bash
# A Trino server for tests, on loopback: tests/servers/trino.sh start|stop|url
#
# `start` puts the server together from Maven Central on its first run (about 260 MB, a minute), starts it, waits until it answers, and
# prints its address: PALISADE_TEST_TRINO for the tests. A server that runs already is kept. It needs Java 17, Maven, curl and unzip.
#
# PALISADE_TRINO_PORT     where it listens (18080)
# PALISADE_TRINO_MEMORY   its heap (1500m)
# PALISADE_TRINO_DATA     where its tables and logs are (beside the jars); a second server needs its own, and its own port
# PALISADE_TEST_AWS       the S3 that its tables may lie in, such as http://127.0.0.1:5000
set -euo pipefail

version=435
central=https://repo.maven.apache.org/maven2/io/trino
hive_sha256=c3a64f7536e573df951807f0d142417806cab48a50033653abdfc7e0410ef09e
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${XDG_CACHE_HOME:-$HOME/.cache}/palisade/servers/trino-$version
data=${PALISADE_TRINO_DATA:-$home/data}
port=${PALISADE_TRINO_PORT:-18080}
url=http://127.0.0.1:$port
s3=${PALISADE_TEST_AWS:-http://127.0.0.1:5000}

say() { echo "trino: $*" >&2; }

started() { curl -fsS -m 2 "$url/v1/info" 2>/dev/null | grep -q '"starting":false'; }

running() { [[ -f $data/pid ]] && kill -0 "$(cat "$data/pid")" 2>/dev/null; }

install() {
  [[ -f $home/complete ]] && return
  say "putting the server together in $home"
  mkdir -p "$home"
  local work
  work=$(mktemp -d "$home/install.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  mvn -q -B -f "$here/trino/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work/lib" >&2
  curl -fsS --retry 3 -o "$work/hive.zip" "$central/trino-hive/$version/trino-hive-$version.zip"
  echo "$hive_sha256  $work/hive.zip" | sha256sum --check --quiet
  unzip -q "$work/hive.zip" -d "$work"
  javac -cp "$work/lib/*" -d "$work/lib" "$here/trino/Start.java"
  local hive=$work/trino-hive-$version
  mkdir "$hive/hdfs"
  javac -cp "$work/lib/*:$hive/*" -d "$work/local" "$here/trino/io/trino/filesystem/hdfs/HdfsFileSystemManager.java"
  jar --create --file "$hive/hdfs/local.jar" -C "$work/local" .
  cp "$hive/trino-filesystem-$version.jar" "$hive/hdfs/"
  rm -rf "$home/lib" "$home/plugin"
  mkdir -p "$home/plugin"
  mv "$work/lib" "$home/lib"
  mv "$hive" "$home/plugin/hive"
  touch "$home/complete"
}

configure() {
  mkdir -p "$data/etc/catalog" "$data/metastore"
  cat > "$data/etc/config.properties" <<EOF
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=$port
node.internal-address=127.0.0.1
discovery.uri=$url
catalog.management=static
catalog.config-dir=$data/etc/catalog
plugin.dir=$home/plugin
query.max-memory=800MB
query.max-memory-per-node=800MB
memory.heap-headroom-per-node=300MB
query.max-length=1000000
http-server.log.enabled=false
query.max-history=200
query.min-expire-age=1m
task.concurrency=2
task.max-worker-threads=4
EOF
  cat > "$data/etc/log.properties" <<EOF
io.trino=WARN
io.airlift=WARN
Bootstrap=WARN
org.glassfish.jersey=ERROR
EOF
  cat > "$data/etc/catalog/hive.properties" <<EOF
connector.name=hive
hive.metastore=file
hive.metastore.catalog.dir=local://$data/metastore
hive.metastore.disable-location-checks=true
hive.partition-projection-enabled=true
hive.non-managed-table-writes-enabled=true
hive.non-managed-table-creates-enabled=true
hive.parquet.use-column-names=true
hive.recursive-directories=true
hive.max-partitions-per-scan=1000000
hive.ignore-absent-partitions=true
hive.allow-register-partition-procedure=true
hive.security=allow-all
fs.native-s3.enabled=true
s3.endpoint=$s3
s3.region=us-east-1
s3.path-style-access=true
s3.aws-access-key=testing
s3.aws-secret-key=testing
EOF
}

start() {
  if started; then
    say "is running"
  else
    install
    configure
    cd "$data"
    nohup java -Xmx"${PALISADE_TRINO_MEMORY:-1500m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m \
      -Djdk.attach.allowAttachSelf=true -Djava.net.preferIPv4Stack=true -Duser.timezone=UTC -Dfile.encoding=UTF-8 \
      --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/java.lang=ALL-UNNAMED \
      -Dconfig="$data/etc/config.properties" -Dlog.levels-file="$data/etc/log.properties" \
      -Dnode.environment=test -Dnode.id=palisade -Dnode.data-dir="$data" -Dnode.bind-ip=127.0.0.1 -Dnode.internal-address=127.0.0.1 \
      -cp "$home/lib:$home/lib/*" Start > "$data/server.log" 2>&1 &
    echo $! > "$data/pid"
    local waited=0
    until started; do
      running || { say "the server ended:"; tail -20 "$data/server.log" >&2; exit 1; }
      ((waited++ < 180)) || { say "not ready after 3 minutes, see $data/server.log"; exit 1; }
      sleep 1
    done
    say "ready after $waited s"
  fi
  echo "$url"
}

stop() {
  if running; then
    kill "$(cat "$data/pid")"
    while running; do sleep 0.2; done
    say "stopped"
  fi
  rm -f "$data/pid"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  url) echo "$url" ;;
  *) say "usage: trino.sh start|stop|url"; exit 2 ;;
esac
