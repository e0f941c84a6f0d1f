# Everything a newcomer needs; `make` alone lists it.
# The one that the tests ran on comes first; for the others the pinned set has wheels (`pythons`).
PYTHONS := 3.11 3.12 3.13
PYTHON ?= $(firstword $(foreach v,$(PYTHONS),$(shell command -v python$(v))) python3.11)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-browser test-cluster test-full lint format docs pythons ui bench clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-13s %s\n", $$1, $$2}'

install: .venv/installed ## Make .venv with the pinned set

.venv/installed: pyproject.toml conf/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint conf/constraints.txt --editable '.[dev]'
	touch $@

demo: install ## Run the genre case on the sample: ingest to champion
	$(BIN)/thaw run genre
	$(BIN)/thaw predict genre "A retired swordsman opens a noodle bar that only ghosts can find."

# A worker a core, four at most, each with one thread: two that share a core wait for each other.
test: install ## Run the tests (no network but the package index)
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not slow and not cluster" -n auto --maxprocesses 4 --dist loadfile

test-browser: install ## Drive Prefect's and MLflow's pages in chromium, where it is installed
	$(BIN)/pytest -q tests/browser

test-cluster: .venv/cluster ## Run a sweep over workers of Dask and of Ray (loopback only)
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m cluster tests/flows

.venv/cluster: .venv/installed
	$(BIN)/pip install --quiet --constraint conf/constraints.txt --editable '.[dask,ray]'
	touch $@

test-full: .venv/cluster ## Run the tests, the long ones too
	$(BIN)/pytest -q

lint: install ## Run ruff and mypy, and see that no room reaches up
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## Let ruff format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Wheels alone, and no such interpreter is needed.
docs: install ## Build the pages as a site, in site/
	$(BIN)/pip install --quiet --constraint conf/constraints.txt --editable '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs site

pythons: install ## See that the pinned set resolves for every Python that may be used
	@for version in $(PYTHONS); do \
	  $(BIN)/python -m uv pip compile --quiet --no-header --output-file /dev/null --only-binary :all: \
	    --python-version $$version --constraint conf/constraints.txt \
	    --extra postgres --extra onnx --extra dask --extra ray --extra docs pyproject.toml || exit 1; \
	  echo "Python $$version: every package has a wheel"; \
	done

ui: install ## Open the MLflow UI on the project's store
	$(BIN)/thaw ui

bench: install ## Measure what the README claims about speed
	$(BIN)/python -m benchmarks

clean: ## Remove the environment and caches (mlruns/ stays)
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache
