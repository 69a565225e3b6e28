# Everything here does its own set-up: a checkout and Python 3.10 or newer are enough.
#
#   make demo      rehearse Charmed Kubeflow 1.11 (RELEASE=1.9 for another one)
#   make test      all checks and all tests (PYTEST_ARGS="-k render" for some, JOBS=0 one by one)

.DEFAULT_GOAL := help
.PHONY: help demo test check-tools lint types imports format unit integration mutate soak fuzz install dev clean
.DELETE_ON_ERROR:

VENV        ?= .venv
RELEASE     ?= 1.11
PYTEST_ARGS ?=
JOBS        ?= 2
MODULE      ?=
CASES       ?= 100000
FAULTS      ?= 100
KILLS       ?= 20
TARGET      ?=

BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check --quiet
META := pyproject.toml ckf_airgap/_version.py

# Tests that share a costly fixture stay together on one worker (tests/conftest.py).
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.installed  ## Rehearse a whole release on the embedded controller
	$(BIN)/ckf-airgap rehearse $(RELEASE)

test: lint types imports check-tools  ## Run all checks and all tests
	$(PYTEST) $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev  ## Check the types, strictly
	$(BIN)/mypy

imports: $(VENV)/.installed-dev  ## Check which package may import which
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev  ## Format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

unit: $(VENV)/.installed-dev  ## Run the unit tests
	$(PYTEST) tests/unit $(PYTEST_ARGS)

integration: $(VENV)/.installed-dev check-tools  ## Run the tests against the embedded controller
	$(PYTEST) tests/integration $(PYTEST_ARGS)

mutate: $(VENV)/.installed-dev  ## Find what the unit tests of MODULE=ckf_airgap/... do not notice
	VENV=$(VENV) tools/mutate $(MODULE)

# New inputs and faults each time; ORACLE_SEED=N and FAULT_SEED=N make those of an earlier run again.
soak: $(VENV)/.installed-dev  ## Give CASES=100000 inputs to Juju's libraries and ours; deploy through FAULTS=100 of each kind
	@seed=$${ORACLE_SEED:-$$(date +%s)}; \
	echo "ORACLE_SEED=$$seed makes these $(CASES) inputs again"; \
	ORACLE_SEED=$$seed ORACLE_CASES=$(CASES) \
	$(BIN)/python -m pytest tests/integration/oracle $(PYTEST_ARGS)
	@seed=$${FAULT_SEED:-$$(date +%s)}; \
	echo "FAULT_SEED=$$seed makes these $(FAULTS) faults of each kind and $(KILLS) kills again"; \
	FAULT_SEED=$$seed FAULT_SEEDS=$(FAULTS) FAULT_KILLS=$(KILLS) \
	$(BIN)/python -m pytest -s tests/integration/operations/test_disturbed.py $(PYTEST_ARGS)

fuzz:  ## Search for inputs that break TARGET=... (all), FUZZ_SECONDS=180 each
	tools/fuzz $(TARGET)

install: $(VENV)/.installed  ## Create .venv and install the project into it

dev: $(VENV)/.installed-dev  ## The same, with all that tests and checks need

clean:  ## Remove .venv and everything that was built
	rm -rf $(VENV) .venv-fuzz .fuzz .tox build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The tests drive a JavaScript client of Juju's API, real registries, skopeo, a Docker Engine,
# containerd and podman.
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
