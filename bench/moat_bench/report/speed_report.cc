// Tables of the results of `moat-bench speed`.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bench/moat_bench/report/charts.h"
#include "bench/moat_bench/report/report.h"
#include "bench/moat_bench/speed/statistics.h"

namespace moat::bench {
namespace {

using nlohmann::json;

void CollectSuite(const std::string& suite, const json& result, size_t round, size_t rounds,
                  Figures& figures) {
  if (suite == "apps") {
    for (const auto& [app, inner] : result.items())
      CollectSuite("applications", inner, round, rounds, figures);
    return;
  }
  if (!result.contains("figures")) return;
  for (const auto& [name, value] : result.at("figures").items()) {
    Series& series = figures[absl::StrCat(suite, "/", name)];
    series.values.resize(rounds);
    series.values[round] = value.get<double>();
    series.unit = result.at("units").value(name, "ns");
  }
}

Cell RatioCell(const Comparison& comparison) {
  if (comparison.rounds == 0) return {"-", Tone::kFaint};
  const std::string text = RatioText(comparison);
  switch (comparison.verdict) {
    case Comparison::Verdict::kFaster:
      return {text, Tone::kGood};
    case Comparison::Verdict::kSlower:
      return {text, Tone::kBad};
    default:
      return {absl::StrCat(text, ", ", NameOf(comparison.verdict)), Tone::kFaint};
  }
}

Section SuiteSection(const std::map<std::string, Figures>& all,
                     const std::vector<std::string>& runtimes, const std::string& suite,
                     const std::string& title) {
  Section section{.title = title,
                  .text = absl::StrCat("Median over the rounds, and the ratio to ", runtimes[0],
                                       " with the lowest and highest of any round.")};
  std::vector<Cell> head = {{""}};
  for (const std::string& runtime : runtimes) head.push_back({runtime});
  for (size_t i = 1; i < runtimes.size(); ++i)
    head.push_back({absl::StrCat(runtimes[i], " / ", runtimes[0])});
  section.rows.push_back(head);
  std::vector<std::string> names;
  for (const auto& [runtime, figures] : all) {
    for (const auto& [name, series] : figures) {
      if (absl::StartsWith(name, suite + "/") &&
          std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
    }
  }
  // Numbers in them by value: 2 threads before 16.
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return strverscmp(a.c_str(), b.c_str()) < 0;
  });
  BarChart chart{.series = runtimes, .logarithmic = true};
  const Figures none;
  const auto of = [&](const std::string& runtime) -> const Figures& {
    const auto found = all.find(runtime);
    return found == all.end() ? none : found->second;
  };
  for (const std::string& name : names) {
    std::vector<Cell> row = {{name.substr(suite.size() + 1)}};
    chart.labels.push_back(row[0].text);
    chart.values.emplace_back();
    chart.texts.emplace_back();
    for (const std::string& runtime : runtimes) {
      const auto series = of(runtime).find(name);
      std::vector<double> values =
          series == of(runtime).end() ? std::vector<double>() : series->second.values;
      std::erase(values, 0.0);
      const std::string text =
          values.empty() ? "-" : ValueText(Median(values), series->second.unit);
      row.push_back({text});
      chart.values.back().push_back(values.empty() ? -1 : Median(values));
      chart.texts.back().push_back(text);
    }
    for (size_t i = 1; i < runtimes.size(); ++i) {
      const auto ours = of(runtimes[i]).find(name), theirs = of(runtimes[0]).find(name);
      const bool both = ours != of(runtimes[i]).end() && theirs != of(runtimes[0]).end();
      row.push_back(both ? RatioCell(Compare(ours->second.values, theirs->second.values,
                                             LargerIsBetter(ours->second.unit)))
                         : Cell{"-", Tone::kFaint});
    }
    section.rows.push_back(row);
  }
  if (!names.empty()) section.chart = Draw(chart);
  return section;
}

// "stat with 100 processes" of growth, as one chart per kind and call.
std::vector<Section> GrowthSections(const std::map<std::string, Figures>& all,
                                    const std::vector<std::string>& runtimes) {
  std::map<std::string, std::set<double>> kinds;
  for (const auto& [runtime, figures] : all) {
    for (const auto& [name, series] : figures) {
      const std::vector<std::string> words = absl::StrSplit(name.substr(name.find('/') + 1), ' ');
      if (absl::StartsWith(name, "growth/") && words.size() == 4)
        kinds[words[0] + " with N " + words[3]].insert(std::stod(words[2]));
    }
  }
  std::vector<Section> sections;
  for (const auto& [kind, sizes] : kinds) {
    LineChart chart{.series = runtimes, .sizes = {sizes.begin(), sizes.end()}};
    Section section{.title = absl::StrCat("Growth: ", kind),
                    .text = "The cost of one call; the chart shows it relative to the smallest N."};
    std::vector<Cell> head = {{"N"}};
    for (const std::string& runtime : runtimes) head.push_back({runtime});
    section.rows.push_back(head);
    std::map<std::string, double> first;
    chart.values.resize(runtimes.size());
    for (const double size : sizes) {
      std::vector<Cell> row = {{absl::StrFormat("%g", size)}};
      const size_t mark = kind.find(" N ");
      const std::string name =
          absl::StrFormat("growth/%s %g %s", kind.substr(0, mark), size, kind.substr(mark + 3));
      for (size_t i = 0; i < runtimes.size(); ++i) {
        const auto figures = all.find(runtimes[i]);
        const auto series =
            figures == all.end() ? Figures::const_iterator() : figures->second.find(name);
        std::vector<double> values = figures == all.end() || series == figures->second.end()
                                         ? std::vector<double>()
                                         : series->second.values;
        std::erase(values, 0.0);
        const double median = Median(values);
        if (!first.contains(runtimes[i])) first[runtimes[i]] = median;
        row.push_back({values.empty() ? "-" : TimeText(median)});
        chart.values[i].push_back(
            values.empty() || first[runtimes[i]] == 0 ? -1 : median / first[runtimes[i]]);
      }
      section.rows.push_back(row);
    }
    section.chart = Draw(chart);
    sections.push_back(std::move(section));
  }
  return sections;
}

Section FaultSection(const json& document, const std::vector<std::string>& runtimes) {
  Section section{.title = "What could not be measured",
                  .rows = {{{"runtime"}, {"what"}, {"why"}}}};
  for (const std::string& runtime : runtimes) {
    std::map<std::string, std::string> faults;
    for (const auto& [round, results] : document.at("speed").items()) {
      if (!results.contains(runtime)) continue;
      for (const auto& [suite, result] : results.at(runtime).items()) {
        if (result.contains("fault")) faults.emplace(suite, result.value("fault", ""));
        const json inner = suite == "apps" ? result : result.value("faults", json::object());
        for (const auto& [name, value] : inner.items()) {
          if (value.is_string())
            faults.emplace(absl::StrCat(suite, ": ", name), value.get<std::string>());
          if (value.is_object() && value.contains("fault"))
            faults.emplace(absl::StrCat(suite, ": ", name), value.value("fault", ""));
        }
      }
    }
    for (const auto& [what, why] : faults)
      section.rows.push_back({{runtime}, {what}, {why, Tone::kWarning}});
  }
  return section;
}

}  // namespace

