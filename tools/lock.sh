#!/bin/sh
# Renews requirements.lock and requirements-test.lock: all hashes, for Python 3.11 to 3.13, no registry address.
set -eu
cd "$(dirname "$0")/.."
for pair in "requirements.lock:" "requirements-test.lock:--extra test"; do
    # shellcheck disable=SC2086  # options
    .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
        ${pair#*:} pyproject.toml tools/build-requirements.txt -o "${pair%%:*}"
done
