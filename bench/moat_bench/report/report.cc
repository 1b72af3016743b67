#include "bench/moat_bench/report/report.h"

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr size_t kTerminalRows = 60;

absl::Status WriteWhole(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  file.close();
  return file ? absl::OkStatus() : ErrnoStatus(errno, "write", path);
}

std::string TextOf(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<Section> Sections(const json& document) {
  std::vector<Section> all = EnvironmentSections(document);
  const std::string kind = document.value("kind", "");
  const std::vector<Section> own = kind == "security" ? SecuritySections(document)
                                   : kind == "speed"  ? SpeedSections(document)
                                                      : BreakdownSections(document);
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

}  // namespace

std::vector<std::string> UsableRuntimes(const json& document) {
  std::vector<std::string> names;
  for (const json& runtime : document.at("runtimes")) {
    if (runtime.value("usable", false)) names.push_back(runtime.value("name", ""));
  }
  return names;
}

std::vector<Section> EnvironmentSections(const json& document) {
  Section machine{.title = "Machine", .rows = {{{"fact"}, {"value"}}}};
  for (const auto& [name, value] : document.at("environment").items()) {
    if (name == "mitigations") continue;
    machine.rows.push_back({{absl::StrReplaceAll(name, {{"_", " "}})}, {TextOf(value)}});
  }
  Section runtimes{.title = "Runtimes",
                   .rows = {{{"runtime"}, {"command"}, {"version"}, {"remarks"}}}};
  for (const json& runtime : document.at("runtimes")) {
    std::vector<std::string> remarks = runtime.value("notes", std::vector<std::string>());
    const bool usable = runtime.value("usable", false);
    if (!usable) remarks.push_back("could not be measured: " + runtime.value("why_not", ""));
    const auto left = runtime.value("left_behind", std::vector<std::string>());
    if (!left.empty())
      remarks.push_back(absl::StrCat("left behind ", left.size(), " times, first: ", left[0]));
    runtimes.rows.push_back(
        {{runtime.value("name", "")},
         {absl::StrJoin(runtime.value("command", std::vector<std::string>()), " ")},
         {runtime.value("version", "")},
         {absl::StrJoin(remarks, "; "), usable ? Tone::kPlain : Tone::kBad}});
  }
  return {machine, runtimes};
}

std::string Markdown(const std::vector<Section>& sections) {
  std::string text;
  for (const Section& section : sections) {
    absl::StrAppend(&text, "## ", section.title, "\n");
    if (!section.text.empty()) absl::StrAppend(&text, section.text, "\n");
    if (section.rows.empty()) continue;
    text += "\n";
    for (size_t i = 0; i < section.rows.size(); ++i) {
      text += "|";
      for (const Cell& cell : section.rows[i])
        absl::StrAppend(&text, " ", absl::StrReplaceAll(cell.text, {{"|", "\\|"}, {"\n", " "}}),
                        " |");
      text += "\n";
      if (i != 0) continue;
      for (size_t column = 0; column < section.rows[0].size(); ++column) text += "|---";
      text += "|\n";
    }
    text += "\n";
  }
  return text;
}

absl::Status WriteReports(const json& document, const ReportFiles& files, Terminal& terminal) {
  try {
    const std::vector<Section> sections = Sections(document);
    for (const Section& section : sections) {
      terminal.Say("\n" + section.title, Tone::kStrong);
      if (!section.text.empty()) terminal.Say(section.text, Tone::kFaint);
      if (section.rows.size() <= kTerminalRows) {
        terminal.Table(section.rows);
      } else {
        terminal.Say(absl::StrCat(section.rows.size() - 1, " rows: see --html or --json"),
                     Tone::kFaint);
      }
    }
    const std::string title = absl::StrCat("moat-bench ", document.value("kind", ""), ", ",
                                           document.at("environment").value("date", ""));
    if (!files.html.empty()) RETURN_IF_ERROR(WriteWhole(files.html, Html(title, sections)));
    if (!files.markdown.empty()) RETURN_IF_ERROR(WriteWhole(files.markdown, Markdown(sections)));
  } catch (const json::exception& fault) {
    return absl::InvalidArgumentError(
        absl::StrCat("the results are not what they should be: ", fault.what()));
  }
  return absl::OkStatus();
}

}  // namespace moat::bench
