# `make demo` and `make test` need nothing but Python 3.11 to 3.13 and a network to pip's registry.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?= PHOTOS
CIFAR ?= cifar10.tar.xz

.PHONY: demo test lint bench clean

$(VENV)/demo.done: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[train,demo]"
	touch $@

$(VENV)/dev.done: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

## Train on 2,000 textile photos and print the result and the report's path.
demo: $(VENV)/demo.done
	$(BIN)/python examples/demo.py

## Lint, types, import contracts, doctests and tests.
test: lint
	$(BIN)/python -m pytest -q

lint: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
