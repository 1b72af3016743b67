// Tables of footprint and of dying supervisors.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "bench/moat_bench/report/charts.h"
#include "bench/moat_bench/report/security_parts.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr const char* kVariants[] = {"defaults", "docker"};

std::string InWords(const json& what) {
  if (what.contains("fault")) return what.value("fault", "");
  const std::string went_on = absl::StrFormat("%d beats in %.1f s", what.value("beats_after", 0),
                                              what.value("observed_seconds", 0.0));
  if (what.contains("workload_ended")) {
    return what.value("workload_ended", false)
               ? absl::StrFormat("the workload ends after %.2f s",
                                 what.value("workload_gone_after_seconds", 0.0))
               : absl::StrCat("the workload goes on: ", went_on);
  }
  const bool ends = what.value("workload_ends_by_kill", false);
  return absl::StrCat(went_on, "; kill then ",
                      ends ? absl::StrFormat("ends it in %.2f s", what.value("kill_seconds", 0.0))
                           : "does not end it");
}

}  // namespace

std::vector<Entry> Entries(const json& document, const std::string& part) {
  std::vector<Entry> entries;
  if (!document.contains("security")) return entries;
  const json& all = document.at("security");
  for (const std::string& runtime : UsableRuntimes(document)) {
    if (!all.contains(runtime)) continue;
    if (all.at(runtime).contains(part)) entries.push_back({runtime, &all.at(runtime).at(part)});
    for (const char* variant : kVariants) {
      if (!all.at(runtime).contains(variant) || !all.at(runtime).at(variant).contains(part))
        continue;
      entries.push_back(
          {absl::StrCat(runtime, ", ", variant), &all.at(runtime).at(variant).at(part)});
    }
  }
  return entries;
}

void AddFault(Section& section, const Entry& entry) {
  section.rows.push_back({{entry.title}, {entry.part->at("fault").get<std::string>(), Tone::kBad}});
}

Section HostCalls(const json& document) {
  Section section{.title = "Host system calls for each system call of the workload",
                  .text = "In brackets: by the workload itself, the supervisor, the file proxy."};
  const std::vector<Entry> entries = Entries(document, "footprint");
  std::vector<Cell> head = {{"work"}};
  BarChart chart;
  for (const Entry& entry : entries) {
    head.push_back({entry.title});
    chart.series.push_back(entry.title);
  }
  section.rows.push_back(head);
  for (const char* work : {"files", "names", "processes", "memory", "messages", "network"}) {
    std::vector<Cell> row = {{work}};
    chart.labels.push_back(work);
    chart.values.emplace_back();
    chart.texts.emplace_back();
    for (const Entry& entry : entries) {
      const json* figures = entry.part->contains("works") && entry.part->at("works").contains(work)
                                ? &entry.part->at("works").at(work)
                                : nullptr;
      if (figures == nullptr || figures->contains("fault")) {
        row.push_back({figures == nullptr ? "-" : figures->value("fault", ""), Tone::kBad});
        chart.values.back().push_back(-1);
        chart.texts.back().push_back("failed");
        continue;
      }
      const json& calls = figures->at("host_calls");
      const double together = figures->value("host_calls_together", 0.0);
      row.push_back(
          {absl::StrFormat("%.2f (%.2f, %.2f, %.2f)", together, calls.value("workload", 0.0),
                           calls.value("supervisor", 0.0), calls.value("file proxy", 0.0))});
      chart.values.back().push_back(together);
      chart.texts.back().push_back(absl::StrFormat("%.2f", together));
    }
    section.rows.push_back(row);
  }
  if (!entries.empty()) section.chart = Draw(chart);
  return section;
}

Section KernelFunctions(const json& document) {
  Section section{
      .title = "Functions of the host's kernel at work",
      .text =
          "Different functions on the kernel's stack in a sample of equal size of the same work "
          "(method: docs/moat-bench.md).",
      .rows = {
          {{"runtime"}, {"together"}, {"workload"}, {"supervisor"}, {"file proxy"}, {"samples"}}}};
  for (const Entry& entry : Entries(document, "footprint")) {
    const json* functions =
        entry.part->contains("functions") ? &entry.part->at("functions") : nullptr;
    if (functions == nullptr || functions->contains("fault")) {
      section.rows.push_back(
          {{entry.title},
           {functions == nullptr ? "-" : functions->value("fault", ""), Tone::kBad}});
      continue;
    }
    std::vector<Cell> row = {{entry.title}};
    for (const char* role : {"together", "workload", "supervisor", "file proxy"}) {
      row.push_back(
          {functions->at(role).value("samples", 0) < functions->value("compared_samples", 0)
               ? "-"
               : absl::StrFormat("%.0f", functions->at(role).value("expected", 0.0))});
    }
    row.push_back({absl::StrCat(functions->at("together").value("samples", 0))});
    section.rows.push_back(row);
  }
  return section;
}

Section SupervisorSection(const json& document) {
  Section section{.title = "When the supervisor dies, hangs or is flooded",
                  .rows = {{{"runtime"},
                            {"processes beside the workload"},
                            {"killed"},
                            {"stopped"},
                            {"flooded by 64 threads of stat"}}}};
  for (const Entry& entry : Entries(document, "supervisor")) {
    if (entry.part->contains("fault")) {
      AddFault(section, entry);
      continue;
    }
    const json& has = entry.part->at("has");
    std::vector<std::string> dies, hangs;
    for (const auto& [role, what] : entry.part->at("dies").items())
      dies.push_back(absl::StrCat(role, ": ", InWords(what)));
    for (const auto& [role, what] : entry.part->at("hangs").items())
      hangs.push_back(absl::StrCat(role, ": ", InWords(what)));
    const json& flood = entry.part->at("flooded");
    const std::string flooded =
        flood.contains("fault")
            ? flood.value("fault", "")
            : absl::StrFormat(
                  "longest gap between beats %.2f s (calm: %.2f), %s; %s",
                  flood.value("flood_gap_seconds", 0.0), flood.value("calm_gap_seconds", 0.0),
                  flood.value("flood", ""),
                  flood.value("alive_after", false) ? "goes on afterwards" : "does not go on");
    section.rows.push_back({{entry.title},
                            {absl::StrCat(has.value("supervisor", 0), " supervisor, ",
                                          has.value("file proxy", 0), " file proxy")},
                            {dies.empty() ? "there is none" : absl::StrJoin(dies, "; ")},
                            {hangs.empty() ? "there is none" : absl::StrJoin(hangs, "; ")},
                            {flooded}});
  }
  return section;
}

}  // namespace moat::bench
