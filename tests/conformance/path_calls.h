// Every system call that takes a path, in one form: what the cases of PathErrors and PathBases run
// each of.
#ifndef MOAT_TESTS_CONFORMANCE_PATH_CALLS_H_
#define MOAT_TESTS_CONFORMANCE_PATH_CALLS_H_

#include <ostream>
#include <string>
#include <vector>

namespace moat::conformance {

// What has to lie at the path so that the call succeeds.
enum class Target { kNothing, kFile, kDirectory, kLink, kAttributed, kProgram };

struct PathCall {
  const char* name;
  Target target;
  bool has_base;  // takes a directory descriptor
  bool follows;   // a symbolic link at the end of the path
  // The errno of the call on `path`, 0 when it worked. Without `has_base` only AT_FDCWD may be
  // given. A call that changes the process or ends it runs in a child.
  int (*run)(int base, const char* path);
  // Whether the effect of a call that worked shows at the path; null when it shows in no file.
  bool (*worked)(const std::string& path);
};
std::ostream& operator<<(std::ostream& out, const PathCall& call);

std::vector<PathCall> PathCalls();
std::vector<PathCall> PathCallsWithBase();

// Puts what the call needs at `path`.
void MakeTarget(Target target, const std::string& path);

}  // namespace moat::conformance

#endif  // MOAT_TESTS_CONFORMANCE_PATH_CALLS_H_
