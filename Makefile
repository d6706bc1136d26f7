# The verbs of the project; `make` alone lists them. Everything that they need beyond Swift they install themselves (Debian).

SWIFT ?= swift
TOR ?= frr
KEEP ?=
SECONDS ?= 60
RUNS ?=
PREFIX ?= /usr/local
CNIBINDIR ?= /opt/cni/bin
RTPROTOSDIR ?= /etc/iproute2/rt_protos.d

SWIFTSOURCES := $(wildcard Sources Tests Fuzz Package.swift)
SHELLSCRIPTS := $(wildcard scripts/* .ci/run Fuzz/*.sh)
PYTHON := $(wildcard Benchmarks/*.py)
MANPAGES := $(wildcard docs/man/*.[1-8])

# The agent and the CLI carry the Swift library in them; the plugins are fully static, which starts three times as fast and
# needs nothing of the host. The two ways of linking do not share a build directory. What an agent costs a node is mostly
# pages of its own program: lld packs the relative relocations, drops more of what nobody calls, and takes the static
# libstdc++ for the little that Swift's runtime uses of it.
RELEASE := $(SWIFT) build -c release --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker --gc-sections -Xlinker -s \
	-Xlinker -z -Xlinker pack-relative-relocs -Xswiftc -Xfrontend -Xswiftc -function-sections -Xlinker -L$(CURDIR)/.build/static-libs
STATIC := $(SWIFT) build -c release --scratch-path .build-static -Xswiftc -static-executable -Xlinker --gc-sections -Xlinker -s

.PHONY: help build demo test interop-table test-long lint bench bench-cni fuzz install clean toolchain tor root
.NOTPARALLEL:

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: toolchain ## release binaries into build/bin
	@scripts/install-deps build
	@mkdir -p build/bin
	@mkdir -p .build/static-libs
	@ln -sf "$$(gcc -print-file-name=libstdc++.a)" .build/static-libs/
	@echo "== agent and CLI"
	@$(RELEASE) --product martletd
	@$(RELEASE) --product martletctl
	@echo "== plugins, fully static"
	@$(STATIC) --product martlet
	@$(STATIC) --product martlet-ipam
	@install -m 755 -t build/bin .build/release/martletd .build/release/martletctl
	@install -m 755 -t build/bin .build-static/release/martlet .build-static/release/martlet-ipam
	@scripts/check-static build/bin/martlet build/bin/martlet-ipam

demo: tor root build ## a rack in network namespaces: make demo [TOR=frr|bird|martletd] [KEEP=1]
	@scripts/install-deps demo-$(TOR)
	@echo "== demo"
	@$(RELEASE) --product demo
	@install -m 755 -t build/bin .build/release/demo
	@build/bin/demo --tor $(TOR) $(if $(KEEP),--keep)

test: root toolchain ## everything: units, fixtures, scenarios, namespaces, real routers
	@scripts/install-deps build test
	@$(MAKE) --no-print-directory build
	@echo "== examples"
	@jq -e .plugins manifests/*.conflist >/dev/null
	@build/bin/martletd check manifests/martletd.yaml
	@echo "== tests"
	@$(SWIFT) build --build-tests
	@$(SWIFT) test --skip-build --disable-xctest

interop-table: root toolchain ## docs/interop.md, from a run against real routers
	@scripts/install-deps build test
	@$(MAKE) --no-print-directory build
	@$(SWIFT) build --build-tests
	@MARTLET_INTEROP_TABLE=$(CURDIR)/docs/interop.md $(SWIFT) test --skip-build --disable-xctest --filter MatrixTests

test-long: root toolchain ## what takes its time: a minute of abuse, 10,000 kills, ten million fuzz runs, leaks
	@scripts/install-deps build test fuzz
	@$(MAKE) --no-print-directory build
	@$(SWIFT) build --build-tests
	@MARTLET_TEST_LONG=1 $(SWIFT) test --skip-build --disable-xctest --filter 'AbuseTests|NetworkTests|SimulationTests|StressTests'
	@SWIFT="$(SWIFT)" RUNS=$(or $(RUNS),10000000) scripts/fuzz
	@SWIFT="$(SWIFT)" LEAKS=1 RUNS=100000 scripts/fuzz

lint: toolchain ## format and syntax of all that is written here
	@scripts/install-deps lint
	$(SWIFT) format lint --strict --parallel -r $(SWIFTSOURCES)
	shellcheck $(SHELLSCRIPTS)
	@python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]' $(PYTHON)
	@echo "lint: clean"

bench: root build ## BGP speed against BIRD: S1 and S3s, with the wire floor
	@scripts/install-deps bench
	@Benchmarks/bench.py -s S1,S3s -p martlet,bird,floor --adapter martlet=Benchmarks/adapters/martlet.json -n 3

bench-cni: root build ## ADD, CHECK and DEL against ptp with host-local
	@scripts/install-deps bench
	@Benchmarks/cnibench.py --variant ptp=Benchmarks/conf/ptp.conflist --variant martlet=Benchmarks/conf/martlet.conflist --variant deferred=Benchmarks/conf/martlet-deferred.conflist \
		--cni-path $(CURDIR)/build/bin:/usr/lib/cni:/opt/cni/bin -n 50 --parallel 1,10

fuzz: toolchain ## each fuzz target for SECONDS=60, or all of them for RUNS=10000000 executions
	@scripts/install-deps build fuzz
	@SWIFT="$(SWIFT)" RUNS="$(RUNS)" scripts/fuzz $(SECONDS)

install: ## what `make build` made, under DESTDIR and PREFIX (plugins: CNIBINDIR)
	@for binary in martletd martletctl martlet martlet-ipam; do \
		[ -x build/bin/$$binary ] || { echo "make install: build/bin/$$binary is missing: run 'make build' first" >&2; exit 1; }; done
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin build/bin/martletd
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin build/bin/martletctl
	install -D -m 755 -t $(DESTDIR)$(CNIBINDIR) build/bin/martlet build/bin/martlet-ipam
	install -D -m 644 -t $(DESTDIR)$(RTPROTOSDIR) packaging/rt_protos.d/martlet.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' packaging/martletd.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/martletd.service
	$(foreach page,$(MANPAGES),install -D -m 644 $(page) $(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page)) &&) true

clean: ## remove what was built
	rm -rf .build .build-static .build-fuzz .build-fuzz-leaks build

toolchain:
	@command -v $(firstword $(SWIFT)) >/dev/null || { echo "make: no '$(firstword $(SWIFT))' in PATH: install Swift 6.3 (https://www.swift.org/install/linux/)" >&2; exit 1; }

tor:
	@[ -n "$(filter $(TOR),frr bird martletd)" ] || { echo "make demo: TOR=$(TOR): there are frr, bird and martletd" >&2; exit 1; }

root:
	@[ "$$(id -u)" = 0 ] && unshare --net true || { echo "make $(MAKECMDGOALS): needs root and the right to make network namespaces" >&2; exit 1; }
