# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#
# make -C userlib reference: run winread.c, compiled as a Windows program, under
# Wine and compare what it prints with winread.expected.  make reference-update
# writes that file anew.  Both need a mingw-w64 compiler and wine; no test does.
#
# Included by userlib/Makefile, which gives OUT and here.

MINGW_CC ?= x86_64-w64-mingw32-gcc
WINE ?= wine
reference := $(OUT)/reference
# A prefix of its own: neither reads nor changes the user's.  The first start fills it.
wine_env = WINEPREFIX=$(reference)/prefix WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=

$(reference)/winread.exe: $(here)/examples/winread.c
	@mkdir -p $(@D)
	@command -v $(MINGW_CC) >/dev/null || \
		{ echo "reference: no $(MINGW_CC); apt-get install gcc-mingw-w64-x86-64" >&2; exit 1; }
	$(MINGW_CC) -O2 -Wall -Wextra -Werror -o $@ $<

$(reference)/winread.out: $(reference)/winread.exe
	@command -v $(WINE) >/dev/null || \
		{ echo "reference: no $(WINE); apt-get install wine wine64" >&2; exit 1; }
	@test -d $(reference)/prefix || echo "reference: Wine's first start takes a while"
	cd $(@D) && $(wine_env) timeout 300 $(WINE) winread.exe winread.tmp \
		>winread.crlf 2>wine.log || { cat wine.log >&2; exit 1; }
	tr -d '\r' <$(@D)/winread.crlf >$@

.PHONY: reference reference-update
reference: $(reference)/winread.out
	diff -u $(here)/examples/winread.expected $<
	@echo "reference: Wine prints what examples/winread.expected says"

reference-update: $(reference)/winread.out
	cp $< $(here)/examples/winread.expected

# What tests compare with, tests that are scripts, and what those share, go beside the programs.
scripts := $(patsubst $(here)/tests/%,$(OUT)/tests/%,$(wildcard $(here)/tests/tool-*.sh))
sourced := $(patsubst $(here)/tests/%,$(OUT)/helpers/%,$(wildcard $(here)/tests/helper_*.sh))
expected := $(patsubst $(here)/examples/%,$(OUT)/examples/%,$(wildcard $(here)/examples/*.expected))

$(scripts): $(OUT)/tests/%: $(here)/tests/%
	@mkdir -p $(@D)
	$(INSTALL) -m 755 $< $@

$(sourced): $(OUT)/helpers/%: $(here)/tests/%
	@mkdir -p $(@D)
	$(INSTALL) -m 644 $< $@

$(expected): $(OUT)/examples/%: $(here)/examples/%
	@mkdir -p $(@D)
	$(INSTALL) -m 644 $< $@

tests: $(scripts) $(sourced)
examples: $(expected)
