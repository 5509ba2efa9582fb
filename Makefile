SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Results of test runs, for CI and for people who look later.
REPORTS := build/reports

# Tests that start real programs. They come after the others, as they are slower and say less about where a fault is.
SYSTEM := (e2e or caddy or grpc or http3 or kubernetes or charts)
# How many tests run at once; pytest -n.
WORKERS ?= auto
# The development cluster; it needs no virtual environment.
CLUSTER := "$$(hack/find-python)" -m hack.cluster
# Which tests need a whole cluster; `E2E="cluster and not daemons"` for one that is not ours.
E2E ?= cluster

##@ Try it

.PHONY: demo
demo: $(VENV)/.runtime ## Two apps that depend on each other sleep, wake and sleep again; takes a minute, leaves nothing running
	$(BIN)/wakedock demo

.PHONY: run
run: $(VENV)/.runtime ## Serve examples/services in the foreground; Ctrl-C ends it
	$(BIN)/wakedock run -f examples/services

##@ Work on it

.PHONY: venv
venv: $(VENV)/.development ## Everything for development in .venv, exactly as locked

.PHONY: format
format: $(VENV)/.development ## Format the code and fix what can be fixed mechanically
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: hooks
hooks: $(VENV)/.development ## Format and lint at each git commit
	$(BIN)/pre-commit install

.PHONY: docs
docs: $(VENV)/.development ## Write the generated files: references, schemas, .env.example
	$(BIN)/python -m hack.generate

.PHONY: lock
lock: $(VENV)/.development ## Write the lock files from pyproject.toml; UPGRADE=1 takes the newest versions
	$(BIN)/python hack/lock.py $(if $(UPGRADE),--upgrade)

##@ Prove it

.PHONY: lint
lint: lint-ruff lint-format lint-types lint-imports lint-generated ## Style, format, types, layers, and generated files that are up to date

.PHONY: lint-ruff lint-format lint-types lint-imports lint-generated
lint-ruff: $(VENV)/.development
	$(BIN)/ruff check
lint-format: $(VENV)/.development
	$(BIN)/ruff format --check
lint-types: $(VENV)/.development
	$(BIN)/mypy
lint-imports: $(VENV)/.development
	$(BIN)/lint-imports --no-cache
lint-generated: $(VENV)/.development
	$(BIN)/python -m hack.generate --check

.PHONY: test
test: test-unit test-core-coverage test-model test-system test-soak ## All tests: units, coverage of core/, the model, whole programs, a short soak

.PHONY: test-unit
test-unit: $(VENV)/.development ## Units and contracts, without starting Caddy
	@rm -f $(REPORTS)/coverage.json && mkdir -p $(REPORTS)
	$(PYTEST) -n $(WORKERS) --dist=worksteal -m "not ($(SYSTEM) or model or soak or bench or cluster)" --junit-xml=$(REPORTS)/unit.xml \
		--cov=wakedock_operator/core --cov-report= --cov-report=json:$(REPORTS)/coverage.json

.PHONY: test-core-coverage
test-core-coverage: $(VENV)/.development
	$(BIN)/python hack/core_coverage.py $(REPORTS)/coverage.json

.PHONY: test-model
test-model: $(VENV)/.development ## The protocol's states to the small bound, and a mutant per clause
	@# By itself, as it would take half as long again under measurement of coverage.
	$(PYTEST) -n $(WORKERS) --dist=worksteal -m model --junit-xml=$(REPORTS)/model.xml

.PHONY: test-system
test-system: $(VENV)/.development ## Whole programs: Caddy, gRPC, HTTP/3, WakeDock as a person starts it
	@# Compiled and installed before the time of any test runs; what cannot be had skips its tests.
	@for tool in helm checkov; do hack/$$tool >/dev/null || true; done
	$(PYTEST) -n $(WORKERS) --dist=loadfile -m "$(SYSTEM) and not (soak or bench or cluster)" --junit-xml=$(REPORTS)/system.xml

.PHONY: test-soak
test-soak: $(VENV)/.development
	$(PYTEST) -m soak --junit-xml=$(REPORTS)/soak.xml

