// random_calls SECONDS CALLERS SEED: processes that make random system calls, all numbers by all
// doors, with arguments that mean something.
//
// Wants to be the first process of a container, because it ends all others now and then. After
// SECONDS it prints one line of JSON, and goes on until it is killed:
//   {"lives": N, "stuck": N, "signals": {NUMBER: N}, "calls": {DOOR: {NUMBER: [ISSUED, {ERRNO:
//   N}]}}}
// ERRNO 0 is success; a call that is issued and has no end never came back to its caller.
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/random_calls/arguments.h"
#include "tests/random_calls/caller.h"
#include "tests/random_calls/record.h"

namespace moat::random_calls {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr char kFolder[] = "/tmp/random_calls";
constexpr int kReport = 1000;  // the descriptor that was standard output
constexpr milliseconds kLook{20}, kWakeAfter{200}, kKillAfter{3000}, kGeneration{20'000};

// Shared with all children, and followed by memory that nobody may touch.
void* Map(size_t size, int flags) {
  constexpr size_t kGuard = 4096;
  const size_t whole = (size + kGuard - 1) / kGuard * kGuard;
  void* memory = mmap(nullptr, whole + kGuard, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | flags, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  mprotect(static_cast<char*>(memory) + whole, kGuard, PROT_NONE);
  return memory;
}

// What Arguments' paths lead to.
void MakeFiles() {
  std::error_code ignored;
  fs::remove_all(kFolder, ignored);
  fs::create_directories(absl::StrCat(kFolder, "/folder"), ignored);
  fs::current_path(kFolder, ignored);
  for (const char* folder : {".", "folder"}) chmod(folder, 0777);
  std::ofstream("file") << "some bytes";
  std::ofstream("folder/file") << "more bytes";
  std::ofstream("script") << "#!/bin/true -x\n";
  std::ofstream("broken") << "\x7f"
                             "ELF\2\1\1"
                          << std::string(57, '\1');
  for (const char* file : {"file", "folder/file"}) chmod(file, 0666);
  for (const char* program : {"script", "broken"}) chmod(program, 0777);
  fs::create_symlink("file", "link", ignored);
  fs::create_symlink("nothing", "dangling", ignored);
  fs::create_symlink("circle", "circle", ignored);
  fs::create_symlink("../../../../..", "up", ignored);
  mkfifo("fifo", 0666);
}

void OpenSockets() {
  int pair[2];
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    (void)socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
  }
  for (const int family : {AF_INET, AF_INET6}) {
    (void)socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  }
  (void)socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, 0);
  (void)socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  (void)listen(server, 16);  // on a free port
}

// One of each kind, at kFirstFile and behind; the lowest free number is taken each time.
void OpenDescriptors() {
  (void)close_range(kFirstFile, kReport - 1, 0);
  (void)open("file", O_RDWR);
  (void)open("file", O_RDONLY);
  (void)open(".", O_RDONLY | O_DIRECTORY);
  (void)open("folder", O_RDONLY | O_DIRECTORY);
  (void)open("folder", O_PATH);
  (void)open("folder/file", O_RDWR | O_APPEND);
  (void)open("fifo", O_RDWR | O_NONBLOCK);
  (void)open("script", O_RDONLY);
  for (const char* path : {"/proc", "/proc/self", "/proc/self/status", "/proc/self/mem", "/sys",
                           "/dev", "/dev/null", "/dev/zero", "/dev/ptmx"}) {
    (void)open(path, O_RDONLY | O_NONBLOCK);
  }
  int pair[2];
  if (pipe2(pair, O_NONBLOCK) != 0) return;
  OpenSockets();
  sigset_t none;
  sigemptyset(&none);
  (void)eventfd(0, EFD_NONBLOCK);
  (void)epoll_create1(0);
  (void)timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  (void)inotify_init1(IN_NONBLOCK);
  (void)signalfd(-1, &none, SFD_NONBLOCK);
  (void)memfd_create("memory", MFD_ALLOW_SEALING);
  (void)syscall(SYS_pidfd_open, getpid(), 0);
}

class Supervisor {
 public:
  Supervisor(Record& record, void* arena, size_t callers, uint64_t seed)
      : record_(record), arena_(arena), seed_(seed), slots_(callers) {}

  // A fresh folder and fresh processes for a while; everything has ended afterwards.
  void Generation(steady_clock::time_point end);
  std::string Report() const;

 private:
  struct Slot {
    pid_t pid = -1;
    uint64_t progress = 0;
    steady_clock::time_point since;
  };

  void Start(size_t number);
  void Reap();
  void WakeOrKill();
  void EndAll();

