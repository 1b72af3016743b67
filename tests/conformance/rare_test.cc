// Calls that programs make seldom and that moat answers, or lets through by their arguments: clocks
// and limits by their own system calls, descriptors of anonymous objects, IPC, urgent data.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr long kBadAddress = 8;

TEST(Rare, TimeAndGettimeofdayAgree) {
  time_t seconds = 0;
  timeval now{};
  const long result = syscall(SYS_time, &seconds);
  ASSERT_EQ(syscall(SYS_gettimeofday, &now, nullptr), 0);
  EXPECT_EQ(result, seconds);
  EXPECT_LE(now.tv_sec - seconds, 2);
  EXPECT_GE(now.tv_sec, seconds);
  EXPECT_EQ(syscall(SYS_time, kBadAddress), -1);
  EXPECT_EQ(errno, EFAULT);
}

TEST(Rare, TimesCountsTheCpuTimeOfTheProcess) {
  tms before{}, after{};
  const long start = syscall(SYS_times, &before);
  ASSERT_NE(start, -1);
  while (static_cast<double>(clock()) / CLOCKS_PER_SEC < 0.2) {
  }
  const long end = syscall(SYS_times, &after);
  EXPECT_GE(end, start + 1);
  EXPECT_GE(after.tms_utime + after.tms_stime, 15);
  EXPECT_NE(syscall(SYS_times, nullptr), -1);
}

