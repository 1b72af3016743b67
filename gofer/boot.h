// The gofer's end of the boot protocol (base/boot.h, "moat-gofer"). Not thread-safe.
#ifndef MOAT_GOFER_BOOT_H_
#define MOAT_GOFER_BOOT_H_

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "gofer/confinement.h"

namespace moat::gofer {

struct Boot {
  Cage cage;
  Fd service;
  Fd log;
  bool stable_mounts = false;  // gofer/server/server.h
};

// Waits for the boot message on `socket` and takes it apart; anything unexpected is an error.
absl::StatusOr<Boot> ReceiveBoot(int socket);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_BOOT_H_
