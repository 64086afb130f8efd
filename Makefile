# Two commands do everything: `make demo` and `make test`. Both install what is missing first.

PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
# Where its contents or the way they are installed change, the environment is made anew.
STAMP := $(VENV)/.installed

.PHONY: demo test lint bench app system-libraries lock clean

demo: $(STAMP)
	$(BIN)/earmark file assets/demo.flac

test: $(STAMP)
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(STAMP): pyproject.toml requirements.lock scripts/install-system-libraries
	./.make/system-libraries
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@
