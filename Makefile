# `make demo` and `make test` do everything, installing first what is missing.

PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
# Made again where what is to be installed has changed.
INSTALLED := $(VENV)/.installed

.PHONY: demo app test lint wheel lock bench fuzz

demo: $(INSTALLED)
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then \
	    $(BIN)/earmark app --source demo; \
	else \
	    $(BIN)/earmark file assets/demo.flac; \
	fi

app: $(INSTALLED)
	$(BIN)/earmark app

test: $(INSTALLED)
	@.ci/system-libraries test
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# How fast it is here; `make bench PEER=yamnet=FILE.tflite` measures another tagger beside it.
bench: $(INSTALLED)
	$(BIN)/earmark bench $(if $(PEER),--peer $(PEER))

# 10,000 spoiled sound files, each read in a process with limits; FILES and SEED choose others.
fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzzing $(if $(FILES),--files $(FILES)) $(if $(SEED),--seed $(SEED))

# A wheel, built and tried in an environment that has nothing else of the project.
wheel: $(INSTALLED)
	.ci/try-wheel $(BIN)/python

# The exact versions that are installed here, from the ranges in pyproject.toml.
lock:
	rm -rf .cache/lock && $(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet --disable-pip-version-check '.[train,dev]'
	echo "# Written by make lock: the exact versions that demo, tests and CI run with, on Linux." > requirements.lock
	.cache/lock/bin/python -m pip freeze --exclude earmark >> requirements.lock

$(INSTALLED): pyproject.toml requirements.lock
	@.ci/system-libraries demo
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@
