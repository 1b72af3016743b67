// BPF programs made at run time, instruction by instruction, and attached to control groups. Why
// not compiled C and libbpf: docs/adr/009-egress.md.
#ifndef MOAT_RUNTIME_CGROUPS_BPF_PROGRAM_H_
#define MOAT_RUNTIME_CGROUPS_BPF_PROGRAM_H_

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"

namespace moat::cgroups::bpf {

using Code = std::vector<bpf_insn>;

inline bpf_insn Instruction(int code, int to, int from, int offset, int32_t immediate) {
  bpf_insn instruction = {};
  instruction.code = static_cast<uint8_t>(code);
  instruction.dst_reg = static_cast<uint8_t>(to) & 0xf;
  instruction.src_reg = static_cast<uint8_t>(from) & 0xf;
  instruction.off = static_cast<int16_t>(offset);
  instruction.imm = immediate;
  return instruction;
}

// 32 bits of the context that `context` points to.
inline bpf_insn Load(int to, int context, size_t offset) {
  return Instruction(BPF_LDX | BPF_MEM | BPF_W, to, context, static_cast<int>(offset), 0);
}
inline bpf_insn Copy(int to, int from) {
  return Instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
inline bpf_insn Set(int to, int32_t value) {
  return Instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
inline bpf_insn And(int to, int32_t mask) {
  return Instruction(BPF_ALU64 | BPF_AND | BPF_K, to, 0, 0, mask);
}
// The same on 32 bits; the upper half becomes 0.
inline bpf_insn And32(int to, uint32_t mask) {
  return Instruction(BPF_ALU | BPF_AND | BPF_K, to, 0, 0, static_cast<int32_t>(mask));
}
inline bpf_insn ShiftRight(int to, int32_t bits) {
  return Instruction(BPF_ALU64 | BPF_RSH | BPF_K, to, 0, 0, bits);
}
// Jump over the `distance` next instructions. `operation`: BPF_JEQ, BPF_JNE, ...
inline bpf_insn SkipIf(int operation, int left, int32_t right, size_t distance) {
  return Instruction(BPF_JMP | operation | BPF_K, left, 0, static_cast<int>(distance), right);
}
inline bpf_insn SkipIf32(int operation, int left, uint32_t right, size_t distance) {
  return Instruction(BPF_JMP32 | operation | BPF_K, left, 0, static_cast<int>(distance),
                     static_cast<int32_t>(right));
}
// 64 bits from memory, and 64 or 32 bits to it.
inline bpf_insn LoadLong(int to, int from, int offset) {
  return Instruction(BPF_LDX | BPF_MEM | BPF_DW, to, from, offset, 0);
}
inline bpf_insn StoreLong(int to, int offset, int from) {
  return Instruction(BPF_STX | BPF_MEM | BPF_DW, to, from, offset, 0);
}
inline bpf_insn StoreWord(int to, int offset, int from) {
  return Instruction(BPF_STX | BPF_MEM | BPF_W, to, from, offset, 0);
}
inline bpf_insn StoreConstant(int to, int offset, uint32_t value) {
  return Instruction(BPF_ST | BPF_MEM | BPF_W, to, 0, offset, static_cast<int32_t>(value));
}
inline bpf_insn Add(int to, int32_t value) {
  return Instruction(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}
// Jump if `left` is below `right` (both registers).
inline bpf_insn SkipIfBelow(int left, int right, size_t distance) {
  return Instruction(BPF_JMP | BPF_JLT | BPF_X, left, right, static_cast<int>(distance), 0);
}
// One of the kernel's functions, BPF_FUNC_*: arguments in r1 to r5, which are lost, result in r0.
inline bpf_insn Call(int function) { return Instruction(BPF_JMP | BPF_CALL, 0, 0, 0, function); }
// The map of a descriptor, for Call.
inline Code Map(int to, int fd) {
  return {Instruction(BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_FD, 0, fd),
          Instruction(0, 0, 0, 0, 0)};
}
inline bpf_insn Exit() { return Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

inline void Append(Code& code, const Code& more) {
  code.insert(code.end(), more.begin(), more.end());
}

// Needs CAP_BPF or CAP_SYS_ADMIN (and CAP_NET_ADMIN for programs of sockets): EPERM without. `what`
// is named in errors.
absl::StatusOr<Fd> LoadProgram(bpf_prog_type type, bpf_attach_type attach, const Code& code,
                               absl::string_view what);

// A map, with the same privileges. `name`: at most 15 letters, for those who look at the kernel.
struct MapShape {
  bpf_map_type type;
  uint32_t key_size, value_size, entries;
};
absl::StatusOr<Fd> MakeMap(const MapShape& shape, absl::string_view name);

// On the group and everything below, beside programs that are there already; it goes with the
// group.
absl::Status AttachProgram(const Fd& program, bpf_attach_type attach, const std::string& directory);

}  // namespace moat::cgroups::bpf

#endif  // MOAT_RUNTIME_CGROUPS_BPF_PROGRAM_H_