  Record& record_;
  void* arena_;
  uint64_t seed_;
  std::vector<Slot> slots_;
  uint64_t lives_ = 0, stuck_ = 0;
  std::map<int, uint64_t> signals_;
};

void Supervisor::Start(size_t number) {
  const uint64_t seed = ++seed_;
  const pid_t pid = fork();
  if (pid == 0) {
    close(kReport);
    MakeCalls({record_, number, seed, arena_});
  }
  if (pid > 0) ++lives_;
  slots_[number] = {pid, record_.progress[number], steady_clock::now()};
}

// Orphans come here, too.
void Supervisor::Reap() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0;) {
    if (WIFSIGNALED(status)) ++signals_[WTERMSIG(status)];
    for (Slot& slot : slots_) {
      if (slot.pid == pid) slot.pid = -1;
    }
  }
}

// A call that blocks is interrupted; a process that does not go on even then is ended.
void Supervisor::WakeOrKill() {
  const auto now = steady_clock::now();
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.pid < 0) {
      Start(i);
      continue;
    }
    const uint64_t progress = record_.progress[i];
    if (progress != slot.progress) {
      slot.progress = progress;
      slot.since = now;
    } else if (now - slot.since > kKillAfter) {
      kill(slot.pid, SIGKILL);
      ++stuck_;
      slot.since = now;
    } else if (now - slot.since > kWakeAfter) {
      kill(slot.pid, SIGALRM);
    }
  }
}

void Supervisor::EndAll() {
  kill(-1, SIGKILL);
  while (waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {
  }
  for (Slot& slot : slots_) slot.pid = -1;
}

void Supervisor::Generation(steady_clock::time_point end) {
  MakeFiles();
  OpenDescriptors();
  while (steady_clock::now() < end) {
    Reap();
    WakeOrKill();
    std::this_thread::sleep_for(kLook);
  }
  EndAll();
}

std::string ReportOf(const std::array<Tally, kNumbers>& calls) {
  std::vector<std::string> entries;
  for (size_t number = 0; number < calls.size(); ++number) {
    const Tally& tally = calls[number];
    if (tally.issued == 0) continue;
    std::vector<std::string> ends;
    for (size_t error = 0; error < kErrors; ++error) {
      const uint32_t count = tally.ended[error];
      if (count != 0) ends.push_back(absl::StrCat("\"", error, "\": ", count));
    }
    entries.push_back(absl::StrCat("\"", number, "\": [", tally.issued.load(), ", {",
                                   absl::StrJoin(ends, ", "), "}]"));
  }
  return absl::StrJoin(entries, ", ");
}

std::string Supervisor::Report() const {
  constexpr const char* kNames[kDoors] = {"x86-64", "x32", "i386"};
  std::vector<std::string> doors;
  for (size_t door = 0; door < kDoors; ++door) {
    doors.push_back(absl::StrCat("\"", kNames[door], "\": {", ReportOf(record_.calls[door]), "}"));
  }
  const std::string signals = absl::StrJoin(
      signals_, ", ", [](std::string* out, const std::pair<const int, uint64_t>& one) {
        absl::StrAppend(out, "\"", one.first, "\": ", one.second);
      });
  return absl::StrCat("{\"lives\": ", lives_, ", \"stuck\": ", stuck_, ", \"signals\": {", signals,
                      "}, \"calls\": {", absl::StrJoin(doors, ", "), "}}\n");
}

bool Print(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = write(kReport, text.data() + done, text.size() - done);
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) done += static_cast<size_t>(written);
  }
  return true;
}

// Callers write to any descriptor they have: to none that leads outside.
bool PutStreamsAway() {
  const int null = open("/dev/null", O_RDWR);
  if (null < 0 || dup2(STDOUT_FILENO, kReport) < 0) return false;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, stream);
  return fcntl(kReport, F_SETFD, FD_CLOEXEC) == 0;
}

int Main(int argc, char** argv) {
  if (argc != 4 || getpid() != 1) {
    fputs("usage: random_calls SECONDS CALLERS SEED, as the first process of a container\n",
          stderr);
    return 2;
  }
  const auto end = steady_clock::now() + std::chrono::seconds(atoi(argv[1]));
  const auto callers = static_cast<size_t>(atoi(argv[2]));
  void* record = Map(sizeof(Record), 0);
  void* arena = Map(kArena, MAP_32BIT);
  if (callers > kMaxCallers || record == nullptr || arena == nullptr || !PutStreamsAway()) return 2;
  umask(0);
  // None of the callers may trace it, who would then end none of them.
  prctl(PR_SET_DUMPABLE, 0);
  Supervisor supervisor(*new (record) Record, arena, callers, strtoull(argv[3], nullptr, 10) << 32);
  while (steady_clock::now() < end) {
    supervisor.Generation(std::min(end, steady_clock::now() + kGeneration));
  }
  if (!Print(supervisor.Report())) return 1;
  close(kReport);
  // Whoever reads the report finds a container that is as busy as before.
  for (;;) supervisor.Generation(steady_clock::now() + kGeneration);
}

}  // namespace
}  // namespace moat::random_calls

int main(int argc, char** argv) { return moat::random_calls::Main(argc, argv); }
