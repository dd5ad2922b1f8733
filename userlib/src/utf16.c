// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * utf16.c - UTF-16 to UTF-8 and back, in one place.
 *
 * What is no valid text: programs that convert get U+FFFD or an error, as they ask.
 * Names of files must come back as they were, so there each byte that is no UTF-8
 * is a lone surrogate U+DC80 ... U+DCFF, which becomes that byte again; other lone
 * surrogates name no file.
 */
#include "win.h"

#define INVALID		UINT32_MAX
#define REPLACEMENT	0xfffdU
#define ESCAPED(u)	((u) >= 0xdc80 && (u) <= 0xdcff)

/*
 * One character of @len > 0 bytes.  Returns how many it takes; where they are none,
 * INVALID and the bytes that could have begun one.
 */
static size_t decode8(const uint8_t *p, size_t len, uint32_t *c)
{
	/* The second byte's range rules out long forms, surrogates and > U+10FFFF. */
	uint8_t low = 0x80, high = 0xbf;
	size_t need, i;

	*c = INVALID;
	if (p[0] < 0x80) {
		*c = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 1;
	need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	switch (p[0]) {
	case 0xe0:
		low = 0xa0;
		break;
	case 0xed:
		high = 0x9f;
		break;
	case 0xf0:
		low = 0x90;
		break;
	case 0xf4:
		high = 0x8f;
		break;
	}
	for (i = 1; i < need; i++) {
		if (i == len || p[i] < low || p[i] > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	*c = p[0] & (0x7f >> need);
	for (i = 1; i < need; i++)
		*c = *c << 6 | (p[i] & 0x3f);
	return need;
}

/* Returns the units that all of it takes, and writes as many as fit; -1 invalid. */
ssize_t iocpi_utf8_to_16(const char *from, size_t len, WCHAR *to, size_t room, enum iocpi_utf mode)
{
	const uint8_t *p = (const uint8_t *)from, *end = p + len;
	size_t n = 0;
	uint32_t c;

	while (p < end) {
		size_t taken = decode8(p, end - p, &c);

		if (c == INVALID) {
			if (mode == UTF_STRICT)
				return -1;
			if (mode == UTF_NAME) {
				taken = 1;
				c = 0xdc00 + *p;
			} else {
				c = REPLACEMENT;
			}
		}
		p += taken;
		if (c >= 0x10000) {
			if (n < room)
				to[n] = 0xd800 + ((c - 0x10000) >> 10);
			n++;
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		if (n < room)
			to[n] = c;
		n++;
	}
	return n;
}

static size_t encode8(uint32_t c, uint8_t *p)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;

	if (n == 1) {
		p[0] = c;
		return 1;
	}
	for (i = n - 1; i; i--, c >>= 6)
		p[i] = 0x80 | (c & 0x3f);
	p[0] = (0xff00 >> n & 0xff) | c;
	return n;
}

/* The same the other way round; a character is written whole or not at all. */
ssize_t iocpi_utf16_to_8(const WCHAR *from, size_t len, char *to, size_t room, enum iocpi_utf mode)
{
	size_t n = 0, i, size;
	uint8_t bytes[4];

	for (i = 0; i < len; i++) {
		uint32_t c = from[i];

		if (c >= 0xd800 && c < 0xdc00 && i + 1 < len && from[i + 1] >= 0xdc00 &&
		    from[i + 1] < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (from[++i] - 0xdc00);
		} else if (c >= 0xd800 && c < 0xe000) {
			if (mode == UTF_STRICT || (mode == UTF_NAME && !ESCAPED(c)))
				return -1;
			if (mode == UTF_REPLACE)
				c = REPLACEMENT;
		}
		if (c >= 0xd800 && c < 0xe000) {
			bytes[0] = c - 0xdc00;
			size = 1;
		} else {
			size = encode8(c, bytes);
		}
		if (n + size <= room)
			memcpy(to + n, bytes, size);
		n += size;
	}
	return n;
}

size_t iocpi_wcslen(const WCHAR *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* The name of a file; NULL stays NULL.  0 or a Win32 code. */
DWORD iocpi_name8(const WCHAR *name, struct iocpi_name *buf)
{
	ssize_t n;

	buf->name = name ? buf->bytes : NULL;
	if (!name)
		return 0;
	n = iocpi_utf16_to_8(name, iocpi_wcslen(name), buf->bytes, sizeof(buf->bytes) - 1,
			     UTF_NAME);
	if (n < 0)
		return ERROR_INVALID_NAME;
	if ((size_t)n >= sizeof(buf->bytes))
		return ERROR_FILENAME_EXCED_RANGE;
	buf->bytes[n] = 0;
	return 0;
}

/* What both functions below check; the code pages that A functions use are UTF-8. */
static DWORD convert_check(UINT page, DWORD flags, DWORD known, const void *from, int from_len,
			   const void *to, int room)
{
	if (page != CP_UTF8 && page != CP_ACP && page != CP_OEMCP && page != CP_THREAD_ACP)
		return ERROR_INVALID_PARAMETER;
	if (!from || !from_len || from_len < -1 || room < 0 || (room && !to) || from == to)
		return ERROR_INVALID_PARAMETER;
	return flags & ~known ? ERROR_INVALID_FLAGS : 0;
}

static int convert_end(ssize_t n, int room)
{
	if (n < 0)
		return iocpi_fail(ERROR_NO_UNICODE_TRANSLATION);
	if (n > INT_MAX)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	if (room && n > room)
		return iocpi_fail(ERROR_INSUFFICIENT_BUFFER);
	return n;
}

int WINAPI MultiByteToWideChar(UINT CodePage, DWORD dwFlags, LPCSTR lpMultiByteStr, int cbMultiByte,
			       LPWSTR lpWideCharStr, int cchWideChar)
{
	DWORD code = convert_check(CodePage, dwFlags, MB_PRECOMPOSED | MB_ERR_INVALID_CHARS,
				   lpMultiByteStr, cbMultiByte, lpWideCharStr, cchWideChar);
	size_t len;

	if (code)
		return iocpi_fail(code);
	len = cbMultiByte < 0 ? strlen(lpMultiByteStr) + 1 : (size_t)cbMultiByte;
	return convert_end(iocpi_utf8_to_16(lpMultiByteStr, len, lpWideCharStr, cchWideChar,
					    dwFlags & MB_ERR_INVALID_CHARS ? UTF_STRICT :
					    UTF_REPLACE), cchWideChar);
}

int WINAPI WideCharToMultiByte(UINT CodePage, DWORD dwFlags, LPCWSTR lpWideCharStr, int cchWideChar,
			       LPSTR lpMultiByteStr, int cbMultiByte, LPCSTR lpDefaultChar,
			       LPBOOL lpUsedDefaultChar)
{
	DWORD code = convert_check(CodePage, dwFlags, WC_ERR_INVALID_CHARS, lpWideCharStr,
				   cchWideChar, lpMultiByteStr, cbMultiByte);
	size_t len;

	if (!code && (lpDefaultChar || lpUsedDefaultChar))
		code = ERROR_INVALID_PARAMETER;
	if (code)
		return iocpi_fail(code);
	len = cchWideChar < 0 ? iocpi_wcslen(lpWideCharStr) + 1 : (size_t)cchWideChar;
	return convert_end(iocpi_utf16_to_8(lpWideCharStr, len, lpMultiByteStr, cbMultiByte,
					    dwFlags & WC_ERR_INVALID_CHARS ? UTF_STRICT :
					    UTF_REPLACE), cbMultiByte);
}
