// Calls that merely ask, made so often from one place that moat answers them without a trap
// (docs/adr/015-doorbell.md). Whatever a program does in between or around them, they answer as
// Linux does.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

constexpr int kOften = 2000;

// As compilers and C libraries make it: the number first, then at once `syscall`. One place for
// each number. The kernel's result.
template <int nr, typename First>
[[gnu::noipa]] long Ask(First a, const void* b, void* c, long d) {
  register long r10 asm("r10") = d;
  long result;
  asm volatile("mov %[nr], %%eax\n\tsyscall"
               : "=a"(result)
               : [nr] "i"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
               : "rcx", "r11", "memory");
  return result;
}

long StatAt(int dirfd, const char* path, struct stat* to, int flags = 0) {
  return Ask<SYS_newfstatat>(dirfd, path, to, flags);
}
long Stat(const char* path, struct stat* to) { return StatAt(AT_FDCWD, path, to); }

// So often that the answer comes the short way, where there is one.
void AskOften(const char* path) {
  struct stat found;
  for (int i = 0; i < kOften; ++i) Stat(path, &found);
}

class AskedOften : public Scratch {};

TEST_F(AskedOften, SizesAreThoseOfTheMoment) {
  WriteFile("file");
  const int file = open("file", O_WRONLY | O_APPEND);
  for (int i = 1; i <= kOften; ++i) {
    ASSERT_EQ(1, write(file, "x", 1));
    struct stat found = {};
    ASSERT_EQ(0, Stat("file", &found));
    ASSERT_EQ(i, found.st_size);
  }
  close(file);
}

TEST_F(AskedOften, NamesComeAndGo) {
  struct stat found;
  for (int i = 0; i < kOften; ++i) {
    ASSERT_EQ(-ENOENT, Stat("name", &found));
    WriteFile("name");
    ASSERT_EQ(0, Stat("name", &found));
    ASSERT_EQ(0, rename("name", "other"));
    ASSERT_EQ(-ENOENT, Stat("name", &found));
    ASSERT_EQ(0, unlink("other"));
  }
}

TEST_F(AskedOften, ModesOfDirectoriesCount) {
  ASSERT_EQ(0, mkdir("locked", 0755));
  WriteFile("locked/file");
  ASSERT_EQ(0, chmod(".", 0755));
  EXPECT_EQ(0, As({}, [] {
              struct stat found;
              for (int i = 0; i < kOften; ++i) {
                if (Stat("locked/file", &found) != 0) return 1;
              }
              return 0;
            }));
  ASSERT_EQ(0, chown("locked", 1000, 1000));
  EXPECT_EQ(0, As({}, [] {
              struct stat found;
              for (int i = 0; i < kOften; ++i) {
                if (chmod("locked", 0) != 0 || Stat("locked/file", &found) != -EACCES) return 1;
                if (chmod("locked", 0700) != 0 || Stat("locked/file", &found) != 0) return 2;
              }
              return 0;
            }));
}

TEST_F(AskedOften, IdsCount) {
  ASSERT_EQ(0, mkdir("locked", 0700));
  WriteFile("locked/file");
  EXPECT_EQ(0, InChild([] {
              struct stat found;
              for (int i = 0; i < kOften; ++i) {
                if (setresuid(-1, 1000, -1) != 0) return 1;
                if (Stat("locked/file", &found) != -EACCES) return 2;
                if (setresuid(-1, 0, -1) != 0) return 3;
                if (Stat("locked/file", &found) != 0) return 4;
              }
              return 0;
            }));
}

TEST_F(AskedOften, RelativeNamesFollowTheWorkingDirectory) {
  for (const std::string name : {"one", "two"}) {
    ASSERT_EQ(0, mkdir(name.c_str(), 0755));
    WriteFile(name + "/file", name == "one" ? "1" : "22");
  }
  EXPECT_EQ(0, InChild([] {
              struct stat found;
              const int one = open("one", O_DIRECTORY), two = open("two", O_DIRECTORY);
              for (int i = 0; i < kOften; ++i) {
                if (fchdir(i % 2 ? two : one) != 0) return 1;
                if (Stat("file", &found) != 0 || found.st_size != 1 + i % 2) return 2;
              }
              for (int i = 0; i < kOften / 10; ++i) {
                if (chdir(i % 2 ? "../two" : "../one") != 0) return 3;
                for (int j = 0; j < 10; ++j) {
                  if (Stat("file", &found) != 0 || found.st_size != 1 + i % 2) return 4;
                }
              }
              return 0;
            }));
}

