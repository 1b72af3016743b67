#include <cstdio>
#include <memory>

#include "base/status.h"
#include "runtime/cli/command.h"
#include "runtime/cli/state_json.h"

namespace moat::cli {
namespace {

absl::StatusOr<int> State(const Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const state::Record record, store.Read(id));
  std::printf("%s\n", StateJson(record).dump(2).c_str());
  return 0;
}

}  // namespace

Action ConfigureState(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  app.add_option("id", *id, "a container")->required()->type_name("ID");
  app.footer("\nExample:\n  moat state web | jq -r .status");
  return [id](const Context& context) { return State(context, *id); };
}

}  // namespace moat::cli