bool LargerIsBetter(const std::string& unit) { return unit == "1/s"; }

std::string ValueText(double value, const std::string& unit) {
  if (unit == "ns") return TimeText(value);
  if (unit == "bytes") return SizeText(value);
  return absl::StrFormat(value >= 100 ? "%.0f" : "%.1f", value) + (unit == "1/s" ? "/s" : "");
}

std::map<std::string, Figures> CollectFigures(const json& document) {
  std::map<std::string, Figures> all;
  if (!document.contains("speed")) return all;
  const json& speed = document.at("speed");
  const size_t rounds = document.at("settings").value("rounds", 1u);
  for (const auto& [round, runtimes] : speed.items()) {
    for (const auto& [runtime, suites] : runtimes.items()) {
      for (const auto& [suite, result] : suites.items()) {
        CollectSuite(suite, result, std::min<size_t>(std::stoul(round), rounds - 1), rounds,
                     all[runtime]);
      }
    }
  }
  return all;
}

std::vector<Section> SpeedSections(const json& document) {
  const std::vector<std::string> runtimes = UsableRuntimes(document);
  if (runtimes.empty() || !document.contains("speed")) return {};
  const std::map<std::string, Figures> all = CollectFigures(document);
  std::vector<Section> sections = {SuiteSection(all, runtimes, "micro", "Single calls"),
                                   SuiteSection(all, runtimes, "life", "Life of a container"),
                                   SuiteSection(all, runtimes, "memory", "Idle containers"),
                                   SuiteSection(all, runtimes, "applications", "Applications")};
  for (Section& section : GrowthSections(all, runtimes)) sections.push_back(std::move(section));
  sections.push_back(FaultSection(document, runtimes));
  std::erase_if(sections, [](const Section& section) { return section.rows.size() < 2; });
  return sections;
}

std::vector<Section> BreakdownSections(const json& document) {
  std::vector<Section> sections;
  if (!document.contains("breakdown")) return sections;
  for (const auto& [call, what] : document.at("breakdown").items()) {
    Section section{.title = absl::StrCat("Where the time of ", call, " goes"),
                    .rows = {{{"step"}, {"microseconds"}, {"share"}}}};
    if (what.contains("fault")) {
      section.rows.push_back({{what.value("fault", ""), Tone::kBad}, {""}, {""}});
      sections.push_back(section);
      continue;
    }
    StackChart chart{.labels = {call}, .values = {{}}};
    double whole = 0;
    for (const json& step : what.at("steps")) whole += step.at("us").get<double>();
    for (const json& step : what.at("steps")) {
      const double us = step.at("us").get<double>();
      section.rows.push_back({{step.value("name", "")},
                              {absl::StrFormat("%.2f", us)},
                              {absl::StrFormat("%.0f %%", whole > 0 ? 100 * us / whole : 0)}});
      chart.parts.push_back(step.value("name", ""));
      chart.values[0].push_back(us);
    }
    section.text =
        absl::StrFormat("%d calls under the tracer, %.1f us each; without it a call takes %.1f us.",
                        what.value("calls", 0), whole, what.value("untraced_us", 0.0));
    section.chart = Draw(chart);
    sections.push_back(section);
  }
  return sections;
}

}  // namespace moat::bench
