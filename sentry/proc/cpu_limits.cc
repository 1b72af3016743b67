#include "sentry/proc/cpu_limits.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/cpu_list.h"
#include "base/read_file.h"
#include "sentry/proc/virtual_tree.h"

namespace moat::sentry {
namespace {

constexpr size_t kFileLimit = 64 * 1024;

std::vector<int> OwnCpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  ::sched_getaffinity(0, sizeof(mask), &mask);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) cpus.push_back(cpu);
  }
  return cpus;
}

CpuQuota OfCpus(double cpus) {
  CpuQuota quota;
  quota.quota = std::llround(std::max(0.0, cpus) * static_cast<double>(quota.period));
  return quota;
}

std::optional<int64_t> Number(absl::string_view text) {
  int64_t number;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &number)) return std::nullopt;
  return number;
}

std::optional<CpuQuota> QuotaOf(absl::string_view quota, absl::string_view period) {
  const auto length = Number(period);
  if (!length || *length <= 0) return std::nullopt;
  // cgroup v2 says "max" when there is no limit, v1 -1.
  return CpuQuota{std::max<int64_t>(0, Number(quota).value_or(0)), *length};
}

// cgroup-v2.rst, cpu.max; scheduler/sched-bwc.rst for v1.
std::optional<CpuQuota> ReadQuota(int group) {
  if (const auto max = ReadFileAt(group, "cpu.max", kFileLimit); max.ok()) {
    const std::pair<absl::string_view, absl::string_view> words =
        absl::StrSplit(*max, absl::MaxSplits(' ', 1));
    return QuotaOf(words.first, words.second);
  }
  const auto quota = ReadFileAt(group, "cpu.cfs_quota_us", kFileLimit);
  const auto period = ReadFileAt(group, "cpu.cfs_period_us", kFileLimit);
  if (!quota.ok() || !period.ok()) return std::nullopt;
  return QuotaOf(*quota, *period);
}

std::vector<int> ReadSet(int group) {
  for (const char* name : {"cpuset.cpus.effective", "cpuset.effective_cpus"}) {
    if (const auto list = ReadFileAt(group, name, kFileLimit); list.ok())
      return ParseCpuList(*list);
  }
  return {};
}

}  // namespace

CpuLimits::CpuLimits(const TreeConfig& config)
    : configured_(OfCpus(config.cpus)),
      configured_set_(config.cpu_set),
      own_(OwnCpus()),
      group_(config.cgroup_cpu_limit),
      set_group_(config.cgroup_cpuset) {}

CpuQuota CpuLimits::Quota() const {
  if (group_ < 0) return configured_;
  return ReadQuota(group_).value_or(configured_);
}

std::vector<int> CpuLimits::Allowed() const {
  std::vector<int> cpus = set_group_ < 0 ? std::vector<int>() : ReadSet(set_group_);
  if (cpus.empty()) cpus = configured_set_;
  if (cpus.empty()) cpus = own_;
  // Whoever started the container may have held it on some CPUs.
  if (configured_set_.empty()) {
    std::vector<int> both;
    std::copy_if(cpus.begin(), cpus.end(), std::back_inserter(both), [this](int cpu) {
      return std::find(own_.begin(), own_.end(), cpu) != own_.end();
    });
    if (!both.empty()) cpus = std::move(both);
  }
  if (cpus.empty()) cpus.push_back(0);
  std::sort(cpus.begin(), cpus.end());
  return cpus;
}

std::vector<int> CpuLimits::Visible() const {
  std::vector<int> cpus = Allowed();
  const CpuQuota quota = Quota();
  if (quota.quota == 0) return cpus;
  const double wanted = std::max(1.0, std::ceil(quota.cpus()));
  if (wanted < static_cast<double>(cpus.size())) cpus.resize(static_cast<size_t>(wanted));
  return cpus;
}

}  // namespace moat::sentry
