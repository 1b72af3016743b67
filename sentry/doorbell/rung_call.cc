#include "sentry/doorbell/rung_call.h"

#include <algorithm>
#include <cerrno>

#include "platform/guest_copy.h"

namespace moat::sentry {

using platform::GuestAddr;
using platform::Trap;

void RungCall::Answer(int64_t value) {
  if (!fit_) return Decline();
  doorbell_.Answer(ring_, value, to_, absl::MakeConstSpan(data_.data(), size_));
}

void RungCall::Decline() { doorbell_.Decline(ring_); }

// The memory that it came by is the caller's own, whoever has its number by now.
bool RungCall::StillWaits(const Trap&) { return true; }

Result<size_t> RungCall::Read(const Trap& trap, GuestAddr from, absl::Span<std::byte> to) {
  return platform::CopyFromGuest(trap.tid, from, to);
}

// Written by the caller itself, when it looks at the answer: if a signal handler has left the call
// for good by then, nobody writes where something else may lie now.
Result<size_t> RungCall::Write(const Trap& trap, GuestAddr to, absl::Span<const std::byte> from) {
  if (size_ != 0 || from.size() > data_.size() || from.size() % 8 != 0 ||
      !LooksWritable(trap, to, from.size())) {
    fit_ = false;
    return Errno(EFAULT);
  }
  to_ = to;
  size_ = from.size();
  std::copy(from.begin(), from.end(), data_.begin());
  return size_;
}

bool RungCall::LooksWritable(const Trap& trap, GuestAddr at, size_t size) {
  // A frame of the stack that the caller stands on, or of one of those above it.
  constexpr uint64_t kNear = 16 << 10;
  if (at.value() >= ring_.stack_pointer && at.value() - ring_.stack_pointer < kNear) return true;
  for (const GuestAddr end : {at, at.Plus(size - 1)}) {
    std::byte byte;
    if (!platform::CopyFromGuest(trap.tid, end, absl::MakeSpan(&byte, 1)).ok()) return false;
  }
  return true;
}

Result<Trap> RungCall::Next() { return Errno(ENOSYS); }
void RungCall::ReturnValue(const Trap&, int64_t) { fit_ = false; }
void RungCall::ReturnErrno(const Trap&, Errno) { fit_ = false; }
void RungCall::ReturnRestart(const Trap&) { fit_ = false; }
void RungCall::Continue(const Trap&) { fit_ = false; }

Result<int> RungCall::AddFd(const Trap&, const Fd&, bool) {
  fit_ = false;
  return Errno(ENOSYS);
}

Result<void> RungCall::AddFdAt(const Trap&, const Fd&, int, bool) {
  fit_ = false;
  return Errno(ENOSYS);
}

Result<std::unique_ptr<platform::Session>> RungCall::Enter(const Trap&) {
  fit_ = false;
  return Errno(ENOSYS);
}

Result<platform::Platform::Entered> RungCall::EnterWith(const Trap&, const Fd&,
                                                        absl::Span<const Fd* const>) {
  fit_ = false;
  return Errno(ENOSYS);
}

}  // namespace moat::sentry
