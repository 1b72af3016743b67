#include "sentry/exec/load_program.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sentry/container.h"
#include "sentry/exec/open_program.h"
#include "sentry/exec/program_file.h"

namespace moat::sentry {
namespace {

constexpr int kMaxScriptDepth = 5;  // fs/exec.c exec_binprm

// bprm->filename of fs/exec.c: what AT_EXECFN and a script's own name are.
std::string ExecName(int dirfd, const std::string& path) {
  if (dirfd == AT_FDCWD || absl::StartsWith(path, "/")) return path;
  return path.empty() ? absl::StrCat("/dev/fd/", dirfd)
                      : absl::StrCat("/dev/fd/", dirfd, "/", path);
}

std::string BaseName(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);  // npos + 1 is 0
}

// Whether a script's interpreter will find the script under its name: not when that is a descriptor
// that the exec closes (execveat(2), ENOENT).
Result<void> CheckScriptStays(Call& call, int dirfd, const std::string& path) {
  if (dirfd == AT_FDCWD || absl::StartsWith(path, "/")) return {};
  TRY_ASSIGN(const bool goes, call.container().tasks->IsCloseOnExec(call.trap().tid, dirfd));
  if (goes) return Errno(ENOENT);
  return {};
}

// Puts what the interpreter is to get before the script's own arguments in place of argv[0].
void AddScript(const ScriptLine& line, const std::string& script,
               std::vector<std::string>* prefix) {
  std::vector<std::string> front = {line.interpreter};
  if (line.argument) front.push_back(*line.argument);
  if (prefix->empty()) {
    front.push_back(script);
  } else {
    front.insert(front.end(), prefix->begin(), prefix->end());
  }
  *prefix = std::move(front);
}

// `start` is that of program->file.
Result<void> FindElfInterpreter(Call& call, absl::string_view start, Program* program) {
  TRY_ASSIGN(auto interpreter, ReadElfInterpreter(program->file.get(), start));
  if (!interpreter) return {};
  program->elf_interpreter_path = *interpreter;
  TRY_ASSIGN(OpenedProgram opened, OpenProgram(call, AT_FDCWD, *interpreter, 0));
  program->elf_interpreter = std::move(opened.file);
  program->interpreter_secret = opened.secret;
  TRY_ASSIGN(const std::string its_start, ReadProgramStart(program->elf_interpreter.get()));
  if (!IsNativeElf(its_start)) return Errno(ELIBBAD);
  return {};
}

}  // namespace

Result<Program> LoadProgram(Call& call, int dirfd, const std::string& path, int flags) {
  Program program;
  program.names.exec_name = ExecName(dirfd, path);
  program.names.comm = BaseName(program.names.exec_name);
  TRY_ASSIGN(OpenedProgram opened, OpenProgram(call, dirfd, path, flags));
  std::string name = program.names.exec_name;
  std::string start;
  for (int depth = 0;; ++depth) {
    TRY_ASSIGN(start, ReadProgramStart(opened.file.get()));
    if (!absl::StartsWith(start, "#!")) {
      if (!IsNativeElf(start)) return Errno(ENOEXEC);
      break;
    }
    if (depth == kMaxScriptDepth) return Errno(ELOOP);
    if (depth == 0) TRY(CheckScriptStays(call, dirfd, path));
    TRY_ASSIGN(const ScriptLine line, ParseScriptLine(start));
    program.is_script = true;
    AddScript(line, name, &program.prefix);
    if (!opened.secret) program.scripts.push_back(std::move(opened.file));
    TRY_ASSIGN(opened, OpenProgram(call, AT_FDCWD, line.interpreter, 0));
    name = line.interpreter;
  }
  program.file = std::move(opened.file);
  program.secret = opened.secret;
  // Also for a script, so that a missing loader is an error of this exec and not a death after the
  // point of no return.
  TRY(FindElfInterpreter(call, start, &program));
  return program;
}

Result<Program> LoadScriptProgram(Call& call, ExecPlan plan) {
  Program program;
  program.file = std::move(plan.file);
  program.secret = plan.secret;
  program.names = std::move(plan.names);
  TRY_ASSIGN(const std::string start, ReadProgramStart(program.file.get()));
  TRY(FindElfInterpreter(call, start, &program));
  return program;
}

}  // namespace moat::sentry
