#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cli/command.h"
#include "runtime/cli/container.h"
#include "runtime/cli/state_json.h"

namespace moat::cli {
namespace {

struct DeleteFlags {
  std::string id;
  bool force = false;
};

absl::StatusOr<int> Delete(const Context& context, const DeleteFlags& flags) {
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  const auto entry = store.Lock(flags.id);
  if (absl::IsNotFound(entry.status()) && flags.force) return 0;
  RETURN_IF_ERROR(entry.status());
  const auto record = entry->Read();
  if (absl::IsNotFound(record.status()) && flags.force) {
    // A create that was killed before it had written anything.
    RETURN_IF_ERROR(entry->Remove());
    return 0;
  }
  RETURN_IF_ERROR(record.status());
  const state::Status status = StatusNow(*record);
  const bool runs = status == state::Status::kRunning || status == state::Status::kPaused;
  if (runs && !flags.force) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot delete container ", flags.id, " that is not stopped: it is ",
                     state::StatusName(status), "; `moat kill` it first, or use --force"));
  }
  RETURN_IF_ERROR(DestroyContainer(*entry, *record));
  return 0;
}

}  // namespace

Action ConfigureDelete(CLI::App& app) {
  auto flags = std::make_shared<DeleteFlags>();
  app.add_option("id", flags->id, "a container")->required()->type_name("ID");
  app.add_flag("-f,--force", flags->force,
               "kill it when it runs; no error when there is no such container");
  app.footer("\nExample:\n  moat delete --force web");
  return [flags](const Context& context) { return Delete(context, *flags); };
}

}  // namespace moat::cli
