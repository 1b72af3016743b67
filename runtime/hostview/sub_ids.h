// The further ids that an ordinary user may map into a user namespace (subuid(5), subgid(5)).
#ifndef MOAT_RUNTIME_HOSTVIEW_SUB_IDS_H_
#define MOAT_RUNTIME_HOSTVIEW_SUB_IDS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moat::hostview {

struct IdRange {
  uint32_t first = 0;
  uint32_t size = 0;
};

// Those of `user`, by name ("" for none) or number, in the text of /etc/subuid or /etc/subgid.
// Lines that are none are left out. Pure.
std::vector<IdRange> FindSubIds(absl::string_view text, absl::string_view name, uid_t uid);

// The arguments for newuidmap(1) after the pid: `own` is id 0 inside, and the ranges follow it.
std::vector<std::string> MapArguments(uint32_t own, const std::vector<IdRange>& ranges);

}  // namespace moat::hostview

#endif  // MOAT_RUNTIME_HOSTVIEW_SUB_IDS_H_
