// What moat asks of systemd over D-Bus (org.freedesktop.systemd1(5), sd-bus(3)). Each call blocks
// until systemd has done it, at most kPatience. Not thread-safe.
#ifndef MOAT_RUNTIME_SYSTEMD_BUS_H_
#define MOAT_RUNTIME_SYSTEMD_BUS_H_

#include <systemd/sd-bus.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace moat::systemd {

// A property of a unit whose value is a number: {"CPUWeight", 100} (systemd.resource-control(5)).
struct Property {
  std::string name;
  uint64_t value = 0;
};

class Bus {
 public:
  // The systemd of the machine, and the one of the calling user ($XDG_RUNTIME_DIR). Both are asked
  // directly, without a bus daemon.
  static absl::StatusOr<Bus> OfMachine();
  static absl::StatusOr<Bus> OfUser();

  // Starts the scope `unit` in `slice` with the process `pid` in it. The scope's control group is
  // handed over to whom it runs for ("Delegate"). A unit of this name that is about to go is waited
  // for; one that stays is an error.
  absl::Status StartScope(const std::string& unit, const std::string& slice, uint32_t pid,
                          const std::vector<Property>& properties);

  absl::Status SetProperties(const std::string& unit, const std::vector<Property>& properties);

 private:
  struct Closer {
    void operator()(sd_bus* bus) const { ::sd_bus_flush_close_unref(bus); }
  };

  explicit Bus(sd_bus* bus) : bus_(bus) {}
  static absl::StatusOr<Bus> At(const std::string& socket);

  absl::Status AskForScope(const std::string& unit, const std::string& slice, uint32_t pid,
                           const std::vector<Property>& properties);
  absl::Status AwaitJob(const std::string& unit, const std::string& result);

  std::unique_ptr<sd_bus, Closer> bus_;
};

}  // namespace moat::systemd

#endif  // MOAT_RUNTIME_SYSTEMD_BUS_H_
