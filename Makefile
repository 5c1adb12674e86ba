# `make demo` and `make test` need nothing but Python 3.11 to 3.13 and a network to pip's registry.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow lint bench reproduce clean

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
	$(BIN)/python -m pytest -q --numprocesses auto --dist loadfile --durations 15

## What takes minutes: the other networks of each family, int8 and the other formats, a browser
## that reads a bundle.
test-slow: $(VENV)/dev.done
	$(BIN)/python -m pytest -q -m slow

lint: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

## The figures of benchmarks/README.md but the accuracies: make bench DATA=folder CIFAR=cifar10.tar.xz
## and, for docs/pixel-scaling.md, IMAGENET=folder of photos named n01440764_tench.JPEG
PEER_ENV ?= .peer-env
OUT := build/bench
bench: $(VENV)/dev.done
	@test -n "$(DATA)" -a -n "$(CIFAR)" || { echo "make bench DATA=folder CIFAR=archive"; exit 2; }
	rm -rf $(OUT) && mkdir -p $(OUT)
	$(BIN)/python benchmarks/decoding.py $(DATA)
	$(BIN)/python benchmarks/train_end_to_end.py $(DATA) --json $(OUT)/train.json
	$(BIN)/python benchmarks/feature_extraction.py $(DATA) --json $(OUT)/features.json
	$(BIN)/python benchmarks/against_torch.py $(DATA) --json $(OUT)/torch.json
	$(BIN)/python benchmarks/against_keras.py $(DATA) --peer-env $(PEER_ENV) --json $(OUT)/keras.json
	$(BIN)/python benchmarks/cifar10.py $(CIFAR) --json $(OUT)/cifar10.json
	$(BIN)/python benchmarks/training_rates.py --json $(OUT)/rates.json
	$(BIN)/python benchmarks/fine_tuning.py $(DATA) --peer-env $(PEER_ENV)-fastai \
	  --json $(OUT)/fine_tuning.json
	$(BIN)/python benchmarks/selection.py $(DATA) --json $(OUT)/selection.json
	$(BIN)/python benchmarks/grid.py $(DATA) --json $(OUT)/grid.json
	$(BIN)/python benchmarks/tune.py $(DATA) --json $(OUT)/tune.json
	$(BIN)/python benchmarks/label_noise.py $(DATA) --json $(OUT)/label_noise.json
	$(BIN)/python benchmarks/solvers.py --json $(OUT)/solvers.json
	$(BIN)/python benchmarks/intervals.py --json $(OUT)/intervals.json
	$(BIN)/python benchmarks/learning_curve.py --json $(OUT)/learning_curve.json
	$(BIN)/python benchmarks/resume.py --json $(OUT)/resume.json
	$(BIN)/python benchmarks/wrong_scaling.py $(DATA) $(if $(IMAGENET),--imagenet $(IMAGENET)) \
	  --json $(OUT)/wrong_scaling.json
	$(BIN)/headstart train $(DATA) --out $(OUT)/run
	$(BIN)/python benchmarks/startup.py $(OUT)/run/bundle \
	  "$$(find $(DATA) -name '*.jpg' | sort | head -1)" --json $(OUT)/startup.json
	$(BIN)/python benchmarks/report.py $(OUT)/run --json $(OUT)/report.json
	$(BIN)/python benchmarks/export_parity.py $(DATA) $(OUT)/run --json $(OUT)/export.json
	$(BIN)/python benchmarks/attacks.py $(OUT)/run/bundle --json $(OUT)/attacks.json
	$(BIN)/python benchmarks/serving.py $(OUT)/run $(DATA) --json $(OUT)/serving.json
	$(BIN)/python benchmarks/serving_endurance.py $(OUT)/run $(DATA) --json $(OUT)/endurance.json
	$(BIN)/python benchmarks/serving_hostile.py $(OUT)/run --json $(OUT)/hostile.json

## Accuracies as claimed: make reproduce DATA=trashnet CIFAR=cifar10.tar.xz [CLAIMS="trashnet ..."]
## All of them take hours; a run that is finished is read, not made again.
CLAIMS ?= trashnet-probe trashnet textile cifar10-scratch cifar10-lite0
RUNS ?= build/reproduce
reproduce: $(CLAIMS:%=reproduce-%)

reproduce-textile: $(VENV)/dev.done
	$(BIN)/python benchmarks/reproduce.py textile --out $(RUNS) --json $(RUNS)/textile.json

reproduce-cifar10-%: $(VENV)/dev.done
	@test -n "$(CIFAR)" || { echo "make $@ CIFAR=archive"; exit 2; }
	$(BIN)/python benchmarks/reproduce.py cifar10-$* $(CIFAR) --out $(RUNS) \
	  --json $(RUNS)/cifar10-$*.json

reproduce-%: $(VENV)/dev.done
	@test -n "$(DATA)" || { echo "make $@ DATA=folder"; exit 2; }
	$(BIN)/python benchmarks/reproduce.py $* $(DATA) --out $(RUNS) --json $(RUNS)/$*.json
