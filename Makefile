# Kansoku: `make up` runs it, `make test` proves it. Everything else is for those who change it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-all
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: up test check format docs screenshots browser bench-ingest bench-query bench-dashboard bench-kill bench-elsewhere prove-durability prove-replay bench-sdk fuzz bench-forecast bench-drift clean

up: $(STAMP)  ## run everything with the demo's traffic, in the foreground
	@$(BIN)/kansoku up --demo --data data

test: $(DEV_STAMP) browser  ## everything that CI runs: lint, types, import contracts, tests
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n 3 --dist loadfile

check: $(DEV_STAMP)  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(DEV_STAMP)  ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DEV_STAMP)  ## write the generated tables of docs/ anew
	$(BIN)/python docs/generate.py

screenshots: $(DEV_STAMP) browser  ## docs/images from a running `make up`
	$(BIN)/python tests/end_to_end/screenshots.py --url http://127.0.0.1:8501 --out docs/images

browser:  ## Chromium and fonts that draw Japanese, for the browser tests
	@sh tests/end_to_end/install_browser.sh

bench-ingest: $(DEV_STAMP)  ## spans per second and CPU per 1,000 spans of the collector
	$(BIN)/python benches/ingest.py --results build/bench-ingest.json

fuzz: $(DEV_STAMP)  ## thousands of damaged and strange requests, and new examples for every property
	FUZZ_EXAMPLES=2000 $(BIN)/python -m pytest -q -m hypothesis tests

bench-query: $(DEV_STAMP)  ## every question of dashboard and alerts over 10 million spans, and an idle collector
	$(BIN)/python benches/query.py --spans 10000000 --days 90
	$(BIN)/python benches/query_idle.py --seconds 60

bench-dashboard: $(DEV_STAMP) browser  ## reruns, bytes on the wire, painted charts and DOM nodes over 10 million spans
	$(BIN)/python benches/dashboard.py --spans 10000000 --days 90 --results build/bench-dashboard.json

bench-kill: $(DEV_STAMP)  ## kill -9 the collector under load, 200 times: nothing acknowledged lost, nothing doubled
	$(BIN)/python benches/kill.py --rounds 200

bench-elsewhere: $(DEV_STAMP)  ## send to a second collector what the first has acknowledged: stored once
	$(BIN)/python benches/elsewhere.py --after 0 0.5 1 2 5

prove-durability: $(DEV_STAMP)  ## 200 kills, ClickHouse away for ten minutes and broken in ten other ways: build/durability
	$(BIN)/python benches/durability.py --out build/durability

prove-replay: $(DEV_STAMP)  ## cuts and kills at many more moments than in `make test`: of inserts, migrations and the evaluator
	$(BIN)/python -m pytest -q -m slow_proof tests/collector

bench-sdk: $(DEV_STAMP)  ## what one traced call costs the program
	$(BIN)/python benches/sdk.py

bench-forecast: $(DEV_STAMP)  ## month-end forecasts on held-out months, beside the run-rate
	$(BIN)/python benches/drift/forecast.py

bench-drift: $(DEV_STAMP)  ## the detector on labelled streams: DRIFT_BENCH=<harness> DRIFT_WORK=<text pool>
	$(BIN)/python benches/drift/run.py --harness "$(DRIFT_BENCH)" --pool "$(DRIFT_WORK)" $(DRIFT_ARGS)

$(VENV):
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml | $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]'
	@touch $@

$(DEV_STAMP): pyproject.toml | $(VENV)
	# Some 200 packages: uv chooses and installs them in seconds, pip in minutes.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[all,dev]' || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,dev]'
	@touch $@ $(STAMP)

clean:  ## remove the environment and caches, not the data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
