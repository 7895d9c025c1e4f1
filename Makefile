# Every target makes what it needs; run them in any order. Needs GNU make and Python 3.11 to 3.13 with its venv module.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV ?= .venv
INPUT ?=
OUT ?= out/demo
CLIPS ?= experiments/sample
# Where `make experiments` puts what a repository may hold; RESULTS=experiments/results publishes it with this one.
RESULTS ?=
LINKS ?=
RUNGS ?=
PYTEST_ARGS ?=
# The first Python that runs and is new enough; override with: make PYTHON=/path/to/python3.12 demo
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
IN_VENV := $(VENV)/bin/python
LOCKED := pyproject.toml constraints.txt
INSTALL := $(IN_VENV) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: help venv demo bench-network experiments test fuzz images-check test-web web test-browser check format lock clean

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Options: INPUT=clip.mp4|camera  OUT=dir  CLIPS=dir  PYTEST_ARGS='-k name'  PYTHON=python3.12"

venv: $(IN_VENV) ## make the virtual environment

demo: $(VENV)/.demo ## make a call: INPUT=clip.mp4|camera (default: the project's sample), results in OUT
	@$(IN_VENV) -m experiments.demo --input "$(INPUT)" --out "$(OUT)"

# OUT's default is the demo's, so this target has its own. A run that was stopped goes on where it was.
bench-network: OUT := $(if $(filter out/demo,$(OUT)),out/network,$(OUT))
bench-network: $(VENV)/.demo ## real calls through bad networks: CLIPS=dir, LINKS=clean,loss5 RUNGS=motion,voice; results in OUT
	@$(IN_VENV) -m experiments.network --clips "$(CLIPS)" --out "$(OUT)" $(if $(LINKS),--links "$(LINKS)") $(if $(RUNGS),--rungs "$(RUNGS)")

experiments: OUT := $(if $(filter out/demo,$(OUT)),out/experiments,$(OUT))
experiments: $(VENV)/.experiments ## rates and quality beside other codecs: CLIPS=dir; results in OUT, published ones in RESULTS
	@$(IN_VENV) -m experiments run --clips "$(CLIPS)" --out "$(OUT)" $(RUN_ARGS)
	@$(IN_VENV) -m experiments publish "$(OUT)" --to "$(or $(RESULTS),$(OUT)/published)"
	@$(if $(filter experiments/results,$(RESULTS)),$(IN_VENV) -m experiments.published)

test: $(VENV)/.test ## run the tests, those marked slow left out
	@$(IN_VENV) -m pytest -q -m "not slow" $(PYTEST_ARGS)

fuzz: $(VENV)/.test ## damaged messages for MINUTES=n (default 60) into everything that a stranger's bytes reach; what breaks it: out/fuzz
	@$(IN_VENV) -m tests.fuzz --minutes $(or $(MINUTES),60) --out out/fuzz

images-check: $(VENV)/.test ## build the container images with buildah and run them: IMAGES=signaling,receiver,demo; needs root, no Docker engine
	@$(IN_VENV) -m tests.containers.build_images $(if $(IMAGES),--services $(IMAGES)) $(IMAGES_ARGS)

# `make test` runs the same tests where there is node, those of the networks only after `make web`.
test-web: $(VENV)/.test web ## check the types of the page's modules and run their tests: needs node 20 and npm
	@cd signaling/web && npm run check
	@$(IN_VENV) -m pytest -q tests/web $(PYTEST_ARGS)

# The page's one dependency at run time is served from here, so that it asks nobody else: see signaling/page.py. The second half is for
# browsers with a graphics card.
ENGINE := ort.wasm.min.mjs ort-wasm-simd-threaded.mjs ort-wasm-simd-threaded.wasm \
	ort.webgpu.min.mjs ort-wasm-simd-threaded.asyncify.mjs ort-wasm-simd-threaded.asyncify.wasm
LAST_OF_ENGINE := signaling/web/ort/ort-wasm-simd-threaded.asyncify.wasm
web: $(LAST_OF_ENGINE) ## fetch the page's engine (onnxruntime-web): needs node 20 and npm

$(LAST_OF_ENGINE): signaling/web/package-lock.json
	@cd signaling/web && npm ci --no-audit --no-fund && mkdir -p ort \
		&& cp $(addprefix node_modules/onnxruntime-web/dist/,$(ENGINE)) ort/ && touch ort/*

test-browser: $(VENV)/.browser web ## real calls of the page in Chromium: apt install chromium; FACEWIRE_PAGE_IMAGES=dir keeps screenshots
	@$(IN_VENV) -m pytest -q -s tests/browser $(PYTEST_ARGS)

check: $(VENV)/.dev ## lint, formatting and types
	@$(IN_VENV) -m ruff check .
	@$(IN_VENV) -m ruff format --check .
	@$(IN_VENV) -m mypy

format: $(VENV)/.dev ## format the code and mend what the linter can
	@$(IN_VENV) -m ruff check --fix .
	@$(IN_VENV) -m ruff format .

# CUDA packages depend on the machine, so they stay out of the lock; torch is pinned to the release we test.
lock: $(VENV)/.dev ## write constraints.txt anew from pyproject.toml
	@echo "torch==2.13.0" > $(VENV)/pins.txt
	@$(IN_VENV) -m piptools compile --quiet --all-extras --strip-extras --upgrade --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
		--constraint $(VENV)/pins.txt --output-file $(VENV)/lock.txt pyproject.toml
	@{ echo "# Versions that are tested together, on Python 3.11 to 3.13. Written by: make lock"; \
		sed -E 's/^(torch==[0-9.]+)\+.*/\1/' $(VENV)/lock.txt \
		| grep -E '^[A-Za-z0-9]' | grep -vE '^(facewire|nvidia-|cuda-|triton)'; } > constraints.txt

clean: ## remove the virtual environment, results and caches
	rm -rf $(VENV) out build *.egg-info signaling/web/node_modules signaling/web/ort .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(IN_VENV):
	@if [ -z "$(PYTHON)" ]; then \
		echo "facewire needs Python 3.11, 3.12 or 3.13 and found none. Install one, or name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; fi
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.demo: $(LOCKED) | $(IN_VENV)
	@echo "Installing what the demo needs (no torch)"
	@$(INSTALL) ".[demo]"
	@touch $@

$(VENV)/.experiments: $(LOCKED) | $(IN_VENV)
	@echo "Installing what the experiments need (no torch)"
	@$(INSTALL) ".[experiments]"
	@touch $@

$(VENV)/.test: $(LOCKED) | $(IN_VENV)
	@echo "Installing what the tests need (torch included)"
	@$(INSTALL) ".[test]"
	@touch $@

$(VENV)/.browser: $(VENV)/.test
	@echo "Installing what drives the browser"
	@$(INSTALL) ".[test-browser]"
	@touch $@

# The type checker reads the types of every dependency, so it wants them installed.
$(VENV)/.dev: $(VENV)/.test
	@echo "Installing linter and type checker"
	@$(INSTALL) ".[test,dev]"
	@touch $@
