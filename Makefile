# The developers' chores. `make` alone lists them; `make setup` is all an operator needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup test test-all test-lowest lint format demo wheelhouse lock clean

BIN := .venv/bin
UV := .venv-lock/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--custom-compile-command "make lock" pyproject.toml

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## make .venv from requirements.lock; as root also install the Debian packages the lab needs
	@setup/setup.sh

lint: setup ## style, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: lint ## lint, then every test but the slow ones; the lab's tests start their own labs
	$(BIN)/pytest -m "not slow"

test-all: lint ## lint, then every test, and a million mutations of what the parsers read
	$(BIN)/pytest
	$(BIN)/pytest tests/parsers --mutations 1000000 -k mutated --timeout 1800

# Left out: what looks at the tree alone, and at files generated with the locked versions.
test-lowest: ## the tests that need no lab, with the oldest libraries that pyproject.toml admits
	@setup/setup.sh .venv-lowest requirements-lowest.lock
	.venv-lowest/bin/pytest -m "not lab and not slow" --ignore tests/architecture --ignore tests/docs

format: setup ## put the source into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: setup ## a cluster on this machine, broken and mended before your eyes
	$(BIN)/inv demo

wheelhouse: setup ## for machines without a network: PIP_NO_INDEX=1 PIP_FIND_LINKS=dist/wheelhouse make setup
	$(BIN)/python -m pip download -qq --require-hashes --only-binary :all: --dest dist/wheelhouse -r requirements.lock

lock: ## resolve pyproject.toml anew into requirements.lock and requirements-lowest.lock
	test -x $(UV) || { python3 -m venv .venv-lock && .venv-lock/bin/pip install -qq 'uv>=0.9,<1'; }
	$(COMPILE) --upgrade --group dev --output-file requirements.lock
	$(COMPILE) --upgrade --group test --group lab --resolution lowest-direct --output-file requirements-lowest.lock

clean: ## remove what was made here: environments, caches, bytecode
	rm -rf .venv .venv-lowest .venv-lock .venv-bench dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.lab/*' -prune -exec rm -rf {} +
