#include "runtime/seccomp/saved_profile.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/fd.h"
#include "base/read_file.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "runtime/spec/parse.h"

namespace moat::seccomp {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kName[] = "/seccomp.json";

Json ToJson(const spec::SeccompSyscall& entry) {
  Json value = {{"names", entry.names}, {"action", entry.action}, {"args", Json::array()}};
  if (entry.errno_ret) value["errnoRet"] = *entry.errno_ret;
  for (const spec::SeccompArg& argument : entry.args) {
    value["args"].push_back({{"index", argument.index},
                             {"value", argument.value},
                             {"valueTwo", argument.value_two},
                             {"op", argument.op}});
  }
  return value;
}

// The config's own form.
Json ToJson(const spec::Seccomp& config) {
  Json value = {{"defaultAction", config.default_action},
                {"architectures", config.architectures},
                {"flags", config.flags},
                {"syscalls", Json::array()}};
  if (config.default_errno_ret) value["defaultErrnoRet"] = *config.default_errno_ret;
  for (const spec::SeccompSyscall& entry : config.syscalls) {
    value["syscalls"].push_back(ToJson(entry));
  }
  return value;
}

}  // namespace

absl::Status SaveProfile(const std::string& state_dir, const std::optional<spec::Seccomp>& config) {
  if (!config) return absl::OkStatus();
  const std::string path = state_dir + kName;
  const std::string text = ToJson(*config).dump(-1, ' ', false, Json::error_handler_t::replace);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return ErrnoStatus(errno, "open", path);
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return absl::OkStatus();
  return ErrnoStatus(written < 0 ? errno : ENOSPC, "write", path);
}

absl::StatusOr<std::optional<spec::Seccomp>> LoadProfile(const std::string& state_dir) {
  const auto text = ReadFile(state_dir + kName, spec::kMaxConfigSize);
  if (StatusErrno(text.status()) == ENOENT) return std::optional<spec::Seccomp>();
  if (!text.ok()) return text.status();
  ASSIGN_OR_RETURN(spec::Seccomp config, spec::ParseSeccomp(*text));
  return std::optional<spec::Seccomp>(std::move(config));
}

}  // namespace moat::seccomp
