# Everything by one command; each target first makes .venv and installs the pinned dependencies if they are not there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := .venv-peers
CT ?=
XRAYS ?=
METHOD ?= rtpi
BUDGET ?= 20m
STEPS ?= 500
ROUNDS ?= 2
PROFILE ?= quick
WORKERS ?= 2
TIME ?= 90m
TRAINING ?= 60m
GATE := regress regress-networks regress-realistic regress-vertebra

.DEFAULT_GOAL := help

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(STAMP) ## Make .venv and install the pinned dependencies.

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs]'
	@touch $(STAMP)

# One thread a method: two need a tenth more processor time for images of this size, and answers do not depend on cores.
bench-sim: $(STAMP) ## SOPI's Table 1 on realistic X-rays and as published, on matched content (quick profile).
	$(BIN)/fluorobench run mismatch sopi-sim --profile quick --workers $(WORKERS) --threads 1

train: $(STAMP) ## Train a network into runs/train/METHOD: make train METHOD=rtpi BUDGET=20m (goes on where it stopped).
	$(BIN)/fluorobench train $(METHOD) --budget $(BUDGET)

# Interrupted, it goes on with the same command; what is trained is kept. Times of 500 steps: studies/ablations/README.md.
ablations: $(STAMP) ## Train every row of the ablation tables and fill them: make ablations STEPS=500 PROFILE=quick (about 40 minutes of processor time; goes on where it stopped).
	$(BIN)/python -m studies.ablations train --steps $(STEPS)
	$(BIN)/python -m studies.ablations run --profile $(PROFILE)

bench-xray: $(STAMP) ## SOPI's Table 3: XRAYS=FILE.toml names your X-rays; without, simulated ones.
	$(BIN)/fluorobench run sopi-xray --profile quick $(if $(XRAYS),--data $(XRAYS))

# Interrupted or out of time, it goes on with the same command; what is not there is named in the PDF.
paper: $(STAMP) ## Every table and figure of both papers in one PDF: make paper PROFILE=quick TIME=90m (STEPS=500 TRAINING=60m also trains the ablations' rows).
	$(BIN)/python -m studies.paper --profile $(PROFILE) --budget $(TIME) --steps $(if $(filter file,$(origin STEPS)),0,$(STEPS)) --training-budget $(TRAINING)

tables: $(STAMP) ## Write the tables and figures of the newest run again.
	$(BIN)/fluorobench report runs/latest

# One thread: a library splits its sums by threads, and rendering counts must be equal.
regress: $(STAMP) ## Run the regression protocols and compare them with the frozen baselines.
	rm -rf runs/regress
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/fluorobench run $(GATE) --profile full --out runs/regress
	$(BIN)/fluorobench check runs/regress/regress*-full-* --baseline tests/baselines/regress $(if $(TIME_RATIO),--time-ratio $(TIME_RATIO)) --json build/regress.json --junit build/regress.xml --markdown build/regress.md

# Each part goes on where it was stopped. The last two need root: kills see all processes, disks are mounted.
torture: $(STAMP) ## Kills, faults of methods, full disks and damaged inputs, with tables of the outcomes (hours on two cores).
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m studies.torture methods
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m studies.torture inputs
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m studies.torture kills
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m studies.torture training
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m studies.torture disk

bench-perf: $(STAMP) $(PEERS)/.installed ## Time kernels, similarities and one registration; the projector beside others (needs a quiet machine).
	$(BIN)/pytest benchmarks --benchmark-columns=median,iqr,rounds --benchmark-sort=name
	$(PEERS)/bin/python -W ignore benchmarks/peers/side_by_side.py

bench-check: $(STAMP) ## Compare kernels, similarities, registrations and scoring with the stored times of this processor (BENCH=--update stores).
	@mkdir -p build
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/pytest benchmarks --quiet --benchmark-timer=time.process_time --benchmark-max-time=0.2 --benchmark-json=build/benchmarks.json --benchmark-columns=min,median,rounds --benchmark-sort=name
	$(BIN)/python benchmarks/compare.py build/benchmarks.json $(BENCH)

# Peers live apart: diffdrr asks for torchvision, which would replace a CPU torch. It runs without it.
$(PEERS)/.installed: constraints.txt benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --requirement benchmarks/peers/requirements.txt
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --no-deps diffdrr==0.6.1
	@touch $(PEERS)/.installed

# Each peer has an environment of its own; one that does not install is reported and left out.
peers: $(STAMP) ## Install the other tools that are compared, each into .peers/NAME.
	$(PYTHON) peers/install.py

# Rounds that were run are kept; an interrupted one goes on with the same command.
bench-peers: peers ## Other tools beside our rows on the same cases: make bench-peers ROUNDS=2 (about 15 minutes of processor time a round); writes docs/peers.md.
	$(BIN)/python peers/run_rounds.py sopi-sim-near sopi-sim mismatch --rounds $(ROUNDS)
	$(BIN)/python peers/table.py docs/peers.md

# Tests of one file share what they make, so that a file stays with one worker.
test: $(STAMP) ## Run the tests, on all cores (at most 8).
	$(BIN)/pytest --numprocesses auto --maxprocesses 8 --dist loadfile

check: $(STAMP) ## Format, lint, types.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(MAKE) --no-print-directory --jobs 2 check-mypy check-pyright

check-mypy: $(STAMP)
	$(BIN)/mypy

check-pyright: $(STAMP)
	$(BIN)/pyright

docs: $(STAMP) ## Build the documentation into build/docs, strictly; generated pages are written first.
	$(BIN)/python docs/make_commands.py
	$(BIN)/python docs/make_architecture.py
	$(BIN)/python docs/make_metrics.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/docs/index.html (with search: $(BIN)/python -m http.server --directory build/docs)"

format: $(STAMP) ## Format the code.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: help install ablations paper peers bench-peers bench-sim bench-xray train tables regress torture bench-perf bench-check test check check-mypy check-pyright docs format
