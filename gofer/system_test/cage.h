// A container's namespaces without a container: a tree in a mount namespace, a user namespace with
// the identity map, and a real moat-gofer in them. Needs root. For tests.
#ifndef MOAT_GOFER_SYSTEM_TEST_CAGE_H_
#define MOAT_GOFER_SYSTEM_TEST_CAGE_H_

#include <sys/types.h>

#include <memory>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "gofer/client/client.h"
#include "gofer/server/identity.h"

namespace moat::gofer {

class TestCage {
 public:
  // The tree is an empty tmpfs but for: `ro` and `noexec` (read-only mounts, each with a `file`,
  // mode 755), `volume` (another tmpfs), `proc` and `sys` (as runtime/ builds them: `self`,
  // `version` and `1` in the former, `kernel` in the latter). The gofer may use all file
  // capabilities.
  static absl::StatusOr<std::unique_ptr<TestCage>> Create();
  // Kills and reaps the gofer.
  ~TestCage();

  Client& client() { return *client_; }
  // The container's root directory.
  int tree() const { return tree_.get(); }
  pid_t gofer() const { return gofer_; }

  // Moves the calling process into the container's namespaces, with all capabilities there.
  absl::Status Enter() const;

 private:
  absl::Status MakeTree();
  absl::Status MakeUserNamespace();
  absl::Status StartGofer();

  Fd tree_, mount_namespace_, user_namespace_, network_namespace_;
  pid_t gofer_ = -1;
  std::unique_ptr<Client> client_;
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SYSTEM_TEST_CAGE_H_
