// fcntl_locking(2), flock(2), leases: who excludes whom.
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tuple>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

// Two openings of "file", each with a kind of lock; who gets in the way of whom.
enum class Lock { kFlockShared, kFlock, kOfdRead, kOfdWrite, kPosixRead, kPosixWrite };
constexpr const char* kLockNames[] = {"flock_shared", "flock",      "ofd_read",
                                      "ofd_write",    "posix_read", "posix_write"};
int Take(int fd, Lock lock) {
  if (lock == Lock::kFlockShared) return ErrnoOf(flock(fd, LOCK_SH | LOCK_NB));
  if (lock == Lock::kFlock) return ErrnoOf(flock(fd, LOCK_EX | LOCK_NB));
  const bool ofd = lock == Lock::kOfdRead || lock == Lock::kOfdWrite;
  const bool write = lock == Lock::kOfdWrite || lock == Lock::kPosixWrite;
  struct flock range {};
  range.l_type = write ? F_WRLCK : F_RDLCK;
  range.l_whence = SEEK_SET;
  return ErrnoOf(fcntl(fd, ofd ? F_OFD_SETLK : F_SETLK, &range));
}
bool Conflict(Lock a, Lock b) {
  const bool a_whole = a <= Lock::kFlock, b_whole = b <= Lock::kFlock;
  if (a_whole != b_whole) return false;
  if (a_whole) return a == Lock::kFlock || b == Lock::kFlock;
  const auto writes = [](Lock l) { return l == Lock::kOfdWrite || l == Lock::kPosixWrite; };
  return writes(a) || writes(b);
}
class Locks : public Scratch, public ::testing::WithParamInterface<std::tuple<int, int>> {};
INSTANTIATE_TEST_SUITE_P(Of, Locks,
                         ::testing::Combine(::testing::Range(0, 6), ::testing::Range(0, 6)),
                         [](const auto& of) {
                           return std::string(kLockNames[std::get<0>(of.param)]) + "_against_" +
                                  kLockNames[std::get<1>(of.param)];
                         });
TEST_P(Locks, OfTwoProcesses) {
  WriteFile("file");
  const auto mine = static_cast<Lock>(std::get<0>(GetParam()));
  const auto others = static_cast<Lock>(std::get<1>(GetParam()));
  Fd file(open("file", O_RDWR | O_CLOEXEC));
  ASSERT_EQ(0, Take(file.get(), mine));
  EXPECT_CHILD_ERRNO(Conflict(mine, others) ? EAGAIN : 0, InChild([&] {
                       Fd own(open("file", O_RDWR | O_CLOEXEC));
                       return Take(own.get(), others);
                     }));
}

