// Time and events: clocks, timers, eventfd, timerfd, epoll, poll on everything, pidfd.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Event : public Scratch {};
constexpr int64_t kNanoseconds = 1000000000;
int64_t Now(clockid_t clock) {
  timespec now{};
  EXPECT_SUCCESS(clock_gettime(clock, &now));
  return now.tv_sec * kNanoseconds + now.tv_nsec;
}

class Clocks : public ::testing::TestWithParam<clockid_t> {};
INSTANTIATE_TEST_SUITE_P(Of, Clocks,
                         ::testing::Values(CLOCK_REALTIME, CLOCK_MONOTONIC,
                                           CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                                           CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                           CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI));
TEST_P(Clocks, NeverGoBack) {
  int64_t last = Now(GetParam());
  for (int i = 0; i < 1000; ++i) {
    const int64_t now = Now(GetParam());
    ASSERT_LE(last, now);
    last = now;
  }
}
TEST_P(Clocks, HaveAResolution) {
  timespec resolution{};
  EXPECT_SUCCESS(clock_getres(GetParam(), &resolution));
  EXPECT_GT(resolution.tv_sec * kNanoseconds + resolution.tv_nsec, 0);
}
TEST_P(Clocks, CallAndVdsoAgree) {
  timespec by_call{};
  const int64_t before = Now(GetParam());
  ASSERT_SUCCESS(syscall(SYS_clock_gettime, GetParam(), &by_call));
  EXPECT_GE(by_call.tv_sec * kNanoseconds + by_call.tv_nsec, before);
}
TEST_F(Event, UnknownClockIsEinval) {
  timespec now{};
  EXPECT_ERRNO(EINVAL, clock_gettime(77, &now));
  EXPECT_EQ(EINVAL, clock_nanosleep(77, 0, &now, nullptr));
}
TEST_F(Event, ClockOfAnotherProcess) {
  clockid_t clock;
  ASSERT_EQ(0, clock_getcpuclockid(getppid(), &clock));
  EXPECT_GE(Now(clock), 0);
  EXPECT_EQ(ESRCH, clock_getcpuclockid(99999, &clock));
}
TEST_F(Event, SleepTakesAtLeastItsTime) {
  const int64_t before = Now(CLOCK_MONOTONIC);
  const timespec time{0, 20000000};
  EXPECT_SUCCESS(nanosleep(&time, nullptr));
  EXPECT_GE(Now(CLOCK_MONOTONIC) - before, 20000000);
}
TEST_F(Event, SleepUntilThePastEndsAtOnce) {
  const timespec past{1, 0};
  EXPECT_EQ(0, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, nullptr));
}
TEST_F(Event, SleepErrors) {
  const timespec bad{0, kNanoseconds};
  EXPECT_ERRNO(EINVAL, nanosleep(&bad, nullptr));
  EXPECT_ERRNO(EFAULT, syscall(SYS_nanosleep, 1, 0));
}
TEST_F(Event, InterruptedSleepTellsTheRest) {
  EXPECT_EQ(0, InChild([] {
              struct sigaction action {};
              action.sa_handler = [](int) {};
              sigaction(SIGALRM, &action, nullptr);
              ualarm(20000, 0);
              const timespec time{10, 0};
              timespec rest{};
              return nanosleep(&time, &rest) == -1 && rest.tv_sec >= 5 ? 0 : 1;
            }));
}
TEST_F(Event, IntervalTimerCountsDown) {
  EXPECT_EQ(0, InChild([] {
              const itimerval hour{{0, 0}, {3600, 0}};
              itimerval rest{};
              if (setitimer(ITIMER_REAL, &hour, nullptr) != 0) return 1;
              if (getitimer(ITIMER_REAL, &rest) != 0) return 2;
              return rest.it_value.tv_sec >= 3590 && alarm(0) >= 3590 ? 0 : 3;
            }));
}
TEST_F(Event, VirtualTimerCountsOwnTime) {
  EXPECT_EQ(1000 + SIGVTALRM, InChild([] {
              const itimerval soon{{0, 0}, {0, 10000}};
              setitimer(ITIMER_VIRTUAL, &soon, nullptr);
              BurnCpu(10000);
              return 0;
            }));
}
TEST_F(Event, CpuLimitIsSigxcpu) {
  EXPECT_EQ(1000 + SIGXCPU, InChild([] {
              const rlimit limit{1, 3};
              setrlimit(RLIMIT_CPU, &limit);
              BurnCpu(10000);
              return 0;
            }));
}
TEST_F(Event, PosixTimerSignalsWithItsValue) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGUSR1;
  event.sigev_value.sival_int = 99;
  timer_t timer;
  ASSERT_SUCCESS(timer_create(CLOCK_MONOTONIC, &event, &timer));
  const itimerspec soon{{0, 0}, {0, 1000000}};
  ASSERT_SUCCESS(timer_settime(timer, 0, &soon, nullptr));
  siginfo_t info{};
  const timespec limit{5, 0};
  EXPECT_EQ(SIGUSR1, sigtimedwait(&set, &info, &limit));
  EXPECT_EQ(SI_TIMER, info.si_code);
  EXPECT_EQ(99, info.si_value.sival_int);
  EXPECT_SUCCESS(timer_delete(timer));
  EXPECT_ERRNO(EINVAL, timer_delete(timer));
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}
TEST_F(Event, TimesCountTicks) {
  tms times_now{};
  EXPECT_NE(static_cast<clock_t>(-1), times(&times_now));
}

