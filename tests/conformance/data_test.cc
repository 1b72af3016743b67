// Moving data: truncate, fallocate, copy_file_range, sendfile, splice, seeking, vectors, O_DIRECT.
#include <linux/falloc.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Data : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    WriteFile("file", "0123456789");
  }
  static Fd Open(const char* path, int flags) { return Fd(open(path, flags | O_CLOEXEC, 0644)); }
};
struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_SUCCESS(pipe2(ends, O_CLOEXEC));
    read.Reset(ends[0]);
    write.Reset(ends[1]);
  }
  Fd read, write;
};
std::string Read(const Fd& fd, size_t size) {
  std::string text(size, '\0');
  const ssize_t n = read(fd.get(), text.data(), size);
  text.resize(n < 0 ? 0 : static_cast<size_t>(n));
  return text;
}

TEST_F(Data, TruncateOfAFolderIsEisdir) { EXPECT_ERRNO(EISDIR, truncate(".", 0)); }
TEST_F(Data, TruncateOfAFifoIsEinval) {
  ASSERT_SUCCESS(mkfifo("fifo", 0644));
  EXPECT_ERRNO(EINVAL, truncate("fifo", 0));
}
TEST_F(Data, TruncateToANegativeLengthIsEinval) { EXPECT_ERRNO(EINVAL, truncate("file", -1)); }
TEST_F(Data, TruncateThroughALink) {
  ASSERT_SUCCESS(symlink("file", "link"));
  EXPECT_SUCCESS(truncate("link", 4));
  EXPECT_EQ("0123", ReadFile("file"));
}
TEST_F(Data, FtruncateExtendsWithZeros) {
  Fd file = Open("file", O_RDWR);
  ASSERT_SUCCESS(ftruncate(file.get(), 12));
  EXPECT_EQ(std::string("0123456789\0\0", 12), ReadFile("file"));
}
TEST_F(Data, FtruncateBeyondTheLimitIsEfbig) {
  EXPECT_CHILD_ERRNO(EFBIG, InChild([] {
                       signal(SIGXFSZ, SIG_IGN);
                       const rlimit limit{100, 100};
                       setrlimit(RLIMIT_FSIZE, &limit);
                       Fd file = Open("file", O_RDWR);
                       return ErrnoOf(ftruncate(file.get(), 101));
                     }));
}
TEST_F(Data, TruncateBeyondTheLimitSendsSigxfsz) {
  EXPECT_EQ(1000 + SIGXFSZ, InChild([] {
              const rlimit limit{100, 100};
              setrlimit(RLIMIT_FSIZE, &limit);
              return truncate("file", 101) == 0 ? 0 : 1;
            }));
}
TEST_F(Data, WriteAcrossTheLimitIsShort) {
  EXPECT_EQ(4, InChild([] {
              signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{4, 4};
              setrlimit(RLIMIT_FSIZE, &limit);
              Fd file = Open("file", O_WRONLY);
              return static_cast<int>(write(file.get(), "abcdefgh", 8));
            }));
}

TEST_F(Data, FallocateGrows) {
  Fd file = Open("file", O_RDWR);
  EXPECT_SUCCESS(fallocate(file.get(), 0, 0, 100));
  EXPECT_EQ(100, StatOf("file").st_size);
}
TEST_F(Data, FallocateWithKeepSizeDoesNot) {
  Fd file = Open("file", O_RDWR);
  EXPECT_SUCCESS(fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0, 100000));
  EXPECT_EQ(10, StatOf("file").st_size);
}
TEST_F(Data, FallocatePunchesHoles) {
  Fd file = Open("file", O_RDWR);
  ASSERT_SUCCESS(fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3));
  EXPECT_EQ(std::string("01\0\0\0"
                        "56789",
                        10),
            ReadFile("file"));
}
TEST_F(Data, FallocatePunchWithoutKeepSizeIsEopnotsupp) {
  Fd file = Open("file", O_RDWR);
  EXPECT_ERRNO(EOPNOTSUPP, fallocate(file.get(), FALLOC_FL_PUNCH_HOLE, 2, 3));
}
TEST_F(Data, FallocateOfNothingIsEinval) {
  Fd file = Open("file", O_RDWR);
  EXPECT_ERRNO(EINVAL, fallocate(file.get(), 0, 0, 0));
  EXPECT_ERRNO(EINVAL, fallocate(file.get(), 0, -1, 1));
}
TEST_F(Data, FallocateOfAReadOnlyDescriptorIsEbadf) {
  Fd file = Open("file", O_RDONLY);
  EXPECT_ERRNO(EBADF, fallocate(file.get(), 0, 0, 10));
}
TEST_F(Data, FallocateOfAPipeIsEspipe) {
  Pipe pipe;
  EXPECT_ERRNO(ESPIPE, fallocate(pipe.write.get(), 0, 0, 10));
}
TEST_F(Data, PosixFallocateGrows) {
  Fd file = Open("file", O_RDWR);
  EXPECT_EQ(0, posix_fallocate(file.get(), 0, 4096));
  EXPECT_EQ(4096, StatOf("file").st_size);
}

