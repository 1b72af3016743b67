// What single calls cost, measured by Google Benchmark. Runs unchanged on the plain kernel and in
// any container; prints its JSON with --benchmark_format=json.
#include <benchmark/benchmark.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <thread>

#include "base/fd.h"
#include "bench/moat_bench/guest/loopback.h"
#include "bench/moat_bench/guest/socket_address.h"

namespace moat::bench {
namespace {

constexpr char kFile[] = "/tmp/file";
constexpr char kDeepFolder[] = "/tmp/1/2/3/4/5/6/7/8";

void MakeFiles() {
  close(open(kFile, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  std::string path = "/tmp";
  for (int i = 1; i <= 8; ++i) mkdir((path += "/" + std::to_string(i)).c_str(), 0700);
  close(open((path + "/file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  mkdir("/tmp/hundred", 0700);
  for (int i = 0; i < 100; ++i) {
    close(
        open(("/tmp/hundred/" + std::to_string(i)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  }
}

// Registers a benchmark whose `call` returns false when it failed, which ends it with an error.
template <typename Call>
benchmark::internal::Benchmark* Measure(const char* name, Call call) {
  return benchmark::RegisterBenchmark(name,
                                      [call](benchmark::State& state) {
                                        for (auto _ : state) {
                                          if (call()) continue;
                                          state.SkipWithError("a call failed");
                                          break;
                                        }
                                      })
      ->UseRealTime();
}

bool Stat(const char* path) {
  struct stat attributes;
  return stat(path, &attributes) == 0;
}

bool ReadFolder() {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir("/tmp/hundred"), closedir);
  if (stream == nullptr) return false;
  int names = 0;
  while (readdir(stream.get()) != nullptr) ++names;
  return names == 102;
}

bool Execute(const char* program) {
  const pid_t child = fork();
  if (child == 0) {
    execl(program, program, "nothing", nullptr);
    _exit(127);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

bool ForkAndWait() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  return waitpid(child, nullptr, 0) == child;
}

bool MapAndUnmap() {
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page != MAP_FAILED && munmap(page, 4096) == 0;
}

// One byte there and back between this process and a thread of it.
void RoundTrips(benchmark::State& state, int ours, int theirs, int our_out, int their_in) {
  std::thread echo([=] {
    char byte;
    while (read(their_in, &byte, 1) == 1 && write(theirs, &byte, 1) == 1 && byte != 'q') {
    }
  });
  char byte = 'x';
  for (auto _ : state) {
    if (write(our_out, &byte, 1) != 1 || read(ours, &byte, 1) != 1) {
      state.SkipWithError("a byte was lost");
      break;
    }
  }
  byte = 'q';
  if (write(our_out, &byte, 1) != 1) state.SkipWithError("the end was lost");
  echo.join();
}

void PipeRoundTrips(benchmark::State& state) {
  int there[2], back[2];
  if (pipe2(there, O_CLOEXEC) == -1 || pipe2(back, O_CLOEXEC) == -1)
    return state.SkipWithError("pipe2");
  const Fd ends[] = {Fd(there[0]), Fd(there[1]), Fd(back[0]), Fd(back[1])};
  RoundTrips(state, back[0], back[1], there[1], there[0]);
}

void SocketRoundTrips(benchmark::State& state) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
    return state.SkipWithError("socketpair");
  const Fd one(ends[0]), other(ends[1]);
  RoundTrips(state, ends[0], ends[1], ends[0], ends[1]);
}

bool ConnectTcp() {
  static const Listener listener;
  const Fd client(listener.Connect());
  const Fd server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return client.valid() && server.valid();
}

int UnixListener() {
  unlink("/tmp/socket");
  const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return ListenUnix(made, false, "/tmp/socket") == 0 ? made : -1;
}

bool ConnectUnixSocket() {
  static const Fd listener(UnixListener());
  const Fd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (ConnectUnix(client.get(), false, "/tmp/socket") != 0) return false;
  return Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)).valid();
}

void RegisterFileCalls() {
  Measure("stat found", [] { return Stat(kFile); });
  Measure("stat missing", [] { return !Stat("/tmp/missing"); });
  Measure("stat deep", [] { return Stat("/tmp/1/2/3/4/5/6/7/8/file"); });
  Measure("open+close", [] { return close(open(kFile, O_RDONLY | O_CLOEXEC)) == 0; });
  Measure("create+unlink", [] {
    return close(open("/tmp/new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) == 0 &&
           unlink("/tmp/new") == 0;
  });
  Measure("rename",
          [] { return rename(kFile, "/tmp/moved") == 0 && rename("/tmp/moved", kFile) == 0; });
  Measure("readdir 100", ReadFolder);
  Measure("chdir", [] { return chdir(kDeepFolder) == 0 && chdir("/") == 0; });
}

void RegisterProcessCalls() {
  Measure("null call", [] { return syscall(SYS_getppid) >= 0; });
  Measure("read", [] {
    static const Fd zero(open("/dev/zero", O_RDONLY | O_CLOEXEC));
    char byte;
    return read(zero.get(), &byte, 1) == 1;
  });
  Measure("write", [] {
    static const Fd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
    return write(null.get(), "x", 1) == 1;
  });
  Measure("futex", [] {
    static uint32_t word = 0;
    return syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0) == 0;
  });
  Measure("clock", [] {
    timespec now;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0;
  });
  Measure("fork", ForkAndWait);
  Measure("exec static", [] { return Execute("/bin/guest"); });
  Measure("exec dynamic", [] { return Execute("/bin/nothing"); });
  Measure("thread", [] {
    std::thread([] {}).join();
    return true;
  });
  Measure("mmap", MapAndUnmap);
}

void RegisterAll() {
  RegisterProcessCalls();
  RegisterFileCalls();
  benchmark::RegisterBenchmark("pipe round trip", PipeRoundTrips)->UseRealTime();
  benchmark::RegisterBenchmark("socket round trip", SocketRoundTrips)->UseRealTime();
  Measure("connect TCP", ConnectTcp);
  Measure("connect AF_UNIX", ConnectUnixSocket);
  Measure("stat of threads", [] { return Stat(kFile); })->ThreadRange(1, 64);
}

}  // namespace
}  // namespace moat::bench

int main(int argc, char** argv) {
  moat::bench::MakeFiles();
  moat::bench::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
