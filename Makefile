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

.PHONY: help build demo test check cross lint unit bench fuzz image-test machine-test test-arm64 test-engines test-windows platforms package release release-check release-sign release-verify clean setup

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

machine-test: $(NFPM) ## the proof of a real machine: Debian's kernel, systemd, Docker and our package in QEMU (half an hour where processors are emulated)
	go run ./machinetest

test-arm64: ## the tests as programs for Linux on arm64, under emulation (qemu-user), and the programs and the .deb themselves there
	go run ./platformtest/onarm64
	PLATFORMTEST_ARM64=1 go test -count=1 -timeout 30m ./platformtest/qemu

test-engines: ## the tests of containers with newer engines: those of Debian's next releases, in root folders of their own (10 minutes)
	go run ./platformtest/engines

test-windows: ## the tests as Windows programs in Wine, and the programs themselves there
	go run ./platformtest/onwine
	PLATFORMTEST_WINE=$(WINE) go test -count=1 ./platformtest/wine

# Programs that tests start are covered by way of GOCOVERDIR. A failing test does not hide what was run; the page names it.
platforms: ## docs/platforms.md, from the tests here, in Wine, and for arm64 under emulation, with coverage (an hour)
	@case "$(CURDIR)/" in /tmp/*|/var/tmp/*) echo "platforms: tests have a /tmp of their own, in which the counters would be lost: have the repository elsewhere"; exit 1;; esac
	rm -rf $(COVER) && mkdir -p $(COVER)/linux $(COVER)/windows $(COVER)/arm64 $(COVER)/_overlay && chmod 1777 $(COVER)/linux $(COVER)/arm64
	-GOFLAGS="-cover -coverpkg=github.com/workerkit/workerkit/... -overlay=$$(go run ./platformtest/overlay/quiet $(COVER)/_overlay)" go test -timeout 20m -exec "env GOCOVERDIR=$(COVER)/linux" ./... -args -test.gocoverdir=$(COVER)/linux | tee $(COVER)/linux.log
	go tool covdata textfmt -i $(COVER)/linux -o $(COVER)/linux.txt
	-go run ./platformtest/onwine -coverprofile $(COVER)/wine.txt | tee $(COVER)/wine.log
	-GOCOVERDIR=$(COVER)/windows PLATFORMTEST_WINE=$(WINE) go test -v -count=1 -run Worker ./platformtest/wine | tee $(COVER)/windows.log
	go tool covdata textfmt -i $(COVER)/windows -o $(COVER)/windows.txt
	-go run ./platformtest/onarm64 -coverprofile $(COVER)/qemu.txt | tee $(COVER)/qemu.log
	-GOCOVERDIR=$(COVER)/arm64 PLATFORMTEST_ARM64=1 go test -v -count=1 -timeout 30m -run Demo\|Package ./platformtest/qemu | tee $(COVER)/arm64.log
	-go tool covdata textfmt -i $(COVER)/arm64 -o $(COVER)/arm64.txt
	go run ./platformtest/page -linux $(COVER)/linux.txt -wine $(COVER)/wine.txt -wine $(COVER)/windows.txt \
		-arm64 $(COVER)/qemu.txt -arm64 $(COVER)/arm64.txt \
		-log "Linux, amd64=$(COVER)/linux.log" -log "Linux, arm64, under emulation=$(COVER)/qemu.log" -log "Windows, amd64, under Wine=$(COVER)/wine.log" \
		-programs "Linux, arm64, under emulation=$(COVER)/arm64.log" -programs "Windows, amd64, under Wine=$(COVER)/windows.log"

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
