#!/usr/bin/env bash
# How long, and in how much memory, an inventory of 100,000 roles and 50,000 buckets is collected from a server on loopback, and
# read back. Takes the program: bench/inventory/run.sh target/release/palisade [options of server.py]
set -euo pipefail
program=$(realpath "${1:?the program, such as target/release/palisade}")
shift
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
python3 "$here/server.py" "$@" > "$work/server" &
server=$!
trap 'kill -INT $server 2>/dev/null; wait $server 2>/dev/null || true; tail -n +2 "$work/server"; rm -rf "$work"' EXIT
until [ -s "$work/server" ]; do sleep 0.2; done
export AWS_ENDPOINT_URL="http://127.0.0.1:$(head -1 "$work/server")" AWS_REGION=eu-west-1
export AWS_ACCESS_KEY_ID=AKIAEXAMPLE000000001 AWS_SECRET_ACCESS_KEY=not-a-secret AWS_EC2_METADATA_DISABLED=true
cd "$work"
measured() {
  python3 - "$@" <<'PY'
import os, resource, subprocess, sys, time
started = time.time()
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"exit {code}, {time.time() - started:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of processor time, "
      f"{used.ru_maxrss / 1024:.0f} MiB at most: palisade {' '.join(sys.argv[2:])}")
PY
}
measured "$program" inventory export --output snapshot --types AWS::IAM::Role,AWS::S3::Bucket
measured "$program" inventory show --inventory snapshot
du -sh snapshot
