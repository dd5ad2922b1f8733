// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * filehash FILE... - SHA-256 of files, printed as sha256sum(1) prints it.
 *
 * A Windows program: builds unchanged with mingw-w64.  Up to MAX_OPEN files are read at
 * a time.  Each has a TP_IO in a pool of our own; the callback of a read hashes what came
 * and starts the next.  One cleanup group ends all of them.
 */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPEN	16
#define BLOCK		65536

struct sha256 {
	DWORD state[8];
	BYTE block[64];
	DWORD used;
	ULONGLONG bytes;
};

struct file {
	OVERLAPPED ov;			/* first: the callback is given its address */
	const char *name;
	HANDLE handle;
	ULONGLONG offset;
	DWORD error;
	struct sha256 sha;
	BYTE buffer[BLOCK];
};

static HANDLE slots;			/* a semaphore: one count for each file that may be open */

static const DWORD sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static void sha256_init(struct sha256 *s)
{
	static const DWORD start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(s->state, start, sizeof(start));
	s->used = 0;
	s->bytes = 0;
}

#define ROR(x, n)	((x) >> (n) | (x) << (32 - (n)))

static void sha256_block(struct sha256 *s)
{
	DWORD w[64], v[8], t1, t2;
	int i;

	for (i = 0; i < 16; i++)
		w[i] = (DWORD)s->block[i * 4] << 24 | (DWORD)s->block[i * 4 + 1] << 16 |
		       (DWORD)s->block[i * 4 + 2] << 8 | s->block[i * 4 + 3];
	for (; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (ROR(w[i - 15], 7) ^ ROR(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (ROR(w[i - 2], 17) ^ ROR(w[i - 2], 19) ^ w[i - 2] >> 10);
	memcpy(v, s->state, sizeof(v));
	for (i = 0; i < 64; i++) {
		t1 = v[7] + (ROR(v[4], 6) ^ ROR(v[4], 11) ^ ROR(v[4], 25)) +
		     ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha256_k[i] + w[i];
		t2 = (ROR(v[0], 2) ^ ROR(v[0], 13) ^ ROR(v[0], 22)) +
		     ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		s->state[i] += v[i];
}

static void sha256_add(struct sha256 *s, const BYTE *data, SIZE_T bytes)
{
	s->bytes += bytes;
	while (bytes) {
		SIZE_T n = sizeof(s->block) - s->used;

		if (n > bytes)
			n = bytes;
		memcpy(s->block + s->used, data, n);
		s->used += (DWORD)n;
		data += n;
		bytes -= n;
		if (s->used == sizeof(s->block)) {
			sha256_block(s);
			s->used = 0;
		}
	}
}

static void sha256_finish(struct sha256 *s)
{
	ULONGLONG bits = s->bytes * 8;
	BYTE end[72] = { 0x80 };
	DWORD pad = (s->used < 56 ? 56 : 120) - s->used;
	int i;

	for (i = 0; i < 8; i++)
		end[pad + i] = (BYTE)(bits >> (56 - i * 8));
	sha256_add(s, end, pad + 8);
}

/* False: it is at its end, one way or another. */
static BOOL start_read(struct file *f, PTP_IO io)
{
	f->ov.Offset = (DWORD)f->offset;
	f->ov.OffsetHigh = (DWORD)(f->offset >> 32);
	StartThreadpoolIo(io);
	if (ReadFile(f->handle, f->buffer, BLOCK, NULL, &f->ov) ||
	    GetLastError() == ERROR_IO_PENDING)
		return TRUE;
	f->error = GetLastError();
	CancelThreadpoolIo(io);
	return FALSE;
}

static VOID CALLBACK read_done(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PVOID Overlapped,
			       ULONG IoResult, ULONG_PTR NumberOfBytesTransferred, PTP_IO Io)
{
	struct file *f = Overlapped;

	(void)Context;
	f->error = IoResult;
	if (IoResult == NO_ERROR) {
		sha256_add(&f->sha, f->buffer, NumberOfBytesTransferred);
		f->offset += NumberOfBytesTransferred;
		if (start_read(f, Io))
			return;
	}
	if (f->error == ERROR_HANDLE_EOF) {
		f->error = NO_ERROR;
		sha256_finish(&f->sha);
	}
	CloseHandle(f->handle);
	ReleaseSemaphoreWhenCallbackReturns(Instance, slots, 1);
}

/* Whoever ends the file, here or in the callback, gives its slot back. */
static void start_file(struct file *f, const char *name, PTP_CALLBACK_ENVIRON env)
{
	PTP_IO io;

	f->name = name;
	sha256_init(&f->sha);
	f->handle = CreateFileA(name, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
				FILE_FLAG_OVERLAPPED | FILE_FLAG_SEQUENTIAL_SCAN, NULL);
	if (f->handle != INVALID_HANDLE_VALUE) {
		io = CreateThreadpoolIo(f->handle, read_done, NULL, env);
		if (io && start_read(f, io))
			return;
		if (!io)
			f->error = GetLastError();
		CloseHandle(f->handle);
	} else {
		f->error = GetLastError();
	}
	ReleaseSemaphore(slots, 1, NULL);
}

static int report(const struct file *f)
{
	int i;

	if (f->error) {
		fprintf(stderr, "filehash: %s: error %u\n", f->name, (unsigned int)f->error);
		return 1;
	}
	for (i = 0; i < 8; i++)
		printf("%08x", (unsigned int)f->sha.state[i]);
	printf("  %s\n", f->name);
	return 0;
}

int main(int argc, char **argv)
{
	TP_CALLBACK_ENVIRON env;
	PTP_CLEANUP_GROUP group;
	struct file **files;
	int i, failed = 0;
	PTP_POOL pool;

	if (argc < 2) {
		fprintf(stderr, "usage: filehash FILE...\n");
		return 2;
	}
	files = calloc(argc, sizeof(*files));
	InitializeThreadpoolEnvironment(&env);
	pool = CreateThreadpool(NULL);
	group = CreateThreadpoolCleanupGroup();
	slots = CreateSemaphoreA(NULL, MAX_OPEN, MAX_OPEN, NULL);
	if (!files || !pool || !group || !slots) {
		fprintf(stderr, "filehash: no thread pool: error %u\n",
			(unsigned int)GetLastError());
		return 1;
	}
	SetThreadpoolCallbackPool(&env, pool);
	SetThreadpoolCallbackCleanupGroup(&env, group, NULL);

	for (i = 1; i < argc; i++) {
		files[i] = calloc(1, sizeof(**files));
		if (!files[i]) {
			fprintf(stderr, "filehash: no memory\n");
			return 1;
		}
		WaitForSingleObject(slots, INFINITE);
		start_file(files[i], argv[i], &env);
	}
	/* All slots are back when all files are at their end. */
	for (i = 0; i < MAX_OPEN; i++)
		WaitForSingleObject(slots, INFINITE);
	CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
	CloseThreadpoolCleanupGroup(group);
	CloseThreadpool(pool);
	DestroyThreadpoolEnvironment(&env);

	for (i = 1; i < argc; i++) {
		failed |= report(files[i]);
		free(files[i]);
	}
	free(files);
	CloseHandle(slots);
	return failed;
}
