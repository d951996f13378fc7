# `make` prints its targets. Each target does its own set-up, once, into .callgate/.
.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

# Paths for tests, demo and bench.
ENVOY_BIN ?= $(CURDIR)/.callgate/envoy/envoy
CALLGATE_DIST := $(CURDIR)/dist
FUZZ_SECONDS ?= 60
SIEGE_SECONDS ?= 600
LOAD_SECONDS ?= 300
EXCHANGES ?= 1000000
export ENVOY_BIN CALLGATE_DIST FUZZ_SECONDS
# Written by .setup/rust.sh if rustup cannot get the toolchain that rust-toolchain.toml names.
RUSTUP_TOOLCHAIN ?= $(shell cat .callgate/rust-toolchain 2>/dev/null)
export RUSTUP_TOOLCHAIN

# The wasm-only crates. One call of cargo builds all of them, so it builds shared crates once.
FILTERS := callgate-filter callgate-bench-noop callgate-bench-copy
TOOLS := callgate-tool-orders callgate-tool-sql callgate-tool-reach callgate-tool-units callgate-tool-payment
WASM := $(addprefix -p ,$(FILTERS) $(TOOLS))

# Programs run as built: `cargo run -p` would rebuild dependencies with other features.
TARGET := $(or $(CARGO_TARGET_DIR),target)
BENCH := $(TARGET)/release/callgate-bench
# Envoy loads dynamic modules on Linux only. The demo does not need one.
MODULE := $(if $(filter Linux,$(shell uname -s)),libcallgate.so)
# The demo's own build, by .setup/demo.sh.
DEMO := $(abspath $(TARGET))/demo
STACK_ENV := CALLGATE_DIST=$(DEMO)/dist CALLGATE_PYTHON=$(CURDIR)/.callgate/demo/bin/python

# Starts the model in LLM, and then the following command in front of it.
WITH_LLM = $(if $(LLM),$(if $(filter local,$(LLM)),$(LOCAL_MODEL),$(error LLM=$(LLM) is not known; LLM=local is)))
LOCAL_MODEL := .callgate/local-model/bin/python tests/python/local_model.py

##@ Everyday

.PHONY: help
help: ## Show this
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n  ENVOY_BIN=…                     use this Envoy (1.36 or later)\n'
	@printf '  ENVOY_IMAGE=…                   test-containers: an image with an Envoy, in place of one with the Envoy above\n'
	@printf '  CONTAINER_ENGINE=…              the command line of docker or podman, in place of the one that answers\n'
	@printf '  WASM_TOOLCHAIN=rustup|debian    use this toolchain for wasm\n'
	@printf '  LLM_BASE_URL=…                  demo and up: in front of a real API instead of the scripted one\n'
	@printf '  LLM=local                       demo: in front of llama.cpp and a small model, on this machine\n'
	@printf '  SIEGE_SECONDS=600               siege: how long the mixed load lasts\n'
	@printf '  LOAD_SECONDS=300                test-load: how long the load lasts in each host\n'
	@printf '  EXCHANGES=1000000               test-growth: exchanges in each host\n'
	@printf '  FUZZ_SECONDS=60                 fuzz: how long each target runs\n\n'

.PHONY: demo
demo: demo-build $(if $(filter local,$(LLM)),setup-local-model) ## See the gate at work: a real Envoy, a sandbox, the official client; ends by itself
	@$(STACK_ENV) $(WITH_LLM) $(DEMO)/callgate-stack demo

.PHONY: up
up: demo-build ## Start executor, Envoy and upstream, and keep them up
	$(if $(filter local,$(LLM)),$(error LLM=local is for demo: the model ends with the command in front of it))
	@$(STACK_ENV) $(DEMO)/callgate-stack up

.PHONY: demo-build
demo-build:
	@.setup/demo.sh

.PHONY: down
down: ## Stop what `make up` started
	@[ ! -x $(DEMO)/callgate-stack ] || $(DEMO)/callgate-stack down

.PHONY: build
build: setup wasm native tools ## Build dist/: callgate.wasm, libcallgate.so (Linux), callgate, callgate-executor, contracts/
	@.setup/dist.sh

.PHONY: test
test: build ## Run all tests: crates, tools, end to end with a real Envoy, in containers too, official clients
	@.setup/test.sh

.PHONY: test-containers
test-containers: build ## Run the end-to-end tests with Envoy and executor in containers; part of `make test`
	@.setup/test-containers.sh

.PHONY: siege
siege: build ## Attack the executor, then load it for SIEGE_SECONDS while its stores, peers and contracts fail; 45 s of it are part of `make test`
	SIEGE_SECONDS=$(SIEGE_SECONDS) cargo test --quiet --release -p callgate-tests --test siege

.PHONY: test-load
test-load: build ## Load the gate in both hosts for LOAD_SECONDS each while clients, upstreams and executors fail and contracts change; 24 s of it are part of `make test`
	CALLGATE_LOAD_SECONDS=$(LOAD_SECONDS) CALLGATE_LOAD_EXCHANGES=0 cargo test --quiet --release -p callgate-tests --test load

.PHONY: test-growth
test-growth: build ## Send EXCHANGES through the gate in both hosts; fails if Envoy's memory grows; 60,000 of them are part of `make test`
	$(BENCH) growth --exchanges $(EXCHANGES)

.PHONY: test-node
test-node: native setup-node ## Run the pure crates as WebAssembly under Node; part of `make test`
	@.setup/node-test.sh

.PHONY: test-platforms
test-platforms: build setup-platforms ## Test the Helm chart and Istio's resources on real control planes; in `make test` if set up
	@.setup/test-platforms.sh

