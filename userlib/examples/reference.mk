# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#
# make -C userlib reference: run winread.c, compiled as a Windows program, under
# Wine and compare what it prints with winread.expected.  make reference-update
# writes that file anew.  Both need a mingw-w64 compiler and wine; no test does.
#
# Included by userlib/Makefile, which gives OUT.

MINGW_CC ?= x86_64-w64-mingw32-gcc
WINE ?= wine
REFERENCE_DIR := $(OUT)/reference
# A prefix of its own: neither reads nor changes the user's.  The first start fills it.
WINE_ENV = WINEPREFIX=$(abspath $(REFERENCE_DIR))/prefix WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=

$(REFERENCE_DIR)/winread.exe: examples/winread.c
	@mkdir -p $(@D)
	@command -v $(MINGW_CC) >/dev/null || \
		{ echo "reference: no $(MINGW_CC); apt-get install gcc-mingw-w64-x86-64" >&2; exit 1; }
	$(MINGW_CC) -O2 -Wall -Wextra -Werror -o $@ $<

$(REFERENCE_DIR)/winread.out: $(REFERENCE_DIR)/winread.exe
	@command -v $(WINE) >/dev/null || \
		{ echo "reference: no $(WINE); apt-get install wine64" >&2; exit 1; }
	@test -d $(REFERENCE_DIR)/prefix || echo "reference: Wine's first start takes a while"
	cd $(@D) && $(WINE_ENV) timeout 300 $(WINE) winread.exe winread.tmp \
		>winread.crlf 2>wine.log || { cat wine.log >&2; exit 1; }
	tr -d '\r' <$(@D)/winread.crlf >$@

reference: $(REFERENCE_DIR)/winread.out
	diff -u examples/winread.expected $<
	@echo "reference: Wine prints what examples/winread.expected says"

reference-update: $(REFERENCE_DIR)/winread.out
	cp $< examples/winread.expected

.PHONY: reference reference-update
