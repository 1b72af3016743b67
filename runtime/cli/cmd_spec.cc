#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cli/command.h"
#include "runtime/spec/template.h"

namespace moat::cli {
namespace {

struct SpecFlags {
  std::string bundle = ".";
  bool rootless = false;
};

absl::StatusOr<int> Spec(const SpecFlags& flags) {
  const std::string path = absl::StrCat(flags.bundle, "/config.json");
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file && errno == EEXIST) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists already; remove it first to have a new one"));
  }
  if (!file) return ErrnoStatus(errno, "create", path);
  const std::string text = spec::TemplateConfig({flags.rootless, ::geteuid(), ::getegid()});
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write", path);
  }
  return 0;
}

}  // namespace

Action ConfigureSpec(CLI::App& app) {
  auto flags = std::make_shared<SpecFlags>();
  app.add_option("-b,--bundle", flags->bundle, "directory to write config.json to (default: here)")
      ->type_name("DIR");
  app.add_flag("--rootless", flags->rootless, "for a user without privileges");
  app.footer("\nExample:\n  moat spec -b my-bundle");
  return [flags](const Context&) { return Spec(*flags); };
}

}  // namespace moat::cli
