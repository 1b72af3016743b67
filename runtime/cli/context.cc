#include "runtime/cli/context.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace moat::cli {
namespace {

constexpr char kExitCodePayload[] = "moat/exit-code";

absl::StatusOr<std::string> FindProgram(const std::filesystem::path& own_directory,
                                        const char* name) {
  const std::filesystem::path installed =
      (own_directory / "../libexec/moat" / name).lexically_normal();
  const std::filesystem::path beside = own_directory / name;
  for (const auto& path : {installed, beside}) {
    if (::access(path.c_str(), X_OK) == 0) return path.string();
  }
  return absl::NotFoundError(absl::StrCat("a part of moat is missing: neither ", installed.string(),
                                          " nor ", beside.string(),
                                          " can be executed; install moat again"));
}

}  // namespace

absl::StatusOr<Context> Context::Create(const Globals& globals, char** argv,
                                        std::vector<std::string> foreign_command) {
  Fd log;
  if (!globals.log.empty()) {
    log = Fd(::open(globals.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!log) return ErrnoStatus(errno, "--log: open", globals.log);
  }
  Context context(globals, argv, std::move(foreign_command), std::move(log));
  SetLog(context.log_ ? context.log_.get() : STDERR_FILENO, context.format(),
         globals.debug ? LogLevel::kDebug : LogLevel::kInfo, "moat");
  return context;
}

LogFormat Context::format() const {
  return globals_.log_format == "json" ? LogFormat::kJson : LogFormat::kText;
}

absl::StatusOr<state::Store> Context::OpenStore() const {
  if (!globals_.root.empty()) return state::Store::Open(globals_.root);
  ASSIGN_OR_RETURN(const std::string root, state::Store::DefaultRoot());
  return state::Store::Open(root);
}

absl::StatusOr<cgroups::Manager> Context::WantsControlGroups() const {
  if (globals_.cgroup_manager == "disabled") return cgroups::Manager::kNone;
  return globals_.cgroup_manager == "systemd" ? OwnSystemd() : cgroups::Manager::kFiles;
}

int Context::log_fd() const {
  return log_ && format() == LogFormat::kText ? log_.get() : STDERR_FILENO;
}

void Context::ReportError(absl::string_view message) const {
  LogError(message);
  if (!log_) return;
  SetLog(STDERR_FILENO, LogFormat::kText, LogLevel::kInfo, "moat");
  LogError(message);
}

cgroups::Manager OwnSystemd() {
  return state::IsRootOfTheMachine() ? cgroups::Manager::kSystemd : cgroups::Manager::kUserSystemd;
}

absl::StatusOr<std::string> FindPart(const char* name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return ErrnoStatus(error.value(), "readlink", "/proc/self/exe");
  return FindProgram(self.parent_path(), name);
}

absl::StatusOr<launch::Programs> FindPrograms() {
  launch::Programs programs;
  ASSIGN_OR_RETURN(programs.sentry, FindPart("moat-sentry"));
  ASSIGN_OR_RETURN(programs.gofer, FindPart("moat-gofer"));
  ASSIGN_OR_RETURN(programs.loader, FindPart("moat-loader"));
  if (const auto part = FindPart("moat-resolver"); part.ok()) programs.resolver = *part;
  if (const auto part = FindPart(kSystemdPart); part.ok()) programs.systemd = *part;
  return programs;
}

absl::Status WithExitCode(const absl::Status& status, int code) {
  absl::Status marked = status;
  marked.SetPayload(kExitCodePayload, absl::Cord(absl::StrCat(code)));
  return marked;
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return 0;
  int code = 1;
  if (const auto payload = status.GetPayload(kExitCodePayload)) {
    if (!absl::SimpleAtoi(std::string(*payload), &code)) return 1;
  }
  return code;
}

}  // namespace moat::cli
