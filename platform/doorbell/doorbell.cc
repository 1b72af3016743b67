#include "platform/doorbell.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "platform/doorbell/layout.h"

extern "C" const std::byte moat_doorbell_code[4096];

namespace moat::platform {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kTable = MOAT_DOORBELL_TABLE;
constexpr uint64_t kTablePages = 2 * kPage;
// A file that shrinks under a mapping kills who reads it (SIGBUS); one that grows could be mapped
// further by mremap(2).
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// `mov $nr, %eax; syscall`, and the jump that takes its place: its address ends in 0f 05, so a
// thread that stands at the second instruction, or jumps to it, still finds a `syscall` there.
constexpr std::array<uint8_t, 3> kJump = {0xff, 0x24, 0x25};
constexpr uint8_t kMoveToEax = 0xb8;
constexpr std::array<uint8_t, 2> kSyscall = {0x0f, 0x05};

template <typename T>
absl::Span<const std::byte> BytesOf(const T& object) {
  return absl::MakeConstSpan(static_cast<const std::byte*>(static_cast<const void*>(&object)),
                             sizeof(T));
}

Result<void> Put(Platform& platform, const Trap& trap, uint64_t to,
                 absl::Span<const std::byte> bytes) {
  TRY_ASSIGN(const size_t written, platform.Write(trap, GuestAddr(to), bytes));
  if (written != bytes.size()) return Errno(EFAULT);
  return {};
}

Result<void> Protect(Session& session, uint64_t at, uint64_t size, int protection) {
  TRY(session.Call(SYS_mprotect, {at, size, static_cast<uint64_t>(protection)}));
  return {};
}

}  // namespace

struct Doorbell::Arena {
  struct Slot {
    std::atomic<uint32_t> state;
    uint32_t site;
    uint32_t tid;
    uint32_t words;
    std::array<uint64_t, 6> args;
    uint64_t stack_pointer;
    int64_t result;
    uint64_t to;
    std::byte unused[MOAT_DOORBELL_DATA - 88];
    std::byte data[MOAT_DOORBELL_SLOT_SIZE - MOAT_DOORBELL_DATA];
  };
  std::atomic<uint32_t> listening;
  std::byte unused[MOAT_DOORBELL_RUNG - sizeof(uint32_t)];
  std::atomic<uint32_t> rung;
  std::byte unused_too[MOAT_DOORBELL_SLOT_SIZE - MOAT_DOORBELL_RUNG - sizeof(uint32_t)];
  std::array<Slot, MOAT_DOORBELL_SLOTS> slots;

  static_assert(std::atomic<uint32_t>::is_always_lock_free);
  static_assert(sizeof(Slot) == MOAT_DOORBELL_SLOT_SIZE);
  static_assert(offsetof(Slot, site) == MOAT_DOORBELL_SITE);
  static_assert(offsetof(Slot, tid) == MOAT_DOORBELL_TID);
  static_assert(offsetof(Slot, words) == MOAT_DOORBELL_WORDS);
  static_assert(offsetof(Slot, args) == MOAT_DOORBELL_ARGS);
  static_assert(offsetof(Slot, stack_pointer) == MOAT_DOORBELL_STACK);
  static_assert(offsetof(Slot, result) == MOAT_DOORBELL_RESULT);
  static_assert(offsetof(Slot, to) == MOAT_DOORBELL_TO);
  static_assert(offsetof(Slot, data) == MOAT_DOORBELL_DATA);
  static_assert(sizeof(Slot::data) == Doorbell::kMostData);
};

void Doorbell::Unmap::operator()(Arena* arena) const { ::munmap(arena, MOAT_DOORBELL_ARENA_SIZE); }

Doorbell::Doorbell(Fd memory, std::unique_ptr<Arena, Unmap> arena)
    : memory_(std::move(memory)), arena_(std::move(arena)) {}

Result<std::unique_ptr<Doorbell>> Doorbell::Create() {
  static_assert(sizeof(Arena) == MOAT_DOORBELL_ARENA_SIZE);
  Fd memory(::memfd_create("moat-doorbell", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory || ::ftruncate(memory.get(), MOAT_DOORBELL_ARENA_SIZE) < 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, kSeals) < 0) {
    return Errno::Last();
  }
  void* mapped = ::mmap(nullptr, MOAT_DOORBELL_ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                        memory.get(), 0);
  if (mapped == MAP_FAILED) return Errno::Last();
  std::unique_ptr<Arena, Unmap> arena(static_cast<Arena*>(mapped));
  return std::unique_ptr<Doorbell>(new Doorbell(std::move(memory), std::move(arena)));
}

