SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

GO      ?= go
# Packages are of this module; the tools have a module file of their own, so that their dependencies stay
# out of go.mod.
TOOL    := $(GO) tool -modfile=tools.mod
PKGS    := ./...
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/aof-dev/aofd/sdk/version.build=$(VERSION)
# The contract must not break what is on this branch.
AGAINST ?= main
PYTHON  ?= python3
VENV    := .cache/venv
# The pages that the binaries hold: sources in ui, what is embedded beside them in dist.
CONSOLE := host/internal/console/ui
PAGES   := plugin/whatsapp/internal/emulator/page/ui $(CONSOLE)
export CHROMIUM ?= $(shell command -v chromium)
# Debian's packages, for what the tests need beside Go, Python and Node.
INSTALL := sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; $$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build bin/aofd and bin/plugins
	@umask 022; mkdir -p bin/plugins; chmod go-w bin bin/plugins # the daemon takes no plugin that others may change
	umask 022; CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/aofd ./host/cmd/aofd
	umask 022; CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/plugins/aof-platform-whatsapp \
		./plugin/whatsapp/cmd/aof-platform-whatsapp

.PHONY: run
run: build ## Build and start a playground with a phone page; needs no account
	@exec bin/aofd dev

.PHONY: test
test: generate-check ui-check lint postgres test-go test-python test-browser ## Run everything that the README promises, with -race

.PHONY: test-go
test-go: ## Run the Go tests, with -race and PostgreSQL
	AOFD_TEST_POSTGRES=required $(GO) test -race -timeout 14m $(PKGS)

# The tests start servers of their own; the one that Debian's package sets up is not used.
.PHONY: postgres
postgres: ## Install PostgreSQL for the tests when it is not there
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { $(INSTALL) postgresql; }

.PHONY: test-python
test-python: build $(VENV)/ready ## Run the tests of the Python examples
	AOFD_BIN=$(CURDIR)/bin $(VENV)/bin/python -m unittest discover -s examples/python-client -v
	AOFD_BIN=$(CURDIR)/bin $(PYTHON) -m unittest discover -s examples/python-emulator -v

$(VENV)/ready: examples/python-client/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

.PHONY: generate
generate: $(VENV)/ready ## Generate the stubs from proto/ and the reference in the README
	$(TOOL) buf generate
	$(TOOL) buf generate --template examples/python-client/buf.gen.yaml
	@new=$$(mktemp) && trap 'rm -f "$$new"' EXIT; \
	{ sed '/^<!-- reference/q' README.md; $(GO) run ./host/cmd/aofd reference; sed -n '/^<!-- end of reference/,$$p' README.md; } > "$$new"; \
	cat "$$new" > README.md

.PHONY: generate-check
generate-check: ## Check proto/ and whether what is generated is fresh
	$(TOOL) buf lint
	$(TOOL) buf format --diff --exit-code
	@$(MAKE) --no-print-directory breaking
	@before=$$(mktemp) && after=$$(mktemp) && trap 'rm -f "$$before" "$$after"' EXIT; \
	stubs() { find proto/gen examples/python-client/gen README.md -type f -not -path '*/__pycache__/*' -exec sha256sum {} + | sort; }; \
	stubs > "$$before"; $(MAKE) --no-print-directory generate; stubs > "$$after"; \
	diff "$$before" "$$after" || { echo 'generated files were stale: commit what `make generate` made'; exit 1; }

# A clone without that branch, or on it, compares with the commit before.
.PHONY: breaking
breaking: ## Check that the contract only grows
	@ref=$$(git rev-parse -q --verify origin/$(AGAINST) || git rev-parse -q --verify $(AGAINST) || git rev-parse HEAD); \
	[ "$$ref" != "$$(git rev-parse HEAD)" ] || ref=$$(git rev-parse -q --verify HEAD^ || echo "$$ref"); \
	$(TOOL) buf breaking --against ".git#ref=$$ref"

.PHONY: ui
ui: $(PAGES:=/node_modules/ready) ## Build the pages that the binaries hold (Node 20.19 or newer)
	$(TOOL) buf generate --template $(CONSOLE)/buf.gen.yaml
	@for p in $(PAGES); do (cd $$p && npm run --silent build -- --logLevel warn); done

