// What every conformance case uses.
//
// The cases say what Linux does. The binary runs first on the plain kernel, where all must pass,
// then in the sandbox with the same arguments; both must agree. It is linked statically and needs
// nothing of the repository at run time but the folder of probes given by --probes.
#ifndef MOAT_TESTS_CONFORMANCE_CONFORMANCE_H_
#define MOAT_TESTS_CONFORMANCE_CONFORMANCE_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "gtest/gtest.h"

namespace moat::conformance {

struct Options {
  std::string scratch;    // --scratch: a folder where cases make their own folders
  std::string probes;     // --probes: the programs of tests/conformance/probes
  std::string read_only;  // --read_only: a folder on a read-only mount that holds "file" and "dir"
};
const Options& GetOptions();
// Takes the options from the command line, after GoogleTest took its own. False: not understood.
bool ParseOptions(int argc, char** argv);

// "ENOENT" for 2, "success" for 0.
std::string NameOfErrno(int error);

// The errno of a call that has just returned `result`, 0 when it did not fail.
template <typename T>
int ErrnoOf(T result) {
  return result == static_cast<T>(-1) ? errno : 0;
}

// Gives every case an empty folder of its own as working directory, umask 022, and removes it.
class Scratch : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  const std::string& dir() const { return dir_; }

 private:
  std::string dir_;
};

// Makes a file with this content; the case fails if that does not work.
void WriteFile(const std::string& path, const std::string& content = "", mode_t mode = 0644);
std::string ReadFile(const std::string& path);
std::string ReadAll(int fd);
bool Exists(const std::string& path);  // lstat
struct stat StatOf(const std::string& path);
mode_t ModeOf(const std::string& path);  // permission bits

// Runs `body` in a forked child and returns what it returned (0 to 199), or 1000 + the signal that
// ended it.
int InChild(const std::function<int()>& body);

// Computes until the process has used that much time more.
void BurnCpu(int milliseconds);

struct Identity {
  uid_t uid = 1000;
  gid_t gid = 1000;
  std::vector<gid_t> groups;
};
// As InChild, with all ids and groups set first, so without capabilities when uid is not 0.
int As(const Identity& identity, const std::function<int()>& body);

// Adds a seccomp filter to the calling thread in which one call has this fate (SECCOMP_RET_*) and
// all others are allowed; 0 or an errno. `flags`: SECCOMP_FILTER_FLAG_*.
int AddFilter(unsigned call, unsigned fate, unsigned flags = 0);

// A program's result. `error` is the errno of an exec that failed, else 0.
struct Ran {
  int error = 0;
  int status = -1;  // exit code, or 1000 + signal
  std::string output;
};
// Forks and executes `path` with standard output caught.
Ran Execute(const std::string& path, const std::vector<std::string>& argv,
            const std::vector<std::string>& envp = {});
// The same for any way to execute: `exec` runs in the child and returns only on failure.
Ran ExecuteBy(const std::function<void()>& exec);

// argv and envp in the form that exec wants; valid as long as `strings` is.
std::vector<char*> Pointers(const std::vector<std::string>& strings);

std::string Probe(const std::string& name);

}  // namespace moat::conformance

#define EXPECT_ERRNO(expected, call)                    \
  EXPECT_EQ(::moat::conformance::NameOfErrno(expected), \
            ::moat::conformance::NameOfErrno(::moat::conformance::ErrnoOf(call)))
#define EXPECT_SUCCESS(call) EXPECT_ERRNO(0, call)
#define ASSERT_SUCCESS(call)                     \
  ASSERT_EQ(::moat::conformance::NameOfErrno(0), \
            ::moat::conformance::NameOfErrno(::moat::conformance::ErrnoOf(call)))
// The result of As() or InChild() is an errno.
#define EXPECT_CHILD_ERRNO(expected, result) \
  EXPECT_EQ(::moat::conformance::NameOfErrno(expected), ::moat::conformance::NameOfErrno(result))

#endif  // MOAT_TESTS_CONFORMANCE_CONFORMANCE_H_
