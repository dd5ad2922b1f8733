// SPDX-License-Identifier: GPL-2.0-only
/* UTF-16 and back: every character, what is none, and names of files. */
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "win.h"

static void assert_8(const char *from, size_t len, enum iocpi_utf mode, const WCHAR *want,
		     ssize_t nr)
{
	WCHAR buf[64];

	assert_int_equal(iocpi_utf8_to_16(from, len, NULL, 0, mode), nr);
	assert_int_equal(iocpi_utf8_to_16(from, len, buf, 64, mode), nr);
	if (nr > 0)
		assert_memory_equal(buf, want, nr * sizeof(WCHAR));
}

static void assert_16(const WCHAR *from, size_t len, enum iocpi_utf mode, const char *want,
		      ssize_t nr)
{
	char buf[64];

	assert_int_equal(iocpi_utf16_to_8(from, len, NULL, 0, mode), nr);
	assert_int_equal(iocpi_utf16_to_8(from, len, buf, 64, mode), nr);
	if (nr > 0)
		assert_memory_equal(buf, want, nr);
}

/* Each of the 1112064 there are, as the C library sees it. */
static void every_character(void **state)
{
	iconv_t cd8 = iconv_open("UTF-8", "UTF-32LE"), cd16 = iconv_open("UTF-16LE", "UTF-32LE");
	uint32_t c;

	(void)state;
	assert_true(cd8 != (iconv_t)-1 && cd16 != (iconv_t)-1);
	for (c = 0; c < 0x110000; c++) {
		char want8[8], got8[8], *in = (char *)&c, *out = want8;
		WCHAR want16[4], got16[4];
		size_t in_left = 4, left8 = sizeof(want8), left16 = sizeof(want16);

		if (c >= 0xd800 && c < 0xe000)
			continue;
		assert_int_equal(iconv(cd8, &in, &in_left, &out, &left8), 0);
		in = (char *)&c;
		out = (char *)want16;
		in_left = 4;
		assert_int_equal(iconv(cd16, &in, &in_left, &out, &left16), 0);
		left8 = sizeof(want8) - left8;
		left16 = (sizeof(want16) - left16) / sizeof(WCHAR);
		if (iocpi_utf8_to_16(want8, left8, got16, 4, UTF_STRICT) != (ssize_t)left16 ||
		    memcmp(got16, want16, left16 * sizeof(WCHAR)) ||
		    iocpi_utf16_to_8(want16, left16, got8, 8, UTF_STRICT) != (ssize_t)left8 ||
		    memcmp(got8, want8, left8))
			fail_msg("U+%04x", c);
	}
	iconv_close(cd8);
	iconv_close(cd16);
}

/* As many U+FFFD as there are beginnings that lead nowhere. */
static void invalid_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t nr;		/* U+FFFD */
	} cases[] = {
		{ "\x80", 1 }, { "\xbf\x80", 2 }, { "\xc0\xaf", 2 }, { "\xc1\xbf", 2 },
		{ "\xc3", 1 }, { "\xe2\x82", 1 }, { "\xe0\x9f\xbf", 3 }, { "\xed\xa0\x80", 3 },
		{ "\xf0\x8f\xbf\xbf", 4 }, { "\xf0\x90\x80", 1 }, { "\xf4\x90\x80\x80", 4 },
		{ "\xf5\x80", 2 }, { "\xff\xfe", 2 }, { "\xe2\xe2\x82", 2 },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		WCHAR want[8], names[8];
		char text[16];
		size_t len = strlen(cases[i].bytes);

		for (j = 0; j < cases[i].nr; j++)
			want[j] = 0xfffd;
		want[j] = 'x';
		snprintf(text, sizeof(text), "%sx", cases[i].bytes);
		assert_8(text, len + 1, UTF_REPLACE, want, cases[i].nr + 1);
		assert_8(text, len + 1, UTF_STRICT, NULL, -1);
		for (j = 0; j < len; j++)
			names[j] = 0xdc00 + (uint8_t)text[j];
		names[j] = 'x';
		assert_8(text, len + 1, UTF_NAME, names, len + 1);
		assert_16(names, len + 1, UTF_NAME, text, len + 1);
	}
}

