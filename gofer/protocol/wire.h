// The wire format between sentry and gofer, version 1. Both ends run on one machine from one build,
// so numbers are in native byte order; neither end believes the other.
//
// Services go over AF_UNIX SOCK_SEQPACKET, one message in one packet; requests and replies through
// shared memory (gofer/protocol/slot.h).
//
// Service socket, one per gofer: ServiceMessage in both directions.
//   kHello      sentry -> gofer, answered by kHello. The first message; versions must agree. The
//               answer brings the inotify descriptor that tells of changes of resolved names
//               (kResolve), or none when there are to be none.
//   kNewChannel sentry -> gofer with two descriptors (the gofer's end of a new SEQPACKET pair, the
//               memory of its slots) and a channel number of the sentry's choice; answered by
//               kNewChannel with `error`.
//   kCancel     sentry -> gofer: request `sequence` of `channel` is to fail with EINTR if it
//               blocks. Not answered; repeated by the sentry until the request is answered.
//
// Channel, one per sentry thread: from the gofer, over its socket, a ServiceMessage (kFollower)
// with the listener of its thread (base/turns.h); then, in the slots, Request, Reply, Request,
// Reply, ... strictly in turn.
//   request = RequestHeader, group_count x uint32, path, NUL, second, NUL, data
//   reply   = ReplyHeader, body
// The turn is passed once the message is there. The gofer has closed its copy of a reply's
// descriptor before: one that lives on could hold up an exec (ETXTBSY), a FIFO's end or a lock.
// Descriptors travel over the channel's socket as SCM_RIGHTS of a packet of one byte, in the order
// of the bits of RequestHeader::descriptors. What each operation carries stands in
// gofer/protocol/rules.cc.
//
// A message that breaks a rule ends the channel: the gofer closes it, the sentry calls it broken.
#ifndef MOAT_GOFER_PROTOCOL_WIRE_H_
#define MOAT_GOFER_PROTOCOL_WIRE_H_

#include <linux/limits.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace moat::gofer {

inline constexpr uint32_t kProtocolVersion = 1;

enum class Operation : uint16_t {
  kOpen = 1,
  kOpenForExec,
  kStat,
  kStatFs,
  kAccess,
  kReadLink,
  kMkdir,
  kMknod,
  kSymlink,
  kLink,
  kUnlink,
  kRename,
  kChmod,
  kChown,
  kSetTimes,
  kTruncate,
  kGetXattr,
  kListXattr,
  kSetXattr,
  kRemoveXattr,
  kBindUnix,
  kConnectUnix,
  kSendToUnix,
  kInotifyAdd,
  kResolve,  // a walk that says how long its result holds (gofer/protocol/watched.h)
};
inline constexpr uint16_t kLastOperation = static_cast<uint16_t>(Operation::kResolve);

// Bits of RequestHeader::descriptors.
inline constexpr uint32_t kBaseDescriptor = 1;        // where `path` starts
inline constexpr uint32_t kRootDescriptor = 2;        // the caller's root
inline constexpr uint32_t kSecondBaseDescriptor = 4;  // where `second` starts, when it is a path
inline constexpr uint32_t kObjectDescriptor = 8;      // the socket or inotify descriptor acted on
inline constexpr size_t kMaxDescriptors = 4;

inline constexpr size_t kArguments = 4;
inline constexpr size_t kMaxGroups = 65536;           // NGROUPS_MAX
inline constexpr size_t kMaxPath = PATH_MAX - 1;      // without its NUL
inline constexpr size_t kMaxXattrName = 256;          // one more than Linux allows
inline constexpr size_t kMaxXattrValue = 65536;       // XATTR_SIZE_MAX
inline constexpr size_t kMaxDatagram = 256 * 1024;    // above net.core.wmem_max's default
inline constexpr size_t kMaxCrossing = 4 * PATH_MAX;  // a walk's rest grows by symlinks' targets

struct RequestHeader {
  uint32_t version;
  uint16_t operation;  // Operation
  uint16_t descriptors;
  uint32_t sequence;  // not 0; comes back in the reply
  uint32_t uid;       // file system ids of the caller
  uint32_t gid;
  uint32_t umask;
  uint64_t capabilities;
  uint64_t arguments[kArguments];  // unused ones are 0
  uint32_t group_count;
  uint32_t path_size;  // without the NUL
  uint32_t second_size;
  uint32_t data_size;
};
static_assert(sizeof(RequestHeader) == 80 && std::is_trivially_copyable_v<RequestHeader>);

enum class ReplyKind : uint16_t {
  kValue = 1,
  kError,     // `error` is the errno
  kCrossing,  // `error` is ELOOP, the body is the virtual path
};

struct ReplyHeader {
  uint32_t version;
  uint16_t operation;
  uint16_t kind;  // ReplyKind
  uint32_t sequence;
  int32_t error;  // 0 for kValue
  int64_t value;
  uint32_t body_size;
  uint32_t descriptors;  // 1 when a descriptor comes along, else 0
};
static_assert(sizeof(ReplyHeader) == 32 && std::is_trivially_copyable_v<ReplyHeader>);

inline constexpr size_t kMaxRequest =
    sizeof(RequestHeader) + kMaxGroups * sizeof(uint32_t) + 2 * (kMaxPath + 1) + kMaxDatagram;
inline constexpr size_t kMaxReply = sizeof(ReplyHeader) + kMaxXattrValue;

enum class ServiceKind : uint32_t { kHello = 1, kNewChannel, kCancel, kFollower };

struct ServiceMessage {
  uint32_t version;
  uint32_t kind;      // ServiceKind
  uint32_t channel;   // 0 for kHello and kFollower
  uint32_t sequence;  // kCancel only, else 0
  int32_t error;      // in the answer to kNewChannel, and in kFollower: an errno or 0; else 0
  uint32_t reserved;  // 0
};
static_assert(sizeof(ServiceMessage) == 24 && std::is_trivially_copyable_v<ServiceMessage>);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_PROTOCOL_WIRE_H_
