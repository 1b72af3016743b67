#include <memory>

#include "base/status.h"
#include "runtime/cli/bundle_flags.h"
#include "runtime/cli/command.h"

namespace moat::cli {
namespace {

absl::StatusOr<int> Create(const Context& context, const BundleFlags& flags) {
  ASSIGN_OR_RETURN(const Bundle bundle, OpenBundle(flags, /*detached=*/true));
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  RETURN_IF_ERROR(CreateContainer(context, store, RequestFor(flags, bundle)).status());
  return 0;
}

}  // namespace

Action ConfigureCreate(CLI::App& app) {
  auto flags = std::make_shared<BundleFlags>();
  DeclareBundleFlags(app, *flags);
  app.footer("\nExample:\n  moat create -b my-bundle web && moat start web");
  return [flags](const Context& context) { return Create(context, *flags); };
}

}  // namespace moat::cli
