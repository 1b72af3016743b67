#include "runtime/policy/choose.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/read_file.h"
#include "base/status.h"
#include "policies/container/builtin.h"
#include "policies/container/parse_policy.h"
#include "sentry/syscalls/call_policy.h"

namespace moat::policy {
namespace {

constexpr char kSaved[] = "/policy.json";
constexpr size_t kMaxSaved = 16 << 20;

absl::StatusOr<policies::Policy> Find(const std::string& option,
                                      const std::map<std::string, std::string>& annotations) {
  if (!option.empty()) {
    auto policy = policies::PolicyOfNameOrFile(option);
    return policy.ok() ? policy : Annotate(policy.status(), "--policy");
  }
  const auto annotation = annotations.find(kAnnotation);
  if (annotation == annotations.end()) {
    return policies::PolicyOfName(std::string(policies::kDefaultPolicy));
  }
  auto policy = policies::PolicyOfName(annotation->second);
  return policy.ok() ? policy : Annotate(policy.status(), absl::StrCat("annotation ", kAnnotation));
}

void LowerRlimit(int resource, const char* type, const std::optional<int64_t>& limit,
                 spec::Process& process) {
  if (!limit) return;
  const auto most = static_cast<uint64_t>(*limit);
  const auto found =
      std::find_if(process.rlimits.begin(), process.rlimits.end(),
                   [&](const spec::Rlimit& rlimit) { return rlimit.resource == resource; });
  if (found == process.rlimits.end()) {
    process.rlimits.push_back({resource, type, most, most});
    return;
  }
  found->soft = std::min(found->soft, most);
  found->hard = std::min(found->hard, most);
}

void Lower(int64_t& limit, int64_t most) { limit = limit <= 0 ? most : std::min(limit, most); }

}  // namespace

absl::StatusOr<policies::Policy> Choose(const std::string& option,
                                        const std::map<std::string, std::string>& annotations) {
  ASSIGN_OR_RETURN(policies::Policy policy, Find(option, annotations));
  RETURN_IF_ERROR(sentry::CallPolicy::Create(policy).status());
  return policy;
}

void ApplyLimits(const policies::Limits& limits, spec::Process& process) {
  LowerRlimit(RLIMIT_NOFILE, "RLIMIT_NOFILE", limits.open_files, process);
  LowerRlimit(RLIMIT_FSIZE, "RLIMIT_FSIZE", limits.file_size, process);
}

void ApplyLimits(const policies::Limits& limits, spec::Spec& spec) {
  if (spec.process) ApplyLimits(limits, *spec.process);
  if (!limits.memory && !limits.pids) return;
  std::optional<spec::Resources>& resources = spec.linux_config.resources;
  if (!resources) resources.emplace();
  if (limits.memory) {
    if (!resources->memory) resources->memory.emplace();
    int64_t limit = resources->memory->limit.value_or(0);
    Lower(limit, *limits.memory);
    resources->memory->limit = limit;
  }
  if (limits.pids) {
    if (!resources->pids) resources->pids.emplace();
    Lower(resources->pids->limit, *limits.pids);
  }
}

absl::Status Save(const policies::Policy& policy, const std::string& state_dir) {
  const std::string path = absl::StrCat(state_dir, kSaved), text = policies::SavedPolicy(policy);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<policies::Policy> Load(const std::string& state_dir) {
  const std::string path = absl::StrCat(state_dir, kSaved);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxSaved));
  auto policy = policies::PolicyFromSaved(text);
  return policy.ok() ? policy : Annotate(policy.status(), path);
}

}  // namespace moat::policy
