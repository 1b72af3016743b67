// What the first bytes of a file say about how it is executed. Pure parsers of hostile input,
// bounded; fuzz targets.
#ifndef MOAT_SENTRY_EXEC_PROGRAM_FILE_H_
#define MOAT_SENTRY_EXEC_PROGRAM_FILE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/result.h"

namespace moat::sentry {

// As much of a file as Linux looks at to tell its format (BINPRM_BUF_SIZE,
// include/uapi/linux/binfmts.h).
inline constexpr size_t kProgramHeadSize = 256;
// As much as is read at once: nearly every program's ELF headers, and its interpreter's name.
inline constexpr size_t kProgramStartSize = 1024;

struct ScriptLine {
  std::string interpreter;
  std::optional<std::string> argument;
};

// The "#!" line as fs/binfmt_script.c reads it: blanks around are dropped, all behind the first
// word is one argument. ENOEXEC when there is no interpreter or its name does not end within the
// head, the first kProgramHeadSize bytes of `start`.
Result<ScriptLine> ParseScriptLine(absl::string_view start);

// Whether `start` is that of an x86-64 ELF file that may be executed (ET_EXEC or ET_DYN).
bool IsNativeElf(absl::string_view start);

// The PT_INTERP of the ELF file behind `fd` (readable), or nothing when it has none. ENOEXEC for a
// malformed file. `start` is what ReadProgramStart gave.
Result<std::optional<std::string>> ReadElfInterpreter(int fd, absl::string_view start);

// Up to kProgramStartSize bytes from the start.
Result<std::string> ReadProgramStart(int fd);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_PROGRAM_FILE_H_
