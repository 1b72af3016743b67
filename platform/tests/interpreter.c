// An ELF interpreter of our own, without a C library, for layouts that no ld.so has: built as
// ET_EXEC, and with a large p_align. Exits with 33 when it finds itself as the kernel would have
// left it.
#include <elf.h>

// More than one page, so that it has anonymous pages behind the file's; `tail` shares its first
// page with `data`.
static unsigned char bss[3 * 4096];
static volatile unsigned long data = 0x1234567890;
static volatile unsigned char tail[64];

static long Exit(long code) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(231L), "D"(code) : "rcx", "r11", "memory");
  return result;
}

static int AllZero(const volatile unsigned char* bytes, unsigned long size) {
  for (unsigned long i = 0; i < size; ++i) {
    if (bytes[i] != 0) return 0;
  }
  return 1;
}

extern const char __ehdr_start[];

__attribute__((used)) static void Start(const unsigned long* stack, unsigned long others) {
  const unsigned long* at = stack + 1 + stack[0] + 1;
  while (*at) ++at;
  const Elf64_auxv_t* entry = (const Elf64_auxv_t*)(at + 1);
  unsigned long base = 1;
  for (; entry->a_type != AT_NULL; ++entry) {
    if (entry->a_type == AT_BASE) base = entry->a_un.a_val;
  }
  const unsigned long here = (unsigned long)__ehdr_start;
  long code = 33;
  if (others != 0) code = 1;  // registers are not zero
  if (data != 0x1234567890) code = 2;
  if (!AllZero(bss, sizeof(bss)) || !AllZero(tail, sizeof(tail))) code = 3;
  bss[sizeof(bss) - 1] = 1;
#ifdef FIXED
  if (base != 0 || here != FIXED) code = 4;  // an ET_EXEC moves by nothing
#else
  if (base != here) code = 5;
#endif
#ifdef ALIGNMENT
  if (here % ALIGNMENT != 0) code = 6;
#endif
  for (;;) Exit(code);
}

__asm__(
    ".globl _start\n"
    "_start:\n\t"
    "or %rsi, %rcx\n\tor %rax, %rcx\n\tor %rdi, %rcx\n\tor %rdx, %rcx\n\tor %rbx, %rcx\n\tor %rbp, "
    "%rcx\n\t"
    "or %r8, %rcx\n\tor %r9, %rcx\n\tor %r10, %rcx\n\tor %r11, %rcx\n\tor %r12, %rcx\n\tor %r13, "
    "%rcx\n\t"
    "or %r14, %rcx\n\tor %r15, %rcx\n\t"
    "mov %rsp, %rdi\n\tmov %rcx, %rsi\n\tand $-16, %rsp\n\tcall Start\n\thlt\n");
