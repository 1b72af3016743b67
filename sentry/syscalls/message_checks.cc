// The flags of sending and receiving calls. sendto is in argument_checks.cc.
//
// MSG_OOB: of unix sockets it is a part of the kernel that no program needs and that led out of
// sandboxes (CVE-2025-38236); a filter does not see what kind of socket it is. MSG_ZEROCOPY pins
// pages of the caller and is for sockets that asked for it (SO_ZEROCOPY, which is refused).
#include <sys/socket.h>

#include <cerrno>

#include "sentry/syscalls/argument_checks.h"
#include "sentry/syscalls/check_parts.h"

namespace moat::sentry::checks {
namespace {

constexpr Condition Has(int argument, uint64_t flag) { return {argument, flag, flag}; }

constexpr Condition kUrgent2[] = {Has(2, MSG_OOB)};
constexpr Condition kUrgent3[] = {Has(3, MSG_OOB)};
constexpr Condition kZeroCopy2[] = {Has(2, MSG_ZEROCOPY)};
constexpr Condition kZeroCopy3[] = {Has(3, MSG_ZEROCOPY)};

constexpr Check kRecvFrom[] = {{kUrgent3, Refuse(EOPNOTSUPP)}};
constexpr Check kMessage[] = {{kUrgent2, Refuse(EOPNOTSUPP)}, {kZeroCopy2, Refuse(EINVAL)}};
// Only datagram sockets take an address with a message, and one that is connected needs none; a
// filter does not see either. Servers that send all they have by sendmsg(2) give these flags: they
// are spared the notification.
constexpr Condition kNoFlags[] = {IntIs(2, 0)};
constexpr Condition kDontWait[] = {IntIs(2, MSG_DONTWAIT)};
constexpr Check kSendMessage[] = {{kUrgent2, Refuse(EOPNOTSUPP)},
                                  {kZeroCopy2, Refuse(EINVAL)},
                                  {kNoFlags, kNative},
                                  {kDontWait, kNative}};
constexpr Check kMessages[] = {{kUrgent3, Refuse(EOPNOTSUPP)}, {kZeroCopy3, Refuse(EINVAL)}};

}  // namespace

absl::Span<const Check> FlagsOfRecvFrom() { return kRecvFrom; }
absl::Span<const Check> FlagsOfMessage() { return kMessage; }
absl::Span<const Check> SendMessage() { return kSendMessage; }
absl::Span<const Check> FlagsOfMessages() { return kMessages; }
absl::Span<const Check> SendMessages() { return kMessages; }

}  // namespace moat::sentry::checks
