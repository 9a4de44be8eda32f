# Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 4

.PHONY: help run tour test check format bench lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(VENV)/.ready: .ci/requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement .ci/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv-swift/.ready: .ci/swift.lock
	$(PYTHON) -m venv .venv-swift
	.venv-swift/bin/python -m pip install --quiet --require-hashes --requirement .ci/swift.lock
	touch $@

run: $(VENV)/.ready ## a server for tests on this machine, and what to try with it
	@$(BIN)/mox-trio localserve

tour: $(VENV)/.ready ## a store with a sample mailbox in a temporary directory, made by commands that are shown
	@$(BIN)/python -m mox_trio.cli.tour

test: check .venv-swift/.ready ## checks and the whole test suite
	@.ci/system
	$(BIN)/python -m pytest -n $(JOBS) --dist=worksteal

check: $(VENV)/.ready ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.ready ## rewrite in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.ready ## print the figures of bench/
	$(BIN)/python -m bench

lock: $(VENV)/.ready ## renew the locks from pyproject.toml
	$(PYTHON) .ci/lock.py

clean: ## remove what the targets made
	rm -rf $(VENV) .venv-swift build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
