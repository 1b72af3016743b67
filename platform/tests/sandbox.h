// A small stand-in for runtime and sentry, for the platform's system tests: a workload in user
// namespace B (child of A, where this process lives without capabilities), pid namespace P_B, an
// empty root that holds only the stub, and worker threads that answer its traps.
//
// Files are opened by this process on the host: the tests are about the platform, not about who
// may see what.
#ifndef MOAT_PLATFORM_TESTS_SANDBOX_H_
#define MOAT_PLATFORM_TESTS_SANDBOX_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "base/fd.h"
#include "platform/loader/plan.h"
#include "platform/platform.h"
#include "platform/tests/workload.h"

namespace moat::platform::testing {

inline constexpr int kTestCall = 0x6d6f00;
inline constexpr uint64_t kCookie = 0x51ce0fba11ad0000;

// The guest most tests use: glibc, dynamic, position-independent.
inline constexpr char kGuest[] = MOAT_GUEST_DIRECTORY "/platform_guest_pie";

// Of a wait status; 1000 + the signal's number when one killed the program.
int ExitCode(int status);

// What Platform::Write takes, of `size` bytes at `data`.
inline absl::Span<const std::byte> BytesOf(const void* data, size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

using Handler = std::function<void(Platform&, const Trap&)>;

// Answers with `fd` in the task's table, close-on-exec.
void ReturnFd(Platform& platform, const Trap& trap, const Fd& fd);

class Sandbox {
 public:
  // `on_test_call` answers the guests' kTestCall.
  explicit Sandbox(Handler on_test_call = {}) : on_test_call_(std::move(on_test_call)) {}
  ~Sandbox();

  // Runs `argv` (argv[0] is a path on the host) to its end. The wait status of the program, as its
  // parent saw it. Fails the test when the platform can't be made.
  int Run(const std::vector<std::string>& argv, RunAs run_as = RunAs::kChild);
  // What the program wrote to its standard output.
  const std::string& output() const { return output_; }
  // How the workers' Next() ended.
  int end() const { return end_; }

 private:
  struct Armed {
    loader::Plan plan;
    Fd fd;
  };

  // Addresses in the task.
  struct ExecPointers {
    GuestAddr empty_path, argv, envp;
  };

  void Work();
  void Answer(const Trap& trap);
  void AnswerExec(const Trap& trap);
  void AnswerPlan(const Trap& trap);
  void AnswerOpen(const Trap& trap);
  std::string ReadString(const Trap& trap, uint64_t address);
  // Runs the ELF program at `path` instead of the trapped exec; `plan` is armed when it replaced
  // the old one.
  void Exec(const Trap& trap, const std::string& path, const ExecPointers& pointers, Armed plan);

  Handler on_test_call_;
  std::unique_ptr<Platform> platform_;
  std::vector<std::thread> workers_;
  std::string output_;
  std::atomic<int> end_{0};
  absl::Mutex mutex_;
  std::map<pid_t, Armed> armed_ ABSL_GUARDED_BY(mutex_);
  std::map<pid_t, std::string> scripts_ ABSL_GUARDED_BY(mutex_);  // the program of each one's "#!"
};

// Open descriptors of this process.
int CountDescriptors();

}  // namespace moat::platform::testing

#endif  // MOAT_PLATFORM_TESTS_SANDBOX_H_
