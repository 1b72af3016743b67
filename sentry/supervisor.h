// The sentry's main thread: waits for the events of a container's life and ends the process when
// the container is over.
//
// The sentry is pid 1 of P_A, so ending it makes the kernel end gofer and workload too: every way
// out of here, planned or not, ends the container. A container that shares the pids of this one has
// a sentry that is not: the tie to it ends this container, and so both, when that one's sentry ends
// before it has said that its workload is gone (docs/adr/011-shared-pids.md).
#ifndef MOAT_SENTRY_SUPERVISOR_H_
#define MOAT_SENTRY_SUPERVISOR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/fd.h"
#include "sentry/boot_protocol.h"
#include "sentry/join_service.h"

namespace moat::sentry {

class Supervisor {
 public:
  // `control`: the socket to moat that this process was started with; may close at any time.
  // `listen`: where later moat commands connect; may be none. `init`: the socket to the container's
  // init. `init_process`: its pidfd. `gofer_hangup`: borrowed. `resolver`: hangs up with it; none
  // without egress rules by name. `first_exec` (borrowed): Container's. `joins` outlives it.
  Supervisor(Fd control, Fd listen, Fd init, Fd init_process, int gofer_hangup, Fd resolver,
             int first_exec, JoinService& joins);

  // Returns the exit status of the sentry: 0 when the container's init has ended, 1 when a part of
  // moat failed (already logged).
  int Run();

 private:
  enum class State { kCreating, kCreated, kStarting, kRunning };

  struct Client {
    Fd socket;
    bool is_creator = false;  // wants to know when the container is created
    bool waits_for_start = false;
  };

  void AcceptClient();
  // False when the connection is to be closed.
  bool ServeClient(Client& client);
  bool Start(Client& client);
  bool SendState(const Client& client);
  bool Join(BootMessage& request, const Client& client);
  bool Tie(BootMessage& request, const Client& client);
  // False when the sentry at the other end has ended too early.
  static bool ReadTie(Fd& tie);
  void ReadInit();
  void InitFailed(const nlohmann::json& failure);
  void ProgramRuns();
  void EndWaiting(const nlohmann::json& failure);

  Fd listen_, init_, init_process_;
  const int gofer_hangup_;
  const Fd resolver_;
  int first_exec_;  // -1 once it was heard
  JoinService& joins_;
  std::vector<Client> clients_;
  std::vector<Fd> ties_;
  State state_ = State::kCreating;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_SUPERVISOR_H_
