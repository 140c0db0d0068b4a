#!/usr/bin/env bash
# The application's own build: install it, run its unit tests, leave a JUnit report for the pipeline.
set -euo pipefail
cd "$(dirname "$0")/.."
# Into a folder of its own: a virtual environment would be made for nothing but this. What the tests import is compiled then.
python3 -m pip install --quiet --disable-pip-version-check --no-compile --upgrade --target build/packages \
  --requirement requirements.txt "pytest>=8,<10"
PYTHONPATH=build/packages python3 -m pytest -p no:cacheprovider --junitxml=build/reports/unit.xml unit_tests
