// Gives a task a descriptor, and makes it act on one in its own context: what ADDFD alone can't do.
//
// O_PATH descriptors, which ADDFD refuses, travel through a socket that the task itself reads
// (SCM_RIGHTS). For that moment the table of the task shows one number more; another thread of the
// task may see it.
#ifndef MOAT_SENTRY_FS_HAND_OVER_H_
#define MOAT_SENTRY_FS_HAND_OVER_H_

#include <cstdint>
#include <functional>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/fd.h"
#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

// Whether it is an O_PATH descriptor.
bool IsPathOnly(const Fd& fd);

// Answers the trap with `fd`, of any kind, under the lowest free number.
Outcome GiveDescriptor(Call& call, Fd fd, bool close_on_exec);

// Runs in the task's context with `number` for the descriptor; the result answers the trap
// (negative: an errno). Must close `number` unless it is to stay.
using UseInTask = std::function<int64_t(platform::Session& session, int number)>;

// Puts `fd`, of any kind, into the task's table (close-on-exec) and runs `use`. EMFILE when the
// table is full, EPERM when the task is traced. `use` may end the session itself, by an exec; its
// result then means nothing.
Outcome UseDescriptor(Call& call, const Fd& fd, const UseInTask& use);

// The same with the numbers of those of `more` that found room in the table, too. No O_PATH
// descriptors among them. Must close these as well.
using UseAllInTask =
    std::function<int64_t(platform::Session& session, int number, absl::Span<const int> more)>;
Outcome UseDescriptors(Call& call, const Fd& fd, absl::Span<const Fd* const> more,
                       const UseAllInTask& use);

// For UseInTask: a system call's result as the kernel would return it.
int64_t AsReturned(const Result<uint64_t>& result);
void CloseAll(platform::Session& session, absl::Span<const int> numbers);
// Closes `number` and passes `result` on.
int64_t CloseAndReturn(platform::Session& session, int number, int64_t result);

// Runs `use` with the address of a copy of `bytes` in the task's memory, which is gone afterwards.
Result<uint64_t> UseBytes(Call& call, platform::Session& session, absl::string_view bytes,
                          absl::FunctionRef<Result<uint64_t>(platform::GuestAddr at)> use);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_HAND_OVER_H_
