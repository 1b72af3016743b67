// A process of the container that has a doorbell (platform/doorbell.h).
#ifndef MOAT_SENTRY_DOORBELL_DOOR_H_
#define MOAT_SENTRY_DOORBELL_DOOR_H_

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "platform/doorbell.h"

namespace moat::sentry {

struct Door {
  Door(pid_t group, Fd process, std::unique_ptr<platform::Doorbell> doorbell)
      : tgid(group), pidfd(std::move(process)), bell(std::move(doorbell)) {}
  const pid_t tgid;
  const Fd pidfd;
  const std::unique_ptr<platform::Doorbell> bell;
  std::atomic<bool> closed{false};
  absl::Mutex mutex;
  // Of those of its threads that have made a trap: the number inside, the number here.
  absl::flat_hash_map<pid_t, pid_t> threads ABSL_GUARDED_BY(mutex);
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_DOORBELL_DOOR_H_
