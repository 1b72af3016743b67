#include "bench/moat_bench/tracing/syscall_trace.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::bench {
namespace {

constexpr char kBufferKilobytes[] = "32768";

long LostEvents(const std::string& folder) {
  long lost = 0;
  std::error_code none;
  for (const auto& cpu : std::filesystem::directory_iterator(folder + "/per_cpu", none)) {
    std::ifstream stats(cpu.path() / "stats");
    for (std::string line; std::getline(stats, line);) {
      if (line.rfind("overrun:", 0) == 0 || line.rfind("dropped events:", 0) == 0) {
        lost += std::atol(line.c_str() + line.find(':') + 1);
      }
    }
  }
  return lost;
}

// "NR 1 (1, 2, 3, 4, 5, 6)": the arguments are hexadecimal.
bool ParseEnter(const char* text, TraceEvent& event) {
  event.kind = TraceEvent::Kind::kEnter;
  auto& a = event.arguments;
  return std::sscanf(text, "NR %ld (%lx, %lx, %lx, %lx, %lx, %lx)", &event.number, &a[0], &a[1],
                     &a[2], &a[3], &a[4], &a[5]) == 7;
}

}  // namespace

absl::StatusOr<Tracefs> Tracefs::Open() {
  Fd context(fsopen("tracefs", FSOPEN_CLOEXEC));
  if (!context) return ErrnoStatus(errno, "fsopen", "tracefs");
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == -1)
    return ErrnoStatus(errno, "fsconfig", "tracefs");
  Fd mount(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) return ErrnoStatus(errno, "fsmount", "tracefs");
  return Tracefs(std::move(mount));
}

std::string Tracefs::InstanceOf(pid_t process) const {
  return absl::StrCat("/proc/self/fd/", mount_.get(), "/instances/moat-bench-", process);
}

bool ParseTraceLine(const std::string& line, TraceEvent& event) {
  // "         command-123   (   120) [001] d..1. 1234.567890: sys_enter: NR ..."
  const size_t bracket = line.find(" [");
  if (line.empty() || line[0] == '#' || bracket == std::string::npos) return false;
  std::string head = line.substr(0, bracket);
  event.process = 0;
  if (const size_t group = head.rfind('('); group != std::string::npos && head.back() == ')') {
    event.process = std::atoi(head.c_str() + group + 1);
    head.resize(group);
  }
  const size_t end = head.find_last_not_of(' ');
  const size_t dash = head.rfind('-', end);
  const size_t start = head.find_first_not_of(' ');
  if (dash == std::string::npos || start == std::string::npos || start > dash) return false;
  event.command = head.substr(start, dash - start);
  event.thread = std::atoi(head.c_str() + dash + 1);
  const size_t flags = line.find("] ", bracket);
  if (flags == std::string::npos) return false;
  const size_t time = line.find_first_of("0123456789", line.find(' ', flags + 2));
  const size_t colon = line.find(": ", flags);
  if (time == std::string::npos || colon == std::string::npos || time > colon) return false;
  event.seconds = std::strtod(line.c_str() + time, nullptr);
  const char* rest = line.c_str() + colon + 2;
  if (std::strncmp(rest, "sys_enter: ", 11) == 0) return ParseEnter(rest + 11, event);
  if (std::strncmp(rest, "sys_exit: ", 10) == 0) {
    event.kind = TraceEvent::Kind::kExit;
    return std::sscanf(rest + 10, "NR %ld = %ld", &event.number, &event.result) == 2;
  }
  if (std::strncmp(rest, "sched_switch: ", 14) == 0) {
    event.kind = TraceEvent::Kind::kSwitch;
    const char* next = std::strstr(rest, "next_pid=");
    if (next == nullptr) return false;
    event.next = std::atoi(next + 9);
    return true;
  }
  return false;
}

absl::StatusOr<std::unique_ptr<SyscallTrace>> SyscallTrace::Start(pid_t root, Detail detail) {
  ASSIGN_OR_RETURN(Tracefs tracefs, Tracefs::Open());
  std::unique_ptr<SyscallTrace> trace(new SyscallTrace(std::move(tracefs)));
  const std::string& folder = trace->folder_;
  if (mkdir(folder.c_str(), 0700) == -1 && errno != EEXIST)
    return ErrnoStatus(errno, "make an instance of", "tracefs");
  RETURN_IF_ERROR(WriteFile(folder + "/tracing_on", "0"));
  RETURN_IF_ERROR(WriteFile(folder + "/buffer_size_kb", kBufferKilobytes));
  RETURN_IF_ERROR(WriteFile(folder + "/trace_clock", "mono"));
  RETURN_IF_ERROR(WriteFile(folder + "/trace", " "));
  RETURN_IF_ERROR(WriteFile(folder + "/options/event-fork", "1"));
  RETURN_IF_ERROR(WriteFile(folder + "/options/record-tgid", "1"));
  RETURN_IF_ERROR(WriteFile(folder + "/set_event_pid", absl::StrCat(root)));
  RETURN_IF_ERROR(WriteFile(folder + "/events/raw_syscalls/sys_enter/enable", "1"));
  if (detail == Detail::kTimes) {
    RETURN_IF_ERROR(WriteFile(folder + "/events/raw_syscalls/sys_exit/enable", "1"));
    RETURN_IF_ERROR(WriteFile(folder + "/events/sched/sched_switch/enable", "1"));
  }
  RETURN_IF_ERROR(WriteFile(folder + "/tracing_on", "1"));
  return trace;
}

SyscallTrace::~SyscallTrace() {
  // The kernel removes an instance only when nothing in it is in use.
  for (const char* off : {"/tracing_on", "/events/enable"}) {
    if (!WriteFile(folder_ + off, "0").ok()) break;
  }
  rmdir(folder_.c_str());
}

absl::StatusOr<std::vector<TraceEvent>> SyscallTrace::Stop(long* lost) {
  RETURN_IF_ERROR(WriteFile(folder_ + "/tracing_on", "0"));
  *lost = LostEvents(folder_);
  std::ifstream lines(folder_ + "/trace");
  std::vector<TraceEvent> events;
  TraceEvent event;
  for (std::string line; std::getline(lines, line);) {
    if (ParseTraceLine(line, event)) events.push_back(event);
  }
  return events;
}

}  // namespace moat::bench
