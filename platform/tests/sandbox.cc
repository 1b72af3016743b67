#include "platform/tests/sandbox.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "platform/seccomp_notify/notify_platform.h"

namespace moat::platform::testing {
namespace {

constexpr int kWorkers = 4;  // more than may receive at once
constexpr size_t kHead = 4096;

std::string Head(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string head(kHead, '\0');
  const ssize_t got = ::read(fd.get(), head.data(), head.size());
  head.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return head;
}

// The program's PT_INTERP, or "".
std::string InterpreterOf(const std::string& head) {
  Elf64_Ehdr header;
  if (head.size() < sizeof(header)) return "";
  std::memcpy(&header, head.data(), sizeof(header));
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const size_t at = header.e_phoff + i * sizeof(segment);
    if (at + sizeof(segment) > head.size()) return "";
    std::memcpy(&segment, head.data() + at, sizeof(segment));
    if (segment.p_type == PT_INTERP) return head.c_str() + segment.p_offset;
  }
  return "";
}

loader::Plan MakePlan(loader::PlanKind kind, const std::string& name,
                      const std::vector<std::string>& prefix) {
  loader::Plan plan = {};
  plan.version = loader::kPlanVersion;
  plan.kind = kind;
  std::string strings(name.c_str(), name.size() + 1);
  plan.exec_name_size = static_cast<uint32_t>(strings.size());
  for (const std::string& one : prefix) strings.append(one.c_str(), one.size() + 1);
  plan.prefix_count = static_cast<uint32_t>(prefix.size());
  plan.strings_size = static_cast<uint32_t>(strings.size());
  std::memcpy(plan.strings, strings.data(), strings.size());
  const std::string comm = name.substr(name.rfind('/') + 1);
  comm.copy(plan.comm, sizeof(plan.comm) - 1);
  return plan;
}

int CountEntries(const char* directory) {
  DIR* open = ::opendir(directory);
  if (!open) return -1;
  int count = 0;
  while (::readdir(open)) ++count;
  ::closedir(open);
  return count;
}

}  // namespace

Sandbox::~Sandbox() = default;

int Sandbox::Run(const std::vector<std::string>& argv, RunAs run_as) {
  auto workload = StartWorkload(argv, run_as);
  EXPECT_TRUE(workload.ok()) << workload.status();
  if (!workload.ok()) return -1;
  auto created = seccomp_notify::Create(std::move(workload->listener), kCookie);
  EXPECT_TRUE(created.ok()) << created.status();
  if (!created.ok()) return -1;
  platform_ = std::move(*created);
  for (int i = 0; i < kWorkers; ++i) workers_.emplace_back([this] { Work(); });
  output_ = ReadAll(workload->output.get(), 1 << 20).value();
  int status = -1;
  if (run_as == RunAs::kChild) {
    EXPECT_EQ(::read(workload->status.get(), &status, sizeof(status)), ssize_t{sizeof(status)});
  }
  int init_status = -1;
  EXPECT_EQ(::waitpid(workload->init, &init_status, 0), workload->init);
  if (run_as == RunAs::kInit) status = init_status;
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  return status;
}

void Sandbox::Work() {
  for (;;) {
    auto trap = platform_->Next();
    if (!trap.ok()) {
      end_ = trap.error().value();
      return;
    }
    Answer(*trap);
  }
}

void Sandbox::Answer(const Trap& trap) {
  switch (trap.nr) {
    case kTestCall:
      return on_test_call_(*platform_, trap);
    case loader::kPlanCall:
      return AnswerPlan(trap);
    case __NR_execve:
    case __NR_execveat:
      return AnswerExec(trap);
    case __NR_open:
    case __NR_openat:
      return AnswerOpen(trap);
  }
  platform_->ReturnErrno(trap, Errno(ENOSYS));
}

std::string Sandbox::ReadString(const Trap& trap, uint64_t address) {
  std::array<std::byte, 4096> bytes = {};
  const auto got = platform_->Read(trap, GuestAddr(address), absl::MakeSpan(bytes));
  if (!got.ok()) return "";
  const auto* text = static_cast<const char*>(static_cast<const void*>(bytes.data()));
  return std::string(text, strnlen(text, bytes.size()));
}

void ReturnFd(Platform& platform, const Trap& trap, const Fd& fd) {
  const auto number = platform.AddFd(trap, fd, /*close_on_exec=*/true);
  if (number.ok()) {
    platform.ReturnValue(trap, *number);
  } else {
    platform.ReturnErrno(trap, number.error());
  }
}

