// Devices by type and numbers: "c 10:232 rw", "b *:* m", "c 5:*", "a".
#ifndef MOAT_POLICIES_CONTAINER_DEVICES_H_
#define MOAT_POLICIES_CONTAINER_DEVICES_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policies/container/policy.h"

namespace moat::policies {

// TYPE [MAJOR:MINOR] [ACCESS], as the kernel's devices controller writes it. TYPE is a, b or c; a
// number may be "*"; ACCESS is of r, w and m (making the node). Fills type, numbers, access and
// text. The error says what is wrong, without a position.
absl::StatusOr<DeviceRule> ParseDevice(absl::string_view text);

// Whether `wide` holds all of `device`'s devices.
bool Covers(const DeviceRule& wide, const DeviceRule& device);

// "rw" as bits, for comparing.
unsigned AccessBits(const DeviceRule& rule);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_DEVICES_H_
