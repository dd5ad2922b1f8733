# SPDX-License-Identifier: GPL-2.0-only
# Everything is built below build/; guests and what they need: see selftests/vm/.

KERNEL ?= 6.12
vm := selftests/vm

default: lib module

module:	## build iocp.ko for the guest kernel KERNEL
	@$(vm)/build-module $(KERNEL) >/dev/null

lib:	## build library, tools and examples into build/user
	@$(MAKE) --no-print-directory -C userlib

guest: module	## run CMD="…" as root in a guest with the module loaded
	@$(vm)/run --kernel $(KERNEL) -- bash -c '$(CMD)'

.PHONY: default module lib guest
