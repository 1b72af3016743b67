#include "bench/moat_bench/report/compare.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/moat_bench/report/report.h"
#include "bench/moat_bench/speed/statistics.h"

namespace moat::bench {
namespace {

using nlohmann::json;

// Results of two runs are not paired: a difference is one when the values of all rounds lie apart,
// and there are enough of them.
Cell SpeedVerdict(std::vector<double> before, std::vector<double> now, const std::string& unit) {
  std::erase(before, 0.0);
  std::erase(now, 0.0);
  if (before.size() < kEnoughRounds || now.size() < kEnoughRounds)
    return {"too few rounds", Tone::kFaint};
  const auto [old_low, old_high] = std::minmax_element(before.begin(), before.end());
  const auto [new_low, new_high] = std::minmax_element(now.begin(), now.end());
  const bool larger = *new_low > *old_high, smaller = *new_high < *old_low;
  if (!larger && !smaller) return {"no difference seen", Tone::kFaint};
  const bool better = larger == LargerIsBetter(unit);
  return {better ? "better" : "worse", better ? Tone::kGood : Tone::kBad};
}

std::vector<std::vector<Cell>> SpeedChanges(const json& before, const json& now) {
  const auto old_figures = CollectFigures(before), new_figures = CollectFigures(now);
  std::vector<std::vector<Cell>> rows = {{{"figure"}, {"before"}, {"now"}, {"ratio"}, {"verdict"}}};
  for (const auto& [runtime, figures] : new_figures) {
    const auto old_runtime = old_figures.find(runtime);
    if (old_runtime == old_figures.end()) continue;
    for (const auto& [name, series] : figures) {
      const auto old_series = old_runtime->second.find(name);
      if (old_series == old_runtime->second.end()) continue;
      const double was = Median(old_series->second.values), is = Median(series.values);
      rows.push_back({{absl::StrCat(runtime, ": ", name)},
                      {ValueText(was, series.unit)},
                      {ValueText(is, series.unit)},
                      {was > 0 ? absl::StrFormat("%.2f", is / was) : "-"},
                      SpeedVerdict(old_series->second.values, series.values, series.unit)});
    }
  }
  return rows;
}

// Leaves of a document by their paths; what lists every system call is a leaf for each.
void Flatten(const std::string& path, const json& value,
             std::map<std::string, std::string>& leaves) {
  if (value.is_object()) {
    for (const auto& [name, inner] : value.items()) {
      if (name != "raw" && name != "evidence" && name != "lost_events")
        Flatten(path.empty() ? name : absl::StrCat(path, "/", name), inner, leaves);
    }
  } else if (value.is_array() && !value.empty() && value[0].is_array()) {
    for (const json& call : value)
      leaves[path + "/" + call[1].get<std::string>()] = call[2].get<std::string>();
  } else {
    leaves[path] = value.is_string() ? value.get<std::string>() : value.dump();
  }
}

std::vector<std::vector<Cell>> SecurityChanges(const json& before, const json& now) {
  std::map<std::string, std::string> was, is;
  Flatten("", before.value("security", json::object()), was);
  Flatten("", now.value("security", json::object()), is);
  std::vector<std::vector<Cell>> rows = {{{"what"}, {"before"}, {"now"}}};
  for (const auto& [path, value] : is) {
    // Figures of footprint and of dying supervisors differ a little each time: only their summary
    // is for people to compare.
    const bool noisy = path.find("/footprint/") != std::string::npos ||
                       path.find("/supervisor/") != std::string::npos;
    const auto old_value = was.find(path);
    if (old_value != was.end() && old_value->second != value && !noisy)
      rows.push_back({{path}, {old_value->second}, {value, Tone::kWarning}});
    if (old_value == was.end()) rows.push_back({{path}, {"-", Tone::kFaint}, {value}});
  }
  return rows;
}

}  // namespace

absl::Status CompareResults(const json& before, const json& now, Terminal& terminal) {
  const std::string kind = now.value("kind", "");
  if (before.value("kind", "") != kind) {
    return absl::InvalidArgumentError(
        absl::StrCat("one file is about ", before.value("kind", "?"), ", the other about ", kind));
  }
  try {
    for (const char* fact : {"kernel", "cpu", "virtualisation"}) {
      const std::string was = before.at("environment").value(fact, ""),
                        is = now.at("environment").value(fact, "");
      if (was != is)
        terminal.Say(absl::StrCat("not the same ", fact, ": ", was, " / ", is), Tone::kWarning);
    }
    const auto rows = kind == "speed" ? SpeedChanges(before, now) : SecurityChanges(before, now);
    if (rows.size() == 1) {
      terminal.Say("no change");
    } else {
      terminal.Table(rows);
    }
  } catch (const json::exception& fault) {
    return absl::InvalidArgumentError(
        absl::StrCat("the results are not what they should be: ", fault.what()));
  }
  return absl::OkStatus();
}

}  // namespace moat::bench
