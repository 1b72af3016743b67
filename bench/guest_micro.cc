// What single calls cost: runs unchanged on the plain kernel and in any container, and prints
// Google Benchmark's JSON. Which calls stay native in moat and which are mediated says
// docs/syscalls.md.
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "base/fd.h"
#include "bench/floor.h"

namespace moat::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kFile[] = "/etc/debian_version";

// Prints what one `call` costs; -1 from it is a failure and ends the program.
class Meter {
 public:
  explicit Meter(double seconds) : nanoseconds_(seconds * 1e9) { std::printf("{"); }
  ~Meter() { std::printf("}\n"); }

  template <typename Call>
  void Measure(const char* name, Call call) {
    // The batch doubles until it fills a quarter of the time, which also warms up; the best of that
    // one and two more counts, as what disturbs only ever adds.
    long batch = 1;
    double taken = Time(name, batch, call);
    while (taken < nanoseconds_ / 4) taken = Time(name, batch *= 2, call);
    for (int again = 0; again < 2; ++again) taken = std::min(taken, Time(name, batch, call));
    std::printf("%s\"%s\": %.1f", first_ ? "" : ", ", name, taken / static_cast<double>(batch));
    first_ = false;
  }

 private:
  template <typename Call>
  double Time(const char* name, long batch, Call call) {
    const Clock::time_point start = Clock::now();
    for (long i = 0; i < batch; ++i) {
      if (call() == -1) {
        std::fprintf(stderr, "guest_micro: %s failed\n", name);
        std::exit(1);
      }
    }
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  }

  const double nanoseconds_;
  bool first_ = true;
};

int Pass(int reader, int writer) {
  char byte = 'x';
  return write(writer, &byte, 1) == 1 && read(reader, &byte, 1) == 1 ? 0 : -1;
}

int ForkAndExecute() {
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/true", "true", nullptr);
    _exit(127);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

int MapAndUnmap() {
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return munmap(page, 4096);
}

void MeasureNativeCalls(Meter& meter) {
  const Fd zero(open("/dev/zero", O_RDONLY | O_CLOEXEC)),
      null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  const Fd file(open(kFile, O_RDONLY | O_CLOEXEC));
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) == -1) std::exit(1);
  const Fd reader(ends[0]), writer(ends[1]);
  int word = 0;
  char byte;
  timespec now;
  struct stat attributes;
  meter.Measure("null", [] { return syscall(SYS_getppid); });
  meter.Measure("read", [&] { return read(zero.get(), &byte, 1); });
  meter.Measure("write", [&] { return write(null.get(), "x", 1); });
  meter.Measure("futex",
                [&] { return syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0); });
  meter.Measure("mmap", MapAndUnmap);
  meter.Measure("pipe", [&] { return Pass(reader.get(), writer.get()); });
  meter.Measure("clock", [&] { return clock_gettime(CLOCK_MONOTONIC, &now); });
  meter.Measure("fstat", [&] { return fstat(file.get(), &attributes); });
}

void MeasureMediatedCalls(Meter& meter) {
  struct stat attributes;
  meter.Measure("stat", [&] { return stat(kFile, &attributes); });
  meter.Measure("stat, missing", [&] { return stat("/no/such/file", &attributes) == -1 ? 0 : -1; });
  meter.Measure("open+close", [] { return close(open(kFile, O_RDONLY)); });
  meter.Measure("fork+exec", ForkAndExecute);
}

}  // namespace
}  // namespace moat::bench

// guest_micro [SECONDS [filter|supervisor]]: each call is measured for so long; plainly, or under
// what bench/floor.h describes.
int main(int argc, char** argv) {
  const std::string_view floor = argc > 2 ? argv[2] : "";
  if (floor == "filter") moat::bench::AllowEverything();
  if (floor == "supervisor") moat::bench::BeSupervised();
  moat::bench::Meter meter(argc > 1 ? std::atof(argv[1]) : 0.1);
  moat::bench::MeasureNativeCalls(meter);
  moat::bench::MeasureMediatedCalls(meter);
  return 0;
}