.PHONY: manifests
manifests: build setup-platforms ## Write envoy/kubernetes again, from the Helm chart
	@.setup/kubernetes.sh

.PHONY: test-agents
test-agents: build ## Run real coding agents through the gate: tasks get done, forbidden calls never run; part of `make test`
	@.setup/test-agents.sh

.PHONY: test-memory
test-memory: setup-rust ## Run the native module's tests under AddressSanitizer and valgrind
	@.setup/memory-test.sh

.PHONY: test-local
test-local: build setup-local-model ## Run the tests with a small language model; once it is installed, `make test` does too
	.callgate/venv/bin/python -m pytest tests/python/test_local_model.py -v -rs -p no:cacheprovider

.PHONY: lint
lint: setup-rust setup-wasm setup-checkers ## Check prose, names, spelling, format, clippy, dependencies, example contracts, and the modules' imports
	@.setup/lint.sh $(WASM)

.PHONY: fuzz
fuzz: setup-rust ## Fuzz framings, dialects and the engine, each target for FUZZ_SECONDS
	@.setup/fuzz.sh

.PHONY: bench
bench: build module ## Measure the gate against the same Envoy without it: a table, plots and summary.json in target/bench (about 12 minutes)
	$(BENCH)

.PHONY: bench-check
bench-check: build module ## The same; fails if a ratio is worse than in tests/bench-ratios.json by more than its noise
	$(BENCH) --against tests/bench-ratios.json

.PHONY: bench-rivals
bench-rivals: build module setup-rivals ## Measure LiteLLM's guardrail and NeMo Guardrails' tool rail against the gate
	$(BENCH) --rivals

.PHONY: bench-executor
bench-executor: build ## Measure the executor alone: calls against a bare gRPC echo, instances, memory
	$(BENCH) --executor

.PHONY: bench-protect
bench-protect: native setup-protect ## Measure the protection that contracts give: injected and own calls of AgentDojo's user tasks (about 3 minutes)
	@.setup/test-protect.sh --names-only

##@ Parts

SETUP := setup-rust setup-wasm setup-binaryen setup-python setup-protect setup-envoy setup-services setup-prometheus setup-shells setup-chromium setup-clang setup-componentize-py setup-cpython setup-containers setup-node setup-agents setup-mcp-sdk setup-grafana
.PHONY: setup
setup: $(SETUP) ## Install the needs of builds and tests (the wasm target, Envoy, databases, shells, a browser, other languages), once

.PHONY: $(SETUP) setup-local-model setup-checkers setup-rivals setup-platforms setup-meshes
$(SETUP) setup-local-model setup-checkers setup-rivals setup-platforms setup-meshes:
	@.setup/$(@:setup-%=%).sh
setup-envoy setup-local-model setup-componentize-py setup-platforms: setup-python
setup-platforms: setup-meshes

.PHONY: wasm
wasm: setup-rust setup-wasm setup-binaryen ## Build the filter, the bench filters and the example tools
	.setup/cargo-wasm build --profile wasm $(WASM)
	@.setup/optimise.sh

# The tools cargo cannot build. Only changed ones are rebuilt.
.PHONY: tools
tools: wasm native setup-clang setup-componentize-py setup-cpython ## Build the example tools in C and Python, and the typed ones
	@.setup/tools.sh

# With --tests, so dependencies get the features of the tests and are built once.
.PHONY: native
native: setup-rust ## Build the native programs and Envoy's dynamic modules
	cargo build --release --lib --bins --tests
	$(if $(MODULE),cargo build --release --lib -p callgate-bench-native-copy)

.PHONY: programs
programs: setup-rust module ## Build dist/programs/: the programs and the native module of images and releases, optimised as a whole
	cargo build --profile dist -p callgate -p callgate-executor --bins
	install -D -t dist/programs $(addprefix $(TARGET)/dist/,callgate callgate-executor)

# As a cdylib alone, because cargo does not optimise an rlib at link time. PROFILED=1 profiles it first; releases and measurements do.
.PHONY: module
module: setup-rust
ifdef MODULE
	@$(if $(PROFILED),.setup/profiled.sh,cargo rustc --profile dist -p callgate-native --lib --crate-type cdylib && \
	install -D -t dist/programs $(TARGET)/dist/$(MODULE))
endif
bench bench-check bench-rivals release: PROFILED := 1

.PHONY: images
images: build programs ## Build container images of executor, gate, filter, Envoy and the scripted model
	@PROGRAMS=dist/programs .setup/images.sh

.PHONY: agents-contracts
agents-contracts: setup-rust ## Write contracts/agents again, from the descriptions in src/cli/templates/agents
	@for file in src/cli/templates/agents/*.json; do agent=$$(basename "$$file" .json); \
	  cargo run --quiet -p callgate -- learn --agent "$$agent" --out "contracts/agents/$$agent.yaml" --force >/dev/null || exit 1; done

.PHONY: docs
docs: setup-rust ## Build the book of docs/ in target/book; without mdbook, cargo builds one first, once
	@.setup/docs.sh

.PHONY: release
release: images ## Build dist/release: the files of a release, with SBOMs and checksums
	@.setup/release.sh

.PHONY: deny-tool
deny-tool: setup-rust ## Install cargo-deny for `make lint` into .callgate/ (about 5 minutes, once)
	cargo install cargo-deny --locked --root .callgate --target-dir .callgate/deny

.PHONY: clean
clean: ## Remove the builds; set-up stays (rm -rf .callgate removes it)
	rm -rf dist target
