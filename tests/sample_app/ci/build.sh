#!/usr/bin/env bash
# The application's own build: install it, run its unit tests, leave a JUnit report for the pipeline.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 -m venv build/venv
build/venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt "pytest>=8,<10"
build/venv/bin/python -m pytest -p no:cacheprovider --junitxml=build/reports/unit.xml unit_tests
