// Whether `moat do` shows the directory that it is called from.
#ifndef MOAT_RUNTIME_HOSTVIEW_WORKING_DIRECTORY_H_
#define MOAT_RUNTIME_HOSTVIEW_WORKING_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moat::hostview {

enum class Showing {
  kBind,          // bound at its own path
  kPartOfSystem,  // in a system directory: already in the view, with what it hides
  kNotShown,      // would show what the view hides
};

struct WorkingDirectory {
  Showing showing = Showing::kNotShown;
  std::string reason;  // with kNotShown, why: "it is the home directory of root"
};

// `directory` is absolute and without symlinks (getcwd); `homes` are home directories. Not shown
// are
// "/", the parents of all that is hidden, whole home directories, kernel file systems, /run, /boot
// and /var/lib, and directories that are known to hold keys (~/.ssh, ...).
WorkingDirectory DecideWorkingDirectory(const std::string& directory,
                                        const std::vector<std::string>& homes);

// Whether `path` is `ancestor` or below it; both absolute and clean.
bool IsWithin(absl::string_view path, absl::string_view ancestor);

}  // namespace moat::hostview

#endif  // MOAT_RUNTIME_HOSTVIEW_WORKING_DIRECTORY_H_
