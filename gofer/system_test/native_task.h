// A process in the container's namespaces with real credentials of its own: what a workload would
// be without moat.
#ifndef MOAT_GOFER_SYSTEM_TEST_NATIVE_TASK_H_
#define MOAT_GOFER_SYSTEM_TEST_NATIVE_TASK_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "gofer/client/client.h"
#include "gofer/system_test/cage.h"
#include "gofer/system_test/paired_calls.h"

namespace moat::gofer {

class NativeTask {
 public:
  // `calls` is borrowed.
  static absl::StatusOr<std::unique_ptr<NativeTask>> Start(const TestCage& cage,
                                                           const Credentials& credentials,
                                                           const std::vector<PairedCall>& calls);
  ~NativeTask();

  // Runs calls[index].native there.
  absl::StatusOr<std::string> Run(size_t index, const Subject& subject);

 private:
  NativeTask(pid_t pid, Fd socket) : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_;
  Fd socket_;
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SYSTEM_TEST_NATIVE_TASK_H_