TEST_F(Data, CopyFileRangeCopies) {
  Fd from = Open("file", O_RDONLY), to = Open("copy", O_WRONLY | O_CREAT);
  EXPECT_EQ(10, copy_file_range(from.get(), nullptr, to.get(), nullptr, 100, 0));
  EXPECT_EQ("0123456789", ReadFile("copy"));
  EXPECT_EQ(0, copy_file_range(from.get(), nullptr, to.get(), nullptr, 100, 0));
}
TEST_F(Data, CopyFileRangeWithOffsetsKeepsPositions) {
  Fd from = Open("file", O_RDONLY), to = Open("copy", O_WRONLY | O_CREAT);
  loff_t from_offset = 3, to_offset = 1;
  EXPECT_EQ(4, copy_file_range(from.get(), &from_offset, to.get(), &to_offset, 4, 0));
  EXPECT_EQ(7, from_offset);
  EXPECT_EQ(5, to_offset);
  EXPECT_EQ(0, lseek(from.get(), 0, SEEK_CUR));
  EXPECT_EQ(std::string("\0"
                        "3456",
                        5),
            ReadFile("copy"));
}
TEST_F(Data, CopyFileRangeWithinAFileThatOverlapsIsEinval) {
  Fd file = Open("file", O_RDWR);
  loff_t from = 0, to = 5;
  EXPECT_ERRNO(EINVAL, copy_file_range(file.get(), &from, file.get(), &to, 8, 0));
}
TEST_F(Data, CopyFileRangeWithFlagsIsEinval) {
  Fd from = Open("file", O_RDONLY), to = Open("copy", O_WRONLY | O_CREAT);
  EXPECT_ERRNO(EINVAL, copy_file_range(from.get(), nullptr, to.get(), nullptr, 1, 1));
}
TEST_F(Data, CopyFileRangeToAppendIsEbadf) {
  Fd from = Open("file", O_RDONLY), to = Open("copy", O_WRONLY | O_CREAT | O_APPEND);
  EXPECT_ERRNO(EBADF, copy_file_range(from.get(), nullptr, to.get(), nullptr, 1, 0));
}
TEST_F(Data, CopyFileRangeToAPipeIsEinval) {
  Fd from = Open("file", O_RDONLY);
  Pipe pipe;
  EXPECT_ERRNO(EINVAL, copy_file_range(from.get(), nullptr, pipe.write.get(), nullptr, 1, 0));
}
TEST_F(Data, CopyFileRangeOfAFolderIsEisdir) {
  Fd from = Open(".", O_RDONLY), to = Open("copy", O_WRONLY | O_CREAT);
  EXPECT_ERRNO(EISDIR, copy_file_range(from.get(), nullptr, to.get(), nullptr, 1, 0));
}

