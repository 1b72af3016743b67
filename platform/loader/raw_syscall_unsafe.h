// System calls without a C library: the result is the kernel's, -errno included.
#ifndef MOAT_PLATFORM_LOADER_RAW_SYSCALL_UNSAFE_H_
#define MOAT_PLATFORM_LOADER_RAW_SYSCALL_UNSAFE_H_

namespace moat::loader {

template <typename T>
inline long Word(T value) {
  return (long)value;  // pointers and numbers alike: the registers know no difference
}

inline long RawSyscall(long nr, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

template <typename... Args>
inline long Syscall(long nr, Args... args) {
  static_assert(sizeof...(args) <= 6);
  const long words[6] = {Word(args)...};
  return RawSyscall(nr, words[0], words[1], words[2], words[3], words[4], words[5]);
}

}  // namespace moat::loader

#endif  // MOAT_PLATFORM_LOADER_RAW_SYSCALL_UNSAFE_H_
