# Windlass. `make` alone lists the targets.
#
# Variables you may set on the command line:
#   E2E_KUBECONFIG=path   run the end-to-end tests on this cluster instead of one of our own (with E2E_REGISTRY=host:port, the image
#                         is pushed there first; without it, the cluster must be able to pull $(IMG))
#   LANES="suites"        run only these lanes of the end-to-end tests: suites, faults (nodes made bad, chart-testing), gitops (Flux, Argo CD),
#                         docs (what README.md and docs/ say)
#   KEEP=1                leave the end-to-end clusters up when the tests are done
#   NODES=2 KWOK=0        real and simulated nodes of the clusters
#   SCHEDPATCH_PODS=1000  how many simulated Pods the spec of a large SchedPatch makes; the product is meant for 10000
#   ROWS=1,3 ROUNDS=3     rows that make bench measures (default: all), and how often
#   SCALE=0.5             size of what it measures; 1 is what the targets speak of
#   JSON=path             file that it writes its results to; PROFILES=path, directory for CPU profiles of the programs
#   PREFIX=/usr/local     where make install-plugin installs, below its bin/
#   VERSION=1.2.3         version stamped into the programs, and tag of the image (default: the chart's appVersion)
#   WINDLASS_CACHE=path   where binaries built for development and tests are kept (default: ~/.cache/windlass)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CHART_APP_VERSION := $(shell sed -n 's/^appVersion: "\(.*\)"/\1/p' charts/windlass/Chart.yaml)
IMAGE_NAME := ghcr.io/windlass-operator/windlass
VERSION ?= $(CHART_APP_VERSION)
IMG ?= $(IMAGE_NAME):$(VERSION)
# The chart's own image needs no value; another one is named to the suites and the demo.
IMAGE_FLAG := $(if $(filter $(IMAGE_NAME):$(CHART_APP_VERSION),$(IMG)),,-image $(IMG))
CLUSTER ?= dev
NODES ?= 2
KWOK ?= 0
KEEP ?=
SCHEDPATCH_PODS ?= 1000
LANES ?= suites faults gitops docs
E2E_KUBECONFIG ?=
E2E_REGISTRY ?=
ATTACK_TIME ?= 1m
PREFIX ?= /usr/local
ROWS ?=
ROUNDS ?=
SCALE ?=
JSON ?=
PROFILES ?=
export ROWS ROUNDS SCALE JSON PROFILES
export ATTACK_TIME VERSION IMG IMAGE_FLAG NODES KWOK KEEP LANES SCHEDPATCH_PODS E2E_KUBECONFIG E2E_REGISTRY

LDFLAGS := -s -w -X github.com/windlass-operator/windlass/program.Version=$(VERSION)

##@ General

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: deps
deps: bin/cluster ## Install the Debian packages that are missing (as root), or name them
	@packages=$$(bin/cluster packages) && hack/deps.sh $$packages yamllint git tmux chromium fonts-dejavu-core

##@ Development

.PHONY: generate
generate: ## Generate what is made from something else: deep copies, CRDs, the chart's CRDs, the reference pages, the tables of docs/metrics.md
	@hack/generate.sh

.PHONY: fmt
fmt: ## Format the Go code of every module
	@hack/each-module.sh $$(hack/tool.sh golangci-lint) fmt --config $(CURDIR)/.golangci.yml

.PHONY: verify
verify: bin/testsummary ## Check everything that needs no test: generated files, format, go.mod, lint, chart
	@hack/verify.sh

.PHONY: docs
docs: ## Make a searchable site of the documents in bin/site
	@hack/deps.sh $$(hack/docs.sh packages)
	@hack/docs.sh build

.PHONY: build
build: ## Build the programs, static, into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./operator ./webhook

.PHONY: install-plugin
install-plugin: bin/kubectl-windlass ## Install the plug-in kubectl windlass, with its completion, into $(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 bin/kubectl-windlass $(DESTDIR)$(PREFIX)/bin/kubectl-windlass
	ln -sf kubectl-windlass $(DESTDIR)$(PREFIX)/bin/kubectl_complete-windlass

##@ Tests

.PHONY: test
test: bin/testsummary ## Run all tests: unit, integration and e2e
	@hack/test.sh unit integration e2e

.PHONY: test-unit
test-unit: bin/testsummary ## Run the unit tests of every module
	@hack/test.sh unit

.PHONY: test-integration
test-integration: bin/testsummary ## Run the tests that need an API server (built once) but no cluster
	@hack/test.sh integration

.PHONY: test-e2e
test-e2e: bin/testsummary ## Run the end-to-end tests on real clusters, brought up for them and taken down
	@hack/test.sh e2e

.PHONY: attack
attack: bin/testsummary ## Attack the chart as installed by default on a cluster of its own, a minute for each attack (ATTACK_TIME=1m)
	@LANES=attack hack/test.sh e2e

.PHONY: bench-draining
bench-draining: bin/testsummary ## Measure what the rollout of a proxy costs clients of each kind, with and without draining, on a cluster of its own
	@LANES=draining hack/test.sh e2e

##@ Benchmarks

.PHONY: bench
bench: deps ## Measure everything beside its reference, on a cluster of its own (ROWS=1,3 ROUNDS=3 SCALE=1 JSON=file PROFILES=directory)
	@hack/bench.sh

.PHONY: bench-quick
bench-quick: deps ## The same in a few minutes: one round at a tenth of the size
	@SCALE=$(or $(SCALE),0.1) ROUNDS=$(or $(ROUNDS),1) hack/bench.sh

##@ Clusters

.PHONY: cluster-up
cluster-up: bin/cluster deps ## Bring up a real Kubernetes on this machine (CLUSTER=dev, NODES=2, KWOK=0)
	@bin/cluster build --for cluster
	@bin/cluster up --name $(CLUSTER) --nodes $(NODES) --kwok $(KWOK)

.PHONY: cluster-down
cluster-down: bin/cluster ## Take that cluster down and leave nothing of it behind
	@bin/cluster down --name $(CLUSTER)

.PHONY: image
image: bin/cluster build ## Assemble the image and push it to the running cluster's registry
	@hack/image.sh $(CLUSTER)

.PHONY: demo
demo: deps bin/cluster ## Show a sidecar injected and upgraded inside running Pods, on a cluster of its own
	@hack/demo.sh up

.PHONY: demo-down
demo-down: bin/cluster ## Take the demo's cluster down and leave nothing of it behind
	@hack/demo.sh down

# The programs of the build itself are always asked for anew: the go command knows best whether they are up to date.
.PHONY: bin/cluster bin/bench bin/testsummary bin/kubectl-windlass
bin/cluster:
	@cd cluster && CGO_ENABLED=0 go build -trimpath -o ../bin/cluster .

bin/bench:
	@cd bench && CGO_ENABLED=0 go build -trimpath -o ../bin/bench .

bin/kubectl-windlass:
	@cd cli && CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o ../bin/kubectl-windlass .

bin/testsummary:
	@go build -trimpath -o bin/testsummary ./hack/testsummary
