# Tidegate. Two commands matter: `make demo` and `make test`. Each brings what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: docs gateways help demo test lab bench check unit lock generate clean

help: ## What there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(STAMP) ## A good candidate is promoted, a bad one reverted: real API server, Envoy, Prometheus and traffic (STORY=approvals: people; STORY=cohorts: 1,000 users)
	@$(BIN)/python -m lab demo --story "$(STORY)"

lab: $(STAMP) ## The same control plane, left running for you
	@$(BIN)/python -m lab up

test: $(STAMP) ## Everything: lint, types, layers, unit, contract, simulated, integration, end to end, Contour
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m lab build
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/unit tests/contract tests/simulated
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests/e2e tests/bench tests/integration
	$(BIN)/python -m tests.gateways contour

check: $(STAMP) ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(STAMP) ## The tests that need no control plane
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/unit tests/contract tests/simulated

gateways: $(STAMP) ## Real gateway controllers (Contour, istiod, Envoy Gateway), built once, in a network namespace of their own
	$(BIN)/python -m tests.gateways

bench: $(STAMP) ## Figures: revert latency, memory, requests per tick
	@$(BIN)/python -m lab build
	@$(BIN)/python -m tests.bench

docs: $(STAMP) ## The documentation as a site, in .site, links checked
	@$(BIN)/python -m docs.site .site

generate: $(STAMP) ## Write crds/, the generated pages and parts of the chart, and deploy/ anew
	$(BIN)/tidegate crd --output crds
	$(BIN)/python -c "import sys; from tidegate.api.reasons import as_markdown; sys.stdout.write(as_markdown())" > docs/reasons.md
	$(BIN)/python -c "import sys; from tidegate.api.presets.page import as_markdown; sys.stdout.write(as_markdown())" > docs/presets.md
	$(BIN)/python -c "import sys; from tidegate.adapters.routers.page import as_markdown; sys.stdout.write(as_markdown())" > docs/routers.md
	$(BIN)/python -c "import sys; from tidegate.simulation.world_schema import as_json; sys.stdout.write(as_json())" > docs/world.schema.json
	$(BIN)/python -m charts.generate
	$(BIN)/python -c "import sys; from tidegate.cli.reference import as_markdown; sys.stdout.write(as_markdown())" > docs/cli.md
	$(BIN)/python -m docs.site --generate
	$(BIN)/python -m tests.simulated.argocd.written

lock: ## Choose the dependencies' versions anew
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/operator.txt
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/dev.txt
	uv pip compile --group build --constraint requirements/dev.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/build.txt
	uv pip compile --group go --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/go.txt

clean: ## Remove the Python environment (binaries stay in their cache folder)
	rm -rf $(VENV)

$(STAMP): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1 | cut -d" " -f2): make PYTHON=/path/to/a/newer/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is needed (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "Python environment in $(VENV) (about a minute, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
