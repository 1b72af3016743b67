#include "gofer/protocol/slot.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace moat::gofer {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t RoundUp(size_t size) { return (size + kPage - 1) / kPage * kPage; }

constexpr size_t kRequestArea = RoundUp(Slot::kOverhead + kMaxRequest);
constexpr size_t kReplyArea = RoundUp(Slot::kOverhead + kMaxReply);
constexpr size_t kTotal = kRequestArea + kReplyArea;
// A file that shrinks under a mapping kills who reads it (SIGBUS).
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

Result<void> Slot::Write(absl::Span<const iovec> parts, size_t descriptors) {
  size_t size = 0;
  for (const iovec& part : parts) {
    if (part.iov_len > capacity_ - size) return Errno(EMSGSIZE);
    if (part.iov_len > 0) std::memcpy(memory_ + kOverhead + size, part.iov_base, part.iov_len);
    size += part.iov_len;
  }
  const Header header = {static_cast<uint32_t>(size), static_cast<uint32_t>(descriptors)};
  std::memcpy(memory_, &header, sizeof(header));
  return Unit();
}

Result<Slot::Message> Slot::Read(absl::Span<char> buffer) const {
  Header header;
  std::memcpy(&header, memory_, sizeof(header));
  // The other side may write while we look: from here on the copy alone counts.
  asm volatile("" : "+m"(header));
  if (header.size > capacity_ || header.size > buffer.size()) return Errno(EPROTO);
  std::memcpy(buffer.data(), memory_ + kOverhead, header.size);
  return Message{header.size, header.descriptors != 0};
}

void SharedSlots::Unmap::operator()(char* memory) const { ::munmap(memory, kTotal); }

Result<Fd> SharedSlots::Create() {
  Fd memory(::memfd_create("moat-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory || ::ftruncate(memory.get(), kTotal) < 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, kSeals) < 0) {
    return Errno::Last();
  }
  return memory;
}

Result<SharedSlots> SharedSlots::Map(const Fd& memory) {
  struct stat status;
  if (::fstat(memory.get(), &status) < 0) return Errno::Last();
  if (::fcntl(memory.get(), F_GET_SEALS) != kSeals || status.st_size != kTotal) {
    return Errno(EPROTO);
  }
  void* mapped = ::mmap(nullptr, kTotal, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return Errno::Last();
  SharedSlots slots;
  slots.memory_.reset(static_cast<char*>(mapped));
  slots.request_ = Slot(slots.memory_.get(), kMaxRequest);
  slots.reply_ = Slot(slots.memory_.get() + kRequestArea, kMaxReply);
  return slots;
}

}  // namespace moat::gofer
