// Everything that is made of a results document for people: tables on the terminal, Markdown, HTML.
#ifndef MOAT_BENCH_MOAT_BENCH_REPORT_REPORT_H_
#define MOAT_BENCH_MOAT_BENCH_REPORT_REPORT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/moat_bench/report/terminal.h"

namespace moat::bench {

// A table with a title and a few words about it, for any of the three outputs. The first row is the
// head.
struct Section {
  std::string title;
  std::string text;
  std::vector<std::vector<Cell>> rows;
  std::string chart;  // SVG, for HTML alone
};

// Tables of each kind of document (security_report.cc, speed_report.cc).
std::vector<Section> SecuritySections(const nlohmann::json& document);
std::vector<Section> SpeedSections(const nlohmann::json& document);
std::vector<Section> BreakdownSections(const nlohmann::json& document);
// Machine and runtimes; a runtime that could not be used is a row that says why.
std::vector<Section> EnvironmentSections(const nlohmann::json& document);

struct ReportFiles {
  std::string html, markdown;  // empty: not written
};
// Prints the tables, and writes the files.
absl::Status WriteReports(const nlohmann::json& document, const ReportFiles& files,
                          Terminal& terminal);

std::string Markdown(const std::vector<Section>& sections);
std::string Html(const std::string& title, const std::vector<Section>& sections);

// Names of the runtimes of a document that have results, in its order.
std::vector<std::string> UsableRuntimes(const nlohmann::json& document);

// The figures of a speed document: runtime -> suite/figure -> one value per round (0 where it is
// missing), with its unit.
struct Series {
  std::vector<double> values;
  std::string unit;
};
using Figures = std::map<std::string, Series>;
std::map<std::string, Figures> CollectFigures(const nlohmann::json& document);
bool LargerIsBetter(const std::string& unit);
std::string ValueText(double value, const std::string& unit);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_REPORT_REPORT_H_
