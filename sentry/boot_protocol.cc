#include "sentry/boot_protocol.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace moat::sentry {
namespace {

using nlohmann::json;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("boot message: ", what));
}

// `object[key]` when it is there and of a type that T can take, else `fallback`.
template <typename T>
T Get(const json& object, const char* key, T fallback) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->template get<T>() : fallback;
  } else if constexpr (std::is_same_v<T, bool>) {
    return found->is_boolean() ? found->template get<T>() : fallback;
  } else {
    return found->is_number() ? found->template get<T>() : fallback;
  }
}

std::vector<std::string> Strings(const json& object, const char* key) {
  std::vector<std::string> strings;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return strings;
  for (const json& item : *found) {
    if (item.is_string()) strings.push_back(item.get<std::string>());
  }
  return strings;
}

TreeConfig ParseTree(const json& object) {
  TreeConfig tree;
  tree.hostname = Get<std::string>(object, "hostname", "moat");
  tree.cpus = Get<double>(object, "cpus", 0);
  tree.memory_limit = Get<uint64_t>(object, "memory_limit", 0);
  tree.pids_limit = Get<int64_t>(object, "pids_limit", 0);
  if (const auto set = object.find("cpu_set"); set != object.end() && set->is_array()) {
    for (const json& cpu : *set) {
      if (cpu.is_number_integer()) tree.cpu_set.push_back(cpu.get<int>());
    }
  }
  tree.mounts = Strings(object, "mounts");
  tree.masked_paths = Strings(object, "masked_paths");
  tree.readonly_paths = Strings(object, "readonly_paths");
  if (const auto sysctls = object.find("sysctls"); sysctls != object.end()) {
    for (const auto& [path, value] : sysctls->items()) {
      if (value.is_string()) tree.sysctls.emplace(path, value.get<std::string>());
    }
  }
  return tree;
}

absl::StatusOr<uint64_t> ParseCookie(const json& object) {
  uint64_t cookie = 0;
  if (!absl::numbers_internal::safe_strtou64_base(Get<std::string>(object, "cookie", ""), &cookie,
                                                  16) ||
      cookie == 0) {
    return Malformed("no cookie");
  }
  return cookie;
}

}  // namespace

absl::StatusOr<BootConfig> ParseBoot(BootMessage& message) {
  if (message.type() != "boot") return Malformed("expected boot");
  BootConfig config;
  config.id = Get<std::string>(message.body(), "id", "");
  ASSIGN_OR_RETURN(config.cookie, ParseCookie(message.body()));
  if (const auto tree = message.body().find("tree"); tree != message.body().end()) {
    config.tree = ParseTree(*tree);
  }
  ASSIGN_OR_RETURN(config.gofer, message.Take("gofer"));
  ASSIGN_OR_RETURN(config.init, message.Take("init"));
  ASSIGN_OR_RETURN(config.loader, message.Take("loader"));
  ASSIGN_OR_RETURN(config.log, message.Take("log"));
  ASSIGN_OR_RETURN(config.policy, message.Take("policy"));
  config.audit_all = Get<bool>(message.body(), "audit_all", false);
  config.filters = Get<int>(message.body(), "filters", 0);
  config.resolver = message.TakeOptional("resolver");
  config.trace = message.TakeOptional("trace");
  config.audit = message.TakeOptional("audit");
  config.listen = message.TakeOptional("listen");
  config.cgroup_memory = message.TakeOptional("cgroup_memory");
  config.cgroup_cpu = message.TakeOptional("cgroup_cpu");
  config.cgroup_cpu_limit = message.TakeOptional("cgroup_cpu_limit");
  config.cgroup_cpuset = message.TakeOptional("cgroup_cpuset");
  config.cgroup_pids = message.TakeOptional("cgroup_pids");
  config.tie = message.TakeOptional("tie");
  config.proc_a = message.TakeOptional("proc_a");
  if (config.tie.valid() != config.proc_a.valid()) return Malformed("tie or proc_a is missing");
  return config;
}

absl::StatusOr<JoinRequest> ParseJoin(BootMessage& message) {
  JoinRequest join;
  ASSIGN_OR_RETURN(join.cookie, ParseCookie(message.body()));
  join.strings = Strings(message.body(), "programs");
  if (join.strings.empty()) return Malformed("no program");
  join.strings.insert(join.strings.begin(), Get<std::string>(message.body(), "cwd", "/"));
  ASSIGN_OR_RETURN(join.listener, message.Take("listener"));
  ASSIGN_OR_RETURN(join.process, message.Take("process"));
  return join;
}

}  // namespace moat::sentry
