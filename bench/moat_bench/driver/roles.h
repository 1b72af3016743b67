// Which of a container's processes is what: the workload, the runtime's supervisor, or its file
// proxy.
#ifndef MOAT_BENCH_MOAT_BENCH_DRIVER_ROLES_H_
#define MOAT_BENCH_MOAT_BENCH_DRIVER_ROLES_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace moat::bench {

enum class Role { kWorkload, kSupervisor, kFileProxy };
inline constexpr Role kRoles[] = {Role::kWorkload, Role::kSupervisor, Role::kFileProxy};
const char* NameOf(Role role);

// By what /proc says of each process: a file proxy has "gofer" in its name or first argument; the
// workload runs the guest's program, or has no arguments at all (the address spaces that gVisor's
// systrap makes for it); all else is the supervisor.
class Roles {
 public:
  // Looks at processes that were not known yet, or that have changed their program since.
  void Look(const std::vector<pid_t>& processes);
  // `command`: the name that a trace has for it, for a process that was never looked at.
  Role Of(pid_t process, const std::string& command) const;
  const std::map<pid_t, Role>& all() const { return roles_; }

 private:
  std::map<pid_t, Role> roles_;
};

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_DRIVER_ROLES_H_
