# The commands of this repository. A machine needs Go, git and make; what `make test` needs
# beyond that, tools/setup installs or names.

PROGRAMS  := $(notdir $(patsubst %/,%,$(wildcard cmd/*/)))
PLATFORMS := $(foreach os,linux darwin windows freebsd,$(os)/amd64 $(os)/arm64)
LINTER    := bin/tools/golangci-lint
FUZZTIME  ?= 20s

.PHONY: help build demo test check cross lint unit bench fuzz image-test clean setup

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '%-10s %s\n' "$$name" "$$what"; done

build: ## every program, stripped, into bin/
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/ $(PROGRAMS:%=./cmd/%)

demo: build ## an embedded Taskcluster, a machine that boots into a worker, real tasks
	@bin/taskcluster-local demo

# The cheap checks come first; go test comes last, so that its own lines close the run.
test: setup check lint cross unit ## everything that CI checks

check: ## gofmt and vet
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	go vet ./...

lint: $(LINTER) ## golangci-lint with .golangci.yml
	$(LINTER) run ./...

$(LINTER): tools/go.mod tools/go.sum
	@mkdir -p $(@D)
	cd tools && go build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

cross: $(PLATFORMS:%=cross/%) ## builds for every system that a release has, with vet where tests differ

# go vet compiles the tests as well; one architecture of each system is enough for that.
.PHONY: $(PLATFORMS:%=cross/%)
$(PLATFORMS:%=cross/%): cross/%:
	CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go build ./...
	$(if $(filter amd64,$(*F)),CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go vet ./...)

unit: setup ## the tests, with the race detector
	CGO_ENABLED=1 go test -race -timeout 20m ./...

bench: build ## the measurements of bench/, one table
	@for name in sizes render dryrun boot noop gap capacity cancel crash logs notices idle; do go run ./bench/$$name || exit 1; done

image-test: build ## the proof of the images: builds a disk with packer, boots it in QEMU in every emulated cloud (6 to 8 minutes)
	go run ./imagetest

fuzz: ## each fuzz test for FUZZTIME (20s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do \
			go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" || exit 1; \
		done; \
	done

setup:
	@tools/setup

clean: ## removes bin/
	rm -rf bin
