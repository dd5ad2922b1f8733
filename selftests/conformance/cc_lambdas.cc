// SPDX-License-Identifier: GPL-2.0-only
/* C++: lambdas are callbacks, objects are contexts. */
#include "pool.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace {

class File {
public:
	explicit File(HANDLE handle) : handle_(handle) {}
	~File() { CloseHandle(handle_); }
	File(const File &) = delete;
	File &operator=(const File &) = delete;
	operator HANDLE() const { return handle_; }

private:
	HANDLE handle_;
};

struct Read : OVERLAPPED {
	explicit Read(DWORD offset) : OVERLAPPED(), text(10, '.')
	{
		Offset = offset;
	}
	std::string text;
};

struct Totals {
	std::atomic<unsigned> calls{0}, bytes{0};
};

} // namespace

int main()
{
	std::vector<std::unique_ptr<Read>> reads;
	unsigned right = 0;
	Totals totals;

	{
		File file(new_file("cc_lambdas.tmp", 100, FILE_FLAG_OVERLAPPED));
		PTP_IO io = CreateThreadpoolIo(file, [](PTP_CALLBACK_INSTANCE, PVOID context,
				PVOID, ULONG result, ULONG_PTR bytes, PTP_IO) {
			auto *sum = static_cast<Totals *>(context);
			if (result == NO_ERROR)
				sum->bytes += static_cast<unsigned>(bytes);
			sum->calls++;
		}, &totals, nullptr);

		NEED(io);
		for (DWORD i = 0; i < 10; i++) {
			reads.push_back(std::make_unique<Read>(i * 10));
			StartThreadpoolIo(io);
			if (ReadFile(file, &reads.back()->text[0], 10, nullptr, reads.back().get()) ||
			    GetLastError() != ERROR_IO_PENDING)
				CancelThreadpoolIo(io);
		}
		WaitForThreadpoolIoCallbacks(io, FALSE);
		CloseThreadpoolIo(io);
	}
	IS("TP-12", "I/O callbacks", totals.calls, 10);
	IS("TP-2", "bytes", totals.bytes, 100);
	for (const auto &read : reads)
		right += read->text[0] == static_cast<char>('a' + read->Offset % 26);
	IS("TP-2", "buffers that are right", right, 10);

	PTP_WORK work = CreateThreadpoolWork([](PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
		static_cast<Totals *>(context)->calls++;
	}, &totals, nullptr);
	NEED(work);
	for (int i = 0; i < 10; i++)
		SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CloseThreadpoolWork(work);
	IS("PL-18", "work callbacks", totals.calls, 20);
	remove("cc_lambdas.tmp");
	return conform_end();
}
