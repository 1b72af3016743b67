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

// process.execCPUAffinity is not here: it concerns `exec` only.
absl::Status CheckProcess(const Process& process) {
  return FirstUnsupported({
      {"process.apparmorProfile", !process.apparmor_profile.empty()},
      {"process.selinuxLabel", !process.selinux_label.empty()},
      {"process.scheduler", process.scheduler.has_value()},
      {"process.ioPriority", process.io_priority.has_value()},
  });
}

bool IsSet(const std::optional<BlockIo>& block_io) {
  return block_io &&
         (block_io->weight.value_or(0) != 0 || block_io->leaf_weight.value_or(0) != 0 ||
          !block_io->weight_device.empty() || !block_io->throttle_read_bps_device.empty() ||
          !block_io->throttle_write_bps_device.empty() ||
          !block_io->throttle_read_iops_device.empty() ||
          !block_io->throttle_write_iops_device.empty());
}

bool IsSet(const std::optional<NetworkResources>& network) {
  return network && (network->class_id.value_or(0) != 0 || !network->priorities.empty());
}

// An empty or zero value, as Docker writes it, asks for nothing.
absl::Status CheckResources(const Resources& resources) {
  return FirstUnsupported({
      {"linux.resources.blockIO", IsSet(resources.block_io)},
      {"linux.resources.hugepageLimits", !resources.hugepage_limits.empty()},
      {"linux.resources.network", IsSet(resources.network)},
      {"linux.resources.rdma", !resources.rdma.empty()},
  });
}

absl::Status CheckMounts(const std::vector<Mount>& mounts) {
  for (size_t i = 0; i < mounts.size(); ++i) {
    if (mounts[i].uid_mappings.empty() && mounts[i].gid_mappings.empty()) continue;
    const std::string field = absl::StrCat("mounts[", i, "].uidMappings");
    return FirstUnsupported({{field.c_str(), true}});
  }
  return absl::OkStatus();
}

absl::Status CheckLinux(const Linux& config) {
  return FirstUnsupported({
      {"linux.netDevices", !config.net_devices.empty()},
      {"linux.mountLabel", !config.mount_label.empty()},
      {"linux.personality", config.personality.has_value()},
      {"linux.memoryPolicy", config.memory_policy.has_value()},
      {"linux.intelRdt", config.intel_rdt.has_value()},
  });
}

}  // namespace

absl::Status CheckSupported(const Spec& spec) {
  for (const absl::Status& status :
       {CheckMounts(spec.mounts), CheckLinux(spec.linux_config),
        spec.process ? CheckProcess(*spec.process) : absl::OkStatus(),
        spec.linux_config.resources ? CheckResources(*spec.linux_config.resources)
                                    : absl::OkStatus()}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace moat::spec
