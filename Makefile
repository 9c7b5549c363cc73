# Every target sets up what it needs. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.8
TORCH_VERSION := 2.13.0
# The stub of Triton's wheel was built before NumPy 2: its backends get a NumPy of their own (luce/server/local/triton.py).
STUB_NUMPY := numpy==1.26.4
SOURCES := luce gateway services backends export training loadtests tests examples
TRIPLES := training/cache/chain_of_thought
PROTOS := $(sort $(wildcard protos/luce/v1/*.proto))

.DEFAULT_GOAL := help
.PHONY: help setup setup-train lock demo up down test test-all test-report lint format type proto proto-check docs bench evaluate-paint evaluate-score evaluate-compose clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/.base: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "no virtual environment could be made: on Debian or Ubuntu install python3-venv"; exit 1; }
	@$(BIN)/pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	$(UV) pip install -q --python $(BIN)/python --no-deps -r requirements.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	$(UV) pip install -q --no-config --python $(BIN)/python --no-deps --target $(VENV)/lib/triton-python $(STUB_NUMPY)
	@touch $@

$(VENV)/.torch: $(VENV)/.base
	$(BIN)/pip install -q --disable-pip-version-check torch==$(TORCH_VERSION)
	@touch $@

setup: $(VENV)/.base  ## Make the virtual environment, with everything but torch

setup-train: $(VENV)/.torch  ## The same with torch, for export, training and their tests

lock: $(VENV)/.base  ## Pin every requirement again, after a change of pyproject.toml
	$(UV) pip compile -q --python-version 3.11 --python-platform x86_64-manylinux_2_35 --all-extras \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	@sed -i '/never/d' requirements.lock

demo: setup  ## From real music to pictures, on the real servers, with progress on the screen
	@$(BIN)/python -m examples.demo

up: setup  ## Start the whole stack on this machine
	@$(BIN)/luce up

down: setup  ## Stop it
	@$(BIN)/luce down

test: setup  ## The default tests, on the real servers
	$(BIN)/pytest

test-all: setup-train  ## Every test, the slow ones and those of export and training too
	$(BIN)/pytest -m "slow or not slow" --durations=15

lint: setup  ## Style and common mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## Mend what can be mended by itself
	$(BIN)/ruff check -q --fix .
	$(BIN)/ruff format -q .

type: setup-train  ## Types, strictly
	$(BIN)/mypy $(wildcard $(SOURCES))

node_modules/.bin/buf: package.json
	npm install --silent
	@touch $@

proto: setup  ## Generate Python from the contracts
	@rm -f luce/v1/*_pb2*
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=. --grpc_python_out=. \
	  --mypy_out=quiet:. --mypy_grpc_out=quiet:. $(PROTOS)

proto-check: proto node_modules/.bin/buf  ## The contracts are clean, compatible, and the generated code is theirs
	node_modules/.bin/buf lint
	node_modules/.bin/buf breaking --against protos/released.binpb
	@git diff --exit-code --stat -- luce/v1 || { echo "luce/v1 is not what the protos generate: run make proto"; exit 1; }
	@test -z "$$(git status --porcelain -- luce/v1)" || { echo "luce/v1 holds files git does not know"; exit 1; }

docs: setup  ## Write docs/configuration.md again from the settings
	$(BIN)/python docs/configuration.py

bench: setup  ## Measure the figures of docs/results.md again
	$(BIN)/python -m loadtests.run

evaluate-paint: setup-train  ## MESA-MIG's Table 1 (DATA=folder with emotify and vgmidi; without it the example songs)
	$(BIN)/python -m training.evaluate.paint $(if $(DATA),--data $(DATA)) $(ARGUMENTS)

evaluate-score: setup-train  ## Pictures to music as CoT-VTM measures it, with its ablations: DATA=folder of the data sets
	@test -n "$(DATA)" || { echo "say where the data sets lie: make evaluate-score DATA=FOLDER"; exit 1; }
	@test -e $(TRIPLES)/triples.jsonl || $(BIN)/python -m training.chain_of_thought.build --data $(DATA)
	$(BIN)/python -m training.chain_of_thought.embed
	@test -e $(TRIPLES)/pictures.npz || $(BIN)/python -m training.chain_of_thought.photographs --data $(DATA)
	$(BIN)/python -m training.embed_diffusion.train --variant regression
	$(BIN)/python -m training.embed_diffusion.train --variant unreasoned
	$(BIN)/python -m training.evaluate.score
	$(BIN)/python -m training.evaluate.score_music --data $(DATA)

evaluate-compose: setup-train  ## Composed music by quadrant, by a judge's ear and beside real music: DATA=folder of the data sets
	@test -n "$(DATA)" || { echo "say where the data sets lie: make evaluate-compose DATA=FOLDER"; exit 1; }
	@test -e training/cache/midi_composer/pop.npz || $(BIN)/python -m training.midi_composer.dataset --data $(DATA)
	$(BIN)/python -m training.evaluate.compose --data $(DATA) $(ARGUMENTS)

clean:  ## Remove what was built here (the virtual environment, the state of the stack)
	rm -rf $(VENV) .luce node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
