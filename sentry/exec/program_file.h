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

struct ScriptLine {
  std::string interpreter;
  std::optional<std::string> argument;
};

// The "#!" line as fs/binfmt_script.c reads it: blanks around are dropped, all behind the first
// word is one argument. ENOEXEC when there is no interpreter or its name does not end within the
// head.
Result<ScriptLine> ParseScriptLine(absl::string_view head);

// Whether `head` starts an x86-64 ELF file that may be executed (ET_EXEC or ET_DYN).
bool IsNativeElf(absl::string_view head);

// The PT_INTERP of the ELF file behind `fd` (readable), or nothing when it has none. ENOEXEC for a
// malformed file.
Result<std::optional<std::string>> ReadElfInterpreter(int fd);

// Up to kProgramHeadSize bytes from the start.
Result<std::string> ReadProgramHead(int fd);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_PROGRAM_FILE_H_
