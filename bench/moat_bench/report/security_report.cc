// Tables of the results of `moat-bench security`.
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "bench/moat_bench/report/charts.h"
#include "bench/moat_bench/report/report.h"
#include "bench/moat_bench/report/security_parts.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr const char* kVerdicts[] = {"native", "emulated", "refused", "killed", "untold"};

Section MatrixSummary(const json& document) {
  Section section{.title = "System calls that reach the host's kernel",
                  .text =
                      "Of all that this kernel knows, by the doors of x86-64, i386 and x32 "
                      "together; the host's trace says whether "
                      "its kernel ran the call.",
                  .rows = {{{"runtime"},
                            {"host ran"},
                            {"of"},
                            {"x86-64"},
                            {"i386"},
                            {"x32"},
                            {"emulated"},
                            {"refused"},
                            {"killed"},
                            {"untold"}}}};
  BarChart chart{.series = {"calls that the host's kernel ran"}};
  for (const Entry& entry : Entries(document, "matrix")) {
    if (entry.part->contains("fault")) {
      AddFault(section, entry);
      continue;
    }
    const json& total = entry.part->at("total");
    const json& doors = entry.part->at("doors");
    const int ran = total.value("host_ran", 0), existing = total.value("existing", 0);
    std::vector<Cell> row = {{entry.title},
                             {absl::StrCat(ran), ran * 2 > existing ? Tone::kBad : Tone::kPlain},
                             {absl::StrCat(existing)}};
    for (const char* door : {"x86-64", "i386", "x32"})
      row.push_back({absl::StrCat(doors.at(door).value("host_ran", 0))});
    for (const char* verdict : {"emulated", "refused", "killed", "untold"})
      row.push_back({absl::StrCat(total.value(verdict, 0))});
    section.rows.push_back(row);
    chart.labels.push_back(entry.title);
    chart.values.push_back({static_cast<double>(ran)});
    chart.texts.push_back({absl::StrCat(ran, " of ", existing)});
  }
  if (!chart.labels.empty()) section.chart = Draw(chart);
  return section;
}

size_t VerdictIndex(const std::string& name) {
  return static_cast<size_t>(std::find(std::begin(kVerdicts), std::end(kVerdicts), name) -
                             std::begin(kVerdicts));
}

Section MatrixInFull(const json& document) {
  Section section{.title = "Every system call", .text = "Verdict, and what the program saw."};
  MosaicChart chart{.classes = {std::begin(kVerdicts), std::end(kVerdicts)}};
  std::vector<Entry> entries = Entries(document, "matrix");
  std::erase_if(entries, [](const Entry& entry) { return entry.part->contains("fault"); });
  if (entries.empty()) return section;
  std::vector<Cell> head = {{"call"}, {"plain kernel"}};
  for (const Entry& entry : entries) head.push_back({entry.title});
  section.rows.push_back(head);
  for (const char* door : {"x86-64", "i386", "x32"}) {
    const json& first = entries[0].part->at("calls").at(door);
    for (size_t i = 0; i < first.size(); ++i) {
      std::vector<Cell> row = {
          {absl::StrCat(door, " ", first[i][0].get<int>(), " ", first[i][1].get<std::string>())},
          {first[i][4].get<std::string>()}};
      for (const Entry& entry : entries) {
        const json& calls = entry.part->at("calls").at(door);
        const std::string verdict = i < calls.size() ? calls[i][2].get<std::string>() : "untold";
        const std::string saw = i < calls.size() ? calls[i][3].get<std::string>() : "";
        row.push_back(
            {absl::StrCat(verdict, " ", saw), verdict == "native" ? Tone::kWarning : Tone::kGood});
      }
      section.rows.push_back(row);
    }
  }
  for (const Entry& entry : entries) {
    chart.labels.push_back(entry.title);
    chart.items.emplace_back();
    chart.hints.emplace_back();
    for (const char* door : {"x86-64", "i386", "x32"}) {
      for (const json& call : entry.part->at("calls").at(door)) {
        chart.items.back().push_back(static_cast<int>(VerdictIndex(call[2].get<std::string>())));
        chart.hints.back().push_back(absl::StrCat(door, " ", call[1].get<std::string>(), ": ",
                                                  call[2].get<std::string>(), " ",
                                                  call[3].get<std::string>()));
      }
    }
  }
  section.chart = Draw(chart);
  return section;
}