TEST_F(Event, EventfdCounts) {
  Fd fd(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
  eventfd_t value = 0;
  ASSERT_SUCCESS(eventfd_write(fd.get(), 4));
  ASSERT_SUCCESS(eventfd_read(fd.get(), &value));
  EXPECT_EQ(7u, value);
  EXPECT_ERRNO(EAGAIN, eventfd_read(fd.get(), &value));
}
TEST_F(Event, EventfdAsSemaphore) {
  Fd fd(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
  eventfd_t value = 0;
  ASSERT_SUCCESS(eventfd_read(fd.get(), &value));
  EXPECT_EQ(1u, value);
  ASSERT_SUCCESS(eventfd_read(fd.get(), &value));
  EXPECT_ERRNO(EAGAIN, eventfd_read(fd.get(), &value));
}
TEST_F(Event, EventfdErrors) {
  EXPECT_ERRNO(EINVAL, eventfd(0, 0x1000));
  Fd fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  EXPECT_ERRNO(EINVAL, write(fd.get(), "1234", 4));
  EXPECT_ERRNO(EINVAL, eventfd_write(fd.get(), ~eventfd_t{0}));
  ASSERT_SUCCESS(eventfd_write(fd.get(), ~eventfd_t{0} - 1));
  EXPECT_ERRNO(EAGAIN, eventfd_write(fd.get(), 1));
}
TEST_F(Event, TimerfdExpires) {
  Fd fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const itimerspec each{{0, 1000000}, {0, 1000000}};
  ASSERT_SUCCESS(timerfd_settime(fd.get(), 0, &each, nullptr));
  usleep(10000);
  uint64_t count = 0;
  EXPECT_EQ(8, read(fd.get(), &count, 8));
  EXPECT_GE(count, 5u);
}
TEST_F(Event, TimerfdTellsTheRestAndIsDisarmed) {
  Fd fd(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  const itimerspec hour{{0, 0}, {3600, 0}}, never{};
  itimerspec now{};
  ASSERT_SUCCESS(timerfd_settime(fd.get(), 0, &hour, nullptr));
  ASSERT_SUCCESS(timerfd_gettime(fd.get(), &now));
  EXPECT_GE(now.it_value.tv_sec, 3590);
  ASSERT_SUCCESS(timerfd_settime(fd.get(), 0, &never, &now));
  uint64_t count;
  EXPECT_ERRNO(EAGAIN, read(fd.get(), &count, 8));
}
TEST_F(Event, TimerfdErrors) {
  EXPECT_ERRNO(EINVAL, timerfd_create(77, 0));
  EXPECT_ERRNO(EINVAL, timerfd_create(CLOCK_MONOTONIC, 0x10));
  Fd fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const itimerspec bad{{0, 0}, {0, kNanoseconds}};
  EXPECT_ERRNO(EINVAL, timerfd_settime(fd.get(), 0, &bad, nullptr));
  EXPECT_ERRNO(EINVAL, timerfd_settime(0, 0, &bad, nullptr));
}

// What poll(2) tells of a fresh object of each kind, and whether epoll takes it.
struct Kind {
  const char* name;
  Fd (*make)();
  short events;  // of POLLIN | POLLOUT | POLLHUP | POLLERR | POLLNVAL
  int epoll_error;
};
Fd PipeEnd(int which) {
  int ends[2];
  EXPECT_SUCCESS(pipe2(ends, O_CLOEXEC));
  close(ends[1 - which]);
  return Fd(ends[which]);
}
const Kind kKinds[] = {
    {"file", [] { return Fd(open("/etc/passwd", O_RDONLY | O_CLOEXEC)); }, POLLIN | POLLOUT, EPERM},
    {"directory", [] { return Fd(open("/", O_RDONLY | O_CLOEXEC)); }, POLLIN | POLLOUT, EPERM},
    {"path", [] { return Fd(open("/", O_PATH | O_CLOEXEC)); }, POLLNVAL, EBADF},
    {"null", [] { return Fd(open("/dev/null", O_RDWR | O_CLOEXEC)); }, POLLIN | POLLOUT, EPERM},
    {"zero", [] { return Fd(open("/dev/zero", O_RDWR | O_CLOEXEC)); }, POLLIN | POLLOUT, EPERM},
    {"memfd", [] { return Fd(memfd_create("m", MFD_CLOEXEC)); }, POLLIN | POLLOUT, EPERM},
    {"read_end_without_writer", [] { return PipeEnd(0); }, POLLHUP, 0},
    {"write_end_without_reader", [] { return PipeEnd(1); }, POLLOUT | POLLERR, 0},
    {"eventfd", [] { return Fd(eventfd(0, EFD_CLOEXEC)); }, POLLOUT, 0},
    {"eventfd_that_counts", [] { return Fd(eventfd(1, EFD_CLOEXEC)); }, POLLIN | POLLOUT, 0},
    {"timerfd", [] { return Fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)); }, 0, 0},
    {"inotify", [] { return Fd(inotify_init1(IN_CLOEXEC)); }, 0, 0},
    {"epoll", [] { return Fd(epoll_create1(EPOLL_CLOEXEC)); }, 0, 0},
    {"tcp", [] { return Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }, POLLOUT | POLLHUP,
     0},
    {"udp", [] { return Fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }, POLLOUT, 0},
    {"unix", [] { return Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }, POLLOUT | POLLHUP,
     0},
    {"pidfd", [] { return Fd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0))); }, 0, 0},
    {"signalfd",
     [] {
       sigset_t s;
       sigemptyset(&s);
       return Fd(signalfd(-1, &s, SFD_CLOEXEC));
     },
     0, 0},
    {"terminal", [] { return Fd(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)); }, POLLOUT, 0},
    {"proc_file", [] { return Fd(open("/proc/self/stat", O_RDONLY | O_CLOEXEC)); },
     POLLIN | POLLOUT, EPERM},
    {"proc_mounts", [] { return Fd(open("/proc/self/mounts", O_RDONLY | O_CLOEXEC)); }, POLLIN, 0},
};
class Polled : public ::testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(Kind, Polled, ::testing::ValuesIn(kKinds),
                         [](const auto& of) { return std::string(of.param.name); });