void Sandbox::AnswerOpen(const Trap& trap) {
  const std::string path = ReadString(trap, trap.args[trap.nr == __NR_open ? 0 : 1]);
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return platform_->ReturnErrno(trap, Errno::Last());
  ReturnFd(*platform_, trap, fd);
}

void Sandbox::AnswerExec(const Trap& trap) {
  if (trap.nr == __NR_execveat) {
    std::string program;
    {
      absl::MutexLock lock(&mutex_);
      program = scripts_[trap.tid];
    }
    const ExecPointers pointers = {GuestAddr(trap.args[1]), GuestAddr(trap.args[2]),
                                   GuestAddr(trap.args[3])};
    return Exec(trap, program, pointers,
                {MakePlan(loader::PlanKind::kInterpreter, program, {}), Fd()});
  }
  const std::string path = ReadString(trap, trap.args[0]);
  const ExecPointers pointers = {GuestAddr(trap.args[0] + path.size()), GuestAddr(trap.args[1]),
                                 GuestAddr(trap.args[2])};
  const std::string head = Head(path);
  if (head.substr(0, 2) != "#!")
    return Exec(trap, path, pointers, {MakePlan(loader::PlanKind::kInterpreter, path, {}), Fd()});
  const std::string line = head.substr(2, head.find('\n') - 2);
  std::vector<std::string> prefix = absl::StrSplit(line, absl::MaxSplits(' ', 1));
  const std::string program = prefix[0];
  prefix.push_back(path);
  Exec(trap, MOAT_LOADER, pointers,
       {MakePlan(loader::PlanKind::kScript, path, prefix),
        Fd(::open(program.c_str(), O_RDONLY | O_CLOEXEC))});
}

void Sandbox::Exec(const Trap& trap, const std::string& path, const ExecPointers& pointers,
                   Armed plan) {
  Fd program(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!program) return platform_->ReturnErrno(trap, Errno::Last());
  if (plan.plan.kind == loader::PlanKind::kInterpreter) {
    const std::string interpreter = InterpreterOf(Head(path));
    if (!interpreter.empty()) plan.fd = Fd(::open(interpreter.c_str(), O_RDONLY | O_CLOEXEC));
  }
  auto fd = platform_->AddFd(trap, program, true);
  if (!fd.ok()) return platform_->ReturnErrno(trap, fd.error());
  auto session = platform_->Enter(trap);
  if (!session.ok()) return platform_->ReturnErrno(trap, session.error());
  const auto arm = [&](pid_t tgid) {
    absl::MutexLock lock(&mutex_);
    if (plan.plan.kind == loader::PlanKind::kScript)
      scripts_[tgid] = &plan.plan.strings[plan.plan.exec_name_size];
    if (plan.fd) armed_[tgid] = std::move(plan);
  };
  ProgramStart start;
  if (plan.plan.kind == loader::PlanKind::kInterpreter && !plan.fd) {
    start.names = ProgramNames{path, plan.plan.comm};
  }
  const ExecOutcome outcome =
      (*session)->Exec(*fd, pointers.empty_path, pointers.argv, pointers.envp, start, arm);
  if (outcome.replaced) return;
  (void)(*session)->Call(__NR_close, {static_cast<uint64_t>(*fd), 0, 0, 0, 0, 0}).ok();
  (*session)->Finish(-outcome.error.value());
}

void Sandbox::AnswerPlan(const Trap& trap) {
  absl::MutexLock lock(&mutex_);
  auto armed = armed_.find(trap.tid);
  if (armed == armed_.end()) return platform_->ReturnErrno(trap, Errno(ENOSYS));
  loader::Plan& plan = armed->second.plan;
  // A task that is killed meanwhile takes neither; nothing else may keep it from its plan.
  const auto gone_or = [&](bool done) { return done || !platform_->StillWaits(trap); };
  plan.fd = -1;
  if (plan.kind == loader::PlanKind::kInterpreter) {
    const auto number = platform_->AddFd(trap, armed->second.fd, true);
    EXPECT_TRUE(gone_or(number.ok()));
    if (number.ok()) plan.fd = *number;
  }
  const size_t size = offsetof(loader::Plan, strings) + plan.strings_size;
  const auto written = platform_->Write(trap, GuestAddr(trap.args[0]), BytesOf(&plan, size));
  EXPECT_TRUE(gone_or(written.ok() && *written == size));
  armed_.erase(armed);
  platform_->ReturnValue(trap, 0);
}

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int CountDescriptors() { return CountEntries("/proc/self/fd"); }

}  // namespace moat::platform::testing