TEST_F(AskedOften, FromADescriptor) {
  ASSERT_EQ(0, mkdir("one", 0755));
  WriteFile("one/file", "123");
  const int one = open("one", O_DIRECTORY);
  struct stat found;
  for (int i = 0; i < kOften; ++i) {
    ASSERT_EQ(0, StatAt(one, "file", &found));
    ASSERT_EQ(3, found.st_size);
  }
  const int other = dup(one);
  close(one);
  ASSERT_EQ(-EBADF, StatAt(one, "file", &found));
  ASSERT_EQ(0, StatAt(other, "file", &found));
  close(other);
  ASSERT_EQ(-EBADF, StatAt(other, "file", &found));
}

TEST_F(AskedOften, ChrootCounts) {
  ASSERT_EQ(0, mkdir("root", 0755));
  WriteFile("root/name_in_the_root");
  EXPECT_EQ(0, InChild([] {
              struct stat found;
              for (int i = 0; i < kOften; ++i) {
                if (Stat("/name_in_the_root", &found) != -ENOENT) return 1;
              }
              if (chroot("root") != 0) return 2;
              for (int i = 0; i < kOften; ++i) {
                if (Stat("/name_in_the_root", &found) != 0) return 3;
              }
              return 0;
            }));
}

TEST_F(AskedOften, BadPointersAreEfault) {
  WriteFile("file");
  AskOften("file");
  char* page = static_cast<char*>(
      mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_EQ(0, munmap(page + 4096, 4096));
  struct stat found;
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(-EFAULT, Stat(nullptr, &found));
    ASSERT_EQ(-EFAULT, Stat(page + 4096, &found));
    ASSERT_EQ(-EFAULT, Ask<SYS_newfstatat>(AT_FDCWD, "file", page + 4096, 0));
    ASSERT_EQ(-EFAULT, Ask<SYS_newfstatat>(AT_FDCWD, "file", page + 4096 - 8, 0));
    ASSERT_EQ(-EFAULT, Ask<SYS_newfstatat>(AT_FDCWD, "file", nullptr, 0));
    ASSERT_EQ(0, Ask<SYS_newfstatat>(AT_FDCWD, "file", page + 4096 - sizeof(found), 0));
    ASSERT_EQ(0, Stat("file", &found));
  }
  munmap(page, 4096);
}

TEST_F(AskedOften, EveryCallThatAsks) {
  WriteFile("file", "1234");
  ASSERT_EQ(0, symlink("file", "link"));
  for (int i = 0; i < kOften; ++i) {
    struct stat found = {};
    ASSERT_EQ(0, Ask<SYS_stat>("link", &found, nullptr, 0));
    ASSERT_EQ(4, found.st_size);
    ASSERT_EQ(0, Ask<SYS_lstat>("link", &found, nullptr, 0));
    ASSERT_TRUE(S_ISLNK(found.st_mode));
    ASSERT_EQ(0, StatAt(AT_FDCWD, "link", &found, AT_SYMLINK_NOFOLLOW));
    ASSERT_TRUE(S_ISLNK(found.st_mode));
    ASSERT_EQ(0, Ask<SYS_access>("file", nullptr, nullptr, 0));
    ASSERT_EQ(-ENOENT, Ask<SYS_access>("none", nullptr, nullptr, 0));
    ASSERT_EQ(0, Ask<SYS_faccessat>(AT_FDCWD, "file", nullptr, 0));
    ASSERT_EQ(-EINVAL, StatAt(AT_FDCWD, "file", &found, 0x40000000));
  }
}

