#include "platform/seccomp_notify/initial_stack.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace moat::platform::seccomp_notify {
namespace {

constexpr size_t kWord = sizeof(uint64_t);
constexpr size_t kMaxWords = size_t{1} << 20;  // more than the largest argument list has strings
constexpr size_t kVdsoSize = 8192;             // of Linux 6.18: two pages of code and tables

// Reads word after word, a chunk at a time.
class Words {
 public:
  Words(GuestAddr from, ReadMemory read) : from_(from), read_(read) {}

  GuestAddr position() const { return from_.Plus(count_ * kWord); }

  Result<uint64_t> Next() {
    const size_t index = count_ % chunk_.size();
    if (index == 0) {
      TRY_ASSIGN(const size_t got,
                 read_(position(), absl::MakeSpan(std::as_writable_bytes(std::span(chunk_)).data(),
                                                  sizeof(chunk_))));
      valid_ = got / kWord;
    }
    if (index >= valid_ || ++count_ > kMaxWords) return Errno(EFAULT);
    return chunk_[index];
  }

  Result<void> SkipPastZero() {
    for (;;) {
      TRY_ASSIGN(const uint64_t word, Next());
      if (word == 0) return {};
    }
  }

 private:
  const GuestAddr from_;
  const ReadMemory read_;
  size_t count_ = 0, valid_ = 0;
  std::array<uint64_t, 128> chunk_;
};

}  // namespace

Result<AuxiliaryVector> FindAuxiliaryVector(GuestAddr top, ReadMemory read) {
  Words words(top, read);
  TRY_ASSIGN([[maybe_unused]] const uint64_t argument_count, words.Next());
  TRY(words.SkipPastZero());  // argv
  TRY(words.SkipPastZero());  // envp
  AuxiliaryVector vector;
  for (;;) {
    TRY_ASSIGN(const uint64_t type, words.Next());
    const GuestAddr entry = words.position();
    TRY_ASSIGN(const uint64_t value, words.Next());
    if (type == AT_NULL) return vector;
    if (type == AT_SYSINFO_EHDR) vector.vdso = GuestAddr(value);
    if (type == AT_EXECFN) vector.exec_name_entry = entry;
    if (type == AT_SECURE) vector.secure_entry = entry;
  }
}

Result<GuestAddr> FindSyscallInstruction(GuestAddr vdso, ReadMemory read) {
  if (vdso.null()) return Errno(ENOENT);
  std::array<std::byte, kVdsoSize> image;
  TRY_ASSIGN(const size_t size, read(vdso, absl::MakeSpan(image)));
  constexpr std::array<std::byte, 2> kInstruction = {std::byte{0x0f}, std::byte{0x05}};
  const auto end = image.begin() + static_cast<ptrdiff_t>(size);
  const auto found = std::search(image.begin(), end, kInstruction.begin(), kInstruction.end());
  if (found == end) return Errno(ENOENT);
  return vdso.Plus(static_cast<uint64_t>(found - image.begin()));
}

}  // namespace moat::platform::seccomp_notify
