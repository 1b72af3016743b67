#include "runtime/spec/parse_parts.h"

namespace moat::spec {

void Read(const JsonReader& at, DeviceRule& out) {
  at.Required("allow", out.allow);
  at.Letter("type", "acb", out.type);
  at.Member("major", out.major);
  at.Member("minor", out.minor);
  at.Member("access", out.access);
}

void Read(const JsonReader& at, MemoryLimits& out) {
  at.Member("limit", out.limit);
  at.Member("reservation", out.reservation);
  at.Member("swap", out.swap);
  at.Member("kernel", out.kernel);
  at.Member("kernelTCP", out.kernel_tcp);
  at.Member("swappiness", out.swappiness);
  at.Member("disableOOMKiller", out.disable_oom_killer);
  at.Member("useHierarchy", out.use_hierarchy);
  at.Member("checkBeforeUpdate", out.check_before_update);
}

void Read(const JsonReader& at, CpuLimits& out) {
  at.Member("shares", out.shares);
  at.Member("quota", out.quota);
  at.Member("burst", out.burst);
  at.Member("period", out.period);
  at.Member("realtimeRuntime", out.realtime_runtime);
  at.Member("realtimePeriod", out.realtime_period);
  at.Member("cpus", out.cpus);
  at.Member("mems", out.mems);
  at.Member("idle", out.idle);
}

void Read(const JsonReader& at, PidsLimit& out) { at.Required("limit", out.limit); }

void Read(const JsonReader& at, WeightDevice& out) {
  at.Required("major", out.major);
  at.Required("minor", out.minor);
  at.Member("weight", out.weight);
  at.Member("leafWeight", out.leaf_weight);
}

void Read(const JsonReader& at, ThrottleDevice& out) {
  at.Required("major", out.major);
  at.Required("minor", out.minor);
  at.Required("rate", out.rate);
}

void Read(const JsonReader& at, BlockIo& out) {
  at.Member("weight", out.weight);
  at.Member("leafWeight", out.leaf_weight);
  at.Member("weightDevice", out.weight_device);
  at.Member("throttleReadBpsDevice", out.throttle_read_bps_device);
  at.Member("throttleWriteBpsDevice", out.throttle_write_bps_device);
  at.Member("throttleReadIOPSDevice", out.throttle_read_iops_device);
  at.Member("throttleWriteIOPSDevice", out.throttle_write_iops_device);
}

void Read(const JsonReader& at, HugepageLimit& out) {
  at.Required("pageSize", out.page_size);
  at.Required("limit", out.limit);
}

void Read(const JsonReader& at, InterfacePriority& out) {
  at.Required("name", out.name);
  at.Required("priority", out.priority);
}

void Read(const JsonReader& at, NetworkResources& out) {
  at.Member("classID", out.class_id);
  at.Member("priorities", out.priorities);
}

void Read(const JsonReader& at, RdmaLimit& out) {
  at.Member("hcaHandles", out.hca_handles);
  at.Member("hcaObjects", out.hca_objects);
}

void Read(const JsonReader& at, Resources& out) {
  at.Member("devices", out.devices);
  at.Member("memory", out.memory);
  at.Member("cpu", out.cpu);
  at.Member("pids", out.pids);
  at.Member("blockIO", out.block_io);
  at.Member("hugepageLimits", out.hugepage_limits);
  at.Member("network", out.network);
  at.Member("rdma", out.rdma);
  at.Member("unified", out.unified);
}

}  // namespace moat::spec
