#!/bin/sh
# Renews requirements.lock and requirements-test.lock: all hashes, for Python 3.11 to 3.13, no registry address.
set -eu
cd "$(dirname "$0")/.."
# keyring and msal come along: whoever starts with ./run must be able to log in at any provider.
for pair in "requirements.lock:--extra keyring --extra oauth" "requirements-test.lock:--extra test"; do
    # shellcheck disable=SC2086  # options
    .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
        ${pair#*:} pyproject.toml tools/build-requirements.txt -o "${pair%%:*}"
done