static void invalid_units(void **state)
{
	static const WCHAR high[] = { 'a', 0xd83d, 'b' }, low[] = { 0xdc00, 'b' },
			   swapped[] = { 0xde00, 0xd83d }, end[] = { 0xd83d },
			   escaped[] = { 'a', 0xdcff, 0xdc80 };

	(void)state;
	assert_16(high, 3, UTF_REPLACE, "a\xef\xbf\xbd" "b", 5);
	assert_16(low, 2, UTF_REPLACE, "\xef\xbf\xbd" "b", 4);
	assert_16(swapped, 2, UTF_REPLACE, "\xef\xbf\xbd\xef\xbf\xbd", 6);
	assert_16(end, 1, UTF_REPLACE, "\xef\xbf\xbd", 3);
	assert_16(high, 3, UTF_STRICT, NULL, -1);
	assert_16(low, 2, UTF_STRICT, NULL, -1);
	assert_16(high, 3, UTF_NAME, NULL, -1);
	assert_16(low, 2, UTF_NAME, NULL, -1);
	assert_16(swapped, 2, UTF_NAME, NULL, -1);
	assert_16(escaped, 3, UTF_NAME, "a\xff\x80", 3);
}

/* Any bytes are a name, and come back. */
static void names_come_back(void **state)
{
	char name[40], back[40];
	unsigned int seed = 1, i, j;
	WCHAR wide[40];

	(void)state;
	for (i = 0; i < 100000; i++) {
		size_t len = 1 + rand_r(&seed) % sizeof(name);
		ssize_t nr;

		for (j = 0; j < len; j++) {
			/* much of what begins and goes on in characters of several bytes */
			name[j] = rand_r(&seed) % 3 ? 0x80 | rand_r(&seed) : rand_r(&seed);
			if (!(rand_r(&seed) % 4))
				name[j] = "\xe0\xed\xf0\xf4"[rand_r(&seed) % 4];
		}
		nr = iocpi_utf8_to_16(name, len, wide, ARRAY_SIZE(wide), UTF_NAME);
		assert_in_range(nr, 1, len);
		assert_int_equal(iocpi_utf16_to_8(wide, nr, back, sizeof(back), UTF_NAME), len);
		assert_memory_equal(back, name, len);
	}
}

static void windows_functions(void **state)
{
	static const WCHAR wide[] = { 'a', 0xe9, 0xd83d, 0xde00, 0 }, lone[] = { 0xd83d, 0 };
	WCHAR w[16];
	char s[16];

	(void)state;
	assert_int_equal(MultiByteToWideChar(CP_UTF8, 0, "a\xc3\xa9\xf0\x9f\x98\x80", -1, w, 16),
			 5);
	assert_memory_equal(w, wide, sizeof(wide));
	assert_int_equal(MultiByteToWideChar(CP_ACP, 0, "a\xc3\xa9", 3, NULL, 0), 2);
	assert_int_equal(WideCharToMultiByte(CP_ACP, 0, wide, -1, s, 16, NULL, NULL), 8);
	assert_string_equal(s, "a\xc3\xa9\xf0\x9f\x98\x80");
	assert_int_equal(WideCharToMultiByte(CP_UTF8, 0, wide, 2, NULL, 0, NULL, NULL), 3);

	assert_int_equal(MultiByteToWideChar(CP_UTF8, 0, "abc", -1, w, 3), 0);
	assert_int_equal(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
	assert_int_equal(WideCharToMultiByte(CP_UTF8, 0, wide, -1, s, 7, NULL, NULL), 0);
	assert_int_equal(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
	assert_int_equal(MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, "\x80", 1, w, 16), 0);
	assert_int_equal(GetLastError(), ERROR_NO_UNICODE_TRANSLATION);
	assert_int_equal(WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, lone, 1, s, 16, NULL,
					     NULL), 0);
	assert_int_equal(GetLastError(), ERROR_NO_UNICODE_TRANSLATION);
	assert_int_equal(WideCharToMultiByte(CP_UTF8, 0, lone, 1, s, 16, "?", NULL), 0);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_int_equal(MultiByteToWideChar(1252, 0, "a", 1, w, 16), 0);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_int_equal(MultiByteToWideChar(CP_UTF8, 0, "a", 0, w, 16), 0);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_int_equal(MultiByteToWideChar(CP_UTF8, 0x10, "a", 1, w, 16), 0);
	assert_int_equal(GetLastError(), ERROR_INVALID_FLAGS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character),
		cmocka_unit_test(invalid_bytes),
		cmocka_unit_test(invalid_units),
		cmocka_unit_test(names_come_back),
		cmocka_unit_test(windows_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
