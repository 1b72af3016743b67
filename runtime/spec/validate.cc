#include "runtime/spec/validate.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace moat::spec {
namespace {

constexpr size_t kMaxHostName = 64;  // __NEW_UTS_LEN

absl::Status Fault(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}

bool IsAbsolute(const std::string& path) { return absl::StartsWith(path, "/"); }

// SemVer 2.0.0 with the major number 1: minor versions only add fields.
absl::Status CheckVersion(const std::string& version) {
  const std::vector<std::string> parts = absl::StrSplit(version, absl::MaxSplits('.', 2));
  int major = 0, minor = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &major) ||
      !absl::SimpleAtoi(parts[1], &minor) || parts[2].empty() || !isdigit(parts[2][0])) {
    return Fault("ociVersion",
                 absl::StrCat("\"", version, "\" is not a version like ", kOciVersion));
  }
  if (major != 1) {
    return Fault("ociVersion", absl::StrCat(version, " is not supported (moat reads 1.x)"));
  }
  return absl::OkStatus();
}

absl::Status CheckEnv(const std::vector<std::string>& env) {
  for (size_t i = 0; i < env.size(); ++i) {
    const size_t equals = env[i].find('=');
    if (equals == std::string::npos || equals == 0) {
      return Fault(absl::StrCat("process.env[", i, "]"),
                   absl::StrCat("\"", env[i], "\" is not NAME=value"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRlimits(const std::vector<Rlimit>& rlimits) {
  std::set<int> seen;
  for (size_t i = 0; i < rlimits.size(); ++i) {
    const std::string field = absl::StrCat("process.rlimits[", i, "]");
    if (!seen.insert(rlimits[i].resource).second) {
      return Fault(field, absl::StrCat(rlimits[i].type, " is given twice"));
    }
    if (rlimits[i].soft > rlimits[i].hard) {
      return Fault(field, absl::StrCat(rlimits[i].type, ": soft is above hard"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckProcess(const Process& process) {
  if (process.args.empty()) return Fault("process.args", "is missing or empty");
  if (!IsAbsolute(process.cwd)) {
    return Fault("process.cwd", absl::StrCat("\"", process.cwd, "\" is not an absolute path"));
  }
  if (process.user.umask && *process.user.umask > 07777) {
    return Fault("process.user.umask", "is above 07777 (octal)");
  }
  const int score = process.oom_score_adj.value_or(0);
  if (score < -1000 || score > 1000) {
    return Fault("process.oomScoreAdj", absl::StrCat(score, " is not in -1000 to 1000"));
  }
  RETURN_IF_ERROR(CheckEnv(process.env));
  return CheckRlimits(process.rlimits);
}

bool IsBind(const Mount& mount) {
  return std::any_of(mount.options.begin(), mount.options.end(), [](const std::string& option) {
    return option == "bind" || option == "rbind";
  });
}

// The supervisors are told of all mounts in one message (kMaxBootMessage of base/boot.h): some
// 2,000 of usual length.
absl::Status CheckSizeOfMounts(const std::vector<Mount>& mounts) {
  constexpr size_t kMost = 180'000, kEach = 64;
  size_t size = 0;
  for (const Mount& mount : mounts) {
    size += kEach + mount.destination.size() + mount.source.size() + mount.type.size();
  }
  if (size <= kMost) return absl::OkStatus();
  return Fault("mounts", absl::StrCat(mounts.size(), " are more than moat can describe to its own ",
                                      "processes (about 2,000; fewer with long paths)"));
}

absl::Status CheckMounts(const std::vector<Mount>& mounts) {
  RETURN_IF_ERROR(CheckSizeOfMounts(mounts));
  for (size_t i = 0; i < mounts.size(); ++i) {
    const std::string field = absl::StrCat("mounts[", i, "]");
    if (mounts[i].destination.empty()) return Fault(field + ".destination", "is empty");
    if (IsBind(mounts[i]) && mounts[i].source.empty()) {
      return Fault(field + ".source", "is empty, and a bind mount needs one");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckHooks(absl::string_view name, const std::vector<Hook>& hooks) {
  for (size_t i = 0; i < hooks.size(); ++i) {
    const std::string field = absl::StrCat("hooks.", name, "[", i, "]");
    if (!IsAbsolute(hooks[i].path)) return Fault(field + ".path", "is not an absolute path");
    if (hooks[i].timeout && *hooks[i].timeout <= 0) {
      return Fault(field + ".timeout", "is not above 0");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAllHooks(const Hooks& hooks) {
  RETURN_IF_ERROR(CheckHooks("prestart", hooks.prestart));
  RETURN_IF_ERROR(CheckHooks("createRuntime", hooks.create_runtime));
  RETURN_IF_ERROR(CheckHooks("createContainer", hooks.create_container));
  RETURN_IF_ERROR(CheckHooks("startContainer", hooks.start_container));
  RETURN_IF_ERROR(CheckHooks("poststart", hooks.poststart));
  return CheckHooks("poststop", hooks.poststop);
}

absl::Status CheckUtsName(absl::string_view field, const std::string& name, const Linux& config) {
  if (name.empty()) return absl::OkStatus();
  if (name.size() > kMaxHostName) {
    return Fault(field, absl::StrCat("is longer than ", kMaxHostName, " characters"));
  }
  if (!config.FindNamespace(NamespaceType::kUts)) {
    return Fault(field, "needs a uts namespace: add {\"type\": \"uts\"} to linux.namespaces");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateProcess(const Process& process) { return CheckProcess(process); }

absl::Status Validate(const Spec& spec) {
  RETURN_IF_ERROR(CheckVersion(spec.oci_version));
  if (spec.root.path.empty()) return Fault("root.path", "is empty");
  if (!spec.process) return Fault("process", "is missing");
  RETURN_IF_ERROR(CheckProcess(*spec.process));
  RETURN_IF_ERROR(CheckMounts(spec.mounts));
  RETURN_IF_ERROR(CheckAllHooks(spec.hooks));
  if (spec.annotations.count("") != 0) return Fault("annotations", "a key is empty");
  RETURN_IF_ERROR(CheckUtsName("hostname", spec.hostname, spec.linux_config));
  RETURN_IF_ERROR(CheckUtsName("domainname", spec.domainname, spec.linux_config));
  return ValidateLinux(spec.linux_config);
}

}  // namespace moat::spec
