// From a path to what the kernel is to execute: opens, reads heads, follows "#!", finds the ELF
// interpreter.
#ifndef MOAT_SENTRY_EXEC_LOAD_PROGRAM_H_
#define MOAT_SENTRY_EXEC_LOAD_PROGRAM_H_

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sentry/call.h"
#include "sentry/exec/exec.h"

namespace moat::sentry {

struct Program {
  Fd file;              // the ELF program (of a script: its last interpreter)
  bool secret = false;  // the caller may not read `file`
  Fd elf_interpreter;   // none for a static program, and for a script (its exec looks by itself)
  bool interpreter_secret = false;    // the caller may not read it
  bool interpreter_in_place = false;  // the kernel will find it, and not the stub
  std::string elf_interpreter_path;
  platform::ProgramNames names;
  bool is_script = false;
  std::vector<std::string> prefix;  // of a script
  // The script and each interpreter that is one, but for those that the caller may not read.
  std::vector<Fd> scripts;
};

// `path` from `dirfd` as execveat(2) reads them; `flags` are AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW.
// The errors are those of execve(2).
Result<Program> LoadProgram(Call& call, int dirfd, const std::string& path, int flags);

// The program of a script, which `plan` was made for: its stub executes it.
Result<Program> LoadScriptProgram(Call& call, ExecPlan plan);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_LOAD_PROGRAM_H_
