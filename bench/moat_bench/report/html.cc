#include "absl/strings/str_cat.h"
#include "bench/moat_bench/report/charts.h"
#include "bench/moat_bench/report/report.h"

namespace moat::bench {
namespace {

// Nothing is loaded from anywhere: the page can be mailed, kept and read offline.
constexpr char kStyle[] = R"(
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; border-bottom: 1px solid #8884; }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #8883; text-align: right; vertical-align: top; }
th:first-child, td:first-child, td.words { text-align: left; }
thead th { position: sticky; top: 0; background: Canvas; }
.good { color: #087f5b; } .bad { color: #c92a2a; font-weight: 600; } .warning { color: #b35c00; } .faint { opacity: .65; }
@media (prefers-color-scheme: dark) { .good { color: #63e6be; } .bad { color: #ff8787; } .warning { color: #ffc078; } }
figure { margin: 1rem 0; overflow-x: auto; } svg { max-width: none; }
nav a { margin-right: 1rem; }
details summary { cursor: pointer; }
)";
constexpr size_t kLongTable = 40;

// Sentences read better from the left; figures are compared at their right ends.
constexpr size_t kLongestFigure = 28;

const char* Class(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "good";
    case Tone::kBad:
      return "bad";
    case Tone::kWarning:
      return "warning";
    case Tone::kFaint:
      return "faint";
    default:
      return "";
  }
}

std::string Row(const std::vector<Cell>& cells, const char* tag) {
  std::string html = "<tr>";
  for (const Cell& cell : cells) {
    std::string kind = Class(cell.tone);
    if (cell.text.size() > kLongestFigure) kind += kind.empty() ? "words" : " words";
    absl::StrAppend(&html, "<", tag, kind.empty() ? "" : absl::StrCat(" class=\"", kind, "\""), ">",
                    EscapeXml(cell.text), "</", tag, ">");
  }
  return html + "</tr>\n";
}

std::string Table(const Section& section) {
  if (section.rows.empty()) return "";
  std::string html = absl::StrCat("<table><thead>", Row(section.rows[0], "th"), "</thead><tbody>");
  for (size_t i = 1; i < section.rows.size(); ++i) html += Row(section.rows[i], "td");
  html += "</tbody></table>\n";
  if (section.rows.size() <= kLongTable) return html;
  return absl::StrCat("<details><summary>", section.rows.size() - 1, " rows</summary>\n", html,
                      "</details>\n");
}

}  // namespace

std::string Html(const std::string& title, const std::vector<Section>& sections) {
  std::string html = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n",
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>", EscapeXml(title),
      "</title>\n<style>", kStyle, "</style></head><body>\n<h1>", EscapeXml(title), "</h1>\n<nav>");
  for (size_t i = 0; i < sections.size(); ++i)
    absl::StrAppend(&html, "<a href=\"#s", i, "\">", EscapeXml(sections[i].title), "</a> ");
  html += "</nav>\n";
  for (size_t i = 0; i < sections.size(); ++i) {
    const Section& section = sections[i];
    absl::StrAppend(&html, "<section id=\"s", i, "\"><h2>", EscapeXml(section.title), "</h2>\n");
    if (!section.text.empty()) absl::StrAppend(&html, "<p>", EscapeXml(section.text), "</p>\n");
    if (!section.chart.empty()) absl::StrAppend(&html, "<figure>", section.chart, "</figure>\n");
    absl::StrAppend(&html, Table(section), "</section>\n");
  }
  return html + "</body></html>\n";
}

}  // namespace moat::bench