constexpr short kAsked = POLLIN | POLLOUT;
TEST_P(Polled, ByPoll) {
  Fd fd = GetParam().make();
  ASSERT_TRUE(fd.valid());
  pollfd one{fd.get(), kAsked, 0};
  EXPECT_EQ(GetParam().events != 0, poll(&one, 1, 0));
  EXPECT_EQ(GetParam().events, one.revents);
}
TEST_P(Polled, BySelect) {
  Fd fd = GetParam().make();
  fd_set readable, writable;
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_SET(fd.get(), &readable);
  FD_SET(fd.get(), &writable);
  timeval now{};
  const int count = select(fd.get() + 1, &readable, &writable, nullptr, &now);
  // fs/select.c: what cannot be polled counts as ready.
  const short events = GetParam().events;
  const bool reads = (events & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0;
  const bool writes = (events & (POLLOUT | POLLERR | POLLNVAL)) != 0;
  EXPECT_EQ(reads + writes, count);
  EXPECT_EQ(reads, FD_ISSET(fd.get(), &readable));
  EXPECT_EQ(writes, FD_ISSET(fd.get(), &writable));
}
TEST_P(Polled, ByEpoll) {
  Fd fd = GetParam().make(), epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  EXPECT_ERRNO(GetParam().epoll_error, epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event));
  if (GetParam().epoll_error != 0) return;
  EXPECT_EQ(GetParam().events != 0, epoll_wait(epoll.get(), &event, 1, 0));
  if (GetParam().events == 0) return;
  EXPECT_EQ(static_cast<uint32_t>(GetParam().events), event.events);
}

