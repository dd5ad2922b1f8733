# SPDX-License-Identifier: GPL-2.0-only
# Everything is built below build/. Guests and what they need: see selftests/vm/.
#
#	KERNEL=…	which kernel the guest runs: 6.1, 6.12, 6.12-rt, 6.12-trixie, 7.2, 7.3,
#			6.12-debug, 6.12-kcsan
#	KDIR=…		headers of a kernel to build the module for (make modules)
#	IOCP_DEBUG=y	the module checks a port's counts and invariants at each step
#	V=1		show commands and all output of tests

KERNEL ?= 6.12
KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local
vm := selftests/vm
export V IOCP_DEBUG

default: module lib

help:	## this list
	@echo "make TARGET [KERNEL=6.1|6.12|6.12-rt|6.12-trixie|7.2|7.3|6.12-debug|6.12-kcsan] [V=1]"
	@sed -n 's/^\([a-z-]*\):[^#]*## */  \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run:	## the main job: copy a real file (FILE=…) through callbacks in a guest, and verify it
	@$(vm)/main $(KERNEL) $(FILE)

test:	## run all tests in a guest (TESTS="…": only these)
	@$(vm)/test $(KERNEL) $(TESTS)

test-debug: override KERNEL := 6.12-debug
test-debug: test	## … on a kernel that checks memory and locks; it is built first

test-san:	## the library's tests in a guest, with the address, undefined and thread sanitizers
	@SAN=address,undefined $(vm)/test $(KERNEL) $(or $(TESTS),userlib)
	@SAN=thread $(vm)/test $(KERNEL) $(or $(TESTS),userlib)

test-kcsan: override KERNEL := 6.12-kcsan
test-kcsan: test	## … on a kernel that looks for data races

test-all:	## the same on all kernels of Debian's that we know, one line per kernel
	@$(vm)/test-all $(TESTS)

debug-kernel:	## build the kernels 6.12-debug and 6.12-kcsan, unless they are in the cache
	@for kernel in 6.12-debug 6.12-kcsan; do $(vm)/fetch-kernel $$kernel || exit; done

MINUTES ?= 10
soak: override KERNEL := $(if $(filter command line environment,$(origin KERNEL)),$(KERNEL),6.12-debug)
soak:	## all workloads at once for MINUTES, with random kills, on the debug kernel
	@$(vm)/soak $(KERNEL) $(MINUTES)

shell:	## a guest to try things in: module loaded, tools in the path; leave with "exit"
	@$(vm)/shell $(KERNEL)

guest: export CMD := $(CMD)
guest:	## run CMD="…" as root in a guest with the module loaded
	@$(vm)/setup build vm
	@$(vm)/build-module $(KERNEL) >/dev/null
	@$(vm)/run --kernel $(KERNEL) -- bash -c "$$CMD"

bench:	## what callbacks cost beside libuv, GLib and libdispatch, in counted instructions
	@selftests/bench/run $(KERNEL)

bench-cost:	## what the port costs in instructions, in a guest that counts them
	@selftests/bench/cost $(KERNEL)

bench-blocking:	## measure threads that block, with a port and with its peers: table and plot
	@selftests/bench/blocking/run $(KERNEL)

fio:	## fio's verify jobs with our engine and its peers, in a guest: table
	@userlib/fio/run $(KERNEL)

fio-engine:	## build our engine for the fio that is installed
	@userlib/fio/run --build

check-style:	## W=1, sparse and checkpatch --strict over the module; clean or an error
	@$(vm)/check-style $(KERNEL)

check:	## the library's tests that need no device, on this machine
	@$(vm)/setup build test
	@$(MAKE) --no-print-directory -C userlib check

conformance-reference:	## run the Windows programs of the tests under Wine; do they print what is stored?
	@selftests/conformance/reference

module:	## build iocp.ko for the guest kernel KERNEL
	@$(vm)/setup build
	@$(vm)/build-module $(KERNEL) >/dev/null

lib:	## build library, tools and examples
	@$(vm)/setup build
	@$(MAKE) --no-print-directory -C userlib

# For a machine whose own kernel may load modules
own := build/modules

modules:	## build iocp.ko for the kernel of this machine, or for KDIR=…
	@$(vm)/setup build
	@$(vm)/build-module --kdir $(KDIR) >/dev/null

load:	## load the module that "make modules" built
	@test -e $(own)/iocp.ko || { echo "no module yet: make modules" >&2; exit 1; }
	insmod $(own)/iocp.ko

unload:	## and remove it again
	rmmod iocp

install: lib	## install library, headers, tools and man pages (DESTDIR, PREFIX), and the module if it was built
	@$(MAKE) --no-print-directory -C userlib install DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)
	install -D -m 644 packaging/60-iocp.rules $(DESTDIR)$(PREFIX)/lib/udev/rules.d/60-iocp.rules
	install -D -m 644 packaging/iocp-sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/iocp.conf
	@if [ -e $(own)/iocp.ko ]; then \
		$(MAKE) -s -C $(KDIR) M=$(CURDIR)/$(own) INSTALL_MOD_PATH=$(DESTDIR) \
			INSTALL_MOD_DIR=updates CONFIG_MODULE_SIG_ALL= modules_install && \
		if [ -z "$(DESTDIR)" ]; then depmod "$$($(MAKE) -s -C $(KDIR) kernelrelease)"; fi; \
	else \
		echo "no module to install (make modules builds it)"; \
	fi

# What it would install tells what there is to remove
uninstall:	## remove what "make install" with the same DESTDIR and PREFIX installed
	@rm -rf build/uninstall
	@$(MAKE) -s --no-print-directory install DESTDIR=$(CURDIR)/build/uninstall
	@cd build/uninstall && find . ! -type d ! -path '*/modules.*' | while read -r file; do \
		rm -fv "$(DESTDIR)/$$file"; \
	done

clean:	## remove what was built
	rm -rf build

distclean: clean	## remove the cache of kernels, too
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/iocp"

.PHONY: default help run test test-debug test-kcsan test-all debug-kernel soak shell guest \
	bench bench-cost bench-blocking fio fio-engine check-style check conformance-reference \
	module lib modules load unload install uninstall clean distclean
