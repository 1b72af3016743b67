// The shared memory of one channel: a request and a reply, written in turns (base/turns.h).
//
// A socket would cost each side two system calls and 10 us a round trip. Neither side believes the
// other: what is in a slot may change at any time, so it is copied out before it is looked at.
#ifndef MOAT_GOFER_PROTOCOL_SLOT_H_
#define MOAT_GOFER_PROTOCOL_SLOT_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "base/fd.h"
#include "base/result.h"
#include "gofer/protocol/wire.h"

namespace moat::gofer {

// One message with room for `capacity` bytes. Used by one thread of each side at a time.
class Slot {
 public:
  static constexpr size_t kOverhead = 8;  // bytes that a message takes beside its own

  Slot() = default;
  Slot(char* memory, size_t capacity) : memory_(memory), capacity_(capacity) {}

  // Puts `parts` there as one message that comes with `descriptors` descriptors (which go by the
  // channel's socket). EMSGSIZE.
  Result<void> Write(absl::Span<const iovec> parts, size_t descriptors);

  struct Message {
    size_t size = 0;
    bool has_descriptors = false;
  };
  // Copies the message to `buffer`. EPROTO: it says to be larger than the slot or the buffer.
  Result<Message> Read(absl::Span<char> buffer) const;

 private:
  struct Header {
    uint32_t size;
    uint32_t descriptors;
  };
  static_assert(sizeof(Header) == kOverhead);

  char* memory_ = nullptr;  // Header, then the bytes
  size_t capacity_ = 0;
};

// Both slots of a channel.
class SharedSlots {
 public:
  // Makes the memory, of a size that can't be changed any more.
  static Result<Fd> Create();
  // Maps what the other side made with Create. EPROTO: it is anything else.
  static Result<SharedSlots> Map(const Fd& memory);

  Slot& request() { return request_; }
  Slot& reply() { return reply_; }

 private:
  struct Unmap {
    void operator()(char* memory) const;
  };

  std::unique_ptr<char, Unmap> memory_;
  Slot request_;
  Slot reply_;
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_PROTOCOL_SLOT_H_
