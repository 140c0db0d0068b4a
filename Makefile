# Each target sets up what it needs. On a fresh machine: Python >= 3.11, Node >= 20 (22 advised), Terraform.
PYTHON ?= python3
BIN := .venv/bin
# Compiled modules are kept: the synthesis is twice as fast with them.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup synth test test-rehearsal check apply-local rehearse prove bench mutate mutate-output lock schema clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

.venv/.synth: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@command -v node >/dev/null || { echo "Node >= 20 is needed (22 advised): cdktf runs on it" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m modules.bindings
	@touch $@

.venv/.dev: .venv/.synth requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

node_modules/.done: package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# checkov and cfn-lint pin other versions of what the app uses: a virtual environment of their own. Most of it is never imported:
# what is, is compiled then.
.venv-check/.done: requirements-check.lock
	$(PYTHON) -m venv .venv-check
	.venv-check/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-check.lock
	@touch $@

# The emulator that runs the functions pins its botocore, too.
.venv-emulator/.done: requirements-emulator.lock
	$(PYTHON) -m venv .venv-emulator
	.venv-emulator/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-emulator.lock
	@touch $@

setup: .venv/.synth  ## .venv with pinned, hashed dependencies

synth: .venv/.synth  ## pipelines.yaml -> cdktf.out/ (PIPELINES=other.yaml for another file)
	@$(BIN)/python main.py

# Two more than there are processors: as many mostly wait, for Terraform to deploy to an emulator.
WORKERS := $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 2)')

# What a target needs is made side by side: one downloads while another unpacks.
READY = @$(MAKE) --no-print-directory --jobs=4

test:  ## all tests
	$(READY) .venv/.dev .venv-emulator/.done node_modules/.done
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

test-rehearsal:  ## every scenario of the rehearsal as a test; `make test` leaves out two that say little more
	$(READY) .venv/.dev .venv-emulator/.done
	PATH="$(CURDIR)/$(BIN):$$PATH" SCENARIOS=all $(BIN)/python -m pytest tests/rehearsal/test_scenarios.py $(PYTEST_ARGS)

FUNCTIONS := $(notdir $(patsubst %/handler.py,%,$(wildcard lambdas/*/handler.py)))

check:  ## linters, types, public checkers
	$(READY) .venv/.dev .venv-check/.done .venv-emulator/.done
	@$(MAKE) --no-print-directory --jobs=2 checked-source checked-output

# Side by side: without a cache the types alone, of all that the AWS bindings hold, take as long as everything else.
.PHONY: checked-source checked-output
checked-source:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy main.py modules stacks tools
	cd buildspecs/scripts && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml .
	for function in $(FUNCTIONS); do (cd lambdas/$$function && MYPYPATH=.. $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml .) || exit 1; done

checked-output:
	$(BIN)/yamllint --strict pipelines.yaml buildspecs docs tests tools
	$(BIN)/python -m tools.check_output $(CHECKERS)

apply-local:  ## deploy, plan again, use and destroy pipelines.yaml on an emulated account (7 minutes, offline)
	$(READY) .venv/.dev .venv-emulator/.done node_modules/.done
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tools.apply_local $(ARGS)

# Neither linters nor npm: who rehearses on a fresh machine waits for nothing else.
rehearse:  ## a commit through the pipelines on this machine (SCENARIO=name or all, LIST=1, MATRIX=1, REPORTS=folder to keep)
	$(READY) .venv/.dev .venv-emulator/.done
	@PATH="$(CURDIR)/$(BIN):$$PATH" SCENARIO="$(SCENARIO)" LIST="$(LIST)" MATRIX="$(MATRIX)" REPORTS="$(REPORTS)" $(BIN)/python -m tools.rehearse $(ARGS)

prove: .venv/.dev  ## what only your AWS account can show (ARGS="--run payments --limit-usd 5.00"; docs/proof.md)
	@$(BIN)/python -m tools.prove_on_aws $(ARGS)

bench: .venv/.dev  ## time and memory: make synth against the plain import of the bindings, the findings importer, a review of 5,000 objects
	$(BIN)/python tools/bench.py
	$(BIN)/python tools/bench_importer.py
	$(BIN)/python tools/bench_plan_review.py

mutate: .venv/.dev  ## what the tests of gate, guard, identity and severities do not notice (20 minutes; ARGS=gate for some files)
	$(BIN)/python -m tools.mutate $(ARGS)

mutate-output: .venv/.dev .venv-emulator/.done  ## what no test notices of an output made weaker (30 minutes; ARGS=trust for some kinds)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tools.mutate_output $(ARGS)

UV := uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet
lock:  ## write the lock files anew from pyproject.toml (needs uv)
	$(UV) --universal pyproject.toml --group dev -o requirements-dev.lock
	$(UV) --universal pyproject.toml -c requirements-dev.lock -o requirements.lock
	$(UV) --universal --group check -o requirements-check.lock
	$(UV) --universal --group emulator -o requirements-emulator.lock

schema: .venv/.synth  ## pipelines.schema.json from stacks/settings.py
	$(BIN)/python -m stacks.settings > pipelines.schema.json

clean:  ## remove what setup and synth made; never state files
	rm -rf .venv .venv-check .venv-emulator node_modules cdktf.out .pytest_cache .mypy_cache .ruff_cache
