# The verbs of the project; `make` alone lists them. Everything that they need beyond Swift they install themselves (Debian).

SWIFT ?= swift
TOR ?= frr
KEEP ?=
SECONDS ?= 60
RUNS ?=
PREFIX ?= /usr/local
BUILT ?= build/bin
CNIBINDIR ?= /opt/cni/bin
RTPROTOSDIR ?= /etc/iproute2/rt_protos.d

SWIFTSOURCES := $(wildcard Sources Tests Fuzz Package.swift)
PYTHON := $(wildcard Benchmarks/*.py) scripts/watch-tests
SHELLSCRIPTS := $(filter-out $(PYTHON),$(wildcard scripts/* .ci/run Fuzz/*.sh))
MANPAGES := $(wildcard docs/man/*.[1-8])

# Agent and plugins are fully static: plugins start three times as fast and need nothing of the host, and an agent has no
# pages of libraries of which it uses a tenth. Only martletctl, which carries libcurl and its thirty libraries, is linked to
# those of the host. The two ways of linking do not share a build directory. What an agent costs a node is mostly pages of
# its own program (docs/performance.md): lld drops more of what nobody calls, and puts together what an agent calls.
FLAGS := -c release -Xswiftc -use-ld=lld -Xswiftc -Xfrontend -Xswiftc -function-sections \
	-Xlinker --gc-sections -Xlinker -L$(CURDIR)/.build/static-libs -Xlinker -z -Xlinker pack-relative-relocs
RELEASE := $(SWIFT) build $(FLAGS) -Xlinker -s --static-swift-stdlib
# A static program that has a run path as SwiftPM adds it dies before `main`: glibc looks at it before there is a thread.
STATIC := $(SWIFT) build $(FLAGS) -Xswiftc -static-executable --disable-local-rpath --scratch-path .build-static
# The plugins are built apart: every call is a process that makes its types anew. What makes them is told directly which
# they are, not by a name that it has to parse, and what a plugin does not need when it starts is left out (docs/decisions/0008).
PLUGIN := $(SWIFT) build $(FLAGS) -Xswiftc -static-executable --disable-local-rpath --scratch-path .build-plugins \
	-Xcc -DMARTLET_STATIC -Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors
# libmicrohttpd speaks TLS by GnuTLS, which the agent never asks for: packaging/no-gnutls.c stands in its place.
AGENT := MARTLET_STATIC_AGENT=1 $(STATIC) --product martletd -Xlinker --start-lib \
	-Xlinker $(CURDIR)/.build/static-libs/no-gnutls.o -Xlinker --end-lib
LAYOUT := -Xlinker $(CURDIR)/packaging/martletd.ld \
	-Xlinker --symbol-ordering-file=$(CURDIR)/packaging/martletd.order -Xlinker --no-warn-symbol-ordering

PLUGINLAYOUT := -Xlinker $(CURDIR)/packaging/martletd.ld \
	-Xlinker --symbol-ordering-file=$(CURDIR)/packaging/martlet.order -Xlinker --no-warn-symbol-ordering

# Tests at once: most of them wait for a process or a socket, but hundreds that wait keep each other from what they wait for.
TESTS := $(SWIFT) test --skip-build --disable-xctest --experimental-maximum-parallelization-width 16

.PHONY: help build static-libs order demo test interop-table test-long lint bench bench-cni fuzz install clean toolchain tor root
.NOTPARALLEL:

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: toolchain ## release binaries into build/bin
	@scripts/install-deps build
	@mkdir -p build/bin
	@$(MAKE) --no-print-directory static-libs
	@echo "== agent and plugins, fully static"
	@$(AGENT) $(LAYOUT) -Xlinker -s
	@$(PLUGIN) $(PLUGINLAYOUT) -Xlinker -s --product martlet
	@$(PLUGIN) $(PLUGINLAYOUT) -Xlinker -s --product martlet-ipam
	@echo "== CLI"
	@$(RELEASE) --product martletctl
	@install -m 755 -t build/bin .build-static/release/martletd .build/release/martletctl \
		$(addprefix .build-plugins/release/,martlet martlet-ipam)
	@scripts/check-static build/bin/martletd build/bin/martlet build/bin/martlet-ipam
	@build/bin/martletd --version

# What the static programs need beside the system's libraries.
static-libs:
	@mkdir -p .build/static-libs
	@ln -sf "$$(gcc -print-file-name=libstdc++.a)" .build/static-libs/
	@gcc -c -O2 -Wall -Werror -o .build/static-libs/no-gnutls.o packaging/no-gnutls.c

order: root toolchain ## packaging/*.order, the functions that agent and plugin call, from runs under callgrind
	@scripts/install-deps build bench order
	@mkdir -p build
	@$(MAKE) --no-print-directory static-libs
	@$(AGENT) -Xlinker -S -Xlinker --no-demangle -Xlinker -Map=$(CURDIR)/build/martletd.map
	@Benchmarks/symbolorder.py .build-static/release/martletd build/martletd.map packaging/martletd.order
	@$(PLUGIN) -Xlinker -S -Xlinker --no-demangle -Xlinker -Map=$(CURDIR)/build/martlet.map --product martlet
	@Benchmarks/pluginorder.py .build-plugins/release/martlet build/martlet.map packaging/martlet.order

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
	@scripts/watch-tests $(TESTS)

interop-table: root toolchain ## docs/interop.md, from a run against real routers
	@scripts/install-deps build test
	@$(MAKE) --no-print-directory build
	@$(SWIFT) build --build-tests
	@MARTLET_INTEROP_TABLE=$(CURDIR)/docs/interop.md $(TESTS) --filter MatrixTests

test-long: root toolchain ## what takes its time: drills in full length, a minute of abuse, 10,000 kills, ten million fuzz runs, leaks
	@scripts/install-deps build test fuzz
	@$(MAKE) --no-print-directory build
	@$(SWIFT) build --build-tests
	@MARTLET_TEST_LONG=1 $(TESTS) --filter 'AbuseTests|NetworkTests|SimulationTests|StressTests|DrillTests|BFDLoadTests'
	@SWIFT="$(SWIFT)" RUNS=$(or $(RUNS),10000000) scripts/fuzz
	@SWIFT="$(SWIFT)" LEAKS=1 RUNS=100000 scripts/fuzz

lint: toolchain ## format and syntax of all that is written here
	@scripts/install-deps lint
	$(SWIFT) format lint --strict --parallel -r $(SWIFTSOURCES)
	shellcheck $(SHELLSCRIPTS)
	@python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]' $(PYTHON)
	@echo "lint: clean"

bench: root build ## BGP speed, memory and failover against BIRD: S1, S2s, S3s, S6, S7a, S7b, with the floors; what an idle agent costs
	@scripts/install-deps bench
	@Benchmarks/idlebench.py --password
	@Benchmarks/bench.py -s S1,S2s,S3s,S6,S7a,S7b -p martlet,bird,floor --adapter martlet=Benchmarks/adapters/martlet.json -n 3

bench-cni: root build ## ADD, CHECK and DEL against ptp with host-local
	@scripts/install-deps bench
	@Benchmarks/cnibench.py --variant ptp=Benchmarks/conf/ptp.conflist --variant martlet=Benchmarks/conf/martlet.conflist --variant deferred=Benchmarks/conf/martlet-deferred.conflist \
		--cni-path $(CURDIR)/build/bin:/usr/lib/cni:/opt/cni/bin -n 50 --parallel 1,50 --prefill 10,950

fuzz: toolchain ## each fuzz target for SECONDS=60, or all of them for RUNS=10000000 executions
	@scripts/install-deps build fuzz
	@SWIFT="$(SWIFT)" RUNS="$(RUNS)" scripts/fuzz $(SECONDS)

install: ## what `make build` made, under DESTDIR and PREFIX (plugins: CNIBINDIR)
	@for binary in martletd martletctl martlet martlet-ipam; do \
		[ -x $(BUILT)/$$binary ] || { echo "make install: $(BUILT)/$$binary is missing: run 'make build' first" >&2; exit 1; }; done
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin $(BUILT)/martletd
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(BUILT)/martletctl
	install -D -m 755 -t $(DESTDIR)$(CNIBINDIR) $(BUILT)/martlet $(BUILT)/martlet-ipam
	install -D -m 644 -t $(DESTDIR)$(RTPROTOSDIR) packaging/rt_protos.d/martlet.conf
	install -D -m 644 packaging/networkd/10-martlet.conf $(DESTDIR)$(PREFIX)/lib/systemd/networkd.conf.d/10-martlet.conf
	install -D -m 644 packaging/sysusers.d/martlet.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/martlet.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' packaging/martletd.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/martletd.service
	$(foreach page,$(MANPAGES),install -D -m 644 $(page) $(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page)) &&) true

clean: ## remove what was built
	rm -rf .build .build-static .build-plugins .build-fuzz .build-fuzz-leaks build

toolchain:
	@command -v $(firstword $(SWIFT)) >/dev/null || { echo "make: no '$(firstword $(SWIFT))' in PATH: install Swift 6.3 (https://www.swift.org/install/linux/)" >&2; exit 1; }

tor:
	@[ -n "$(filter $(TOR),frr bird martletd)" ] || { echo "make demo: TOR=$(TOR): there are frr, bird and martletd" >&2; exit 1; }

root:
	@[ "$$(id -u)" = 0 ] && unshare --net true || { echo "make $(MAKECMDGOALS): needs root and the right to make network namespaces" >&2; exit 1; }