TEST_F(Data, SendfileToAPipe) {
  Fd file = Open("file", O_RDONLY);
  Pipe pipe;
  EXPECT_EQ(10, sendfile(pipe.write.get(), file.get(), nullptr, 100));
  EXPECT_EQ("0123456789", Read(pipe.read, 100));
}
TEST_F(Data, SendfileToAFileWithOffset) {
  Fd file = Open("file", O_RDONLY), to = Open("copy", O_WRONLY | O_CREAT);
  off_t offset = 6;
  EXPECT_EQ(4, sendfile(to.get(), file.get(), &offset, 100));
  EXPECT_EQ(10, offset);
  EXPECT_EQ(0, lseek(file.get(), 0, SEEK_CUR));
  EXPECT_EQ("6789", ReadFile("copy"));
}
TEST_F(Data, SendfileToAppendIsEinval) {
  Fd to = Open("copy", O_WRONLY | O_CREAT | O_APPEND);
  Fd file = Open("file", O_RDONLY);
  EXPECT_ERRNO(EINVAL, sendfile(to.get(), file.get(), nullptr, 1));
}
TEST_F(Data, SpliceFromFileToPipeAndOn) {
  Fd file = Open("file", O_RDONLY), to = Open("copy", O_WRONLY | O_CREAT);
  Pipe pipe;
  loff_t offset = 2;
  EXPECT_EQ(5, splice(file.get(), &offset, pipe.write.get(), nullptr, 5, 0));
  EXPECT_EQ(7, offset);
  EXPECT_EQ(5, splice(pipe.read.get(), nullptr, to.get(), nullptr, 100, 0));
  EXPECT_EQ("23456", ReadFile("copy"));
}
TEST_F(Data, SpliceWithoutAPipeIsEinval) {
  Fd file = Open("file", O_RDONLY), to = Open("copy", O_WRONLY | O_CREAT);
  EXPECT_ERRNO(EINVAL, splice(file.get(), nullptr, to.get(), nullptr, 5, 0));
}
TEST_F(Data, SpliceWithAnOffsetForThePipeIsEspipe) {
  Fd file = Open("file", O_RDONLY);
  Pipe pipe;
  loff_t offset = 0;
  EXPECT_ERRNO(ESPIPE, splice(file.get(), nullptr, pipe.write.get(), &offset, 5, 0));
}
TEST_F(Data, SpliceFromAnEmptyPipeNonblockingIsEagain) {
  Fd to = Open("copy", O_WRONLY | O_CREAT);
  Pipe pipe;
  EXPECT_ERRNO(EAGAIN, splice(pipe.read.get(), nullptr, to.get(), nullptr, 5, SPLICE_F_NONBLOCK));
}

