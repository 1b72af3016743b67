#include "runtime/namespaces/id_map.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::namespaces {
namespace {

constexpr size_t kMaxRanges = 340;       // UID_GID_MAP_MAX_EXTENTS
constexpr size_t kMaxWrittenMap = 4096;  // one write(2) of less than a page (user_namespaces(7))
constexpr size_t kMaxMapFile = 64 * 1024;

// The identity over the ids that the caller itself has: "inside outside size" lines.
absl::StatusOr<std::vector<spec::IdMapping>> IdentityOver(absl::string_view own_map) {
  std::vector<spec::IdMapping> ranges;
  for (absl::string_view line : absl::StrSplit(own_map, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    uint32_t first, size;
    if (words.size() != 3 || !absl::SimpleAtoi(words[0], &first) ||
        !absl::SimpleAtoi(words[2], &size)) {
      return absl::InternalError(absl::StrCat("/proc/self/uid_map has the odd line '", line, "'"));
    }
    ranges.push_back({first, first, size});
  }
  return ranges;
}

bool Overlap(uint32_t first_a, uint32_t size_a, uint32_t first_b, uint32_t size_b) {
  return first_a < uint64_t{first_b} + size_b && first_b < uint64_t{first_a} + size_a;
}

absl::Status CheckRanges(const std::vector<spec::IdMapping>& ranges, absl::string_view field) {
  if (ranges.size() > kMaxRanges) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": more than ", kMaxRanges, " ranges"));
  }
  for (size_t i = 0; i < ranges.size(); ++i) {
    const spec::IdMapping& a = ranges[i];
    // 2^32 - 1 is "no id" and can't be mapped.
    if (a.size == 0 || uint64_t{a.container_id} + a.size > UINT32_MAX ||
        uint64_t{a.host_id} + a.size > UINT32_MAX) {
      return absl::InvalidArgumentError(absl::StrCat(field, "[", i, "]: not a range of ids"));
    }
    for (size_t j = 0; j < i; ++j) {
      const spec::IdMapping& b = ranges[j];
      if (Overlap(a.container_id, a.size, b.container_id, b.size) ||
          Overlap(a.host_id, a.size, b.host_id, b.size)) {
        return absl::InvalidArgumentError(
            absl::StrCat(field, "[", i, "]: overlaps with range ", j));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<IdMap> IdMap::Create(const std::vector<spec::IdMapping>& mappings,
                                    absl::string_view own_map, absl::string_view field) {
  IdMap map;
  map.ranges_ = mappings;
  if (mappings.empty()) {
    ASSIGN_OR_RETURN(map.ranges_, IdentityOver(own_map));
  }
  RETURN_IF_ERROR(CheckRanges(map.ranges_, field));
  if (std::max(map.OuterText().size(), map.InnerText().size()) >= kMaxWrittenMap) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ": too many ranges: written as the kernel takes them they fill a page"));
  }
  if (!map.ToHost(0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": id 0 must be mapped, the container's supervisor runs as it"));
  }
  return map;
}

absl::StatusOr<IdMap> IdMap::ForMount(const std::vector<spec::IdMapping>& mappings,
                                      absl::string_view field) {
  IdMap map;
  map.ranges_ = mappings;
  RETURN_IF_ERROR(CheckRanges(map.ranges_, field));
  return map;
}

std::optional<uint32_t> IdMap::ToHost(uint32_t container_id) const {
  for (const spec::IdMapping& range : ranges_) {
    if (container_id >= range.container_id && container_id - range.container_id < range.size) {
      return range.host_id + (container_id - range.container_id);
    }
  }
  return std::nullopt;
}

bool IdMap::identity() const {
  return std::all_of(ranges_.begin(), ranges_.end(), [](const spec::IdMapping& range) {
    return range.container_id == range.host_id;
  });
}

std::string IdMap::OuterText() const {
  std::string text;
  for (const spec::IdMapping& range : ranges_) {
    absl::StrAppend(&text, range.container_id, " ", range.host_id, " ", range.size, "\n");
  }
  return text;
}

std::string IdMap::InnerText() const {
  std::string text;
  for (const spec::IdMapping& range : ranges_) {
    absl::StrAppend(&text, range.container_id, " ", range.container_id, " ", range.size, "\n");
  }
  return text;
}

absl::StatusOr<IdMaps> IdMaps::Create(const spec::Linux& config) {
  if (config.uid_mappings.empty() != config.gid_mappings.empty()) {
    return absl::InvalidArgumentError(
        "linux.uidMappings and linux.gidMappings: give both or neither");
  }
  ASSIGN_OR_RETURN(std::string own_uids, ReadFile("/proc/self/uid_map", kMaxMapFile));
  ASSIGN_OR_RETURN(std::string own_gids, ReadFile("/proc/self/gid_map", kMaxMapFile));
  IdMaps maps;
  ASSIGN_OR_RETURN(maps.uid, IdMap::Create(config.uid_mappings, own_uids, "linux.uidMappings"));
  ASSIGN_OR_RETURN(maps.gid, IdMap::Create(config.gid_mappings, own_gids, "linux.gidMappings"));
  return maps;
}

}  // namespace moat::namespaces
