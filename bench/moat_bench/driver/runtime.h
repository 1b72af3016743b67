// One OCI runtime as this program knows it: a name and a command line.
#ifndef MOAT_BENCH_MOAT_BENCH_DRIVER_RUNTIME_H_
#define MOAT_BENCH_MOAT_BENCH_DRIVER_RUNTIME_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"

namespace moat::bench {

struct Runtime {
  std::string name;
  std::vector<std::string> command;
  std::string version;             // the first line of `--version`
  std::string why_not;             // why it cannot be used; empty: it can
  std::vector<std::string> notes;  // what was done so that it works, for the reader of the results
  // The mount namespace in which its commands run; none: that of this program.
  std::shared_ptr<Fd> view;

  bool usable() const { return why_not.empty(); }
  int mount_namespace() const { return view == nullptr ? -1 : view->get(); }
};

// "NAME" or "NAME=COMMAND LINE", with words as a shell has them (quotes, no variables).
absl::StatusOr<Runtime> ParseRuntime(absl::string_view text);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_DRIVER_RUNTIME_H_
