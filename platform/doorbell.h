// Calls without a trap, for a process that makes many of them: its `syscall` instructions are
// patched into jumps, and the code they lead to leaves the call in shared memory, where a thread of
// the sentry that is awake sees it. What nobody answers at once is made by a trap after all.
//
// It opens nothing: the filter stays as it is, and what is answered here could be asked for by a
// trap. docs/adr/015-doorbell.md has the design, its limits and the measurements.
#ifndef MOAT_PLATFORM_DOORBELL_H_
#define MOAT_PLATFORM_DOORBELL_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "base/fd.h"
#include "base/result.h"
#include "platform/platform.h"

namespace moat::platform {

// One call that was left. All of it is what the process says, which is to be believed of itself
// only.
struct Ring {
  size_t slot = 0;
  size_t site = 0;  // below Doorbell::kSites
  pid_t vtid = 0;   // the caller, in its own pid namespace
  std::array<uint64_t, 6> args{};
  uint64_t stack_pointer = 0;
};

struct Pages {
  uint64_t first = 0, size = 0;
};

// The doorbell of one address space. What changes the task (Hang, TakeDown, AddSite) is done by one
// thread at a time, all else from any.
class Doorbell {
 public:
  static constexpr size_t kSites = 64;
  static constexpr size_t kMostData = 384;  // of an answer, in bytes, and a multiple of 8
  static constexpr size_t kPatchSize = 7;

  // The memory that is shared. ENFILE, ENOMEM.
  static Result<std::unique_ptr<Doorbell>> Create();

  // --- In a session of the task. Other threads of its process may run meanwhile, also in the code
  // that is patched.

  // What Hang needs in the task's table, where the caller closes it again. Once.
  Fd TakeMemory() { return std::move(memory_); }
  // Maps code, table and arena. `number` is the memory's in the task. On an error nothing is left
  // mapped. EEXIST: the addresses are taken; EACCES: the task may not make memory executable.
  Result<void> Hang(Session& session, Platform& platform, const Trap& trap, int number);
  // Unmaps all, while there is no site yet.
  void TakeDown(Session& session);
  // Whether the task has inherited the code and the sites of a parent, by fork(2), whose arena it
  // has not; they are this doorbell's then. `asks` says which calls may have been patched. All of
  // this is the task's word, which is good enough for what it gets by it: answers.
  bool Inherit(Platform& platform, const Trap& trap, absl::FunctionRef<bool(int nr)> asks);
  // Maps the arena for those, instead of Hang.
  Result<void> HangInherited(Session& session, Platform& platform, const Trap& trap, int number);
  // Whether the last of these bytes, kPatchSize in number, make up a call `nr` that can be patched:
  // the number is set by the instruction before `syscall`.
  static bool CanPatch(absl::Span<const std::byte> before, int nr);
  // The pages that hold the call that ends at `behind`.
  static Pages PagesOf(GuestAddr behind);
  // Patches that call: its pages, which must be code that is mapped privately and not written to,
  // become anonymous ones with other bytes in one step. ENOSPC: there are kSites of them; EACCES:
  // the task may not make memory executable; EILSEQ: it is another call by now.
  Result<void> AddSite(Session& session, Platform& platform, const Trap& trap, GuestAddr behind,
                       int nr);
  // Whether a trap's instruction pointer lies in the code that Hang mapped.
  bool InCode(uint64_t address) const;
  int NumberOf(size_t site) const { return numbers_[site]; }

  // --- From the sentry's side.

  // Whether callers should ring.
  void Listen(bool listening) const;
  bool IsListening() const;
  // Whether somebody has rung since the last time.
  bool WasRung() const;
  // The next call, from `slot` on; nothing when none is left. It must be answered or declined.
  std::optional<Ring> Take(size_t slot) const;
  // The caller goes on with `value`, and `data`, if any, at `to`.
  void Answer(const Ring& ring, int64_t value, GuestAddr to,
              absl::Span<const std::byte> data) const;
  // The caller makes the call by a trap.
  void Decline(const Ring& ring) const;

 private:
  struct Arena;
  struct Unmap {
    void operator()(Arena* arena) const;
  };

  Doorbell(Fd memory, std::unique_ptr<Arena, Unmap> arena);
  Result<void> WriteSite(Session& session, Platform& platform, const Trap& trap, size_t site,
                         GuestAddr behind, int nr) const;
  Result<void> MapArena(Session& session, Platform& platform, const Trap& trap, int number);
  Result<void> MapAll(Session& session, Platform& platform, const Trap& trap, int number);

  Fd memory_;
  std::unique_ptr<Arena, Unmap> arena_;
  uint64_t code_ = 0;  // where it lies in the task
  uint64_t task_arena_ = 0;
  std::atomic<size_t> sites_ = 0;  // those before it do not change any more
  std::array<int, kSites> numbers_{};
};

}  // namespace moat::platform

#endif  // MOAT_PLATFORM_DOORBELL_H_
