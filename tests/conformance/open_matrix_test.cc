// open(2): what each combination of flags gives on each kind of file.
#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <tuple>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

struct Flags {
  const char* name;
  int value;
};
constexpr Flags kFlags[] = {
    {"read", O_RDONLY},
    {"write", O_WRONLY},
    {"both", O_RDWR},
    {"create", O_WRONLY | O_CREAT},
    {"create_exclusive", O_WRONLY | O_CREAT | O_EXCL},
    {"truncate", O_WRONLY | O_TRUNC},
    {"directory", O_RDONLY | O_DIRECTORY},
    {"nofollow", O_RDONLY | O_NOFOLLOW},
    {"create_nofollow", O_RDWR | O_CREAT | O_NOFOLLOW},
    {"path", O_PATH},
    {"path_nofollow", O_PATH | O_NOFOLLOW},
    {"path_directory", O_PATH | O_DIRECTORY},
    {"tmpfile", O_RDWR | O_TMPFILE},
};
struct Kind {
  const char* name;
  void (*make)();
  int errors[std::size(kFlags)];  // in the order of kFlags
};
void Nothing() {}
void AFile() { WriteFile("it", "content"); }
void ADirectory() { ASSERT_SUCCESS(mkdir("it", 0755)); }
void ALinkToAFile() {
  WriteFile("target", "content");
  ASSERT_SUCCESS(symlink("target", "it"));
}
void ALinkToADirectory() {
  ASSERT_SUCCESS(mkdir("target", 0755));
  ASSERT_SUCCESS(symlink("target", "it"));
}
void ADanglingLink() { ASSERT_SUCCESS(symlink("target", "it")); }
void ALoop() { ASSERT_SUCCESS(symlink("it", "it")); }
void AFifo() { ASSERT_SUCCESS(mkfifo("it", 0644)); }
void ASocket() { ASSERT_SUCCESS(mknod("it", S_IFSOCK | 0644, 0)); }
void ALinkToADevice() { ASSERT_SUCCESS(symlink("/dev/null", "it")); }

// clang-format off
const Kind kKinds[] = {
  //                                read    write   both    create  excl    trunc   dir      nofol  cr_nof  path    path_nf path_dir tmpfile
  {"nothing", Nothing,             {ENOENT, ENOENT, ENOENT, 0,      0,      ENOENT, ENOENT,  ENOENT, 0,     ENOENT, ENOENT, ENOENT,  ENOENT}},
  {"file", AFile,                  {0,      0,      0,      0,      EEXIST, 0,      ENOTDIR, 0,     0,      0,      0,      ENOTDIR, ENOTDIR}},
  {"directory", ADirectory,        {0,      EISDIR, EISDIR, EISDIR, EEXIST, EISDIR, 0,       0,     EISDIR, 0,      0,      0,       0}},
  {"link_to_file", ALinkToAFile,   {0,      0,      0,      0,      EEXIST, 0,      ENOTDIR, ELOOP, ELOOP,  0,      0,      ENOTDIR, ENOTDIR}},
  {"link_to_directory", ALinkToADirectory, {0, EISDIR, EISDIR, EISDIR, EEXIST, EISDIR, 0,    ELOOP, ELOOP,  0,      0,      0,       0}},
  {"dangling_link", ADanglingLink, {ENOENT, ENOENT, ENOENT, 0,      EEXIST, ENOENT, ENOENT,  ELOOP, ELOOP,  ENOENT, 0,      ENOENT,  ENOENT}},
  {"loop", ALoop,                  {ELOOP,  ELOOP,  ELOOP,  ELOOP,  EEXIST, ELOOP,  ELOOP,   ELOOP, ELOOP,  ELOOP,  0,      ELOOP,   ELOOP}},
  {"fifo", AFifo,                  {0,      ENXIO,  0,      ENXIO,  EEXIST, ENXIO,  ENOTDIR, 0,     0,      0,      0,      ENOTDIR, ENOTDIR}},
  {"socket", ASocket,              {ENXIO,  ENXIO,  ENXIO,  ENXIO,  EEXIST, ENXIO,  ENOTDIR, ENXIO, ENXIO,  0,      0,      ENOTDIR, ENOTDIR}},
  {"link_to_device", ALinkToADevice, {0,    0,      0,      0,      EEXIST, 0,      ENOTDIR, ELOOP, ELOOP,  0,      0,      ENOTDIR, ENOTDIR}},
};
// clang-format on

class OpenMatrix : public Scratch,
                   public ::testing::WithParamInterface<std::tuple<size_t, size_t>> {};
INSTANTIATE_TEST_SUITE_P(Of, OpenMatrix,
                         ::testing::Combine(::testing::Range<size_t>(0, std::size(kKinds)),
                                            ::testing::Range<size_t>(0, std::size(kFlags))),
                         [](const auto& of) {
                           return std::string(kKinds[std::get<0>(of.param)].name) + "_" +
                                  kFlags[std::get<1>(of.param)].name;
                         });

TEST_P(OpenMatrix, Gives) {
  const Kind& kind = kKinds[std::get<0>(GetParam())];
  const size_t flags = std::get<1>(GetParam());
  kind.make();
  EXPECT_ERRNO(kind.errors[flags],
               Fd(open("it", kFlags[flags].value | O_NONBLOCK | O_CLOEXEC, 0644)).get());
}

}  // namespace
}  // namespace moat::conformance
