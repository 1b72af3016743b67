#include "sentry/syscalls/loosening.h"

#include <asm/ioctls.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace moat::sentry {
namespace {

// Refused by the table because few programs need them, or because they tell or cost something, not
// because they would lead out.
constexpr absl::string_view kWhole[] = {"mincore",
                                        "tee",
                                        "vmsplice",
                                        "sync_file_range",
                                        "preadv2",
                                        "pwritev2",
                                        "epoll_pwait2",
                                        "mlock2",
                                        "futex_waitv",
                                        "futex_wake",
                                        "futex_wait",
                                        "futex_requeue",
                                        "mseal",
                                        "cachestat",
                                        "sched_setattr",
                                        "sched_getattr",
                                        "sched_setparam",
                                        "sched_rr_get_interval",
                                        "io_setup",
                                        "io_destroy",
                                        "io_getevents",
                                        "io_submit",
                                        "io_cancel",
                                        "io_pgetevents",
                                        "signalfd",
                                        "eventfd",
                                        "getdents",
                                        "getcpu",
                                        "rt_tgsigqueueinfo",
                                        "mbind",
                                        "set_mempolicy",
                                        "get_mempolicy",
                                        "migrate_pages",
                                        "move_pages",
                                        "set_mempolicy_home_node",
                                        "pkey_mprotect",
                                        "pkey_alloc",
                                        "pkey_free",
                                        "map_shadow_stack"};

// Checked by the table: further uses may be allowed, each with its conditions.
constexpr absl::string_view kByArguments[] = {
    "ioctl",          "socket",          "fcntl",        "setsockopt",
    "madvise",        "mremap",          "memfd_create", "fallocate",
    "shmget",         "shmat",           "shmctl",       "semctl",
    "msgctl",         "semget",          "semop",        "semtimedop",
    "msgrcv",         "msgsnd",          "mq_open",      "timer_create",
    "timerfd_create", "getpriority",     "setpriority",  "sched_setscheduler",

    "prlimit64",      "mlockall",        "fadvise64",    "clock_gettime",
    "clock_getres",   "clock_nanosleep", "getrandom",    "pidfd_send_signal",
    "pidfd_open",     "close_range",     "sendmsg",      "sendmmsg",
    "recvmsg",        "recvmmsg",        "recvfrom",     "pipe2",
    "membarrier",     "ioprio_set",      "ioprio_get"};

// Type into, or take over, a terminal that outlives the container.
constexpr uint64_t kNeverRequests[] = {TIOCSTI, TIOCLINUX, TIOCSETD, TIOCCONS};

template <size_t N>
bool IsIn(const absl::string_view (&names)[N], absl::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// The one value of a 32-bit argument that a way allows.
std::optional<uint64_t> OnlyValue(const std::vector<policies::Condition>& way, int argument) {
  for (const policies::Condition& condition : way) {
    if (condition.index == argument && condition.mask == 0xffffffff &&
        condition.compare == policies::Compare::kEqual) {
      return condition.value;
    }
  }
  return std::nullopt;
}

// Whether a way names exactly one request, and a harmless one.
bool NamesOneRequest(const std::vector<policies::Condition>& way) {
  const auto request = OnlyValue(way, 1);
  return request && std::find(std::begin(kNeverRequests), std::end(kNeverRequests), *request) ==
                        std::end(kNeverRequests);
}

// Whether a way names a kind of socket that stays within the container's network: what tells of its
// sockets, and UDP-Lite (which egress rules refuse all the same).
bool NamesHarmlessSocket(const std::vector<policies::Condition>& way) {
  const auto family = OnlyValue(way, 0), protocol = OnlyValue(way, 2);
  if (!family || !protocol) return false;
  if (*family == AF_NETLINK) return *protocol == NETLINK_SOCK_DIAG;
  return (*family == AF_INET || *family == AF_INET6) && *protocol == IPPROTO_UDPLITE;
}

}  // namespace

absl::Status MayLoosen(const Entry& entry,
                       const std::vector<std::vector<policies::Condition>>& when) {
  if (IsIn(kWhole, entry.name)) return absl::OkStatus();
  if (!IsIn(kByArguments, entry.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(entry.name, " can't be allowed more of by any policy: ", entry.note));
  }
  if (when.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(entry.name, " can only be allowed more of by its arguments: add \"when\""));
  }
  if (entry.name == "ioctl" && !std::all_of(when.begin(), when.end(), NamesOneRequest)) {
    return absl::InvalidArgumentError(
        "ioctl: name each request ({\"argument\": 1, \"is\": [...]}); TIOCSTI, TIOCLINUX, TIOCSETD "
        "and TIOCCONS can't be allowed");
  }
  if (entry.name == "socket" && !std::all_of(when.begin(), when.end(), NamesHarmlessSocket)) {
    return absl::InvalidArgumentError(
        "socket: name family and protocol ({\"argument\": 0, \"is\": [...]}, {\"argument\": 2, "
        "\"is\": "
        "[...]}); AF_NETLINK with 4 (NETLINK_SOCK_DIAG) and AF_INET or AF_INET6 with 136 "
        "(UDP-Lite) "
        "can be allowed");
  }
  return absl::OkStatus();
}

bool MayLoosenSome(const Entry& entry) {
  return IsIn(kWhole, entry.name) || IsIn(kByArguments, entry.name);
}

}  // namespace moat::sentry
