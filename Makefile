# SPDX-License-Identifier: GPL-2.0-or-later
#
# A thin front to meson: every target installs the packages it misses (packages.txt) and builds what it needs.
BUILD ?= build
# Debian keeps sbin out of the PATH of those who are not root.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

all: configure
	ninja -C $(BUILD) src/command/weir doc/weir.8 doc/weir-policy.5
	ln -sfn src/command/weir $(BUILD)/weir

run: all
	tools/run.sh

check: packages
	BUILD=$(BUILD) test/check.sh

# With real servers and clients in network namespaces, as root; see test/e2e/. E2E_APPLIES (1000): how many applies under load.
check-e2e: all
	@tools/packages.sh --stopped packages-e2e.txt
	BUILD=$(BUILD) test/e2e/run.sh

bench: all
	ninja -C $(BUILD)
	bench/run.sh

# Random rulesets and packets, weir against the kernel; see test/parity/. PARITY_SEED repeats a run.
PARITY_SECONDS ?= 600
PARITY_SEED ?=
parity: configure
	ninja -C $(BUILD) test/parity_kernel
	cd $(BUILD) && test/parity_kernel $(PARITY_SECONDS) $(PARITY_SEED)

# FUZZ_SECONDS (60) each of FUZZ_TARGETS: rules sets notation capture evaluate; see tools/fuzz.sh.
fuzz: packages
	BUILD=$(BUILD) tools/fuzz.sh

lint: configure
	ninja -C $(BUILD)
	BUILD=$(BUILD) tools/lint.sh

install: all
	meson install --no-rebuild -C $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz

packages:
	@tools/packages.sh packages.txt

configure: packages
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)

.PHONY: all run check check-e2e bench parity fuzz lint install clean packages configure
