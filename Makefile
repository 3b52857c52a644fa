# Everything a developer and CI do. The two commands to know are `make up` and
# `make test`; they need nothing but Go, on Debian or Ubuntu as root or with sudo
# (elsewhere on Linux: PostgreSQL 13+ installed).

# State, built tools and logs; see deploy/local.
STATE := $(abspath $(or $(CAREFLOW_STATE),.local))
BIN   := $(STATE)/bin
LOCAL := $(BIN)/careflow-local

# No C compiler is needed for anything here.
export CGO_ENABLED := 0
export PATH := $(BIN):$(PATH)
# Without version control data a rebuild of the same code is the same program.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

# What `make test` runs; PKG and RUN narrow it: make test PKG=./api/... RUN=TestBooking
PKG     ?= ./...
RUN     ?=
# Two packages at a time, as CI has two cores; the stories mostly wait, and so run side by side.
TESTFLAGS ?= -timeout 20m -p 2 -parallel 8

.DEFAULT_GOAL := help
.PHONY: help up down reset test test-k8s test-backup-kills bench test-stack demo demo-restore demo-deploy chaos prove-switch prove-crashes fuzz lint fmt generate record build clean FORCE

help: ## Lists these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(LOCAL) ## Starts PostgreSQL, Temporal, its UI, the sandbox and Careflow; DETACH=1 for the background
	@exec $(LOCAL) up $(if $(DETACH),-detach) $(if $(INFRASTRUCTURE),-infrastructure)

down: $(LOCAL) ## Stops a stack that runs in another terminal or in the background
	@exec $(LOCAL) down

reset: $(LOCAL) ## Stops the local stack and forgets all its data
	@exec $(LOCAL) reset

test: $(LOCAL) ## Runs every test on a stack of its own; PKG=./api/... RUN=TestName narrow it
	@exec $(LOCAL) test -- go test $(TESTFLAGS) $(if $(RUN),-run '$(RUN)') $(PKG)

test-k8s: $(LOCAL) ## Tests deployments on a real Kubernetes control plane (its first build takes ten minutes); RUN=TestName narrows it
	@exec $(LOCAL) kubernetes -- go test -tags kubernetes -count=1 $(TESTFLAGS) $(if $(RUN),-run '$(RUN)') ./internal/kubernetes/... ./stories/kubernetes/...

bench: $(LOCAL) ## Measures against baselines on a stack of its own; ARGS='-only rush -rounds 3', see docs/benchmarks.md
	@exec $(LOCAL) bench -- go run ./cmd/bench -out $(STATE)/benchmarks $(ARGS)

test-stack: $(LOCAL) ## Keeps a test stack running, for running single tests by hand
	@exec $(LOCAL) test -- sleep infinity

test-backup-kills: $(LOCAL) ## Kills the backup worker at every moment of a backup, TIMES each (20); an hour on two cores
	@CAREFLOW_BACKUP_KILLS=$(or $(TIMES),20) exec $(LOCAL) test -- go test -count=1 -timeout 180m -parallel 8 -run TestABackupWhoseHostIsKilledGoesOn ./stories

demo: ## Walks one appointment from booking to archive on a running stack
	@test -f $(STATE)/up/environment || { echo 'Start the stack first: make up'; exit 1; }
	@set -a && . $(STATE)/up/environment && set +a && exec $(STATE)/up/bin/careflow demo

demo-restore: ## Destroys the local stack's visits under load, restores them and prints what it took
	@test -f $(STATE)/up/environment || { echo 'Start the stack first: make up'; exit 1; }
	@set -a && . $(STATE)/up/environment && set +a && exec $(STATE)/up/bin/careflow demo-restore

chaos: $(LOCAL) ## Visits under faults on a stack of its own: SEEDS=30 for a night, SEED=7 for one, BUG=name to plant one
	@go build -o $(BIN)/chaos ./cmd/chaos
	@exec $(BIN)/chaos -seeds $(or $(SEEDS),1) $(if $(SEED),-seed $(SEED)) $(if $(LIVES),-lives $(LIVES)) $(if $(FAULTS),-faults $(FAULTS)) $(if $(BUG),-bug $(BUG))

demo-deploy: $(LOCAL) ## Deploys a new version of a running stack's API under load, then a broken one that goes back
	@test -f $(STATE)/up/environment || { echo 'Start the stack first: make up'; exit 1; }
	@$(LOCAL) nginx
	@set -a && . $(STATE)/up/environment && set +a && PATH="$$PATH:/usr/sbin" && exec $(STATE)/up/bin/careflow demo-deploy \
		--folder $(STATE)/up/deploy --environment $(STATE)/up/environment

prove-switch: $(LOCAL) ## Switches a hundred times under 300 requests a second; SWITCHES=n
	@CAREFLOW_TEST_SWITCHES=$(or $(SWITCHES),100) exec $(LOCAL) test -- go test -count=1 -v -timeout 30m ./stories -run 'TestSwitching|TestReloading|TestAReleaseTakesOver'

prove-crashes: $(LOCAL) ## Kills workers and agents before and after each step of deployments of every kind; half an hour on two cores, RUN=TestName narrows
	@CAREFLOW_TEST_CRASHES=all exec $(LOCAL) test -- go test -count=1 -v -timeout 120m -parallel 8 ./stories \
		-run '$(or $(RUN),TestAWorkerThatIsKilledAtAnyStep|TestAnAgentThatIsKilled|TestWorkersThatAreKilled|TestOpsDeployToHosts)'

fuzz: ## Fuzzes every parser for FUZZTIME each (10s)
	@./deploy/local/fuzz.sh $(or $(FUZZTIME),10s)

lint: $(LOCAL) ## Checks formatting, generated files, imports, vet, linters and workflow determinism
	@./deploy/local/lint.sh

fmt: ## Formats all Go files
	@gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

generate: $(LOCAL) ## Regenerates code from api/openapi.yaml and the SQL queries
	@$(LOCAL) tools oapi-codegen sqlc
	@go generate ./...

record: $(LOCAL) ## Records the histories of a release for the replay tests: make record RELEASE=v0.2; RUN=TestName for some
	@test -n "$(RELEASE)" || { echo 'Name the release: make record RELEASE=v0.2'; exit 1; }
	@CAREFLOW_RECORD_HISTORIES=$(RELEASE) exec $(LOCAL) test -- go test -count=1 ./stories \
		-run '$(or $(RUN),TestEveryEndOfAVisit|TestAPaidLifecycle|TestANoShow|TestStory08_ARefundThatFails|TestStory08_Disputes|TestStory11_Bounced|TestAPatientOpensAnAccount|TestAReleaseTakesOver|TestOpsDeploy|TestATrainOf|TestBackupIsOne|TestRestoreBringsBack)'

build: ## Builds the product's programs into .local/bin
	@mkdir -p $(BIN)
	go build -o $(BIN)/ ./cmd/...

clean: ## Removes all state, tools included (the next start builds them again)
	@$(MAKE) --no-print-directory down
	rm -rf $(STATE)

# Go decides whether there is anything to do.
$(LOCAL): FORCE
	@mkdir -p $(BIN) && go build -o $@ ./deploy/local
