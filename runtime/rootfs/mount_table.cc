#include "runtime/rootfs/mount_table.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/rootfs/container_root.h"

namespace moat::rootfs {
namespace {

// "36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw" (proc_pid_mountinfo(5)); propagation
// fields are dropped: the peers are the host's.
struct Line {
  std::string id, parent, device, root, mount_point, options, type, source, super_options;
};

bool Parse(absl::string_view text, Line& line) {
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(text, absl::MaxSplits(" - ", 1));
  const std::vector<std::string> first = absl::StrSplit(halves.first, ' ');
  const std::vector<std::string> second = absl::StrSplit(halves.second, ' ');
  if (first.size() < 6 || second.size() < 3) return false;
  line = {first[0], first[1],  first[2],  first[3], first[4],
          first[5], second[0], second[1], second[2]};
  return true;
}

std::string Format(const Line& line) {
  return absl::StrJoin({line.id, line.parent, line.device, line.root, line.mount_point,
                        line.options, std::string("-"), line.type, line.source, line.super_options},
                       " ");
}

void HideHost(Line& line) {
  line.root = "/";
  if (absl::StrContains(line.source, "/")) line.source = line.type;
  std::vector<std::string> kept;
  for (absl::string_view option : absl::StrSplit(line.super_options, ',')) {
    if (!absl::StrContains(option, "/")) kept.push_back(std::string(option));
  }
  line.super_options = absl::StrJoin(kept, ",");
}

// What the config asked for on `destination`, in the words of a mount table.
std::string OptionsOf(const std::vector<spec::Mount>& mounts, absl::string_view destination) {
  constexpr absl::string_view kShown[] = {"nosuid", "nodev", "noexec"};
  std::string options = "rw";
  for (const spec::Mount& mount : mounts) {
    if (CleanPath(mount.destination) != destination) continue;
    const auto has = [&mount](absl::string_view option) {
      return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
    };
    options = has("ro") ? "ro" : "rw";
    for (absl::string_view shown : kShown) {
      if (has(shown)) absl::StrAppend(&options, ",", shown);
    }
  }
  return absl::StrCat(options, ",relatime");
}

void Disguise(Line& line, const std::string& type, const std::vector<spec::Mount>& mounts) {
  line.type = type;
  line.source = type;
  line.options = OptionsOf(mounts, line.mount_point);
  line.super_options = "rw";
}

int IdAbove(const std::vector<Line>& lines) {
  int highest = 0;
  for (const Line& line : lines) highest = std::max(highest, std::atoi(line.id.c_str()));
  return highest + 1;
}

bool IsCgroupMount(const spec::Mount& mount) {
  return mount.type == "cgroup" || mount.type == "cgroup2";
}

// The virtual /sys/fs/cgroup is a unified one whatever the host has.
void AddCgroup(const std::vector<spec::Mount>& mounts, std::vector<Line>& lines) {
  const auto asked = std::find_if(mounts.begin(), mounts.end(), IsCgroupMount);
  const auto sys = std::find_if(lines.begin(), lines.end(),
                                [](const Line& line) { return line.mount_point == "/sys"; });
  if (asked == mounts.end() || sys == lines.end()) return;
  Line line = *sys;
  line.parent = sys->id;
  line.id = absl::StrCat(IdAbove(lines));
  line.mount_point = CleanPath(asked->destination);
  Disguise(line, "cgroup2", mounts);
  lines.push_back(line);
}

}  // namespace

std::vector<std::string> ContainerMountTable(absl::string_view kernel_table,
                                             const std::vector<spec::Mount>& mounts) {
  std::vector<Line> lines;
  for (absl::string_view text : absl::StrSplit(kernel_table, '\n', absl::SkipEmpty())) {
    Line line;
    if (!Parse(text, line)) continue;
    HideHost(line);
    if (line.mount_point == "/proc") Disguise(line, "proc", mounts);
    if (line.mount_point == "/sys") Disguise(line, "sysfs", mounts);
    lines.push_back(std::move(line));
  }
  AddCgroup(mounts, lines);
  std::vector<std::string> table;
  for (const Line& line : lines) table.push_back(Format(line));
  return table;
}

}  // namespace moat::rootfs
