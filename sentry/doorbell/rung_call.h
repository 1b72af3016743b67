// A call that came by a doorbell, as handlers see it: a platform on which nothing can be done but
// read the caller's memory and answer with a number and one block of bytes.
#ifndef MOAT_SENTRY_DOORBELL_RUNG_CALL_H_
#define MOAT_SENTRY_DOORBELL_RUNG_CALL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "platform/doorbell.h"
#include "platform/platform.h"

namespace moat::sentry {

// Used by one thread, for one call.
class RungCall final : public platform::Platform {
 public:
  // Both are borrowed.
  RungCall(const platform::Doorbell& doorbell, const platform::Ring& ring)
      : doorbell_(doorbell), ring_(ring) {}

  // The answer: `value` and what was written. Declines the call when it needs more than that.
  void Answer(int64_t value);
  // The caller makes a trap.
  void Decline();

  // --- What a handler may use.
  bool StillWaits(const platform::Trap& trap) override;
  Result<size_t> Read(const platform::Trap& trap, platform::GuestAddr from,
                      absl::Span<std::byte> to) override;
  Result<size_t> Write(const platform::Trap& trap, platform::GuestAddr to,
                       absl::Span<const std::byte> from) override;

  // --- All else has the call declined.
  Result<platform::Trap> Next() override;
  void ReturnValue(const platform::Trap& trap, int64_t value) override;
  void ReturnErrno(const platform::Trap& trap, Errno error) override;
  void ReturnRestart(const platform::Trap& trap) override;
  void Continue(const platform::Trap& trap) override;
  Result<int> AddFd(const platform::Trap& trap, const Fd& fd, bool close_on_exec) override;
  Result<void> AddFdAt(const platform::Trap& trap, const Fd& fd, int at,
                       bool close_on_exec) override;
  Result<std::unique_ptr<platform::Session>> Enter(const platform::Trap& trap) override;
  Result<Entered> EnterWith(const platform::Trap& trap, const Fd& fd,
                            absl::Span<const Fd* const> more) override;
  uint64_t cookie() const override { return 0; }

 private:
  // Whether the caller itself can write there, as far as can be told without doing it.
  bool LooksWritable(const platform::Trap& trap, platform::GuestAddr at, size_t size);

  const platform::Doorbell& doorbell_;
  const platform::Ring& ring_;
  bool fit_ = true;
  platform::GuestAddr to_;
  size_t size_ = 0;
  std::array<std::byte, platform::Doorbell::kMostData> data_;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_DOORBELL_RUNG_CALL_H_
