// System V and POSIX IPC: shared memory, semaphores, message queues.
#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <ctime>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Ipc : public Scratch {};

class SharedMemory {
 public:
  explicit SharedMemory(size_t size, int flags = 0600, key_t key = IPC_PRIVATE)
      : id_(shmget(key, size, IPC_CREAT | flags)) {}
  ~SharedMemory() { shmctl(id_, IPC_RMID, nullptr); }
  int id() const { return id_; }

 private:
  int id_;
};
class Semaphores {
 public:
  explicit Semaphores(int number) : id_(semget(IPC_PRIVATE, number, IPC_CREAT | 0600)) {}
  ~Semaphores() { semctl(id_, 0, IPC_RMID); }
  int id() const { return id_; }
  int Operate(short change, short flags = 0) const {
    sembuf operation{0, change, flags};
    return ErrnoOf(semop(id_, &operation, 1));
  }

 private:
  int id_;
};
class Queue {
 public:
  Queue() : id_(msgget(IPC_PRIVATE, IPC_CREAT | 0600)) {}
  ~Queue() { msgctl(id_, IPC_RMID, nullptr); }
  int id() const { return id_; }
  int Send(long type, const char* text, int flags = 0) const {
    Message message{type, {}};
    std::strncpy(message.text, text, sizeof message.text - 1);
    return ErrnoOf(msgsnd(id_, &message, std::strlen(text), flags));
  }
  std::string Receive(long type, int flags = IPC_NOWAIT, size_t size = 64) const {
    Message message{};
    const ssize_t n = msgrcv(id_, &message, size, type, flags);
    return n < 0 ? NameOfErrno(errno) : std::string(message.text, static_cast<size_t>(n));
  }

 private:
  struct Message {
    long type;
    char text[64];
  };
  int id_;
};

TEST_F(Ipc, SharedMemoryIsSeenByAChild) {
  SharedMemory memory(4096);
  auto* map = static_cast<char*>(shmat(memory.id(), nullptr, 0));
  EXPECT_EQ(0, InChild([&] {
              auto* own = static_cast<char*>(shmat(memory.id(), nullptr, 0));
              own[0] = 's';
              return 0;
            }));
  EXPECT_EQ('s', map[0]);
  EXPECT_SUCCESS(shmdt(map));
}
TEST_F(Ipc, SharedMemoryIsFoundByItsKey) {
  const key_t key = 0x1234567;
  SharedMemory memory(4096, 0600 | IPC_EXCL, key);
  EXPECT_EQ(memory.id(), shmget(key, 4096, 0));
  EXPECT_ERRNO(EEXIST, shmget(key, 4096, IPC_CREAT | IPC_EXCL));
  EXPECT_ERRNO(EINVAL, shmget(key, 8192 * 4, 0));
}
TEST_F(Ipc, SharedMemoryOfAMissingKeyIsEnoent) { EXPECT_ERRNO(ENOENT, shmget(0x7654321, 1, 0)); }
TEST_F(Ipc, SharedMemoryOfSizeZeroIsEinval) {
  EXPECT_ERRNO(EINVAL, shmget(IPC_PRIVATE, 0, IPC_CREAT));
}
TEST_F(Ipc, SharedMemoryCountsItsUsers) {
  SharedMemory memory(4096);
  void* map = shmat(memory.id(), nullptr, 0);
  shmid_ds about{};
  ASSERT_SUCCESS(shmctl(memory.id(), IPC_STAT, &about));
  EXPECT_EQ(1u, about.shm_nattch);
  EXPECT_EQ(4096u, about.shm_segsz);
  EXPECT_EQ(getpid(), about.shm_cpid);
  shmdt(map);
}
TEST_F(Ipc, RemovedSharedMemoryLivesUntilTheLastDetach) {
  const int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
  auto* map = static_cast<char*>(shmat(id, nullptr, 0));
  ASSERT_SUCCESS(shmctl(id, IPC_RMID, nullptr));
  map[0] = 'x';
  EXPECT_EQ('x', map[0]);
  ASSERT_SUCCESS(shmdt(map));
  shmid_ds about{};
  EXPECT_ERRNO(EINVAL, shmctl(id, IPC_STAT, &about));
}
TEST_F(Ipc, ReadOnlyAttachmentCannotBeWritten) {
  SharedMemory memory(4096);
  EXPECT_EQ(1000 + SIGSEGV, InChild([&] {
              auto* map = static_cast<volatile char*>(shmat(memory.id(), nullptr, SHM_RDONLY));
              map[0] = 1;
              return 0;
            }));
}
TEST_F(Ipc, SharedMemoryOfAnotherIsEacces) {
  SharedMemory memory(4096);
  EXPECT_CHILD_ERRNO(
      EACCES, As({}, [&] { return shmat(memory.id(), nullptr, 0) == MAP_FAILED ? errno : 0; }));
}
TEST_F(Ipc, DetachOfNothingIsEinval) {
  int local;
  EXPECT_ERRNO(EINVAL, shmdt(&local));
}