// glibc's fstat(2) is made from the place that its stat(2) is made from.
TEST_F(AskedOften, DescriptorsFromTheSamePlace) {
  WriteFile("file", "123");
  const int file = open("file", O_RDONLY);
  struct stat found = {};
  struct statx more = {};
  for (int i = 0; i < kOften; ++i) {
    ASSERT_EQ(0, Stat("file", &found));
    ASSERT_EQ(0, StatAt(file, "", &found, AT_EMPTY_PATH));
    ASSERT_EQ(3, found.st_size);
    ASSERT_EQ(-EBADF, StatAt(-1, "", &found, AT_EMPTY_PATH));
    ASSERT_EQ(0, fstat(file, &found));
    ASSERT_EQ(0, statx(AT_FDCWD, "file", 0, STATX_SIZE, &more));
    ASSERT_EQ(0, statx(file, "", AT_EMPTY_PATH, STATX_SIZE, &more));
    ASSERT_EQ(3u, more.stx_size);
  }
  close(file);
}

TEST_F(AskedOften, SignalHandlersMayAsk) {
  WriteFile("file", "1");
  WriteFile("other", "22");
  static std::atomic<int> wrong, handled;
  wrong = handled = 0;
  struct sigaction action = {}, before;
  action.sa_flags = SA_RESTART;
  action.sa_handler = [](int) {
    struct stat found;
    if (Stat("other", &found) != 0 || found.st_size != 2) ++wrong;
    ++handled;
  };
  ASSERT_EQ(0, sigaction(SIGALRM, &action, &before));
  const itimerval often = {{0, 2000}, {0, 2000}}, never = {};
  setitimer(ITIMER_REAL, &often, nullptr);
  struct stat found;
  // Where a call takes longer than the timer, most of the time goes to the handler.
  for (int i = 0; i < 10 * kOften && handled < kOften; ++i) {
    if (Stat("file", &found) != 0 || found.st_size != 1) ++wrong;
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  EXPECT_EQ(0, wrong);
  EXPECT_GT(handled, 0);
}

TEST_F(AskedOften, SignalHandlersMayLeave) {
  WriteFile("file", "1");
  static sigjmp_buf out;
  struct sigaction action = {}, before;
  action.sa_flags = SA_RESTART;
  action.sa_handler = [](int) { siglongjmp(out, 1); };
  ASSERT_EQ(0, sigaction(SIGALRM, &action, &before));
  const itimerval soon = {{0, 0}, {0, 100}}, never = {};
  volatile int left = 0;
  struct stat found;
  while (left < 300) {
    if (sigsetjmp(out, 1) != 0) {
      left = left + 1;
      // Where an answer would lie that came too late.
      volatile char frame[512] = {};
      for (int i = 0; i < 20; ++i) ASSERT_EQ(0, Stat("file", &found));
      for (const char byte : frame) ASSERT_EQ(0, byte);
      continue;
    }
    setitimer(ITIMER_REAL, &soon, nullptr);
    for (;;) Stat("file", &found);
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
}

TEST_F(AskedOften, ChildrenMayAsk) {
  WriteFile("file", "1");
  AskOften("file");
  for (int i = 0; i < 6; ++i) {
    ASSERT_EQ(0, InChild([i] {
                const std::string mine = "file" + std::to_string(i);
                struct stat found;
                for (int j = 0; j < kOften / 4; ++j) {
                  if (Stat("file", &found) != 0 || found.st_size != 1) return 1;
                  if (Stat(mine.c_str(), &found) != -ENOENT) return 2;
                }
                // And theirs.
                return InChild([] {
                  struct stat other;
                  for (int j = 0; j < kOften / 4; ++j) {
                    if (Stat("file", &other) != 0 || other.st_size != 1) return 3;
                  }
                  return 0;
                });
              }));
    struct stat found;
    ASSERT_EQ(0, Stat("file", &found));
  }
}

TEST_F(AskedOften, ChildrenOfVforkHaveTheirOwnDirectory) {
  ASSERT_EQ(0, mkdir("below", 0755));
  WriteFile("file", "1");
  WriteFile("below/file", "22");
  AskOften("file");
  for (int i = 0; i < 100; ++i) {
    static volatile long sizes[40];
    const pid_t child = vfork();
    if (child == 0) {
      if (chdir("below") != 0) _exit(1);
      for (auto& size : sizes) {
        struct stat found;
        size = Stat("file", &found) == 0 ? found.st_size : -1;
      }
      _exit(0);
    }
    int status = -1;
    ASSERT_EQ(child, waitpid(child, &status, 0));
    ASSERT_EQ(0, status);
    for (const long size : sizes) ASSERT_EQ(2, size);
    struct stat found;
    ASSERT_EQ(0, Stat("file", &found));
    ASSERT_EQ(1, found.st_size);
  }
}

TEST_F(AskedOften, ThreadsAsk) {
  for (int i = 0; i < 8; ++i) WriteFile("file" + std::to_string(i), std::string(i, 'x'));
  AskOften("file1");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([i, &wrong] {
      const std::string mine = "file" + std::to_string(i);
      struct stat found;
      for (int j = 0; j < kOften; ++j) {
        if (Stat(mine.c_str(), &found) != 0 || found.st_size != i) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(0, wrong);
}

// With nobody who has asked before there were threads.
TEST_F(AskedOften, OnlyThreadsAsk) {
  for (int i = 0; i < 6; ++i) WriteFile("file" + std::to_string(i), std::string(i, 'x'));
  EXPECT_EQ(0, InChild([] {
              std::atomic<int> wrong = 0;
              std::vector<std::thread> threads;
              for (int i = 0; i < 6; ++i) {
                threads.emplace_back([i, &wrong] {
                  const std::string mine = "file" + std::to_string(i);
                  struct stat found;
                  for (int j = 0; j < kOften; ++j) {
                    if (Stat(mine.c_str(), &found) != 0 || found.st_size != i) ++wrong;
                    if (Ask<SYS_access>(mine.c_str(), nullptr, nullptr, 0) != 0) ++wrong;
                  }
                });
              }
              for (std::thread& thread : threads) thread.join();
              return wrong == 0 ? 0 : 1;
            }));
}

// A filter of one thread counts for that thread, whoever asks beside it.
TEST_F(AskedOften, AThreadsOwnFilterCounts) {
  WriteFile("file");
  EXPECT_EQ(0, InChild([] {
              std::atomic<int> wrong = 0;
              std::atomic<bool> over = false;
              std::thread other([&] {
                struct stat found;
                while (!over) wrong += Stat("file", &found) != 0;
              });
              AskOften("file");
              if (AddFilter(SYS_newfstatat, SECCOMP_RET_ERRNO | EDOM) != 0) return 2;
              struct stat found;
              for (int i = 0; i < kOften; ++i) wrong += Stat("file", &found) != -EDOM;
              over = true;
              other.join();
              return wrong == 0 ? 0 : 1;
            }));
}

// Under a filter of the program's own, the kernel asks that one, too.
TEST_F(AskedOften, OwnFiltersCount) {
  WriteFile("file");
  EXPECT_EQ(0, InChild([] {
              AskOften("file");
              if (AddFilter(SYS_newfstatat, SECCOMP_RET_ERRNO | EDOM) != 0) return 2;
              struct stat found;
              for (int i = 0; i < kOften; ++i) {
                if (Stat("file", &found) != -EDOM) return 3;
              }
              return InChild([] {
                struct stat other;
                for (int i = 0; i < kOften; ++i) {
                  if (Stat("file", &other) != -EDOM) return 4;
                }
                return 0;
              });
            }));
}

// A tracer sees every call.
TEST_F(AskedOften, TracersSeeThem) {
  WriteFile("file");
  constexpr int kSeen = 200;
  const pid_t child = fork();
  if (child == 0) {
    AskOften("file");
    raise(SIGSTOP);
    struct stat found;
    for (int i = 0; i < kSeen; ++i) Stat("file", &found);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
  ASSERT_EQ(0, ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD));
  ASSERT_EQ(0, kill(child, SIGCONT));
  int stops = 0;
  while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      user_regs_struct registers;
      ASSERT_EQ(0, ptrace(PTRACE_GETREGS, child, 0, &registers));
      stops += registers.orig_rax == SYS_newfstatat;
    }
    const bool call = (WSTOPSIG(status) & 0x7f) == SIGTRAP;
    ptrace(PTRACE_SYSCALL, child, 0, call ? 0 : WSTOPSIG(status));
  }
  EXPECT_EQ(2 * kSeen, stops);
}

// What a system call leaves alone stays as it is: all registers but rax, rcx and r11, and what lies
// below the stack pointer.
TEST_F(AskedOften, RegistersAndTheRedZoneStay) {
  WriteFile("file", "1");
  struct stat found = {};
  const char* const path = "file";
  struct stat* const to = &found;
  for (int i = 0; i < 2 * kOften; ++i) {
    uint64_t result = 0, changed = 0;
    asm volatile(
        "mov %[path], %%rsi\n\t"
        "mov %[to], %%rdx\n\t"
        "mov $-100, %%rdi\n\t"
        "xor %%r10d, %%r10d\n\t"
        "mov $8, %%r8\n\tmov $9, %%r9\n\tmov $12, %%r12\n\tmov $13, %%r13\n\t"
        "mov $14, %%r14\n\tmov $15, %%r15\n\tmov $3, %%rbx\n\t"
        "sub $128, %%rsp\n\t"
        "movq $77, 8(%%rsp)\n\t"
        "add $128, %%rsp\n\t"
        "mov $262, %%eax\n\t"
        "syscall\n\t"
        "mov %%rax, %[result]\n\t"
        "xor %%eax, %%eax\n\t"
        "cmpq $77, -120(%%rsp)\n\tsetne %%al\n\t"
        "cmp $-100, %%rdi\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp %[path], %%rsi\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp %[to], %%rdx\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp $0, %%r10\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp $8, %%r8\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp $9, %%r9\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp $12, %%r12\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp $13, %%r13\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp $14, %%r14\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp $15, %%r15\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "cmp $3, %%rbx\n\tsetne %%cl\n\tor %%cl, %%al\n\t"
        "mov %%rax, %[changed]\n\t"
        : [result] "=m"(result), [changed] "=m"(changed)
        : [path] "m"(path), [to] "m"(to)
        : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
          "r15", "cc", "memory");
    ASSERT_EQ(0u, result);
    ASSERT_EQ(0u, changed);
    ASSERT_EQ(1, found.st_size);
  }
}

// `newfstatat` from its first instruction, or whatever is in `nr` from its second one.
[[gnu::noipa]] long FromEither(bool second, long nr, const char* path, struct stat* to) {
  register long r10 asm("r10") = 0;
  long result = nr;
  asm volatile(
      "test %b[second], %b[second]\n\t"
      "jnz 1f\n\t"
      "mov $262, %%eax\n\t"
      "1: syscall"
      : "+a"(result)
      : [second] "r"(second), "D"(static_cast<long>(AT_FDCWD)), "S"(path), "d"(to), "r"(r10)
      : "rcx", "r11", "cc", "memory");
  return result;
}

// The second of the two instructions is a `syscall` to whoever jumps there.
TEST_F(AskedOften, JumpsToTheSecondInstruction) {
  struct stat found;
  const long pid = getpid();
  for (int i = 0; i < kOften; ++i) {
    ASSERT_EQ(-ENOENT, FromEither(false, 0, "none", &found));
    ASSERT_EQ(pid, FromEither(true, SYS_getpid, "none", &found));
    ASSERT_EQ(-ENOENT, FromEither(true, SYS_newfstatat, "none", &found));
  }
}

TEST_F(AskedOften, ProgramsThatFollow) {
  WriteFile("file");
  const int status = InChild([] {
    AskOften("file");
    execl("/bin/sh", "sh", "-c",
          "i=0; while [ $i -lt 300 ]; do [ -e file ] || exit 1; [ -e none ] && exit 2; "
          "i=$((i+1)); done",
          nullptr);
    return 199;
  });
  EXPECT_EQ(0, status);
}

}  // namespace
}  // namespace moat::conformance