Result<void> Doorbell::Hang(Session& session, Platform& platform, const Trap& trap, int number) {
  auto table = session.Call(SYS_mmap, {kTable, kTablePages, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, ~0ULL});
  if (!table.ok()) return table.error();
  auto mapped = MapAll(session, platform, trap, number);
  if (!mapped.ok()) TakeDown(session);
  return mapped;
}

void Doorbell::TakeDown(Session& session) {
  for (const uint64_t page : {code_, task_arena_}) {
    if (page != 0) (void)session.Call(SYS_munmap, {page, kPage});
  }
  (void)session.Call(SYS_munmap, {kTable, kTablePages});
  code_ = task_arena_ = 0;
}

Result<void> Doorbell::MapAll(Session& session, Platform& platform, const Trap& trap, int number) {
  TRY_ASSIGN(code_, session.Call(SYS_mmap, {0, kPage, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0}));
  TRY(Put(platform, trap, code_, absl::MakeConstSpan(moat_doorbell_code, kPage)));
  TRY(Protect(session, code_, kPage, PROT_READ | PROT_EXEC));
  TRY(session.Call(SYS_madvise, {MOAT_DOORBELL_ARENA_POINTER, kPage, MADV_WIPEONFORK}));
  TRY(MapArena(session, platform, trap, number));
  return Protect(session, kTable, kTablePages, PROT_READ);
}

// The page of the pointer can be written to.
Result<void> Doorbell::MapArena(Session& session, Platform& platform, const Trap& trap,
                                int number) {
  TRY_ASSIGN(task_arena_,
             session.Call(SYS_mmap, {0, MOAT_DOORBELL_ARENA_SIZE, PROT_READ | PROT_WRITE,
                                     MAP_SHARED, static_cast<uint64_t>(number), 0}));
  TRY(session.Call(SYS_madvise, {task_arena_, MOAT_DOORBELL_ARENA_SIZE, MADV_DONTFORK}));
  return Put(platform, trap, MOAT_DOORBELL_ARENA_POINTER, BytesOf(task_arena_));
}

bool Doorbell::Inherit(Platform& platform, const Trap& trap, absl::FunctionRef<bool(int nr)> asks) {
  struct {
    std::array<uint64_t, kSites> table, returns;
    std::array<int, kSites> numbers;
  } inherited = {};
  static_assert(offsetof(decltype(inherited), returns) == MOAT_DOORBELL_RETURNS - kTable);
  static_assert(offsetof(decltype(inherited), numbers) == MOAT_DOORBELL_NUMBERS - kTable);
  auto* bytes = static_cast<std::byte*>(static_cast<void*>(&inherited));
  const auto got = platform.Read(trap, GuestAddr(kTable), absl::MakeSpan(bytes, sizeof(inherited)));
  if (!got.ok() || *got != sizeof(inherited)) return false;
  const uint64_t code = inherited.table[0] - MOAT_DOORBELL_THUNKS;
  size_t sites = 0;
  for (; sites < kSites && inherited.table[sites] != 0; ++sites) {
    const uint64_t thunk = code + MOAT_DOORBELL_THUNKS + sites * MOAT_DOORBELL_THUNK_SIZE;
    if (inherited.table[sites] != thunk || !asks(inherited.numbers[sites])) return false;
  }
  if (sites == 0) return false;
  code_ = code;
  numbers_ = inherited.numbers;
  sites_ = sites;
  return true;
}

Result<void> Doorbell::HangInherited(Session& session, Platform& platform, const Trap& trap,
                                     int number) {
  TRY(Protect(session, MOAT_DOORBELL_ARENA_POINTER, kPage, PROT_READ | PROT_WRITE));
  auto mapped = MapArena(session, platform, trap, number);
  TRY(Protect(session, MOAT_DOORBELL_ARENA_POINTER, kPage, PROT_READ));
  return mapped;
}

bool Doorbell::CanPatch(absl::Span<const std::byte> before, int nr) {
  if (before.size() != kPatchSize || before[0] != std::byte{kMoveToEax}) return false;
  return std::memcmp(&before[1], &nr, sizeof(nr)) == 0 &&
         std::memcmp(&before[5], kSyscall.data(), kSyscall.size()) == 0;
}

Pages Doorbell::PagesOf(GuestAddr behind) {
  const uint64_t first = (behind.value() - kPatchSize) & ~(kPage - 1);
  return {first, behind.value() - first > kPage ? 2 * kPage : kPage};
}

