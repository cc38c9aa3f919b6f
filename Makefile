# make demo   make test   make test-long   make lint   make clean      (PYTHON=... chooses the interpreter of .venv)

PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
            $(shell $(p) -c 'import sys; print("$(p)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# The tests that train need PyTorch; `make test TORCH=` does without it, and says what did not run.
TORCH ?= torch==2.13.0
DEMO := build/pulsar_mlp
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable

.PHONY: help demo test test-long lint lint-python lint-rtl icarus check-python check-tools clean
.DELETE_ON_ERROR:

help:
	@echo "make demo       compile a trained model, simulate it, say where the report is"
	@echo "make test       run the tests;  make test-long: the long ones too"
	@echo "make lint       ruff, basedpyright, import-linter, Verible and Verilator on the RTL"
	@echo "make clean      remove what was built (not $(VENV))"

check-python:
	@test -x $(BIN)/python || { \
	  test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "missing: Python 3.11 or newer (found: $$(python3 --version 2>&1)). Name one with: make PYTHON=..." >&2; exit 1; }; \
	  $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "missing: Python's venv module (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }; }

check-tools: check-python
	@lack=""; for tool in g++ perl; do command -v $$tool >/dev/null || lack="$$lack $$tool"; done; \
	  test -z "$$lack" || { echo "missing:$$lack (on Debian and Ubuntu: apt-get install$$lack)" >&2; exit 1; }

# One stamp for each set of extras: installed again only when pyproject.toml changes.
$(VENV)/.stamp-venv: | check-python
	@echo "making $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.stamp-demo: pyproject.toml $(VENV)/.stamp-venv
	@echo "installing hwcompress[sim,hls]"
	@$(PIP) ".[sim,hls]"
	@touch $@

$(VENV)/.stamp-test: pyproject.toml $(VENV)/.stamp-venv
	@echo "installing hwcompress[test] $(TORCH)"
	@test -z "$(TORCH)" || $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check $(TORCH)
	@$(PIP) ".[test]"
	@touch $@

$(VENV)/.stamp-lint: pyproject.toml $(VENV)/.stamp-test
	@echo "installing hwcompress[lint]"
	@$(PIP) ".[lint]"
	@touch $@

demo: check-tools $(VENV)/.stamp-demo
	@$(BIN)/hwcompress compile examples/pulsar_mlp.onnx --data examples/pulsar.npz \
	  --reuse 16 --strategy dsp --backend both --verify verilator --out $(DEMO)
	@echo "report: $(DEMO)/report.html and $(DEMO)/report.json; show it again: $(BIN)/hwcompress report $(DEMO)"

# Icarus comes from the system's packages; without it the tests that need it say so (and fail where CI is set).
icarus:
	@command -v iverilog >/dev/null || { \
	  sudo=""; test "$$(id -u)" = 0 || sudo="sudo -n"; \
	  command -v apt-get >/dev/null && $$sudo true 2>/dev/null && { \
	    echo "installing Icarus Verilog"; \
	    $$sudo env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -qq && apt-get install -y -qq iverilog' >/dev/null 2>&1; \
	  }; \
	  command -v iverilog >/dev/null || \
	    echo "Icarus Verilog is not here and cannot be installed: its tests will not run (system package: iverilog)" >&2; }

test: check-tools $(VENV)/.stamp-test icarus
	@$(BIN)/python -m pytest -q -n $(WORKERS)

test-long: check-tools $(VENV)/.stamp-test icarus
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "long or not long"

lint: lint-python lint-rtl

lint-python: check-python $(VENV)/.stamp-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/basedpyright

lint-rtl: check-tools $(VENV)/.stamp-lint
	$(BIN)/verible-verilog-lint --rules_config .rules.verible_lint templates/rtl/*.v
	@bin=$$($(BIN)/python -c 'import pathlib, verilator; print(pathlib.Path(verilator.__file__).parent / "bin")'); \
	  for file in templates/rtl/*.v; do \
	    echo "verilator --lint-only -Wall $$file"; \
	    $$bin/verilator --lint-only -Wall --language 1364-2005 -y templates/rtl $$file || exit 1; \
	  done

clean:
	rm -rf build dist .hypothesis .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