class LockRules : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    WriteFile("file", "0123456789");
  }
  static struct flock Range(short type, off_t start, off_t length) {
    struct flock range {};
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = start;
    range.l_len = length;
    return range;
  }
};
TEST_F(LockRules, GetlkTellsTheHolder) {
  Fd file(open("file", O_RDWR | O_CLOEXEC));
  struct flock range = Range(F_WRLCK, 2, 3);
  ASSERT_SUCCESS(fcntl(file.get(), F_SETLK, &range));
  const pid_t self = getpid();
  EXPECT_EQ(0, InChild([&] {
              struct flock asked = Range(F_RDLCK, 0, 0);
              if (fcntl(file.get(), F_GETLK, &asked) != 0) return 1;
              return asked.l_pid == self && asked.l_start == 2 && asked.l_len == 3 &&
                             asked.l_type == F_WRLCK
                         ? 0
                         : 2;
            }));
}
TEST_F(LockRules, DisjointRangesDoNotConflict) {
  Fd file(open("file", O_RDWR | O_CLOEXEC));
  struct flock range = Range(F_WRLCK, 0, 5);
  ASSERT_SUCCESS(fcntl(file.get(), F_SETLK, &range));
  EXPECT_CHILD_ERRNO(0, InChild([&] {
                       struct flock other = Range(F_WRLCK, 5, 5);
                       return ErrnoOf(fcntl(file.get(), F_SETLK, &other));
                     }));
}
TEST_F(LockRules, ClosingAnyDescriptorDropsPosixLocks) {
  Fd file(open("file", O_RDWR | O_CLOEXEC));
  struct flock range = Range(F_WRLCK, 0, 0);
  ASSERT_SUCCESS(fcntl(file.get(), F_SETLK, &range));
  Fd(open("file", O_RDONLY)).Reset();
  EXPECT_CHILD_ERRNO(0, InChild([&] {
                       struct flock other = Range(F_WRLCK, 0, 0);
                       return ErrnoOf(fcntl(file.get(), F_SETLK, &other));
                     }));
}
TEST_F(LockRules, PosixLocksAreNotInherited) {
  Fd file(open("file", O_RDWR | O_CLOEXEC));
  struct flock range = Range(F_WRLCK, 0, 0);
  ASSERT_SUCCESS(fcntl(file.get(), F_SETLK, &range));
  EXPECT_CHILD_ERRNO(EAGAIN, InChild([&] {
                       struct flock other = Range(F_RDLCK, 0, 1);
                       return ErrnoOf(fcntl(file.get(), F_SETLK, &other));
                     }));
}
TEST_F(LockRules, FlockIsSharedByInheritedDescriptors) {
  Fd file(open("file", O_RDWR | O_CLOEXEC));
  ASSERT_SUCCESS(flock(file.get(), LOCK_EX));
  EXPECT_CHILD_ERRNO(0, InChild([&] { return ErrnoOf(flock(file.get(), LOCK_EX | LOCK_NB)); }));
}
TEST_F(LockRules, FlockOfAReadOnlyDescriptorMayBeExclusive) {
  Fd file(open("file", O_RDONLY | O_CLOEXEC));
  EXPECT_SUCCESS(flock(file.get(), LOCK_EX | LOCK_NB));
}
TEST_F(LockRules, WriteLockOfAReadOnlyDescriptorIsEbadf) {
  Fd file(open("file", O_RDONLY | O_CLOEXEC));
  struct flock range = Range(F_WRLCK, 0, 0);
  EXPECT_ERRNO(EBADF, fcntl(file.get(), F_SETLK, &range));
}
TEST_F(LockRules, OfdLockWithAPidIsEinval) {
  Fd file(open("file", O_RDWR | O_CLOEXEC));
  struct flock range = Range(F_WRLCK, 0, 0);
  range.l_pid = 1;
  EXPECT_ERRNO(EINVAL, fcntl(file.get(), F_OFD_SETLK, &range));
}
TEST_F(LockRules, NegativeStartIsEinval) {
  Fd file(open("file", O_RDWR | O_CLOEXEC));
  struct flock range = Range(F_WRLCK, -1, 1);
  EXPECT_ERRNO(EINVAL, fcntl(file.get(), F_SETLK, &range));
}
TEST_F(LockRules, CrossedWaitsAreEdeadlk) {
  Fd file(open("file", O_RDWR | O_CLOEXEC));
  struct flock mine = Range(F_WRLCK, 0, 1);
  ASSERT_SUCCESS(fcntl(file.get(), F_SETLK, &mine));
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_CLOEXEC));
  const pid_t child = fork();
  if (child == 0) {
    struct flock own = Range(F_WRLCK, 1, 1), wanted = Range(F_WRLCK, 0, 1);
    if (fcntl(file.get(), F_SETLK, &own) != 0 || write(ends[1], "x", 1) != 1) _exit(1);
    _exit(ErrnoOf(fcntl(file.get(), F_SETLKW, &wanted)));
  }
  char byte;
  ASSERT_EQ(1, read(ends[0], &byte, 1));
  struct flock wanted = Range(F_WRLCK, 1, 1);
  const int own = ErrnoOf(fcntl(file.get(), F_SETLKW, &wanted));
  mine.l_type = F_UNLCK;
  EXPECT_SUCCESS(fcntl(file.get(), F_SETLK, &mine));
  int status;
  EXPECT_EQ(child, waitpid(child, &status, 0));
  // Whoever came second was told, and the other one got the lock.
  EXPECT_EQ(EDEADLK, own + WEXITSTATUS(status));
  close(ends[0]);
  close(ends[1]);
}
TEST_F(LockRules, LeaseIsTakenAndTold) {
  Fd file(open("file", O_RDONLY | O_CLOEXEC));
  ASSERT_SUCCESS(fcntl(file.get(), F_SETLEASE, F_RDLCK));
  EXPECT_EQ(F_RDLCK, fcntl(file.get(), F_GETLEASE));
  EXPECT_SUCCESS(fcntl(file.get(), F_SETLEASE, F_UNLCK));
  EXPECT_EQ(F_UNLCK, fcntl(file.get(), F_GETLEASE));
}

}  // namespace
}  // namespace moat::conformance
