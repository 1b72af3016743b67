#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>

#include "tests/random_calls/arguments.h"

namespace moat::random_calls {
namespace {

constexpr size_t kPage = 4096;

// What the supervising process makes in the working directory, and what else there is.
constexpr const char* kPaths[] = {".",
                                  "..",
                                  "/",
                                  "",
                                  "file",
                                  "file",
                                  "folder",
                                  "folder/file",
                                  "folder/../file",
                                  "folder/new",
                                  "new",
                                  "other",
                                  "link",
                                  "dangling",
                                  "circle",
                                  "fifo",
                                  "socket",
                                  "script",
                                  "broken",
                                  "up/etc/passwd",
                                  "../../../../../../etc/passwd",
                                  "file/",
                                  "/dev/null",
                                  "/dev/ptmx",
                                  "/dev/tty",
                                  "/dev/shm/x",
                                  "/dev/mqueue",
                                  "/queue",
                                  "/etc/passwd",
                                  "/bin/true",
                                  "/proc",
                                  "/proc/self",
                                  "/proc/self/exe",
                                  "/proc/self/fd/5",
                                  "/proc/self/fd/7/file",
                                  "/proc/self/cwd/file",
                                  "/proc/self/root/etc/passwd",
                                  "/proc/self/task",
                                  "/proc/self/mem",
                                  "/proc/self/maps",
                                  "/proc/self/status",
                                  "/proc/self/environ",
                                  "/proc/self/oom_score_adj",
                                  "/proc/self/attr/current",
                                  "/proc/self/ns/user",
                                  "/proc/self/uid_map",
                                  "/proc/self/../1/exe",
                                  "/proc/1/root",
                                  "/proc/sys/kernel/core_pattern",
                                  "/proc/sys/kernel/hostname",
                                  "/proc/kmsg",
                                  "/proc/mounts",
                                  "/sys",
                                  "/sys/fs/cgroup",
                                  "/sys/kernel",
                                  "user.name",
                                  "security.capability",
                                  "tmpfs",
                                  "keyring"};
constexpr int kDomains[] = {AF_UNIX,  AF_UNIX,      AF_INET,   AF_INET, AF_INET6,
                            AF_INET6, AF_NETLINK,   AF_PACKET, AF_ALG,  AF_VSOCK,
                            AF_KEY,   AF_BLUETOOTH, AF_CAN,    AF_XDP,  AF_UNSPEC};
constexpr int kTypes[] = {SOCK_STREAM,    SOCK_STREAM, SOCK_DGRAM, SOCK_DGRAM,
                          SOCK_SEQPACKET, SOCK_RAW,    SOCK_RDM};
constexpr int kLevels[] = {SOL_SOCKET,  SOL_SOCKET,   IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6,
                           IPPROTO_UDP, IPPROTO_SCTP, 270,         263};
// Signals that a caller outlives by default, or has a handler for.
constexpr int kMildSignals[] = {0, SIGALRM, SIGCHLD, SIGCONT, SIGURG, SIGWINCH};

template <typename T, size_t kSize>
T OneOf(Arguments& arguments, const T (&list)[kSize]) {
  return list[arguments.Below(kSize)];
}

long Address(const void* pointer) { return static_cast<long>(reinterpret_cast<intptr_t>(pointer)); }

}  // namespace

Arguments::Arguments(uint64_t seed, void* arena, void* pages)
    : random_(seed), arena_(static_cast<char*>(arena)), pages_(static_cast<char*>(pages)) {}

long Arguments::Make(char letter) {
  if (letter == '0') return 0;
  return OneIn(12) ? Wild() : Sensible(letter);
}

long Arguments::Wild() {
  switch (Below(8)) {
    case 0:
      return 0;
    case 1:
      return -1;
    case 2:
      return static_cast<long>(Any());
    case 3:
      return 1L << Below(64);
    case 4:
      return Address(arena_ + kArena - Below(16));  // its end, and the guard behind it
    case 5:
      return Address(pages_ + Below(kPages));
    case 6:
      return static_cast<long>(Any() >> 32);
    default:
      return -static_cast<long>(Below(kPage));
  }
}

long Arguments::Sensible(char letter) {
  switch (letter) {
    case 'f':
      return Descriptor();
    case 'd':
      return OneIn(2) ? AT_FDCWD : Descriptor();
    case 'p':
      return Path();
    case 'b':
      return OneIn(16) ? PageAddress() : Address(Place(0));
    case 's':
      return OneIn(4) ? 0 : Words(24);
    case 'l':
    case 'H':
      return OneIn(2) ? static_cast<long>(Below(512)) : static_cast<long>(kPage * Below(17));
    case 'i':
    case 'n':
      return static_cast<long>(Below(OneIn(4) ? 64 : 9));
    case 'F':
      return OneIn(3) ? 0 : Flags(32);
    case 'm':
      return static_cast<long>(Any() & (OneIn(4) ? 0177777 : 0777));
    case 'O':
      return static_cast<long>(Below(3)) | (OneIn(2) ? O_CREAT : 0) | (OneIn(2) ? Flags(23) : 0) |
             O_NONBLOCK;
    case 'w':
      return static_cast<long>(Below(6));
    case 'P':
      return Process();
    case 'S':
      return Signal();
    case 't':
      return OneIn(16) ? 0 : Time();
    case 'v':
      return Vectors();
    case 'a':
      return SocketAddress();
    case 'A':
      return static_cast<long>(Below(3) == 0 ? Below(130) : sizeof(sockaddr_in));
    case 'z':
      return Words(1);
    case 'M':
      return MessageHeader();
    case 'o':
      return OpenHow();
    case 'h':
      return PageAddress();
    case 'u':
      return OneIn(3) ? -1 : static_cast<long>(Below(3) * 1000);
    case 'c':
      return static_cast<long>(OneIn(2) ? Below(20) : 1024 + Below(20));
    case 'I':
      return static_cast<long>(OneIn(2)   ? 0x5401 + Below(0x60)
                               : OneIn(2) ? SIOCADDRT + Below(0x100)
                                          : Any() & 0xc0ffffff);
    case 'k':
      return OneOf(*this, kLevels);
    case 'K':
      return static_cast<long>(Below(80));
    case 'D':
      return OneIn(8) ? static_cast<long>(Below(50)) : OneOf(*this, kDomains);
    case 'T':
      return OneOf(*this, kTypes) | (OneIn(2) ? SOCK_NONBLOCK : 0);
    case 'q':
      return static_cast<long>(Below(80));
    case 'r':
      return static_cast<long>(Below(RLIM_NLIMITS + 1));
    case 'x':
      return List();
    case 'C':
      // Of fork most often: what shares memory with its parent soon ends both.
      return OneIn(2) ? SIGCHLD : (Flags(32) & ~static_cast<long>(OneIn(8) ? 0 : CLONE_VM));
    case 'g':
      return static_cast<long>(Below(8));
    case 'G':
      return static_cast<long>((OneIn(2) ? MAP_PRIVATE : MAP_SHARED) |
                               (OneIn(2) ? MAP_ANONYMOUS : 0) | (OneIn(2) ? MAP_FIXED : 0)) |
             (OneIn(8) ? Flags(22) : 0);
    case 'Q':
      return static_cast<long>(OneIn(2) ? Below(32) : PTRACE_SETOPTIONS + Below(20));
    default:
      return Sensible("fpbsliFmPt"[Below(10)]);
  }
}

char* Arguments::Place(size_t room) { return arena_ + (Below(kArena - room) & ~size_t{7}); }

void Arguments::Put(char* place, uint64_t word) { std::memcpy(place, &word, sizeof word); }

long Arguments::Descriptor() {
  return OneIn(32) ? static_cast<long>(Below(1024)) : kFirstFile + static_cast<long>(Below(kFiles));
}

// Itself, neighbours, the first process, groups, nobody.
long Arguments::Process() {
  switch (Below(8)) {
    case 0:
      return 0;
    case 1:
      return OneIn(8) ? -1 : getppid();
    case 2:
      return static_cast<long>(Below(400));
    case 3:
      return -static_cast<long>(Below(400));
    case 4:
      return getpid() + static_cast<long>(Below(8)) - 4;
    default:
      return getpid();
  }
}

long Arguments::Signal() {
  return OneIn(24) ? static_cast<long>(Below(66)) : OneOf(*this, kMildSignals);
}

long Arguments::Flags(unsigned bits) {
  long flags = 0;
  for (uint64_t i = 0; i <= Below(3); ++i) flags |= 1L << Below(bits);
  return flags;
}

uint64_t Arguments::Word() {
  switch (Below(8)) {
    case 0:
    case 1:
      return Below(16);
    case 2:
      return static_cast<uint64_t>(Descriptor());
    case 3:
      return static_cast<uint64_t>(Address(Place(0)));
    case 4:
      return Below(kPage);
    case 5:
      return static_cast<uint64_t>(Flags(64));
    case 6:
      return static_cast<uint64_t>(Descriptor()) | static_cast<uint64_t>(Flags(16)) << 32;
    default:
      return static_cast<uint64_t>(Wild());
  }
}

long Arguments::Words(size_t count) {
  char* place = Place(count * sizeof(uint64_t));
  for (size_t i = 0; i < count; ++i) Put(place + i * sizeof(uint64_t), Word());
  return Address(place);
}

long Arguments::Path() {
  std::string path = OneOf(*this, kPaths);
  if (OneIn(24)) path.assign(Below(5000), OneIn(2) ? '/' : 'x');
  if (OneIn(24)) path += "/" + std::string(OneOf(*this, kPaths));
  if (OneIn(48)) path.insert(Below(path.size() + 1), 1, static_cast<char>(Any()));
  char* place = Place(path.size() + 1);
  std::memcpy(place, path.c_str(), path.size() + 1);
  return Address(place);
}

long Arguments::List() {
  const size_t count = Below(5);
  char* place = Place((count + 1) * sizeof(uint64_t));
  for (size_t i = 0; i < count; ++i) {
    Put(place + i * sizeof(uint64_t), static_cast<uint64_t>(Path()));
  }
  Put(place + count * sizeof(uint64_t), OneIn(32) ? Word() : 0);
  return Address(place);
}

long Arguments::Vectors() {
  constexpr size_t kVectors = 9;
  char* place = Place(kVectors * 16);
  for (size_t i = 0; i < kVectors; ++i) {
    Put(place + i * 16, OneIn(24) ? Word() : static_cast<uint64_t>(Address(Place(kPage))));
    Put(place + i * 16 + 8, OneIn(24) ? Word() : Below(kPage));
  }
  return Address(place);
}

// With descriptors in it now and then; several in a row for sendmmsg(2).
long Arguments::MessageHeader() {
  constexpr size_t kHeaders = 4, kSize = 64;
  char* place = Place(kHeaders * kSize);
  for (size_t i = 0; i < kHeaders; ++i) {
    char* control = Place(64);
    const uint64_t control_size = OneIn(2) ? 0 : 16 + 4 * Below(5);
    Put(control, OneIn(8) ? Word() : control_size);
    Put(control + 8, OneIn(8) ? Word() : uint64_t{SOL_SOCKET} | (1 + Below(3)) << 32);
    for (size_t word = 2; word < 5; ++word) {
      Put(control + 8 * word,
          static_cast<uint64_t>(Descriptor()) | static_cast<uint64_t>(Descriptor()) << 32);
    }
    const uint64_t header[] = {OneIn(2) ? 0 : static_cast<uint64_t>(SocketAddress()),
                               OneIn(8) ? Below(200) : sizeof(sockaddr_in),
                               static_cast<uint64_t>(Vectors()),
                               Below(9),
                               static_cast<uint64_t>(Address(control)),
                               control_size,
                               static_cast<uint64_t>(Flags(32)),
                               0};
    std::memcpy(place + i * kSize, header, sizeof header);
  }
  return Address(place);
}

long Arguments::OpenHow() {
  char* place = Place(24);
  Put(place, static_cast<uint64_t>(Sensible('O')));
  Put(place + 8, OneIn(2) ? 0 : Any() & 0777);
  Put(place + 16, OneIn(2) ? 0 : static_cast<uint64_t>(Flags(7)));
  return Address(place);
}

long Arguments::SocketAddress() {
  sockaddr_storage storage{};
  const int family = OneIn(8) ? static_cast<int>(Below(50)) : OneOf(*this, kDomains);
  storage.ss_family = static_cast<sa_family_t>(family);
  char* bytes = reinterpret_cast<char*>(&storage);
  if (family == AF_UNIX) {
    const std::string path = OneOf(*this, kPaths);
    const size_t skip = offsetof(sockaddr_un, sun_path) + (OneIn(4) ? 1 : 0);
    path.copy(bytes + skip, path.size());
  } else if (family == AF_INET) {
    const uint16_t port = htons(static_cast<uint16_t>(OneIn(4) ? Below(65536) : 8000 + Below(4)));
    const uint32_t address = htonl(OneIn(8) ? static_cast<uint32_t>(Any()) : INADDR_LOOPBACK);
    std::memcpy(bytes + offsetof(sockaddr_in, sin_port), &port, sizeof port);
    std::memcpy(bytes + offsetof(sockaddr_in, sin_addr), &address, sizeof address);
  } else {
    for (size_t at = 2; at < 32; ++at) bytes[at] = static_cast<char>(OneIn(2) ? 0 : Any());
  }
  char* place = Place(sizeof storage);
  std::memcpy(place, &storage, sizeof storage);
  return Address(place);
}

// At most some milliseconds, so that callers do not sleep their lives away.
long Arguments::Time() {
  char* place = Place(32);
  for (size_t word = 0; word < 4; word += 2) {
    Put(place + 8 * word, OneIn(64) ? Word() : 0);
    Put(place + 8 * word + 8, OneIn(64) ? Word() : Below(2'000'000));
  }
  return Address(place);
}

long Arguments::PageAddress() {
  const size_t offset = Below(kPages) & ~(OneIn(8) ? size_t{0} : kPage - 1);
  return OneIn(32) ? Address(Place(0)) : Address(pages_ + offset);
}

}  // namespace moat::random_calls
