#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cli/command.h"
#include "runtime/cli/container.h"
#include "runtime/cli/state_json.h"

namespace moat::cli {
namespace {

struct ListFlags {
  std::string format = "table";
  bool quiet = false;
};

using Row = std::array<std::string, 6>;

std::string Text(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void PrintTable(const std::vector<nlohmann::ordered_json>& states) {
  static constexpr const char* kFields[] = {"id", "pid", "status", "bundle", "created", "owner"};
  std::vector<Row> rows = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& state : states) {
    Row& row = rows.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) row[i] = Text(state.at(kFields[i]));
  }
  std::array<int, 6> widths = {};
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], static_cast<int>(row[i].size()));
    }
  }
  for (const Row& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) std::printf("%-*s  ", widths[i], row[i].c_str());
    std::printf("%s\n", row.back().c_str());
  }
}

absl::StatusOr<int> List(const Context& context, const ListFlags& flags) {
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  CollectGarbage(store);
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, store.Ids());
  std::vector<nlohmann::ordered_json> states;
  for (const std::string& id : ids) {
    const auto record = store.Read(id);
    if (record.ok()) {
      states.push_back(StateJson(*record));
    } else if (!absl::IsNotFound(record.status())) {
      LogWarning(record.status().message());
    }
  }
  if (flags.quiet) {
    for (const auto& state : states) std::printf("%s\n", Text(state.at("id")).c_str());
  } else if (flags.format == "json") {
    std::printf("%s\n", nlohmann::ordered_json(states).dump().c_str());
  } else {
    PrintTable(states);
  }
  return 0;
}

}  // namespace

Action ConfigureList(CLI::App& app) {
  auto flags = std::make_shared<ListFlags>();
  app.add_option("-f,--format", flags->format, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_flag("-q,--quiet", flags->quiet, "only the ids");
  app.footer("\nExample:\n  moat list -q");
  return [flags](const Context& context) { return List(context, *flags); };
}

}  // namespace moat::cli
