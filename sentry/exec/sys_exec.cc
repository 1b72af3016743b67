#include <fcntl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "sentry/container.h"
#include "sentry/exec/exec.h"
#include "sentry/exec/load_program.h"
#include "sentry/exec/script_arguments.h"
#include "sentry/exec/set_id.h"
#include "sentry/exec/text_busy.h"
#include "sentry/exec/tracing.h"
#include "sentry/fs/hand_over.h"

namespace moat::sentry {
namespace {

using loader::Plan;
using loader::PlanKind;
using platform::GuestAddr;

struct ExecArguments {
  int dirfd = AT_FDCWD;
  GuestAddr path, argv, envp;
  int flags = 0;
  bool gained_rights = false;  // by what the stub has of the program: AT_SECURE
};

// The stub's instructions for `program`; none for a static one, which takes its names from the
// session. For a script the stub itself is executed first.
std::optional<ExecPlan> MakePlan(Program& program) {
  ExecPlan plan;
  if (program.is_script) {
    plan.kind = PlanKind::kScript;
    plan.names = std::move(program.names);
    plan.file = std::move(program.file);
    plan.secret = program.secret;
    plan.prefix = std::move(program.prefix);
    return plan;
  }
  if (!program.elf_interpreter || program.interpreter_in_place) return std::nullopt;
  plan.names = std::move(program.names);
  plan.file = std::move(program.elf_interpreter);
  return plan;
}

ExecPlan SetIdPlan(Program& program) {
  return {.kind = PlanKind::kSetId,
          .file = std::move(program.file),
          .secret = program.secret,
          .names = std::move(program.names)};
}

// The same file, for a table that others may share: with O_PATH nothing can be read from it.
Result<Fd> WithoutReading(const Fd& file) {
  Fd path_only(::open(absl::StrCat("/proc/self/fd/", file.get()).c_str(), O_PATH | O_CLOEXEC));
  if (!path_only) return Errno::Last();
  return path_only;
}

// What the kernel is to execute, and how the program begins.
struct Execution {
  const Fd& file;
  std::optional<ExecPlan> plan = {};
  platform::ProgramStart start = {};
  bool keeps_capabilities = false;
  absl::Span<const Fd> scripts = {};
};

// The files that the kernel does not see in the exec of a script.
std::vector<const Fd*> Unseen(absl::Span<const Fd> scripts) {
  std::vector<const Fd*> files;
  for (const Fd& script : scripts) files.push_back(&script);
  return files;
}

// For UseAllInTask: an exec that has failed leaves nothing in the table.
int64_t EndOf(const Result<void>& executed, platform::Session& session, int number,
              absl::Span<const int> more) {
  if (executed.ok()) return 0;
  CloseAll(session, more);
  return CloseAndReturn(session, number, -executed.error().value());
}

// Runs the exec in the caller's own context.
Outcome ExecInTask(Call& call, GuestAddr empty_path, const ExecArguments& arguments,
                   Execution execution) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  const pid_t caller = task->tgid;
  execution.start.trace_me = call.container().plans->deferred_traces().IsDeferred(caller);
  execution.start.traps_first = execution.plan && !execution.start.trace_me;
  const auto on_replaced = [&call, &execution, caller](pid_t tgid) {
    call.container().NoteExec(tgid);
    // Before the new program runs, which asks to be traced at once and must not find that it is.
    call.container().plans->deferred_traces().Drop(caller);
    call.container().cache->ForgetGroup(tgid);
    if (execution.plan) call.container().plans->Arm(tgid, *std::move(execution.plan));
  };
  std::vector<const Fd*> unseen = Unseen(execution.scripts);
  const bool is_script = execution.plan && execution.plan->kind == PlanKind::kScript;
  if (is_script && !execution.plan->secret) unseen.push_back(&execution.plan->file);
  const auto execute = [&](platform::Session& session, int number,
                           absl::Span<const int> more) -> Result<void> {
    TRY(CheckTextBusy(session, more, empty_path, arguments.argv));
    if (execution.keeps_capabilities) {
      TRY_ASSIGN(execution.start.rights, KeepCapabilities(call, session));
    }
    const platform::ExecOutcome exec = session.Exec(number, empty_path, arguments.argv,
                                                    arguments.envp, execution.start, on_replaced);
    if (!exec.replaced) return exec.error;
    return {};
  };
  return UseDescriptors(call, execution.file, unseen,
                        [&](platform::Session& session, int number, absl::Span<const int> more) {
                          return EndOf(execute(session, number, more), session, number, more);
                        });
}

// What AT_EXECVE_CHECK asks for.
Outcome CheckInTask(Call& call, GuestAddr empty_path, const ExecArguments& arguments,
                    const Program& program) {
  std::vector<const Fd*> files = Unseen(program.scripts);
  if (!program.secret) files.push_back(&program.file);
  if (files.empty()) return Value{0};
  return UseDescriptors(call, *files.front(), absl::MakeConstSpan(files).subspan(1),
                        [&](platform::Session& session, int number, absl::Span<const int> more) {
                          auto free = CheckTextBusy(session, {number}, empty_path, arguments.argv);
                          if (free.ok())
                            free = CheckTextBusy(session, more, empty_path, arguments.argv);
                          CloseAll(session, more);
                          return CloseAndReturn(session, number,
                                                free.ok() ? 0 : -free.error().value());
                        });
}

// Without the stub, for a task that is traced: its tracer sees one exec. The arguments' strings
// stay where they are; a new list of them is made in memory that the exec takes away with the rest.
Outcome ExecScriptInTask(Call& call, Program program, GuestAddr empty_path,
                         const ExecArguments& arguments) {
  TRY_ASSIGN(ScriptArguments list,
             ScriptArguments::Read(call, arguments.argv, std::move(program.prefix)));
  Fd file = std::move(program.file);
  if (program.secret) {
    TRY_ASSIGN(file, WithoutReading(file));
  }
  const auto on_replaced = [&call](pid_t tgid) {
    call.container().NoteExec(tgid);
    call.container().cache->ForgetGroup(tgid);
  };
  const auto execute = [&](platform::Session& session, int number,
                           absl::Span<const int> more) -> Result<void> {
    TRY(CheckTextBusy(session, more, empty_path, arguments.argv));
    TRY_ASSIGN(const GuestAddr memory, session.MapScratch(list.size()));
    Errno error(EFAULT);
    if (call.WriteBytes(memory, list.At(memory)).ok()) {
      const platform::ExecOutcome exec =
          session.Exec(number, empty_path, memory, arguments.envp, {}, on_replaced);
      if (exec.replaced) return {};
      error = exec.error;
    }
    session.UnmapScratch(memory, list.size());
    return error;
  };
  return UseDescriptors(call, file, Unseen(program.scripts),
                        [&](platform::Session& session, int number, absl::Span<const int> more) {
                          return EndOf(execute(session, number, more), session, number, more);
                        });
}

Outcome Execute(Call& call, const ExecArguments& arguments) {
  TRY_ASSIGN(const std::string path, call.ReadPath(arguments.path));
  if (!call.platform().StillWaits(call.trap())) return Finished();
  ExecPlans& plans = *call.container().plans;
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  std::optional<ExecPlan> script = plans.TakeScript(task->tgid);
  const bool of_script = script && arguments.dirfd == loader::kScriptProgram;
  const bool keeps_capabilities = of_script && script->has_capabilities && arguments.gained_rights;
  TRY_ASSIGN(Program program, of_script
                                  ? LoadScriptProgram(call, *std::move(script))
                                  : LoadProgram(call, arguments.dirfd, path, arguments.flags));
  if (program.elf_interpreter && program.elf_interpreter_path.front() == '/') {
    TRY_ASSIGN(
        program.interpreter_in_place,
        call.container().roots->Provide(call.trap().tid, program.elf_interpreter_path,
                                        program.elf_interpreter, program.interpreter_secret));
  }
  const GuestAddr empty_path = arguments.path.Plus(path.size());
  if (arguments.flags & AT_EXECVE_CHECK) return CheckInTask(call, empty_path, arguments, program);
  if (program.is_script && IsTracedAlone(call)) {
    return ExecScriptInTask(call, std::move(program), empty_path, arguments);
  }
  // Of a script its interpreter's rights count.
  if (!of_script) {
    if (const auto stub = FindSetIdStub(call, program.file)) {
      ExecPlan plan = program.is_script ? *MakePlan(program) : SetIdPlan(program);
      plan.has_capabilities = stub->has_capabilities;
      return ExecInTask(call, empty_path, arguments,
                        {.file = stub->file, .plan = std::move(plan), .scripts = program.scripts});
    }
  }
  Fd elf = program.is_script ? Fd() : std::move(program.file);
  if (elf && program.secret) {
    TRY_ASSIGN(elf, WithoutReading(elf));
  }
  std::optional<ExecPlan> plan = MakePlan(program);
  platform::ProgramStart start;
  if (!plan) start.names = std::move(program.names);
  return ExecInTask(call, empty_path, arguments,
                    {.file = elf ? elf : plans.root().stub(),
                     .plan = std::move(plan),
                     .start = std::move(start),
                     .keeps_capabilities = keeps_capabilities,
                     .scripts = program.scripts});
}

bool Append(absl::string_view text, Plan* plan) {
  if (plan->strings_size + text.size() + 1 > sizeof(plan->strings)) return false;
  text.copy(plan->strings + plan->strings_size, text.size());
  plan->strings_size += static_cast<uint32_t>(text.size()) + 1;
  return true;
}

Result<void> WritePlan(Call& call, const Plan& plan) {
  const size_t size = offsetof(Plan, strings) + plan.strings_size;
  std::string bytes(size, '\0');
  std::memcpy(bytes.data(), &plan, size);
  return call.WriteBytes(call.AddrArg(0), bytes);
}

Result<std::unique_ptr<Plan>> EncodeJoin(const std::vector<std::string>& strings) {
  auto plan = std::make_unique<Plan>();
  std::memset(plan.get(), 0, sizeof(Plan));
  plan->version = loader::kPlanVersion;
  plan->kind = PlanKind::kJoin;
  plan->fd = -1;
  plan->prefix_count = static_cast<uint32_t>(strings.size());
  for (const std::string& text : strings) {
    if (!Append(text, plan.get())) return Errno(E2BIG);
  }
  return plan;
}

// What goes over to the stub; E2BIG when a script's strings are longer than any real ones.
Result<std::unique_ptr<Plan>> EncodePlan(const ExecPlan& from, int fd) {
  auto plan = std::make_unique<Plan>();
  std::memset(plan.get(), 0, sizeof(Plan));
  plan->version = loader::kPlanVersion;
  plan->kind = from.kind;
  plan->fd = fd;
  from.names.comm.copy(plan->comm, sizeof(plan->comm) - 1);
  bool fits = Append(from.names.exec_name, plan.get());
  plan->exec_name_size = plan->strings_size;
  for (const std::string& text : from.prefix) fits = fits && Append(text, plan.get());
  plan->prefix_count = static_cast<uint32_t>(from.prefix.size());
  if (!fits) return Errno(E2BIG);
  return plan;
}

}  // namespace