# What is packed is compared by the tests, unpacked: how well it is packed differs between versions of Node.
.PHONY: ui-check
ui-check: $(PAGES:=/node_modules/ready) ## Check the pages and whether what is built of them is fresh
	@before=$$(mktemp) && after=$$(mktemp) && trap 'rm -f "$$before" "$$after"' EXIT; \
	built() { find $(PAGES:ui=dist) $(CONSOLE)/src/gen -type f ! -name '*.gz' ! -name '*.br' -exec sha256sum {} + | sort; }; \
	built > "$$before"; $(MAKE) --no-print-directory ui; built > "$$after"; \
	diff "$$before" "$$after" || { echo 'the pages were stale: commit what `make ui` made'; exit 1; }
	@for p in $(PAGES); do (cd $$p && npm run --silent check); done

%/node_modules/ready: %/package-lock.json
	cd $* && npm ci --no-fund --no-audit --loglevel=error
	touch $@

.PHONY: test-browser
test-browser: build chromium $(PAGES:=/node_modules/ready) ## Run the tests of the pages in Chromium
	@for p in $(PAGES); do (cd $$p && AOFD_BIN=$(CURDIR)/bin npm run --silent test); done

.PHONY: pictures
pictures: build chromium $(CONSOLE)/node_modules/ready ## Take the pictures of the README anew
	cd $(CONSOLE) && PICTURES=1 AOFD_BIN=$(CURDIR)/bin npx playwright test pictures

.PHONY: chromium
chromium: ## Install Debian's Chromium, unless there is one
	@[ -n "$(CHROMIUM)" ] || [ -x /usr/bin/chromium ] || { $(INSTALL) chromium fonts-noto-color-emoji; }

.PHONY: lint
lint: ## Check formatting and run the linters
	@out=$$($(TOOL) gofumpt -l $$(git ls-files '*.go' ':!proto/gen')); \
	[ -z "$$out" ] || { echo "not formatted, run make fmt:"; echo "$$out"; exit 1; }
	$(GO) vet $(PKGS)
	$(TOOL) staticcheck $(PKGS)
	$(GO) mod verify >/dev/null
	$(GO) mod tidy -diff

.PHONY: fmt
fmt: ## Format Go and proto files
	$(TOOL) gofumpt -w $$(git ls-files '*.go' ':!proto/gen')
	$(TOOL) buf format -w

.PHONY: bench
bench: ## Measure webhook → plugin → disk → 200 beside a handler that does no more than parse
	$(GO) test -v -count 1 -timeout 30m -run '^TestHotPathReport$$' ./host/cmd/aofd -args -report

.PHONY: bench-parts
bench-parts: ## Run the benchmarks of single parts
	$(GO) test -run '^$$' -bench . -benchmem ./plugin/... ./host/...

.PHONY: crash
crash: ## Kill daemon, plugin and agents 200 times under traffic
	AOFD_CRASHES=200 $(GO) test ./host/cmd/aofd -run '^TestCrashes' -timeout 60m -v

.PHONY: model
model: ## Run the pipeline through 2,000 random fates and compare it with its model
	$(GO) test ./host -run '^TestModel$$' -rapid.checks=2000 -timeout 30m
	AOFD_MODEL_POSTGRES=16 $(GO) test ./host -run '^TestModelOnPostgres$$' -timeout 30m -v

.PHONY: capacity
capacity: postgres ## Simulate a million conversations on both stores, and ten million known ids
	AOFD_CAPACITY=1000000 $(GO) test -count=1 -v -timeout 120m -run '^TestCapacity$$' ./host/internal/store/sqlite ./host/internal/store/postgres

.PHONY: powerloss
powerloss: ## Cut the power under the store 2,000 times
	AOFD_POWER_CUTS=2000 $(GO) test -count=1 -timeout 60m -run TestPowerLoss ./host/internal/store/sqlite

.PHONY: soak
soak: ## Keep a daemon at work for ten minutes: what it holds must not grow
	$(GO) test -v -count 1 -timeout 20m -run '^TestSoak$$' ./host/cmd/aofd -args -soak 10m -soakrate 20

.PHONY: fuzz
fuzz: ## Fuzz each target for a minute
	@for spec in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$spec/*_test.go | cut -c6-); do \
			echo "$$spec $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 60s $$spec; done; done

.PHONY: clean
clean: ## Remove what was built and fetched
	rm -rf bin .cache $(PAGES:=/node_modules) $(PAGES:=/test-results)
