// Finding the program of process.args. Every call goes through the container's own eyes: the filter
// is in force, so the sentry answers with what is in the container's tree.
#ifndef MOAT_RUNTIME_LAUNCH_PROGRAM_H_
#define MOAT_RUNTIME_LAUNCH_PROGRAM_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/spec/spec.h"

namespace moat::launch {

// `status` (not OK) as one for which IsCommandFault (launch.h) holds. It outlives Annotate, and the
// way from the container's init to moat.
absl::Status MarkCommandFault(absl::Status status);

// The names under which process.args[0] may be found, as execvp(3) would go through them by
// process.env's PATH.
std::vector<std::string> ProgramCandidates(const spec::Process& process);

// That `name`, process.args[0], can't be executed, in the words that clients look for: "executable
// file not found in $PATH", "no such file or directory", "permission denied". Marked as the
// command's fault.
absl::Status CannotExecute(const std::string& name, int error);

// What to execute for process.args[0]: as execvp(3) would, by process.env's PATH. Errors carry
// ENOENT ("executable file not found in $PATH") or EACCES, marked as the command's fault.
absl::StatusOr<std::string> FindProgram(const spec::Process& process);

// process.env, and HOME from the container's /etc/passwd when it is not set.
std::vector<std::string> MakeEnvironment(const spec::Process& process);
// Whether it has to look HOME up.
bool LacksHome(const spec::Process& process);

// As execve(2) takes them; points into `strings`.
std::vector<char*> Pointers(std::vector<std::string>& strings);

// Makes process.cwd and its parents where they are missing.
absl::Status MakeWorkingDirectory(const std::string& cwd);

// The home directory of `uid` in the text of a passwd(5) file, "/" when it has none. Pure.
std::string HomeInPasswd(absl::string_view passwd, uid_t uid);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_PROGRAM_H_