TEST_F(Ipc, SemaphoreCounts) {
  Semaphores set(1);
  EXPECT_EQ(0, set.Operate(3));
  EXPECT_EQ(3, semctl(set.id(), 0, GETVAL));
  EXPECT_EQ(0, set.Operate(-2));
  EXPECT_CHILD_ERRNO(EAGAIN, set.Operate(-2, IPC_NOWAIT));
  EXPECT_EQ(getpid(), semctl(set.id(), 0, GETPID));
}
TEST_F(Ipc, SemaphoreWaitsForAChild) {
  Semaphores set(1);
  const pid_t child = fork();
  if (child == 0) {
    usleep(30000);
    _exit(set.Operate(1));
  }
  EXPECT_EQ(0, set.Operate(-1));
  EXPECT_EQ(0, InChild([] { return 0; }));
}
TEST_F(Ipc, SemaphoreUndoneAtExit) {
  Semaphores set(1);
  EXPECT_EQ(0, InChild([&] { return set.Operate(5, SEM_UNDO); }));
  EXPECT_EQ(0, semctl(set.id(), 0, GETVAL));
}
TEST_F(Ipc, SemaphoreTimedWaitIsEagain) {
  Semaphores set(1);
  sembuf operation{0, -1, 0};
  const timespec soon{0, 1000000};
  EXPECT_ERRNO(EAGAIN, semtimedop(set.id(), &operation, 1, &soon));
}
TEST_F(Ipc, SemaphoreRemovedWhileWaitingIsEidrm) {
  const int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  const pid_t child = fork();
  if (child == 0) {
    usleep(30000);
    _exit(semctl(id, 0, IPC_RMID));
  }
  sembuf operation{0, -1, 0};
  EXPECT_ERRNO(EIDRM, semop(id, &operation, 1));
}
TEST_F(Ipc, SemaphoreErrors) {
  Semaphores set(2);
  sembuf beyond{5, 1, 0};
  EXPECT_ERRNO(EFBIG, semop(set.id(), &beyond, 1));
  EXPECT_ERRNO(EINVAL, semget(IPC_PRIVATE, -1, IPC_CREAT));
  EXPECT_ERRNO(ERANGE, semctl(set.id(), 0, SETVAL, 100000));
  EXPECT_ERRNO(EINVAL, semop(set.id(), &beyond, 0));
}

TEST_F(Ipc, MessagesComeInOrder) {
  Queue queue;
  EXPECT_EQ(0, queue.Send(1, "one"));
  EXPECT_EQ(0, queue.Send(2, "two"));
  EXPECT_EQ("one", queue.Receive(0));
  EXPECT_EQ("two", queue.Receive(0));
  EXPECT_EQ("ENOMSG", queue.Receive(0));
}
TEST_F(Ipc, MessagesByType) {
  Queue queue;
  queue.Send(5, "five");
  queue.Send(3, "three");
  queue.Send(4, "four");
  EXPECT_EQ("four", queue.Receive(4));
  EXPECT_EQ("three", queue.Receive(-4));
  EXPECT_EQ("ENOMSG", queue.Receive(3));
  queue.Send(3, "three");
  EXPECT_EQ("three", queue.Receive(5, IPC_NOWAIT | MSG_EXCEPT));
}
TEST_F(Ipc, MessageTooLongIsE2bigOrCut) {
  Queue queue;
  queue.Send(1, "long message");
  EXPECT_EQ("E2BIG", queue.Receive(0, IPC_NOWAIT, 4));
  EXPECT_EQ("long", queue.Receive(0, IPC_NOWAIT | MSG_NOERROR, 4));
}
TEST_F(Ipc, FullQueueIsEagain) {
  Queue queue;
  msqid_ds about{};
  ASSERT_SUCCESS(msgctl(queue.id(), IPC_STAT, &about));
  about.msg_qbytes = 8;
  ASSERT_SUCCESS(msgctl(queue.id(), IPC_SET, &about));
  EXPECT_EQ(0, queue.Send(1, "12345678"));
  EXPECT_CHILD_ERRNO(EAGAIN, queue.Send(1, "x", IPC_NOWAIT));
}
TEST_F(Ipc, MessageErrors) {
  Queue queue;
  EXPECT_CHILD_ERRNO(EINVAL, queue.Send(0, "x"));
  EXPECT_ERRNO(ENOENT, msgget(0x7654322, 0));
}
TEST_F(Ipc, KeysComeFromFiles) {
  WriteFile("file");
  EXPECT_NE(-1, ftok("file", 'a'));
  EXPECT_NE(ftok("file", 'a'), ftok("file", 'b'));
}

