#include "bench/moat_bench/guest/matrix.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>

#include "bench/moat_bench/guest/call_tag.h"
#include "bench/moat_bench/guest/raw_call.h"

namespace moat::bench {
namespace {

// Then a call counts as one that waits; on a busy machine the child may not have run at all, so it
// gets a second chance with more.
constexpr double kPatienceSeconds = 0.4, kMorePatienceSeconds = 2;

struct Report {
  std::atomic<unsigned> seed;
  std::atomic<bool> returned;
  std::atomic<long> result;
};

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// The tag must be in no register when another call is made, or that call is taken for the one that
// is tried: so it is made here and nowhere else, and the calls around it name all six arguments.
[[noreturn]] void CallInChild(Report& report, int door, int number) {
  Call(SYS_setsid, 0, 0, 0, 0, 0, 0);  // so that vhangup(2) has no terminal to hang up
  report.result = HarmlessCall(static_cast<Door>(door), number, CallTag(report.seed, door, number));
  report.returned = true;
  for (;;) Call(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

// The wait status, or -1 when the child had to be ended.
int WaitPatiently(pid_t child, double seconds) {
  const double start = Now();
  int status = 0;
  for (long pause = 20'000;; pause = pause < 2'000'000 ? pause * 2 : pause) {
    if (waitpid(child, &status, WNOHANG) == child) return status;
    if (Now() - start > seconds) break;
    const timespec rest = {0, pause};
    nanosleep(&rest, nullptr);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return -1;
}

// One call in a child of its own; false when no child could be made. `status` as WaitPatiently has
// it.
bool Try(Report& report, int door, int number, double seconds, int& status) {
  report.returned = false;
  const pid_t child = fork();
  if (child == 0) CallInChild(report, door, number);
  if (child == -1) return false;
  status = WaitPatiently(child, seconds);
  return true;
}

void TryOne(Report& report, int door, int number) {
  int status = 0;
  bool tried = Try(report, door, number, kPatienceSeconds, status);
  if (tried && status == -1 && !report.returned) {
    tried = Try(report, door, number, kMorePatienceSeconds, status);
  }
  std::printf("call %s %d ", kDoorNames[door], number);
  if (!tried) {
    std::printf("untried\n");
  } else if (report.returned) {
    std::printf("returned %ld\n", report.result.load());
  } else if (status == -1) {
    std::printf("waits\n");
  } else if (WIFSIGNALED(status)) {
    std::printf("killed %d\n", WTERMSIG(status));
  } else {
    std::printf("exited %d\n", WEXITSTATUS(status));
  }
}

}  // namespace

int Matrix(unsigned seed) {
  setvbuf(stdout, nullptr, _IOLBF, 4096);
  void* shared = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  Report& report = *new (shared) Report;
  report.seed = seed;
  for (int door = 0; door < kDoors; ++door) {
    for (int number = 0; number < kNumbers[door]; ++number) TryOne(report, door, number);
  }
  std::printf("done\n");
  return 0;
}

}  // namespace moat::bench