TEST(Rare, GetrlimitTellsWhatPrlimitTells) {
  rlimit old{}, now{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &now), 0);
  ASSERT_EQ(syscall(SYS_getrlimit, RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(old.rlim_cur, now.rlim_cur);
  EXPECT_EQ(old.rlim_max, now.rlim_max);
  EXPECT_EQ(syscall(SYS_getrlimit, 99, &old), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(syscall(SYS_getrlimit, RLIMIT_NOFILE, kBadAddress), -1);
  EXPECT_EQ(errno, EFAULT);
}

TEST(Rare, SetrlimitLowersALimit) {
  const pid_t child = fork();
  if (child == 0) {
    rlimit limit{64, 64};
    if (syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit) != 0) _exit(1);
    rlimit after{};
    if (getrlimit(RLIMIT_NOFILE, &after) != 0) _exit(2);
    _exit(after.rlim_max == 64 ? 0 : 3);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Rare, PrioritiesOfSchedulingPolicies) {
  EXPECT_EQ(sched_get_priority_max(SCHED_FIFO), 99);
  EXPECT_EQ(sched_get_priority_min(SCHED_RR), 1);
  EXPECT_EQ(sched_get_priority_max(SCHED_OTHER), 0);
  EXPECT_EQ(sched_get_priority_min(99), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(Rare, OrdinarySchedulingPoliciesMayBeTaken) {
  const pid_t child = fork();
  if (child == 0) {
    const sched_param none{};
    if (sched_setscheduler(0, SCHED_BATCH, &none) != 0) _exit(1);
    _exit(sched_getscheduler(0) == SCHED_BATCH ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Rare, NiceOfProcessAndGroup) {
  errno = 0;
  const int nice = getpriority(PRIO_PROCESS, 0);
  EXPECT_EQ(errno, 0);
  EXPECT_EQ(getpriority(PRIO_PGRP, 0), nice);
  EXPECT_EQ(setpriority(PRIO_PROCESS, 0, nice), 0);
}

TEST(Rare, ClocksByTheirOwnCalls) {
  timespec time{};
  EXPECT_EQ(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time), 0);
  EXPECT_EQ(syscall(SYS_clock_getres, CLOCK_REALTIME, &time), 0);
  EXPECT_EQ(syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &time), 0);
  clockid_t own = 0;
  ASSERT_EQ(clock_getcpuclockid(0, &own), 0);
  EXPECT_EQ(syscall(SYS_clock_gettime, own, &time), 0);
  const timespec moment{0, 1000};
  EXPECT_EQ(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &moment, nullptr), 0);
  EXPECT_EQ(syscall(SYS_clock_gettime, 99, &time), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(Rare, EpollWaitsForAPipe) {
  for (const bool old : {true, false}) {
    const int epoll =
        static_cast<int>(old ? syscall(SYS_epoll_create, 1) : syscall(SYS_epoll_create1, 0));
    ASSERT_GE(epoll, 0);
    EXPECT_EQ(fcntl(epoll, F_GETFD), 0);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    epoll_event event{EPOLLIN, {.u64 = 7}};
    ASSERT_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 0);
    ASSERT_EQ(write(ends[1], "x", 1), 1);
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 1000), 1);
    EXPECT_EQ(event.data.u64, 7u);
    for (const int fd : {epoll, ends[0], ends[1]}) close(fd);
  }
}

TEST(Rare, EpollCreateKeepsItsRules) {
  EXPECT_EQ(syscall(SYS_epoll_create, 0), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(epoll_create1(1), -1);
  EXPECT_EQ(errno, EINVAL);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  EXPECT_EQ(fcntl(epoll, F_GETFD), FD_CLOEXEC);
  close(epoll);
}

TEST(Rare, EventfdCounts) {
  const int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  eventfd_t value = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(eventfd_read(fd, &value), 0);
    EXPECT_EQ(value, 1u);
  }
  EXPECT_EQ(eventfd_read(fd, &value), -1);
  EXPECT_EQ(errno, EAGAIN);
  close(fd);
  EXPECT_EQ(eventfd(0, 1 << 20), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(Rare, IdsAreTold) {
  const pid_t child = fork();
  if (child == 0) {
    if (setresgid(11, 12, 13) != 0 || setresuid(21, 22, 23) != 0) _exit(1);
    uid_t uids[3] = {};
    gid_t gids[3] = {};
    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0) _exit(2);
    if (getresgid(&gids[0], &gids[1], &gids[2]) != 0) _exit(3);
    if (uids[0] != 21 || uids[1] != 22 || uids[2] != 23) _exit(4);
    if (gids[0] != 11 || gids[1] != 12 || gids[2] != 13) _exit(5);
    if (syscall(SYS_getresuid, &uids[0], nullptr, &uids[2]) != -1 || errno != EFAULT) _exit(6);
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Rare, AWatchIsTakenAway) {
  const int inotify = inotify_init1(IN_CLOEXEC);
  const int watch = inotify_add_watch(inotify, "/tmp", IN_CREATE);
  ASSERT_GE(watch, 0);
  EXPECT_EQ(inotify_rm_watch(inotify, watch), 0);
  EXPECT_EQ(inotify_rm_watch(inotify, watch), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(inotify_rm_watch(0x7fff, 1), -1);
  EXPECT_EQ(errno, EBADF);
  close(inotify);
}

TEST(Rare, InotifySeesANewFile) {
  char name[] = "/tmp/rareXXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const int inotify = static_cast<int>(syscall(SYS_inotify_init));
  ASSERT_GE(inotify, 0);
  EXPECT_EQ(fcntl(inotify, F_GETFD), 0);
  ASSERT_GE(inotify_add_watch(inotify, name, IN_CREATE), 0);
  const std::string file = std::string(name) + "/new";
  close(open(file.c_str(), O_CREAT | O_WRONLY, 0600));
  char events[256];
  EXPECT_GT(read(inotify, events, sizeof(events)), 0);
  close(inotify);
  const int other = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  EXPECT_EQ(fcntl(other, F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(read(other, events, sizeof(events)), -1);
  EXPECT_EQ(errno, EAGAIN);
  close(other);
  EXPECT_EQ(inotify_init1(1), -1);
  EXPECT_EQ(errno, EINVAL);
  unlink(file.c_str());
  rmdir(name);
}

TEST(Rare, SignalfdGivesItsReadersSignals) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  ASSERT_EQ(sigprocmask(SIG_BLOCK, &mask, nullptr), 0);
  const int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  signalfd_siginfo info{};
  EXPECT_EQ(read(fd, &info, sizeof(info)), -1);
  EXPECT_EQ(errno, EAGAIN);
  ASSERT_EQ(kill(getpid(), SIGUSR1), 0);
  pollfd polled{fd, POLLIN, 0};
  EXPECT_EQ(poll(&polled, 1, 1000), 1);
  ASSERT_EQ(read(fd, &info, sizeof(info)), static_cast<ssize_t>(sizeof(info)));
  EXPECT_EQ(info.ssi_signo, static_cast<uint32_t>(SIGUSR1));
  EXPECT_EQ(info.ssi_pid, static_cast<uint32_t>(getpid()));
  close(fd);
}

TEST(Rare, SignalfdTakesANewMask) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  const int fd = signalfd(-1, &mask, 0);
  sigaddset(&mask, SIGUSR2);
  ASSERT_EQ(sigprocmask(SIG_BLOCK, &mask, nullptr), 0);
  EXPECT_EQ(signalfd(fd, &mask, 0), fd);
  ASSERT_EQ(kill(getpid(), SIGUSR2), 0);
  signalfd_siginfo info{};
  ASSERT_EQ(read(fd, &info, sizeof(info)), static_cast<ssize_t>(sizeof(info)));
  EXPECT_EQ(info.ssi_signo, static_cast<uint32_t>(SIGUSR2));
  EXPECT_EQ(signalfd(0x7fff, &mask, 0), -1);
  EXPECT_EQ(errno, EBADF);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(signalfd(ends[0], &mask, 0), -1);
  EXPECT_EQ(errno, EINVAL);
  for (const int end : {fd, ends[0], ends[1]}) close(end);
}

TEST(Rare, SyncfsWantsAnOpenDescriptor) {
  const int fd = open("/tmp", O_RDONLY);
  EXPECT_EQ(syncfs(fd), 0);
  close(fd);
  EXPECT_EQ(syncfs(fd), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST(Rare, AttributesByDescriptor) {
  char name[] = "/tmp/rareXXXXXX";
  const int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  if (fsetxattr(fd, "user.one", "1", 1, 0) == 0) {
    char list[64] = "";
    EXPECT_EQ(flistxattr(fd, list, sizeof(list)), 9);
    EXPECT_STREQ(list, "user.one");
    EXPECT_EQ(fremovexattr(fd, "user.one"), 0);
  }
  EXPECT_EQ(flistxattr(fd, nullptr, 0), 0);
  EXPECT_EQ(fremovexattr(fd, "user.none"), -1);
  const int place = open(name, O_PATH);
  EXPECT_EQ(flistxattr(place, nullptr, 0), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(flistxattr(-100, nullptr, 0), -1);
  EXPECT_EQ(errno, EBADF);
  close(place);
  close(fd);
  unlink(name);
}

TEST(Rare, SystemVIpc) {
  const int semaphores = semget(IPC_PRIVATE, 2, 0600);
  ASSERT_GE(semaphores, 0);
  EXPECT_EQ(semctl(semaphores, 0, SETVAL, 1), 0);
  sembuf take{0, -1, IPC_NOWAIT};
  EXPECT_EQ(semop(semaphores, &take, 1), 0);
  EXPECT_EQ(semctl(semaphores, 0, GETVAL), 0);
  EXPECT_EQ(semctl(semaphores, 0, IPC_RMID), 0);
  const int queue = msgget(IPC_PRIVATE, 0600);
  ASSERT_GE(queue, 0);
  struct {
    long type;
    char text[4];
  } message{1, "abc"};
  EXPECT_EQ(msgsnd(queue, &message, 4, 0), 0);
  EXPECT_EQ(msgrcv(queue, &message, 4, 0, IPC_NOWAIT), 4);
  EXPECT_EQ(msgctl(queue, IPC_RMID, nullptr), 0);
  const int memory = shmget(IPC_PRIVATE, 4096, 0600);
  ASSERT_GE(memory, 0);
  shmid_ds facts{};
  EXPECT_EQ(shmctl(memory, IPC_STAT, &facts), 0);
  EXPECT_EQ(facts.shm_segsz, 4096u);
  EXPECT_EQ(shmctl(memory, IPC_RMID, nullptr), 0);
}

TEST(Rare, ReadingIsAdvised) {
  const int fd = open("/etc/passwd", O_RDONLY);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
  EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
  close(fd);
}

}  // namespace
