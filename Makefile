PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

# What `make eval-all` evaluates. Without variables: the bundled models on the bundled data.
MODELS  ?=
DATA    ?=
TASKS   ?= vqav2,gqa,pope,mme
RESULTS ?= results

# What `make check` compares.
BASELINE  ?=
CANDIDATE ?=

STAMP     := $(VENV)/.stamp
STAMP_DEV := $(VENV)/.stamp-dev

# One recipe for both stamps: pip obeys whatever the user's pip is configured to do.
define install
$(PYTHON) -m venv $(VENV)
$(BIN)/python -m pip install --quiet --upgrade pip
$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable "$(1)"
touch $@
endef

.PHONY: install test test-all lint bench eval-all leaderboard check demo-model clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(call install,.)

$(STAMP_DEV): pyproject.toml constraints.txt
	$(call install,.[dev])
	touch $(STAMP)

test: $(STAMP_DEV)
	$(BIN)/python -m pytest -q tests

test-all: $(STAMP_DEV)
	$(BIN)/python -m pytest -q -m "slow or not slow" tests

lint: $(STAMP_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Minutes, on a machine that has nothing else to do; writes docs/benchmarks.md.
bench: $(STAMP_DEV)
	$(BIN)/python -m bench.write

ifeq ($(strip $(MODELS)$(DATA)),)
EVALUATE = --config lvlm_eval/demo/eval.yaml
else
EVALUATE = $(MODELS) --data "$(DATA)" --tasks "$(TASKS)"
endif

eval-all: $(STAMP)
ifneq ($(strip $(MODELS)),)
ifeq ($(strip $(DATA)),)
	$(error MODELS is given without DATA: name the data root, DATA=/path/to/data, or DATA=demo)
endif
else ifneq ($(strip $(DATA)),)
	$(error DATA is given without MODELS: name the checkpoints, MODELS="/path/a /path/b")
endif
	$(BIN)/lvlm-eval run $(EVALUATE) --results "$(RESULTS)"
	$(BIN)/lvlm-eval report --results "$(RESULTS)" --data "$(or $(DATA),demo)"

leaderboard: $(STAMP)
	$(BIN)/lvlm-eval report --results "$(RESULTS)"

# The regression gate: runs or bundles; exit code 1 if the candidate is worse on a task.
check: $(STAMP)
ifeq ($(and $(strip $(BASELINE)),$(strip $(CANDIDATE))),)
	$(error name two runs: make check BASELINE=baseline.zip CANDIDATE=model@latest)
endif
	$(BIN)/lvlm-eval check "$(CANDIDATE)" --baseline "$(BASELINE)" --results "$(RESULTS)" \
	    --junit "$(RESULTS)/check.xml" --markdown "$(RESULTS)/check.md"

# Draws the training world, trains both bundled checkpoints from nothing, seeded.
demo-model: $(STAMP)
	$(BIN)/python -m lvlm_eval.models.moe_llava.tuning.demo --output lvlm_eval/demo/checkpoints

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
