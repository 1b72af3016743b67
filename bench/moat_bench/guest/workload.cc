#include "bench/moat_bench/guest/workload.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "bench/moat_bench/guest/loopback.h"

namespace moat::bench {
namespace {

constexpr char kFile[] = "/tmp/workload";

struct Work {
  const char* name;
  int calls;  // of one round
  bool (*round)();
};

bool Files() {
  const Fd file(open(kFile, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  char bytes[64] = {};
  struct stat attributes;
  return file.valid() && pwrite(file.get(), bytes, sizeof bytes, 0) == sizeof bytes &&
         pread(file.get(), bytes, sizeof bytes, 0) == sizeof bytes &&
         fstat(file.get(), &attributes) == 0 && ftruncate(file.get(), 0) == 0;
}

bool Names() {
  struct stat attributes;
  stat("/no/such/file", &attributes);
  return stat(kFile, &attributes) == 0 && access(kFile, R_OK) == 0 &&
         rename(kFile, "/tmp/renamed") == 0 && rename("/tmp/renamed", kFile) == 0 &&
         mkdir("/tmp/folder", 0700) == 0 && rmdir("/tmp/folder") == 0;
}

bool Processes() {
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/guest", "guest", "nothing", nullptr);
    _exit(127);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

bool Memory() {
  constexpr size_t kSize = 1 << 16;
  void* area = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) return false;
  std::memset(area, 1, kSize);
  return mprotect(area, kSize, PROT_READ) == 0 && munmap(area, kSize) == 0;
}

bool Messages() {
  int pipe_ends[2];
  char byte = 'x';
  if (pipe2(pipe_ends, O_CLOEXEC) == -1) return false;
  const Fd reader(pipe_ends[0]), writer(pipe_ends[1]);
  return write(writer.get(), &byte, 1) == 1 && read(reader.get(), &byte, 1) == 1;
}

bool Network() {
  static const Listener listener;
  const Fd client(listener.Connect());
  const Fd server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char byte = 'x';
  return client.valid() && server.valid() && write(client.get(), &byte, 1) == 1 &&
         read(server.get(), &byte, 1) == 1;
}

// The numbers of calls are those of the bodies above with glibc 2.36.
constexpr Work kWorks[] = {{"files", 6, Files},         {"names", 7, Names},
                           {"processes", 2, Processes}, {"memory", 3, Memory},
                           {"messages", 5, Messages},   {"network", 7, Network}};

double Microseconds(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

}  // namespace

int Workload(const std::string& name, int rounds) {
  close(open(kFile, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  for (const Work& work : kWorks) {
    if (name != work.name) continue;
    // Who looks on from the host learns in this time which process is which.
    std::printf("ready\n");
    std::fflush(stdout);
    const timespec rest = {0, 300'000'000};
    nanosleep(&rest, nullptr);
    const double end = Microseconds() - 1e3 * rounds;
    for (int round = 0; rounds < 0 ? Microseconds() < end : round < rounds; ++round) {
      if (work.round()) continue;
      std::printf("failed in round %d: %s\n", round, strerrorname_np(errno));
      return 1;
    }
    std::printf("calls %d\n", work.calls);
    return 0;
  }
  std::printf("no work is called %s\n", name.c_str());
  return 2;
}

int Repeat(const std::string& call, int times) {
  const timespec rest = {0, 300'000'000};
  nanosleep(&rest, nullptr);
  struct stat attributes;
  const double begin = Microseconds();
  for (int i = 0; i < times; ++i) {
    const bool fine = call == "stat"   ? stat("/bin/guest", &attributes) == 0
                      : call == "open" ? close(open("/bin/guest", O_RDONLY | O_CLOEXEC)) == 0
                                       : Processes();
    if (!fine) return 1;
  }
  std::printf("span %.9f %.9f\n", begin / 1e6, Microseconds() / 1e6);
  return 0;
}

int Heart(double seconds) {
  const double end = Microseconds() + seconds * 1e6;
  while (Microseconds() < end) {
    struct stat attributes;
    const int found = stat("/bin/guest", &attributes) == 0 ? 0 : errno;
    const Fd file(open("/bin/guest", O_RDONLY | O_CLOEXEC));
    std::printf("beat %.0f stat %s open %s\n", Microseconds(CLOCK_REALTIME),
                found == 0 ? "ok" : strerrorname_np(found),
                file.valid() ? "ok" : strerrorname_np(errno));
    std::fflush(stdout);
    const timespec rest = {0, 5'000'000};
    nanosleep(&rest, nullptr);
  }
  return 0;
}

int Flood(int threads, double seconds) {
  std::atomic<long> made = 0;
  const double end = Microseconds() + seconds * 1e6;
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&] {
      struct stat attributes;
      while (Microseconds() < end) {
        if (stat("/bin/guest", &attributes) == 0) ++made;
      }
    });
  }
  for (std::thread& thread : all) thread.join();
  std::printf("stats %ld\n", made.load());
  return 0;
}

}  // namespace moat::bench