TEST_F(Ipc, PosixSharedMemoryLiesInDevShm) {
  Fd fd(shm_open("/conformance", O_CREAT | O_EXCL | O_RDWR, 0600));
  ASSERT_TRUE(fd.valid()) << NameOfErrno(errno);
  EXPECT_TRUE(Exists("/dev/shm/conformance"));
  ASSERT_SUCCESS(ftruncate(fd.get(), 4096));
  EXPECT_ERRNO(EEXIST, shm_open("/conformance", O_CREAT | O_EXCL | O_RDWR, 0600));
  EXPECT_SUCCESS(shm_unlink("/conformance"));
  EXPECT_ERRNO(ENOENT, shm_unlink("/conformance"));
}
TEST_F(Ipc, PosixSemaphoreBetweenProcesses) {
  sem_unlink("/conformance");
  sem_t* semaphore = sem_open("/conformance", O_CREAT | O_EXCL, 0600, 0);
  ASSERT_NE(SEM_FAILED, semaphore);
  const pid_t child = fork();
  if (child == 0) {
    sem_t* own = sem_open("/conformance", 0);
    _exit(own != SEM_FAILED && sem_post(own) == 0 ? 0 : 1);
  }
  EXPECT_SUCCESS(sem_wait(semaphore));
  EXPECT_ERRNO(EAGAIN, sem_trywait(semaphore));
  sem_close(semaphore);
  EXPECT_SUCCESS(sem_unlink("/conformance"));
  EXPECT_EQ(0, InChild([] { return 0; }));
}

class PosixQueue {
 public:
  explicit PosixQueue(int flags = 0) {
    mq_attr attributes{};
    attributes.mq_maxmsg = 2;
    attributes.mq_msgsize = 16;
    fd_ = mq_open("/conformance", O_CREAT | O_EXCL | O_RDWR | flags, 0600, &attributes);
  }
  ~PosixQueue() {
    mq_close(fd_);
    mq_unlink("/conformance");
  }
  mqd_t get() const { return fd_; }

 private:
  mqd_t fd_;
};
TEST_F(Ipc, QueuedByPriority) {
  PosixQueue queue;
  ASSERT_NE(-1, queue.get()) << NameOfErrno(errno);
  ASSERT_SUCCESS(mq_send(queue.get(), "low", 3, 1));
  ASSERT_SUCCESS(mq_send(queue.get(), "high", 4, 9));
  char text[16];
  unsigned priority = 0;
  EXPECT_EQ(4, mq_receive(queue.get(), text, sizeof text, &priority));
  EXPECT_EQ(9u, priority);
}
TEST_F(Ipc, QueueAttributesAreTold) {
  PosixQueue queue(O_NONBLOCK);
  mq_attr attributes{};
  ASSERT_SUCCESS(mq_getattr(queue.get(), &attributes));
  EXPECT_EQ(2, attributes.mq_maxmsg);
  EXPECT_EQ(16, attributes.mq_msgsize);
  EXPECT_EQ(O_NONBLOCK, attributes.mq_flags);
}
TEST_F(Ipc, EmptyAndFullQueuesAreEagain) {
  PosixQueue queue(O_NONBLOCK);
  char text[16];
  EXPECT_ERRNO(EAGAIN, mq_receive(queue.get(), text, sizeof text, nullptr));
  mq_send(queue.get(), "1", 1, 0);
  mq_send(queue.get(), "2", 1, 0);
  EXPECT_ERRNO(EAGAIN, mq_send(queue.get(), "3", 1, 0));
}
TEST_F(Ipc, QueueTimedReceiveIsEtimedout) {
  PosixQueue queue;
  char text[16];
  const timespec past{1, 0};
  EXPECT_ERRNO(ETIMEDOUT, mq_timedreceive(queue.get(), text, sizeof text, nullptr, &past));
}
TEST_F(Ipc, QueueMessageSizes) {
  PosixQueue queue;
  char text[8];
  EXPECT_ERRNO(EMSGSIZE, mq_send(queue.get(), "12345678901234567", 17, 0));
  EXPECT_ERRNO(EMSGSIZE, mq_receive(queue.get(), text, sizeof text, nullptr));
}
TEST_F(Ipc, QueueNotifiesBySignal) {
  PosixQueue queue;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGUSR1;
  ASSERT_SUCCESS(mq_notify(queue.get(), &event));
  EXPECT_ERRNO(EBUSY, mq_notify(queue.get(), &event));
  ASSERT_SUCCESS(mq_send(queue.get(), "x", 1, 0));
  const timespec limit{5, 0};
  siginfo_t info{};
  EXPECT_EQ(SIGUSR1, sigtimedwait(&set, &info, &limit));
  EXPECT_EQ(SI_MESGQ, info.si_code);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}
TEST_F(Ipc, QueueErrors) {
  PosixQueue queue;
  EXPECT_ERRNO(EEXIST, mq_open("/conformance", O_CREAT | O_EXCL | O_RDWR, 0600, nullptr));
  EXPECT_ERRNO(ENOENT, mq_open("/missing", O_RDWR));
  EXPECT_ERRNO(EACCES, mq_unlink("/a/b"));
}

}  // namespace
}  // namespace moat::conformance
