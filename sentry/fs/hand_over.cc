#include "sentry/fs/hand_over.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/fd_message.h"

namespace moat::sentry {
namespace {

using platform::GuestAddr;
using platform::Session;

// The memory that recvmsg(2) works on in the task. `address` is where the whole block lies there.
struct ReceiveBlock {
  ReceiveBlock() = default;
  explicit ReceiveBlock(GuestAddr address);

  msghdr header{};
  iovec vector{};
  char byte = 0;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
};

ReceiveBlock::ReceiveBlock(GuestAddr address) {
  // The pointers are the task's: they go through integers, never through ours.
  const auto set = [address](auto* field, size_t offset) {
    const uint64_t value = address.Plus(offset).value();
    static_assert(std::is_pointer_v<std::remove_pointer_t<decltype(field)>>);
    std::memcpy(field, &value, sizeof(value));
  };
  set(&vector.iov_base, offsetof(ReceiveBlock, byte));
  vector.iov_len = 1;
  set(&header.msg_iov, offsetof(ReceiveBlock, vector));
  header.msg_iovlen = 1;
  set(&header.msg_control, offsetof(ReceiveBlock, control));
  header.msg_controllen = sizeof(control);
}

template <typename T>
absl::string_view BytesOf(const T& object) {
  return {static_cast<const char*>(static_cast<const void*>(&object)), sizeof(T)};
}

// The descriptor number that the kernel put into the received control message.
Result<int> ReceivedNumber(Call& call, GuestAddr block) {
  TRY_ASSIGN(const ReceiveBlock received, call.ReadObject<ReceiveBlock>(block));
  cmsghdr control;
  std::memcpy(&control, received.control, sizeof(control));
  // A full table makes the kernel drop the descriptor and flag MSG_CTRUNC (unix(7)).
  if (control.cmsg_level != SOL_SOCKET || control.cmsg_type != SCM_RIGHTS ||
      control.cmsg_len != CMSG_LEN(sizeof(int))) {
    return Errno(EMFILE);
  }
  int number;
  std::memcpy(&number, received.control + CMSG_LEN(0), sizeof(number));
  return number;
}

// Receives one descriptor from the task's socket `number` and puts it in the socket's place, so
// that it has the lowest free number, as open(2) promises.
Result<void> ReceiveInPlace(Call& call, Session& session, int number) {
  TRY_ASSIGN(const GuestAddr block, session.MapScratch(sizeof(ReceiveBlock)));
  const auto receive = [&]() -> Result<int> {
    TRY(call.WriteBytes(block, BytesOf(ReceiveBlock(block))));
    auto received = session.Call(SYS_recvmsg, {static_cast<uint64_t>(number), block.value(),
                                               MSG_CMSG_CLOEXEC | MSG_DONTWAIT});
    if (!received.ok()) return received.error();
    return ReceivedNumber(call, block);
  };
  auto got = receive();
  session.UnmapScratch(block, sizeof(ReceiveBlock));
  if (!got.ok()) return got.error();
  const auto taken = static_cast<uint64_t>(*got);
  auto moved = session.Call(SYS_dup3, {taken, static_cast<uint64_t>(number), O_CLOEXEC});
  (void)session.Call(SYS_close, {taken});
  if (!moved.ok()) return moved.error();
  return {};
}

// A socket that holds `fd` for its reader.
Result<Fd> Mailbox(const Fd& fd) {
  auto pair = SocketPair();
  if (!pair.ok()) return Errno(ENFILE);
  if (!SendMessage(pair->first.get(), "d", {fd.get()}).ok()) return Errno(ENFILE);
  return std::move(pair->second);
}

}  // namespace

bool IsPathOnly(const Fd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  return flags >= 0 && (flags & O_PATH) != 0;
}

int64_t AsReturned(const Result<uint64_t>& result) {
  return result.ok() ? static_cast<int64_t>(*result) : -result.error().value();
}

void CloseAll(Session& session, absl::Span<const int> numbers) {
  for (const int number : numbers) {
    (void)session.Call(SYS_close, {static_cast<uint64_t>(number)});
  }
}

int64_t CloseAndReturn(Session& session, int number, int64_t result) {
  (void)session.Call(SYS_close, {static_cast<uint64_t>(number)});
  return result;
}

Result<uint64_t> UseBytes(Call& call, Session& session, absl::string_view bytes,
                          absl::FunctionRef<Result<uint64_t>(GuestAddr at)> use) {
  TRY_ASSIGN(const GuestAddr at, session.MapScratch(bytes.size()));
  Result<uint64_t> result = Errno(EFAULT);
  if (call.WriteBytes(at, bytes).ok()) result = use(at);
  session.UnmapScratch(at, bytes.size());
  return result;
}

Outcome UseDescriptor(Call& call, const Fd& fd, const UseInTask& use) {
  return UseDescriptors(call, fd, {}, [&use](Session& session, int number, absl::Span<const int>) {
    return use(session, number);
  });
}

Outcome UseDescriptors(Call& call, const Fd& fd, absl::Span<const Fd* const> more,
                       const UseAllInTask& use) {
  const bool through_socket = IsPathOnly(fd);
  Fd mailbox;
  if (through_socket) {
    TRY_ASSIGN(mailbox, Mailbox(fd));
  }
  // When the task can't be entered the descriptor stays in its table: nothing that it could not
  // have opened itself.
  TRY_ASSIGN(const auto entered,
             call.platform().EnterWith(call.trap(), through_socket ? mailbox : fd, more));
  const auto& [session, number, others] = entered;
  if (through_socket) {
    if (auto received = ReceiveInPlace(call, *session, number); !received.ok()) {
      CloseAll(*session, others);
      session->Finish(CloseAndReturn(*session, number, -received.error().value()));
      return Finished();
    }
  }
  session->Finish(use(*session, number, others));
  return Finished();
}

Outcome GiveDescriptor(Call& call, Fd fd, bool close_on_exec) {
  if (!IsPathOnly(fd)) return GiveFd{std::move(fd), close_on_exec};
  return UseDescriptor(call, fd, [close_on_exec](Session& session, int number) -> int64_t {
    if (!close_on_exec) {
      (void)session.Call(SYS_fcntl, {static_cast<uint64_t>(number), F_SETFD, 0});
    }
    return number;
  });
}

}  // namespace moat::sentry