class Epoll : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
    event_.Reset(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  }
  int Control(int operation, uint32_t events = EPOLLIN) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = 1234;
    return ErrnoOf(epoll_ctl(epoll_.get(), operation, event_.get(), &event));
  }
  int Wait() {
    epoll_event event{};
    return epoll_wait(epoll_.get(), &event, 1, 0);
  }
  void Signal() { eventfd_write(event_.get(), 1); }
  Fd epoll_, event_;
};
TEST_F(Epoll, LevelTriggeredTellsAgain) {
  ASSERT_EQ(0, Control(EPOLL_CTL_ADD));
  Signal();
  EXPECT_EQ(1, Wait());
  EXPECT_EQ(1, Wait());
}
TEST_F(Epoll, EdgeTriggeredTellsOnce) {
  ASSERT_EQ(0, Control(EPOLL_CTL_ADD, EPOLLIN | EPOLLET));
  Signal();
  EXPECT_EQ(1, Wait());
  EXPECT_EQ(0, Wait());
  Signal();
  EXPECT_EQ(1, Wait());
}
TEST_F(Epoll, OneShotIsArmedAgain) {
  ASSERT_EQ(0, Control(EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT));
  Signal();
  EXPECT_EQ(1, Wait());
  EXPECT_EQ(0, Wait());
  ASSERT_EQ(0, Control(EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT));
  EXPECT_EQ(1, Wait());
}
TEST_F(Epoll, ControlErrors) {
  EXPECT_CHILD_ERRNO(ENOENT, Control(EPOLL_CTL_MOD));
  EXPECT_CHILD_ERRNO(ENOENT, Control(EPOLL_CTL_DEL));
  EXPECT_EQ(0, Control(EPOLL_CTL_ADD));
  EXPECT_CHILD_ERRNO(EEXIST, Control(EPOLL_CTL_ADD));
  EXPECT_CHILD_ERRNO(EINVAL, Control(77));
  epoll_event event{};
  EXPECT_ERRNO(EINVAL, epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, epoll_.get(), &event));
  EXPECT_ERRNO(EBADF, epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, 999, &event));
  EXPECT_ERRNO(EINVAL, epoll_wait(epoll_.get(), &event, 0, 0));
}
TEST_F(Epoll, LoopIsEloop) {
  Fd other(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_SUCCESS(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, other.get(), &event));
  EXPECT_ERRNO(ELOOP, epoll_ctl(other.get(), EPOLL_CTL_ADD, epoll_.get(), &event));
}
TEST_F(Epoll, ClosedDescriptorLeaves) {
  ASSERT_EQ(0, Control(EPOLL_CTL_ADD));
  Signal();
  event_.Reset();
  EXPECT_EQ(0, Wait());
}

class Pidfd : public Scratch {
 protected:
  static Fd Open(pid_t pid) { return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }
  static int Send(const Fd& fd, int signal_number) {
    return ErrnoOf(syscall(SYS_pidfd_send_signal, fd.get(), signal_number, nullptr, 0));
  }
};
TEST_F(Pidfd, SignalsAndTellsTheEnd) {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  Fd fd = Open(child);
  pollfd waiting{fd.get(), POLLIN, 0};
  EXPECT_EQ(0, poll(&waiting, 1, 0));
  EXPECT_EQ(0, Send(fd, SIGTERM));
  EXPECT_EQ(1, poll(&waiting, 1, 5000));
  siginfo_t info{};
  EXPECT_SUCCESS(waitid(P_PIDFD, static_cast<id_t>(fd.get()), &info, WEXITED));
  EXPECT_EQ(SIGTERM, info.si_status);
  EXPECT_CHILD_ERRNO(ESRCH, Send(fd, 0));
}
TEST_F(Pidfd, OpenErrors) {
  EXPECT_ERRNO(ESRCH, syscall(SYS_pidfd_open, 99999, 0));
  EXPECT_ERRNO(EINVAL, syscall(SYS_pidfd_open, 0, 0));
  EXPECT_ERRNO(EINVAL, syscall(SYS_pidfd_open, getpid(), 0x1));
}
TEST_F(Pidfd, NonblockingWaitIsEagain) {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  Fd fd(static_cast<int>(syscall(SYS_pidfd_open, child, O_NONBLOCK)));
  siginfo_t info{};
  EXPECT_ERRNO(EAGAIN, waitid(P_PIDFD, static_cast<id_t>(fd.get()), &info, WEXITED));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}
TEST_F(Pidfd, OfAnotherUserIsEperm) {
  Fd fd = Open(getpid());
  EXPECT_CHILD_ERRNO(EPERM, As({}, [&] { return Send(fd, SIGTERM); }));
}
TEST_F(Pidfd, FdinfoNamesThePid) {
  Fd fd = Open(getpid());
  const std::string info = ReadFile("/proc/self/fdinfo/" + std::to_string(fd.get()));
  EXPECT_NE(std::string::npos, info.find("Pid:\t" + std::to_string(getpid()) + "\n")) << info;
}
TEST_F(Pidfd, OrdinaryDescriptorIsEbadf) {
  Fd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(EBADF, Send(file, 0));
}

}  // namespace
}  // namespace moat::conformance