.PHONY: test-e2e
test-e2e: $(VENV)/.development ## Tests on a whole cluster: that of KUBECONFIG, else ours, which is left as found
	hack/images/build
	$(CLUSTER) during sh -c '$(CLUSTER) images build/images/wakedock.tar build/images/caddy.tar && $(PYTEST) -m "$(E2E)" --junit-xml=$(REPORTS)/cluster.xml'

.PHONY: test-oldest
test-oldest: export KUBERNETES_OF_TESTS = oldest
test-oldest: $(VENV)/.development ## Tests on an API server of the oldest Kubernetes that is supported; compiles it once, needs Go
	$(CLUSTER) build
	$(PYTEST) -n $(WORKERS) -m "kubernetes" --junit-xml=$(REPORTS)/oldest.xml

.PHONY: soak
soak: $(VENV)/.development ## The long soak: sleeps and wakes under load, 0 requests lost, 0 served twice
	$(PYTEST) -m soak --large --capture=no

.PHONY: model
model: $(VENV)/.development ## The protocol's states, explored to the large bound
	$(PYTEST) -m model --large --capture=no

.PHONY: bench
bench: $(VENV)/.development ## Measure against stock Caddy and print a table
	$(BIN)/python -m bench

.PHONY: bench-kubernetes
bench-kubernetes: $(VENV)/.development ## Measure on a whole cluster: that of KUBECONFIG, else ours
	hack/images/build
	$(CLUSTER) during sh -c '$(CLUSTER) images build/images/wakedock.tar build/images/caddy.tar && $(BIN)/python -m bench.kubernetes'

##@ Kubernetes on this machine (hack/cluster/README.md)

.PHONY: cluster-build cluster-up cluster-down cluster-status cluster-images
cluster-build: ## Compile Kubernetes into the cache, once; needs Go
	$(CLUSTER) build
cluster-up: ## Start the cluster, as root
	$(CLUSTER) up
cluster-down: ## End it and remove its data
	$(CLUSTER) down
cluster-status: ## The state of its daemons
	$(CLUSTER) status
cluster-images: ## Build the images of the tests, load them into the cluster if it runs
	$(CLUSTER) images

.PHONY: kind-up kind-down
kind-up: ## The same with kind, where images can be pulled; needs Docker
	hack/images/build
	$(CLUSTER) images
	kind create cluster --name wakedock --config hack/cluster/kind.yaml --kubeconfig build/kind.kubeconfig --wait 120s
	kind load image-archive --name wakedock build/images/*.tar
	@# The tests ask pods and Services by their addresses, which lead to the node's container.
	node=$$(docker inspect --format '{{.NetworkSettings.Networks.kind.IPAddress}}' wakedock-control-plane) && \
	for net in $$(sed -n 's/^  .*Subnet: //p' hack/cluster/kind.yaml); do $$([ "$$(id -u)" -eq 0 ] || echo sudo) ip route replace "$$net" via "$$node"; done
	@echo "export KUBECONFIG=$$PWD/build/kind.kubeconfig"
kind-down: ## Remove that cluster
	kind delete cluster --name wakedock --kubeconfig build/kind.kubeconfig

##@ Give it away

.PHONY: build
build: $(VENV)/.development ## Wheel and source distribution in dist/
	$(BIN)/python -m build --no-isolation

.PHONY: pin
pin: $(VENV)/.development ## Put commits and digests behind the tags of actions and of the base image; needs the internet
	$(BIN)/python hack/pin.py

.PHONY: clean
clean: ## Remove what was built, cached and installed here
	rm -rf build dist .venv .cache .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find wakedock_operator tests hack bench -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What each environment holds is stamped, so that the second time is quick. The lock files decide when a stamp is old.
# Builds use the locked build backends too: --no-build-isolation keeps pip from fetching others.
$(VENV)/.runtime: requirements/runtime.lock requirements/build.lock pyproject.toml
	@python=$$(hack/find-python) && "$$python" -m venv $(VENV)
	$(PIP) install --no-deps --require-hashes -r requirements/build.lock
	$(PIP) install --no-deps --require-hashes --no-build-isolation -r requirements/runtime.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.development: requirements/development.lock $(VENV)/.runtime
	$(PIP) install --no-deps --require-hashes --no-build-isolation -r requirements/development.lock
	@touch $@