Outcome SysExecve(Call& call) {
  return Execute(call, {.path = call.AddrArg(0), .argv = call.AddrArg(1), .envp = call.AddrArg(2)});
}

Outcome SysExecveat(Call& call) {
  ExecArguments arguments = {.dirfd = call.FdArg(0),
                             .path = call.AddrArg(1),
                             .argv = call.AddrArg(2),
                             .envp = call.AddrArg(3),
                             .flags = call.IntArg(4),
                             .gained_rights = call.Arg(5) == 1};
  if (arguments.flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_EXECVE_CHECK)) {
    return Errno(EINVAL);
  }
  return Execute(call, arguments);
}

Outcome SysLoaderPlan(Call& call) {
  ExecPlans& plans = *call.container().plans;
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  Joiners& joiners = call.container().joiners;
  if (call.Arg(1) == 0) {
    const auto step = static_cast<loader::JoinStep>(call.UintArg(0));
    return joiners.Failed(task->tgid, step, call.IntArg(2)) ? Outcome(Value{0}) : Errno(ENOSYS);
  }
  if (call.Arg(1) != sizeof(Plan)) return Errno(ENOSYS);
  if (const auto strings = joiners.TakeStrings(task->tgid)) {
    // Its exec of the stub was not mediated, and may have changed its credentials.
    call.container().cache->ForgetGroup(task->tgid);
    TRY_ASSIGN(const auto encoded, EncodeJoin(*strings));
    TRY(WritePlan(call, *encoded));
    return Value{0};
  }
  std::optional<ExecPlan> plan = plans.Take(task->tgid);
  if (!plan) return Errno(ENOSYS);
  int fd = -1;
  if (plan->kind == PlanKind::kInterpreter) {
    TRY_ASSIGN(fd, call.platform().AddFd(call.trap(), plan->file, /*close_on_exec=*/true));
  }
  TRY_ASSIGN(const auto encoded, EncodePlan(*plan, fd));
  TRY(WritePlan(call, *encoded));
  if (plan->kind != PlanKind::kInterpreter) plans.RememberScript(task->tgid, *std::move(plan));
  return Value{0};
}

}  // namespace moat::sentry
