#include <memory>

#include "absl/cleanup/cleanup.h"
#include "base/status.h"
#include "runtime/cli/bundle_flags.h"
#include "runtime/cli/command.h"

namespace moat::cli {
namespace {

struct RunFlags {
  BundleFlags bundle;
  bool detach = false;
  bool keep = false;
};

absl::StatusOr<int> RunDetached(const Context& context, const CreateRequest& request) {
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(launch::Launched launched, CreateContainer(context, store, request));
  ASSIGN_OR_RETURN(const state::Entry entry, store.Lock(request.id));
  ASSIGN_OR_RETURN(const state::Record record, entry.Read());
  absl::Cleanup undo = [&] {
    launch::Abandon(launched);
    ForgetContainer(entry, record).IgnoreError();
  };
  RETURN_IF_ERROR(StartContainer(entry, launched.control.get()));
  std::move(undo).Cancel();
  return 0;
}

absl::StatusOr<int> Run(const Context& context, const RunFlags& flags) {
  ASSIGN_OR_RETURN(const Bundle bundle, OpenBundle(flags.bundle, flags.detach));
  CreateRequest request = RequestFor(flags.bundle, bundle);
  if (flags.detach) return RunDetached(context, request);
  request.foreground = true;
  ForegroundOptions options;
  options.keep = flags.keep;
  return RunInForeground(context, request, options);
}

}  // namespace

Action ConfigureRun(CLI::App& app) {
  auto flags = std::make_shared<RunFlags>();
  DeclareBundleFlags(app, flags->bundle);
  app.add_flag("-d,--detach", flags->detach, "do not wait for the container");
  app.add_flag("--keep", flags->keep, "keep the state of the container after its end");
  app.add_flag_function(
         "--no-subreaper", [](int64_t) {}, "accepted: moat never reaps for others")
      ->group("");
  app.footer(
      "\nExample:\n"
      "  mkdir -p b/rootfs && tar -xf debian.tar -C b/rootfs && moat spec -b b && moat run -b b "
      "web\n"
      "\nThe exit code is the command's (128 + signal), 127 when the bundle has no such command,\n"
      "126 when it cannot be executed, 1 when moat itself failed.");
  return [flags](const Context& context) { return Run(context, *flags); };
}

}  // namespace moat::cli
