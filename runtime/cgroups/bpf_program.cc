#include "runtime/cgroups/bpf_program.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

#include "base/status.h"

namespace moat::cgroups::bpf {
namespace {

long Bpf(int command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

}  // namespace

absl::StatusOr<Fd> LoadProgram(bpf_prog_type type, bpf_attach_type attach, const Code& code,
                               absl::string_view what) {
  static constexpr char kLicense[] = "Apache-2.0";
  bpf_attr attributes = {};
  attributes.prog_type = type;
  attributes.expected_attach_type = attach;
  attributes.insns = std::bit_cast<uint64_t>(code.data());
  attributes.insn_cnt = static_cast<uint32_t>(code.size());
  attributes.license = std::bit_cast<uint64_t>(&kLicense[0]);
  Fd fd(static_cast<int>(Bpf(BPF_PROG_LOAD, attributes)));  // close-on-exec always
  if (!fd) return ErrnoStatus(errno, "bpf BPF_PROG_LOAD", what);
  return fd;
}

absl::StatusOr<Fd> MakeMap(const MapShape& shape, absl::string_view name) {
  bpf_attr attributes = {};
  attributes.map_type = shape.type;
  attributes.key_size = shape.key_size;
  attributes.value_size = shape.value_size;
  attributes.max_entries = shape.entries;
  name.copy(attributes.map_name, BPF_OBJ_NAME_LEN - 1);
  Fd fd(static_cast<int>(Bpf(BPF_MAP_CREATE, attributes)));  // close-on-exec always
  if (!fd) return ErrnoStatus(errno, "bpf BPF_MAP_CREATE", name);
  return fd;
}

absl::Status AttachProgram(const Fd& program, bpf_attach_type attach,
                           const std::string& directory) {
  const Fd group(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!group) return ErrnoStatus(errno, "open", directory);
  bpf_attr attributes = {};
  attributes.target_fd = static_cast<uint32_t>(group.get());
  attributes.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attributes.attach_type = attach;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (Bpf(BPF_PROG_ATTACH, attributes) < 0) {
    return ErrnoStatus(errno, "bpf BPF_PROG_ATTACH", directory);
  }
  return absl::OkStatus();
}

}  // namespace moat::cgroups::bpf