Result<void> Doorbell::AddSite(Session& session, Platform& platform, const Trap& trap,
                               GuestAddr behind, int nr) {
  const size_t site = sites_;
  if (site == kSites) return Errno(ENOSPC);
  const Pages pages = PagesOf(behind);
  std::vector<std::byte> code(pages.size);
  TRY_ASSIGN(const size_t got, platform.Read(trap, GuestAddr(pages.first), absl::MakeSpan(code)));
  const absl::Span<std::byte> call =
      absl::MakeSpan(code).subspan(behind.value() - kPatchSize - pages.first, kPatchSize);
  if (got != code.size() || !CanPatch(call, nr)) return Errno(EILSEQ);
  const auto jumps_to = static_cast<uint32_t>(kTable + 8 * site);
  std::memcpy(call.data(), kJump.data(), kJump.size());
  std::memcpy(&call[kJump.size()], &jumps_to, sizeof(jumps_to));

  TRY(WriteSite(session, platform, trap, site, behind, nr));
  TRY_ASSIGN(const GuestAddr copy, session.MapScratch(code.size()));
  const auto replace = [&]() -> Result<void> {
    TRY(Put(platform, trap, copy.value(), code));
    TRY(Protect(session, copy.value(), pages.size, PROT_READ | PROT_EXEC));
    // Whoever runs there sees the one or the other: a fault in between waits for the end of this.
    TRY(session.Call(SYS_mremap, {copy.value(), pages.size, pages.size,
                                  MREMAP_MAYMOVE | MREMAP_FIXED, pages.first}));
    return {};
  };
  auto replaced = replace();
  if (!replaced.ok()) {
    session.UnmapScratch(copy, code.size());
    return replaced;
  }
  numbers_[site] = nr;
  sites_ = site + 1;
  return {};
}

Result<void> Doorbell::WriteSite(Session& session, Platform& platform, const Trap& trap,
                                 size_t site, GuestAddr behind, int nr) const {
  const uint64_t thunk = code_ + MOAT_DOORBELL_THUNKS + site * MOAT_DOORBELL_THUNK_SIZE;
  const uint64_t back = behind.value();
  TRY(Protect(session, kTable, kPage, PROT_READ | PROT_WRITE));
  TRY(Put(platform, trap, kTable + 8 * site, BytesOf(thunk)));
  TRY(Put(platform, trap, MOAT_DOORBELL_RETURNS + 8 * site, BytesOf(back)));
  TRY(Put(platform, trap, MOAT_DOORBELL_NUMBERS + 4 * site, BytesOf(nr)));
  return Protect(session, kTable, kPage, PROT_READ);
}

bool Doorbell::InCode(uint64_t address) const {
  return code_ != 0 && address >= code_ && address - code_ < kPage;
}

void Doorbell::Listen(bool listening) const { arena_->listening.store(listening ? 1 : 0); }

bool Doorbell::IsListening() const {
  return arena_->listening.load(std::memory_order_relaxed) != 0;
}

bool Doorbell::WasRung() const {
  if (arena_->rung.load(std::memory_order_relaxed) == 0) return false;
  return arena_->rung.exchange(0) != 0;
}

std::optional<Ring> Doorbell::Take(size_t slot) const {
  for (; slot < arena_->slots.size(); ++slot) {
    Arena::Slot& from = arena_->slots[slot];
    uint32_t state = MOAT_DOORBELL_POSTED;
    if (from.state.load(std::memory_order_relaxed) != state ||
        !from.state.compare_exchange_strong(state, MOAT_DOORBELL_TAKEN)) {
      continue;
    }
    Ring ring = {slot, from.site, static_cast<pid_t>(from.tid), from.args, from.stack_pointer};
    // The process may write while we look: from here on the copy alone counts.
    asm volatile("" : "+m"(ring));
    if (ring.site < sites_) return ring;
    Decline(ring);
  }
  return std::nullopt;
}

namespace {

// Unless the caller has given up, which leaves the slot to us.
void End(std::atomic<uint32_t>& slot, uint32_t end) {
  uint32_t state = MOAT_DOORBELL_TAKEN;
  if (!slot.compare_exchange_strong(state, end)) slot.store(MOAT_DOORBELL_FREE);
}

}  // namespace

void Doorbell::Answer(const Ring& ring, int64_t value, GuestAddr to,
                      absl::Span<const std::byte> data) const {
  Arena::Slot& slot = arena_->slots[ring.slot];
  slot.result = value;
  slot.to = to.value();
  slot.words = static_cast<uint32_t>(data.size() / 8);
  std::copy(data.begin(), data.end(), slot.data);
  End(slot.state, MOAT_DOORBELL_DONE);
}

void Doorbell::Decline(const Ring& ring) const {
  End(arena_->slots[ring.slot].state, MOAT_DOORBELL_DECLINED);
}

}  // namespace moat::platform