std::string Short(const json& value) {
  if (value.is_array() && value.empty()) return "none";
  if (value.is_array() && value[0].is_string()) {
    std::vector<std::string> names = value.get<std::vector<std::string>>();
    const size_t all = names.size();
    names.resize(std::min<size_t>(all, 4));
    return absl::StrCat(absl::StrJoin(names, ", "),
                        all > 4 ? absl::StrCat(" and ", all - 4, " more") : "");
  }
  if (value.is_array()) return absl::StrCat(value.size());
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// One row per property, one column per runtime and variant.
Section Transposed(const json& document, const std::string& part, const std::string& member,
                   Section section) {
  const std::vector<Entry> entries = Entries(document, part);
  std::vector<Cell> head = {{""}};
  std::vector<std::string> names;
  for (const Entry& entry : entries) {
    head.push_back({entry.title});
    if (!entry.part->contains(member)) continue;
    for (const auto& [name, value] : entry.part->at(member).items()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  section.rows.push_back(head);
  for (const std::string& name : names) {
    std::vector<Cell> row = {{absl::StrReplaceAll(name, {{"_", " "}})}};
    for (const Entry& entry : entries) {
      if (!entry.part->contains(member)) {
        row.push_back({entry.part->value("fault", "-"), Tone::kBad});
        continue;
      }
      const json& all = entry.part->at(member);
      const std::string text = all.contains(name) ? Short(all.at(name)) : "-";
      row.push_back({text, absl::StartsWith(text, "the host's") ? Tone::kWarning : Tone::kPlain});
    }
    section.rows.push_back(row);
  }
  return section;
}

Section EscapeSummary(const json& document) {
  Section section{.title = "Escape preconditions",
                  .text =
                      "\"open\" means that what an escape of this class needs is there, not that "
                      "the escape works."};
  const std::vector<Entry> entries = Entries(document, "escape");
  std::vector<Cell> head = {{"probe"}}, sums = {{"open, of all asked"}};
  std::vector<std::string> names;
  for (const Entry& entry : entries) {
    head.push_back({entry.title});
    if (entry.part->contains("fault")) {
      sums.push_back({entry.part->at("fault").get<std::string>(), Tone::kBad});
      continue;
    }
    sums.push_back(
        {absl::StrCat(entry.part->value("open", 0), " of ", entry.part->value("asked", 0)),
         Tone::kStrong});
    if (names.empty()) {
      for (const auto& [name, finding] : entry.part->at("probes").items()) names.push_back(name);
    }
  }
  section.rows = {head, sums};
  for (const std::string& name : names) {
    std::vector<Cell> row = {{name}};
    for (const Entry& entry : entries) {
      const json* finding =
          entry.part->contains("probes") && entry.part->at("probes").contains(name)
              ? &entry.part->at("probes").at(name)
              : nullptr;
      if (finding == nullptr || finding->at("open").is_null()) {
        row.push_back({"not told", Tone::kWarning});
      } else {
        const bool open = finding->at("open").get<bool>();
        row.push_back({open ? "open" : "closed", open ? Tone::kBad : Tone::kGood});
      }
    }
    section.rows.push_back(row);
  }
  return section;
}

Section EscapeEvidence(const json& document) {
  Section section{.title = "Evidence for each precondition",
                  .rows = {{{"runtime"}, {"probe"}, {"open"}, {"what was seen"}, {"class"}}}};
  for (const Entry& entry : Entries(document, "escape")) {
    if (!entry.part->contains("probes")) continue;
    for (const auto& [name, finding] : entry.part->at("probes").items()) {
      const bool open = finding.at("open").is_boolean() && finding.at("open").get<bool>();
      section.rows.push_back({{entry.title},
                              {name},
                              {finding.at("open").is_null() ? "?"
                               : open                       ? "open"
                                                            : "closed",
                               open ? Tone::kBad : Tone::kGood},
                              {finding.value("evidence", "")},
                              {finding.value("class", "")}});
    }
  }
  return section;
}

}  // namespace

std::vector<Section> SecuritySections(const json& document) {
  std::vector<Section> all = {MatrixSummary(document), EscapeSummary(document)};
  all.push_back(Transposed(document, "posture", "summary", {.title = "Posture"}));
  all.push_back(
      Transposed(document, "posture", "facts", {.title = "Facts of the host that are seen"}));
  all.push_back(HostCalls(document));
  all.push_back(KernelFunctions(document));
  all.push_back(SupervisorSection(document));
  all.push_back(EscapeEvidence(document));
  all.push_back(MatrixInFull(document));
  std::erase_if(all, [](const Section& section) { return section.rows.size() < 2; });
  return all;
}

}  // namespace moat::bench
