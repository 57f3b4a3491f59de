# Bare `make` lists the targets. Everything lives in .venv and $GAN_ADVISOR_DATA_DIR (default ./var).
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

help:  ## this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## ?/\1\t/' | expand -t 10

setup: $(STAMP)  ## create .venv and install the locked versions

$(STAMP): pyproject.toml constraints.txt
	@echo "setting up .venv (a minute or two on a first run)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev]'
	@touch $@

run: setup  ## API, dashboard and one worker on the embedded default
	$(BIN)/gan-advisor serve

demo: setup  ## one task from question to verdict, then exit
	$(BIN)/python -m app.demo

test: setup  ## every test, on SQLite and PostgreSQL, one process a core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

check: setup  ## format, lint, types, import laws, knowledge lint, secrets, audit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gan-advisor knowledge lint
	$(BIN)/python -m tests.leaks
	$(BIN)/python -m tests.audit

bench: setup  ## speed of the advisor, the service and training against named peers
	$(BIN)/python -m benchmarks

load: setup  ## rates and latency of the service against a no-op, a thousand listeners, memory over 200,000 requests; 15 minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks service endurance

fuzz: setup  ## many examples of every API operation, good and bad; none may fail with 5xx or break the document
	OMP_NUM_THREADS=1 FUZZ_EXAMPLES=200 $(BIN)/python -m pytest -p no:xdist --timeout=3000 tests/api/test_fuzz.py

hostile: setup  ## what docs/security.md promises, tried: keys, teams, uploads, webhooks, slow clients, what a training may not do
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p no:xdist tests/access tests/webhooks tests/fingerprint tests/test_connections.py tests/test_leaks.py \
	  tests/api/test_problems.py tests/api/test_idempotency.py tests/api/test_conventions.py tests/api/test_sheets.py tests/api/test_datasets.py tests/validations/test_named.py

planted: setup  ## verdicts on recipes whose order is known; 12 minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.planted

dispatch: setup  ## ten thousand in the queue, fifty workers: the time to give one out
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.dispatch

chaos: setup  ## kill, freeze and drain workers; count what was lost or doubled
	$(BIN)/python -m benchmarks.chaos

docs: setup  ## the documentation as pages, in var/site
	$(BIN)/zensical build --clean --strict
	@echo "open var/site/index.html"

lock: setup  ## write constraints.txt from .venv
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

.PHONY: help setup run demo test check bench load fuzz hostile planted dispatch chaos docs lock
