# The commands of this repository. A machine needs Go, git and make; what `make test` needs
# beyond that, tools/setup installs or names.

PROGRAMS  := $(notdir $(patsubst %/,%,$(wildcard cmd/*/)))
PLATFORMS := $(foreach os,linux darwin windows freebsd,$(os)/amd64 $(os)/arm64)
LINTER    := bin/tools/golangci-lint
NFPM      := bin/tools/nfpm
WINE      := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/workerkit-wine
COVER     := $(CURDIR)/bin/cover
FUZZTIME  ?= 20s
LINUX     := linux/amd64,linux/arm64

.PHONY: help build demo test check cross lint unit bench fuzz image-test test-windows platforms package release release-check release-sign release-verify clean setup

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '%-14s %s\n' "$$name" "$$what"; done

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

# With -trimpath a release shares what is compiled here. go vet compiles the tests as well; one
# architecture of each system is enough for that.
.PHONY: $(PLATFORMS:%=cross/%)
$(PLATFORMS:%=cross/%): cross/%:
	CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go build -trimpath ./...
	$(if $(filter amd64,$(*F)),CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go vet -trimpath ./...)

unit: setup ## the tests, with the race detector
	CGO_ENABLED=1 go test -race -timeout 20m ./...

bench: build ## the measurements of bench/, one table
	@for name in sizes render dryrun boot noop gap capacity cancel crash logs notices idle; do go run ./bench/$$name || exit 1; done

image-test: build ## the proof of the images: builds a disk with packer, boots it in QEMU in every emulated cloud (6 to 8 minutes)
	go run ./imagetest

test-windows: ## the tests as Windows programs in Wine, and the programs themselves there
	go run ./platformtest/onwine
	PLATFORMTEST_WINE=$(WINE) go test -count=1 ./platformtest/wine

# Programs that tests start are covered by way of GOCOVERDIR. A failing test does not hide what was run.
platforms: ## docs/platforms.md, from the tests here and in Wine with coverage (half an hour)
	rm -rf $(COVER) && mkdir -p $(COVER)/linux $(COVER)/windows && chmod 1777 $(COVER)/linux
	-GOFLAGS="-cover -coverpkg=github.com/workerkit/workerkit/..." go test -timeout 20m -exec "env GOCOVERDIR=$(COVER)/linux" ./... -args -test.gocoverdir=$(COVER)/linux
	go tool covdata textfmt -i $(COVER)/linux -o $(COVER)/linux.txt
	-go run ./platformtest/onwine -coverprofile $(COVER)/wine.txt
	GOCOVERDIR=$(COVER)/windows PLATFORMTEST_WINE=$(WINE) go test -count=1 ./platformtest/wine
	go tool covdata textfmt -i $(COVER)/windows -o $(COVER)/programs.txt
	go run ./platformtest/page -linux $(COVER)/linux.txt -wine $(COVER)/wine.txt -wine $(COVER)/programs.txt

$(NFPM): tools/go.mod tools/go.sum
	@mkdir -p $(@D)
	cd tools && go build -o ../$@ github.com/goreleaser/nfpm/v2/cmd/nfpm

package: $(NFPM) ## the .deb and .rpm of each architecture from the files as they are here, into dist/VERSION (ONLY=linux/amd64)
	go run ./packaging/release build -dirty -nfpm $(NFPM) -version '$(VERSION)' -platforms '$(or $(ONLY),$(LINUX))'

release: $(NFPM) ## archives and packages of a commit for every platform, into dist/VERSION (VERSION=1.2.3, ONLY=linux/amd64)
	go run ./packaging/release build -nfpm $(NFPM) -version '$(VERSION)' -platforms '$(ONLY)'

release-check: $(NFPM) ## makes the release twice and compares every byte
	go run ./packaging/release check -nfpm $(NFPM) -version '$(VERSION)' -platforms '$(ONLY)'

release-sign: ## signs a release that is there, in DIR, with the key in the file SIGN_KEY
	go run ./packaging/release sign '$(DIR)'

release-verify: ## checksums and signature of the release in DIR (KEY=public key)
	@test -n '$(KEY)' || { echo "make release-verify DIR=dist/VERSION KEY=PUBLIC_KEY: without the key nobody knows who made a release" >&2; exit 2; }
	go run ./packaging/release verify -key '$(KEY)' '$(DIR)'

fuzz: ## each fuzz test for FUZZTIME (20s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do \
			go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" || exit 1; \
		done; \
	done

setup:
	@tools/setup

clean: ## removes bin/ and dist/
	rm -rf bin dist
