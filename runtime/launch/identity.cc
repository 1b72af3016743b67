#include "runtime/launch/identity.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cctype>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace moat::launch {
namespace {

uint64_t MaskOf(const std::vector<std::string>& names) {
  uint64_t mask = 0;
  for (const std::string& name : names) {
    cap_value_t value;
    if (::cap_from_name(absl::AsciiStrToLower(name).c_str(), &value) == 0 &&
        CAP_IS_SUPPORTED(value)) {
      mask |= uint64_t{1} << value;
    } else {
      LogWarning(absl::StrCat("process.capabilities: this kernel does not know ", name));
    }
  }
  return mask;
}

absl::Status LimitBounding(uint64_t bounding) {
  for (unsigned long value = 0; value < 64; ++value) {
    if ((bounding >> value) & 1) continue;
    if (::prctl(PR_CAPBSET_DROP, value, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // past the kernel's last one
    return ErrnoStatus(errno, "prctl", "PR_CAPBSET_DROP");
  }
  return absl::OkStatus();
}

absl::Status SetGroups(const std::vector<gid_t>& groups) {
  if (groups.empty()) return DropGroups();
  if (::setgroups(groups.size(), groups.data()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "setgroups", "process.user.additionalGids");
}

absl::Status SetIds(const spec::User& user) {
  RETURN_IF_ERROR(SetGroups(user.additional_gids));
  if (::setresgid(user.gid, user.gid, user.gid) < 0) {
    return ErrnoStatus(errno, "setresgid", "process.user.gid");
  }
  if (::setresuid(user.uid, user.uid, user.uid) < 0) {
    return ErrnoStatus(errno, "setresuid", "process.user.uid");
  }
  return absl::OkStatus();
}

absl::Status SetCapabilities(const CapabilityMasks& masks) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  for (unsigned half = 0; half < 2; ++half) {
    data[half].effective = static_cast<uint32_t>(masks.effective >> (32 * half));
    data[half].permitted = static_cast<uint32_t>(masks.permitted >> (32 * half));
    data[half].inheritable = static_cast<uint32_t>(masks.inheritable >> (32 * half));
  }
  if (::syscall(SYS_capset, &header, data) < 0) {
    return ErrnoStatus(errno, "capset", "process.capabilities");
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
    return ErrnoStatus(errno, "prctl", "PR_CAP_AMBIENT_CLEAR_ALL");
  }
  for (unsigned long value = 0; value < 64; ++value) {
    if (((masks.ambient >> value) & 1) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, value, 0, 0) == 0) continue;
    // Not in the permitted and inheritable sets, as in the config that `runc spec` writes. runc
    // says nothing either.
    LogDebug(absl::StrCat("process.capabilities.ambient: can't raise number ", value));
  }
  return absl::OkStatus();
}

}  // namespace

CapabilityMasks ParseCapabilities(const std::optional<spec::Capabilities>& capabilities) {
  if (!capabilities) return {};
  return {.bounding = MaskOf(capabilities->bounding),
          .effective = MaskOf(capabilities->effective),
          .inheritable = MaskOf(capabilities->inheritable),
          .permitted = MaskOf(capabilities->permitted),
          .ambient = MaskOf(capabilities->ambient)};
}

absl::Status DropGroups() {
  if (::setgroups(0, nullptr) == 0 || errno == EPERM) return absl::OkStatus();
  return ErrnoStatus(errno, "setgroups", "none");
}

absl::Status TakeIdentity(const spec::User& user, const CapabilityMasks& masks, bool dumpable) {
  RETURN_IF_ERROR(LimitBounding(masks.bounding));
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return ErrnoStatus(errno, "prctl", "keep caps");
  RETURN_IF_ERROR(SetIds(user));
  // A change of ids takes dumpability, and with it the supervisor's access (proc(5)).
  if (::prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0) < 0)
    return ErrnoStatus(errno, "prctl", "dumpable");
  RETURN_IF_ERROR(SetCapabilities(masks));
  if (::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0) return ErrnoStatus(errno, "prctl", "keep caps");
  if (::prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0) < 0)
    return ErrnoStatus(errno, "prctl", "dumpable");
  ::umask(user.umask.value_or(022));
  return absl::OkStatus();
}

}  // namespace moat::launch
