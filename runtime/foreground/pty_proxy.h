// Copies between the user's standard input and output and the master of the container's terminal.
//
// Never blocks: it takes part in its owner's poll(2) loop. Not thread-safe.
#ifndef MOAT_RUNTIME_FOREGROUND_PTY_PROXY_H_
#define MOAT_RUNTIME_FOREGROUND_PTY_PROXY_H_

#include <poll.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::foreground {

class PtyProxy {
 public:
  // `input`, `output` and `master` are borrowed; `master` becomes non-blocking.
  static absl::StatusOr<PtyProxy> Create(int input, int output, int master);

  // What to poll for now; and what poll said, in the same order.
  std::vector<pollfd> Wanted() const;
  void Handle(const std::vector<pollfd>& polled);

  // The signal that the terminal makes of what was typed since the last call: SIGINT, SIGQUIT or 0.
  int TakeTypedSignal() { return std::exchange(typed_signal_, 0); }

  // The container is gone: lets go of the terminal, so that its end of file can be seen. From now
  // on only what it has left to say is copied.
  void Finish();
  // True once there is nothing left to copy after Finish.
  bool done() const { return finished_ && output_closed() && to_output_.empty(); }

 private:
  PtyProxy(Fd input, Fd output, int master, Fd peer)
      : input_(std::move(input)),
        output_(std::move(output)),
        master_(master),
        peer_(std::move(peer)) {}

  bool output_closed() const { return master_ < 0; }
  bool WantsInput() const { return input_ && !finished_ && to_master_.size() < kBufferSize; }
  void ReadInput();
  void ReadMaster();

  static constexpr size_t kBufferSize = 16384;

  Fd input_;  // duplicates, non-blocking where that does not disturb others; none after its end
  Fd output_;
  int master_;  // -1 after its end
  // The container's side, held so that the master does not hang up in the moment in which no
  // process inside has it open.
  Fd peer_;
  std::string to_master_;
  std::string to_output_;
  int typed_signal_ = 0;
  bool finished_ = false;
};

}  // namespace moat::foreground

#endif  // MOAT_RUNTIME_FOREGROUND_PTY_PROXY_H_
