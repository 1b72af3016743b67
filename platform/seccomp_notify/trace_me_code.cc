#include "platform/seccomp_notify/trace_me_code.h"

#include <cstdint>

namespace moat::platform::seccomp_notify {
namespace {

constexpr uint8_t kCode[] = {
    0x31, 0xff,                          // xor edi, edi        PTRACE_TRACEME
    0xb8, 0x65, 0x00, 0x00, 0x00,        // mov eax, 101        ptrace
    0x0f, 0x05,                          // syscall
    0x85, 0xc0,                          // test eax, eax
    0x75, 0x17,                          // jnz done
    0xb8, 0x27, 0x00, 0x00, 0x00,        // mov eax, 39         getpid: of one thread, so its number
    0x0f, 0x05,                          // syscall
    0x89, 0xc7,                          // mov edi, eax
    0x89, 0xc6,                          // mov esi, eax
    0xba, 0x05, 0x00, 0x00, 0x00,        // mov edx, 5          SIGTRAP
    0xb8, 0xea, 0x00, 0x00, 0x00,        // mov eax, 234        tgkill
    0x0f, 0x05,                          // syscall
    0x31, 0xc0,                          // done: xor eax, eax
    0x31, 0xc9,                          // xor ecx, ecx
    0x31, 0xd2,                          // xor edx, edx
    0x31, 0xf6,                          // xor esi, esi
    0x31, 0xff,                          // xor edi, edi
    0x45, 0x31, 0xdb,                    // xor r11d, r11d
    0xff, 0x25, 0x00, 0x00, 0x00, 0x00,  // jmp [rip]           the address that follows
};

}  // namespace

std::vector<std::byte> TraceMeCode(GuestAddr entry) {
  std::vector<std::byte> code;
  for (const uint8_t byte : kCode) code.push_back(std::byte{byte});
  for (int shift = 0; shift < 64; shift += 8) {
    code.push_back(static_cast<std::byte>(entry.value() >> shift));
  }
  return code;
}

}  // namespace moat::platform::seccomp_notify
