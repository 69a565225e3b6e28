# Everything here does its own set-up: a checkout and Python 3.10 or newer are enough.
#
#   make demo      rehearse Charmed Kubeflow 1.11 (RELEASE=1.9 for another one)
#   make test      all checks and all tests (PYTEST_ARGS="-k render" for some)

.DEFAULT_GOAL := help
.PHONY: help demo test check-tools lint types imports format unit integration install dev clean
.DELETE_ON_ERROR:

VENV        ?= .venv
RELEASE     ?= 1.11
PYTEST_ARGS ?=

BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check --quiet
META := pyproject.toml ckf_airgap/_version.py

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.installed  ## Rehearse a whole release on the embedded controller
	$(BIN)/ckf-airgap rehearse $(RELEASE)

test: lint types imports check-tools  ## Run all checks and all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev  ## Check the types, strictly
	$(BIN)/mypy

imports: $(VENV)/.installed-dev  ## Check which package may import which
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev  ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

unit: $(VENV)/.installed-dev  ## Run the unit tests
	$(BIN)/python -m pytest tests/unit $(PYTEST_ARGS)

integration: $(VENV)/.installed-dev check-tools  ## Run the tests against the embedded controller
	$(BIN)/python -m pytest tests/integration $(PYTEST_ARGS)

install: $(VENV)/.installed  ## Create .venv and install the project into it

dev: $(VENV)/.installed-dev  ## The same, with all that tests and checks need

clean:  ## Remove .venv and everything that was built
	rm -rf $(VENV) .tox build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The tests drive a JavaScript client of Juju's API, real registries, skopeo and a Docker Engine.
check-tools:
	@tools/test-programs

# Stamp files: a second run installs nothing; a changed pyproject.toml installs again.
$(VENV)/.created: tools/create-venv
	tools/create-venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created $(META)
	$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.created $(META)
	$(PIP) install --editable . --group test --group lint
	@touch $(VENV)/.installed $@
