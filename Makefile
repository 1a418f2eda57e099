# Everything starts here; `make` alone lists it. All of it works from nothing but Python 3.11 to 3.13.

.DEFAULT_GOAL := help
.PHONY: help run test check fix lock clean setup setup-dev
MAKEFLAGS += --no-print-directory

# The first that runs and has a version we support; name another: make run PYTHON=/path/to/python3.12
PYTHON = $(shell for python in .venv/bin/python python3 python3.13 python3.12 python3.11; do \
  $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
SETUP = @python='$(PYTHON)'; [ -n "$$python" ] || { \
  echo "Broadsheet needs Python 3.11, 3.12 or 3.13, and found none on PATH. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }; \
  "$$python" tools/setup.py
BIN = .venv/bin
PORT_SETTINGS = $(if $(PORT),BROADSHEET_PORTAL_ORIGIN=http://localhost:$(PORT) BROADSHEET_CONTENT_ORIGIN=http://127.0.0.1:$(PORT))
TESTS ?= tests

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup  ## Start the portal with everything it needs at http://localhost:8000 (another port: make run PORT=8001)
	@$(PORT_SETTINGS) exec $(BIN)/python manage.py up --leashed

test: setup-dev  ## Run the tests (some of them: make test TESTS=tests/launch)
	$(BIN)/python -m pytest $(TESTS)

check: setup-dev  ## Format, lint, types, import directions, templates, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djhtml --check templates
	$(BIN)/python manage.py makemigrations --check --dry-run

fix: setup-dev  ## Repair what can be repaired by machine
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djhtml templates

# Universal: one lock for Linux, macOS and every supported Python. The Redis wheel exists for one platform.
COMPILE = .venv/uv/bin/uv pip compile --quiet --generate-hashes --custom-compile-command 'make lock'
lock: setup-dev  ## Resolve pyproject.toml into the lock files; UPGRADE=--upgrade takes newer versions
	$(COMPILE) $(UPGRADE) --universal --python-version 3.11 pyproject.toml -o requirements.txt
	$(COMPILE) $(UPGRADE) --universal --python-version 3.11 pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) $(UPGRADE) --universal --python-version 3.11 --no-deps tools/requirements-uv.in -o tools/requirements-uv.txt
	$(COMPILE) $(UPGRADE) --python-platform x86_64-manylinux_2_17 --python-version 3.12 --no-deps tools/requirements-redis.in -o tools/requirements-redis.txt

clean:  ## Remove the environment and every cache; var/, with all data, stays
	rm -rf .venv staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	$(SETUP)

setup-dev:
	$(SETUP) --dev