TEST_F(Data, SeekDataAndHole) {
  Fd file = Open("sparse", O_RDWR | O_CREAT);
  ASSERT_EQ(1, pwrite(file.get(), "x", 1, 1 << 20));
  EXPECT_EQ(1 << 20, lseek(file.get(), 0, SEEK_DATA));
  EXPECT_EQ(0, lseek(file.get(), 0, SEEK_HOLE));
  EXPECT_ERRNO(ENXIO, lseek(file.get(), (1 << 20) + 1, SEEK_DATA));
}
TEST_F(Data, SeekErrors) {
  Fd file = Open("file", O_RDWR);
  EXPECT_ERRNO(EINVAL, lseek(file.get(), -1, SEEK_SET));
  EXPECT_ERRNO(EINVAL, lseek(file.get(), 0, 77));
  Pipe pipe;
  EXPECT_ERRNO(ESPIPE, lseek(pipe.read.get(), 0, SEEK_SET));
  EXPECT_ERRNO(EBADF, lseek(999, 0, SEEK_SET));
}
TEST_F(Data, SeekToTheStartOfAnOrdinaryFile) {
  Fd file = Open("file", O_RDWR);
  EXPECT_EQ("012", Read(file, 3));
  EXPECT_EQ(0, lseek(file.get(), 0, SEEK_SET));
  EXPECT_EQ("012", Read(file, 3));
}
TEST_F(Data, VectorsGatherAndScatter) {
  Fd file = Open("new", O_RDWR | O_CREAT);
  char one[] = "ab", two[] = "cde";
  const iovec out[2] = {{one, 2}, {two, 3}};
  EXPECT_EQ(5, writev(file.get(), out, 2));
  char a[3] = {}, b[3] = {};
  const iovec in[2] = {{a, 1}, {b, 2}};
  EXPECT_EQ(3, preadv(file.get(), in, 2, 1));
  EXPECT_STREQ("b", a);
  EXPECT_STREQ("cd", b);
  EXPECT_ERRNO(EINVAL, syscall(SYS_writev, file.get(), out, 1025));
}
TEST_F(Data, PositionedCallsOnAPipeAreEspipe) {
  Pipe pipe;
  char byte;
  EXPECT_ERRNO(ESPIPE, pread(pipe.read.get(), &byte, 1, 0));
  EXPECT_ERRNO(ESPIPE, pwrite(pipe.write.get(), "x", 1, 0));
}
TEST_F(Data, WriteToAReadOnlyDescriptorIsEbadf) {
  EXPECT_ERRNO(EBADF, write(Open("file", O_RDONLY).get(), "x", 1));
}
TEST_F(Data, ReadFromAWriteOnlyDescriptorIsEbadf) {
  char byte;
  EXPECT_ERRNO(EBADF, read(Open("file", O_WRONLY).get(), &byte, 1));
}
TEST_F(Data, ReadIntoUnmappedMemoryIsEfault) {
  EXPECT_ERRNO(EFAULT, syscall(SYS_read, Open("file", O_RDONLY).get(), 1, 5));
}
TEST_F(Data, SyncCallsWork) {
  Fd file = Open("file", O_RDWR);
  EXPECT_SUCCESS(fsync(file.get()));
  EXPECT_SUCCESS(fdatasync(file.get()));
  EXPECT_SUCCESS(syncfs(file.get()));
  sync();
  Pipe pipe;
  EXPECT_ERRNO(EINVAL, fsync(pipe.read.get()));
}
TEST_F(Data, AdviceIsTaken) {
  Fd file = Open("file", O_RDONLY);
  EXPECT_EQ(0, posix_fadvise(file.get(), 0, 0, POSIX_FADV_WILLNEED));
  EXPECT_EQ(EINVAL, posix_fadvise(file.get(), 0, 0, 77));
  Pipe pipe;
  EXPECT_EQ(ESPIPE, posix_fadvise(pipe.read.get(), 0, 0, POSIX_FADV_NORMAL));
}
TEST_F(Data, ReadaheadIsTaken) {
  Fd file = Open("file", O_RDONLY);
  EXPECT_SUCCESS(readahead(file.get(), 0, 100));
  EXPECT_ERRNO(EBADF, readahead(Open("file", O_WRONLY).get(), 0, 100));
  Pipe pipe;
  EXPECT_ERRNO(EINVAL, readahead(pipe.read.get(), 0, 100));
}
TEST_F(Data, PipeHoldsTheSizeThatWasSet) {
  Pipe pipe;
  EXPECT_EQ(65536, fcntl(pipe.write.get(), F_GETPIPE_SZ));
  EXPECT_EQ(131072, fcntl(pipe.write.get(), F_SETPIPE_SZ, 100000));
  EXPECT_EQ(131072, fcntl(pipe.read.get(), F_GETPIPE_SZ));
}
TEST_F(Data, FullPipeIsEagainWhenNonblocking) {
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_NONBLOCK | O_CLOEXEC));
  Fd reader(ends[0]), writer(ends[1]);
  const std::string block(65536, 'x');
  EXPECT_EQ(65536, write(writer.get(), block.data(), block.size()));
  EXPECT_ERRNO(EAGAIN, write(writer.get(), "x", 1));
}
TEST_F(Data, PacketPipeKeepsBorders) {
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_DIRECT | O_CLOEXEC));
  Fd reader(ends[0]), writer(ends[1]);
  ASSERT_EQ(3, write(writer.get(), "abc", 3));
  ASSERT_EQ(2, write(writer.get(), "de", 2));
  EXPECT_EQ("abc", Read(reader, 100));
  EXPECT_EQ("de", Read(reader, 100));
}
TEST_F(Data, WriteToAPipeWithoutReaderIsEpipe) {
  EXPECT_CHILD_ERRNO(EPIPE, InChild([] {
                       signal(SIGPIPE, SIG_IGN);
                       Pipe pipe;
                       pipe.read.Reset();
                       return ErrnoOf(write(pipe.write.get(), "x", 1));
                     }));
  EXPECT_EQ(1000 + SIGPIPE, InChild([] {
              Pipe pipe;
              pipe.read.Reset();
              return static_cast<int>(write(pipe.write.get(), "x", 1));
            }));
}
TEST_F(Data, UnknownPipeFlagIsEinval) {
  int ends[2];
  EXPECT_ERRNO(EINVAL, pipe2(ends, O_CREAT));
}

}  // namespace
}  // namespace moat::conformance
