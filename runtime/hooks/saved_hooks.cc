#include "runtime/hooks/saved_hooks.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/read_file.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "runtime/hooks/run_hooks.h"
#include "runtime/spec/parse.h"

namespace moat::hooks {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kName[] = "/hooks.json";
constexpr size_t kMaxSize = 64 << 20;  // as config.json

// The config's own form.
Json ToJson(const std::vector<spec::Hook>& hooks) {
  Json list = Json::array();
  for (const spec::Hook& hook : hooks) {
    Json entry = {{"path", hook.path}, {"args", hook.args}, {"env", hook.env}};
    if (hook.timeout) entry["timeout"] = *hook.timeout;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string DirectoryOf(const HookContainer& container) {
  return ::access(container.bundle.c_str(), X_OK) == 0 ? container.bundle : "";
}

}  // namespace

absl::Status SaveHooks(const std::string& state_dir, const spec::Hooks& hooks) {
  if (hooks.poststart.empty() && hooks.poststop.empty()) return absl::OkStatus();
  const std::string path = state_dir + kName;
  const Json value = {{"poststart", ToJson(hooks.poststart)}, {"poststop", ToJson(hooks.poststop)}};
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return ErrnoStatus(errno, "open", path);
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return absl::OkStatus();
  return ErrnoStatus(written < 0 ? errno : ENOSPC, "write", path);
}

absl::StatusOr<spec::Hooks> LoadHooks(const std::string& state_dir) {
  const auto text = ReadFile(state_dir + kName, kMaxSize);
  if (StatusErrno(text.status()) == ENOENT) return spec::Hooks();
  if (!text.ok()) return text.status();
  return spec::ParseHooks(*text);
}

absl::Status RunPoststart(const spec::Hooks& hooks, const HookContainer& container, pid_t pid) {
  return RunHooks("hooks.poststart", hooks.poststart,
                  {HookState(container, "running", pid), DirectoryOf(container), OwnEnvironment()});
}

void RunPoststop(const spec::Hooks& hooks, const HookContainer& container) {
  const HookSurroundings surroundings = {HookState(container, "stopped", 0), DirectoryOf(container),
                                         OwnEnvironment()};
  for (size_t i = 0; i < hooks.poststop.size(); ++i) {
    const absl::Status status =
        RunHook(absl::StrCat("hooks.poststop[", i, "]"), hooks.poststop[i], surroundings);
    if (!status.ok()) LogWarning(status.message());
  }
}

}  // namespace moat::hooks
