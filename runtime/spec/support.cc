#include "absl/strings/str_cat.h"
#include "runtime/spec/validate.h"

namespace moat::spec {
namespace {

struct Unsupported {
  const char* field;
  bool set;
};

absl::Status FirstUnsupported(std::initializer_list<Unsupported> fields) {
  for (const Unsupported& field : fields) {
    if (field.set) {
      return absl::UnimplementedError(absl::StrCat(
          field.field, ": moat does not honour this field yet; take it out of the configuration"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLinux(const Linux& config) {
  return FirstUnsupported({
      {"linux.netDevices", !config.net_devices.empty()},
      {"linux.intelRdt", config.intel_rdt.has_value()},
  });
}

}  // namespace

absl::Status CheckSupported(const Spec& spec) { return CheckLinux(spec.linux_config); }

}  // namespace moat::spec
