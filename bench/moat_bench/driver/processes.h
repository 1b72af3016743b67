// Running commands with limits: of time, of what they print, and of what they leave behind.
//
// This process is the reaper of all that its commands start, also of what daemonises itself; so it
// can end everything that a runtime leaves behind, whatever that runtime thinks. Single-threaded.
#ifndef MOAT_BENCH_MOAT_BENCH_DRIVER_PROCESSES_H_
#define MOAT_BENCH_MOAT_BENCH_DRIVER_PROCESSES_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::bench {

struct Outcome {
  int code = -1;           // exit code, 128 + signal, or 127 when it could not be started
  bool timed_out = false;  // it was ended because of its limit
  bool interrupted = false;
  std::string out, err;  // what fits into the limits
  double seconds = 0;

  bool ok() const { return code == 0 && !timed_out && !interrupted; }
  // One line for people: why it is not ok.
  std::string Fault() const;
};

struct Command {
  std::vector<std::string> arguments;
  double limit_seconds = 60;
  int mount_namespace = -1;  // joined before the program starts, when not -1
  std::string directory;     // of the command; empty: that of this process
  bool new_session = true;
  // Called in between, at least every 20 ms and after each piece of output; true ends the command.
  std::function<bool(const Outcome& so_far)> watch;
};

class Processes {
 public:
  // Becomes the reaper, and takes SIGCHLD, SIGINT and SIGTERM.
  static absl::StatusOr<Processes> Create();
  Processes(Processes&&) = default;

  Outcome Run(const Command& command);

  // Starts a command whose output goes to `out_file`; it is reaped, or ended by EndDescendants.
  absl::StatusOr<pid_t> StartInBackground(const Command& command, const std::string& out_file);
  // Waits until `pid`, child or grandchild, is gone. False when the limit is over or on an
  // interrupt.
  bool WaitForEnd(pid_t pid, double limit_seconds);
  void Pause(double seconds);

  // All processes below this one; kernel's numbers.
  std::vector<pid_t> Descendants() const;
  // Kills and reaps them all. False when some cannot be ended within seconds.
  bool EndDescendants();

  // SIGINT or SIGTERM came. Commands end at once from then on, but for those of a cleanup.
  bool interrupted() const { return interrupted_ && !cleaning_; }
  void set_cleaning(bool cleaning) { cleaning_ = cleaning; }

 private:
  explicit Processes(Fd signals) : signals_(std::move(signals)) {}
  void TakeSignals();
  void Reap();
  pid_t Fork(const Command& command, int out, int err);

  Fd signals_;
  std::map<pid_t, int> ended_;  // statuses of children that were waited for by nobody yet
  bool interrupted_ = false, cleaning_ = false;
};

// `text` without anything that a terminal or a page could take for a command, or that is not ASCII:
// what a runtime prints is nobody's friend.
std::string Printable(std::string text);

double MonotonicSeconds();

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_DRIVER_PROCESSES_H_
