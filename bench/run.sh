#!/usr/bin/env bash
# The whole benchmark with one command: `bench/run.sh`, a few minutes of it with `bench/run.sh --quick`.
# Makes the Python environment if there is none, then hands over to run.py; `bench/run.sh --help` lists the options.
set -euo pipefail
cd "$(dirname "$0")"
if ! cmp --silent requirements.txt .venv/installed.txt; then
  python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --requirement requirements.txt
  cp requirements.txt .venv/installed.txt
fi
exec .venv/bin/python run.py "$@"
