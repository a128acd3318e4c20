# The only entry points, for people and CI alike. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Generated code comes from the lowest grpcio-tools we support at run time, in a venv of its own:
# its protobuf is older than ours.
PROTO_VENV := .cache/proto-venv
GRPCIO_TOOLS := 1.80.0
RUST_SOURCES := $(shell find router_core/src -name '*.rs') router_core/Cargo.toml router_core/Cargo.lock

.DEFAULT_GOAL := help
.PHONY: help run test test-rust test-python test-gamedays soak test-real faults fuzz check fmt proto reference schemas bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ── Set-up ──────────────────────────────────────────────────────────────────────────────────────

$(VENV)/.python: pyproject.toml
	@echo "── setting up $(VENV): Python packages"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "router-service needs Python 3.11 or newer; set PYTHON=python3.11")'
	@command -v cargo > /dev/null || { echo "router-service needs Rust's cargo: see https://rustup.rs"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=24'
	touch $@

$(VENV)/.installed: $(VENV)/.python $(RUST_SOURCES)
	@echo "── building the core (Rust) and installing router-service; the first time takes a few minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(VENV)/.real: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,real]'
	touch $@

# ── Use ─────────────────────────────────────────────────────────────────────────────────────────

run: $(VENV)/.installed ## Start a demo fleet and the router, send a tour of requests, stay up (ARGS=--once ends)
	$(BIN)/router-service demo $(ARGS)

# ── Tests ───────────────────────────────────────────────────────────────────────────────────────

test: test-rust test-python ## Run all tests that need nothing but this repository

test-rust: ## Run the core's tests, without Python
	cargo test --quiet --manifest-path router_core/Cargo.toml $(ARGS)

test-python: $(VENV)/.installed ## Run the Python tests
	$(BIN)/pytest -m 'not real and not gameday' $(ARGS)

test-gamedays: $(VENV)/.installed ## Let servers die under load, then two minutes of random faults; prints what came of it
	$(BIN)/pytest -m gameday tests/e2e/gamedays $(ARGS)

soak: $(VENV)/.installed ## Mixed load and random faults for ten minutes (ARGS='--minutes 60 --seed 7')
	cd tests && ../$(BIN)/python -m e2e.gamedays.soak $(ARGS)

test-real: $(VENV)/.real ## Run against real servers and clients: llama.cpp, Ollama, openai, litellm, grpcurl, ghz
	$(BIN)/python tests/real/prepare.py
	$(BIN)/pytest -m real tests/real $(ARGS)

faults: $(VENV)/.installed ## Break fake providers in every way we know; write what came of it to docs/faults.md
	$(BIN)/pytest tests/e2e/faults --faults-table docs/faults.md $(ARGS)

fuzz: $(VENV)/.installed ## Damage the input of every reader for a minute (ARGS="--seconds 600")
	$(BIN)/python -m tests.fuzz $(ARGS)

bench: $(VENV)/.installed ## Measure: core, boundary, service; ratios against bare handlers of the same run
	$(BIN)/python -m bench $(ARGS)

# ── Order ───────────────────────────────────────────────────────────────────────────────────────

check: $(VENV)/.installed $(PROTO_VENV)/.installed ## Check form, lints, types, proto and generated code
	cargo fmt --check --manifest-path router_core/Cargo.toml
	cargo clippy --quiet --manifest-path router_core/Cargo.toml --all-targets -- -D warnings
	cargo clippy --quiet --manifest-path router_core/Cargo.toml --features python -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit/test_imports.py
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(PROTO_VENV)/bin/python proto/generate.py --check
	@echo "check: all clean"

fmt: $(VENV)/.installed ## Format everything
	cargo fmt --manifest-path router_core/Cargo.toml
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/buf format --write

$(PROTO_VENV)/.installed:
	$(PYTHON) -m venv $(PROTO_VENV)
	$(PROTO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check grpcio-tools==$(GRPCIO_TOOLS)
	touch $@

proto: $(PROTO_VENV)/.installed ## Regenerate src/router_service/v1 from proto/
	$(PROTO_VENV)/bin/python proto/generate.py

reference: $(VENV)/.installed ## Embed config/model-mappings.yaml into the core as its default
	$(BIN)/python config/embed_reference.py

schemas: $(VENV)/.installed ## Write the JSON Schemas of the config files, for editors
	$(BIN)/python config/publish_schemas.py

clean: ## Remove everything that was built here
	rm -rf $(VENV) .cache .bench router_core/target
	find src tests bench -name '__pycache__' -type d -prune -exec rm -rf {} +
	rm -f src/router_service/_core*.so
