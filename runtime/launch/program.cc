#include "runtime/launch/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/launch/launch.h"

namespace moat::launch {
namespace {

constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr char kCommandFaultPayload[] = "moat/command-fault";
constexpr size_t kMaxPasswd = 1 << 20;

std::string Variable(const std::vector<std::string>& environment, absl::string_view name,
                     absl::string_view fallback) {
  const std::string prefix = absl::StrCat(name, "=");
  for (const std::string& entry : environment) {
    if (absl::StartsWith(entry, prefix)) return entry.substr(prefix.size());
  }
  return std::string(fallback);
}

// 0, or why `path` can't be executed.
int CheckExecutable(const std::string& path) {
  struct stat attributes;
  if (::stat(path.c_str(), &attributes) < 0) return errno;
  if (S_ISDIR(attributes.st_mode)) return EACCES;
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

}  // namespace

absl::Status MarkCommandFault(absl::Status status) {
  status.SetPayload(kCommandFaultPayload, absl::Cord("1"));
  return status;
}

bool IsCommandFault(const absl::Status& status) {
  return status.GetPayload(kCommandFaultPayload).has_value();
}

std::vector<std::string> ProgramCandidates(const spec::Process& process) {
  const std::string& name = process.args.front();
  if (absl::StrContains(name, "/")) return {name};
  std::vector<std::string> candidates;
  const std::string path = Variable(process.env, "PATH", kDefaultPath);
  for (absl::string_view directory : absl::StrSplit(path, ':')) {
    candidates.push_back(absl::StrCat(directory.empty() ? "." : directory, "/", name));
  }
  return candidates;
}

absl::Status CannotExecute(const std::string& name, int error) {
  std::string why = absl::AsciiStrToLower(::strerror(error));
  if (error == ENOENT && !absl::StrContains(name, "/")) {
    why = "executable file not found in $PATH";
  }
  const absl::Status status(absl::ErrnoToStatusCode(error),
                            absl::StrCat("exec: \"", name, "\": ", why));
  return MarkCommandFault(WithErrno(status, error));
}

absl::StatusOr<std::string> FindProgram(const spec::Process& process) {
  const std::string& name = process.args.front();
  int error = ENOENT;
  for (const std::string& candidate : ProgramCandidates(process)) {
    const int result = CheckExecutable(candidate);
    if (result == 0) return candidate;
    if (result == EACCES || candidate == name) error = result;
  }
  return CannotExecute(name, error);
}

std::string HomeInPasswd(absl::string_view passwd, uid_t uid) {
  for (absl::string_view line : absl::StrSplit(passwd, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ':');
    uid_t number;
    if (fields.size() >= 7 && absl::SimpleAtoi(fields[2], &number) && number == uid &&
        !fields[5].empty()) {
      return std::string(fields[5]);
    }
  }
  return "/";
}

bool LacksHome(const spec::Process& process) { return Variable(process.env, "HOME", "").empty(); }

std::vector<std::string> MakeEnvironment(const spec::Process& process) {
  std::vector<std::string> environment = process.env;
  if (!LacksHome(process)) return environment;
  const Result<std::string> passwd = ReadFileAt(AT_FDCWD, "/etc/passwd", kMaxPasswd);
  environment.push_back(absl::StrCat(
      "HOME=", passwd.ok() ? HomeInPasswd(*passwd, process.user.uid) : std::string("/")));
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status MakeWorkingDirectory(const std::string& cwd) {
  struct stat attributes;
  if (::stat(cwd.c_str(), &attributes) == 0) return absl::OkStatus();
  std::string current;
  for (absl::string_view part : absl::StrSplit(cwd, '/', absl::SkipEmpty())) {
    absl::StrAppend(&current, "/", part);
    if (::mkdir(current.c_str(), 0755) < 0 && errno != EEXIST) {
      return ErrnoStatus(errno, "mkdir", absl::StrCat("process.cwd ", cwd));
    }
  }
  return absl::OkStatus();
}

}  // namespace moat::launch
