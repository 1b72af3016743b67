#include "sentry/audit/audit.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace moat::sentry {
namespace {

using testing::HasSubstr;

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    read_end.Reset(ends[0]);
    write_end.Reset(ends[1]);
  }
  std::string Read() const {
    std::string text(1 << 20, '\0');
    const ssize_t size = ::read(read_end.get(), text.data(), text.size());
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return text;
  }
  Fd read_end, write_end;
};

const Refusal kRefusal = {7, "ptrace", {"0x10"}, "EPERM", "table", "no \"debuggers\"", "never"};

TEST(Audit, WritesALineOfJson) {
  Pipe pipe;
  Audit audit(std::move(pipe.write_end), "web", true);
  audit.Record(kRefusal, absl::UnixEpoch());
  EXPECT_EQ(pipe.Read(),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"container\":\"web\",\"task\":7,\"call\":"
            "\"ptrace\",\"args\":[\"0x10\"],\"answer\":\"EPERM\",\"rule\":\"table\",\"reason\":"
            "\"no \\\"debuggers\\\"\",\"allow\":\"never\"}\n");
}

TEST(Audit, TellsOnceOrAlways) {
  Pipe one, two;
  Audit once(std::move(one.write_end), "c", false), always(std::move(two.write_end), "c", true);
  EXPECT_TRUE(once.Wants("bpf", "table"));
  EXPECT_FALSE(once.Wants("bpf", "table"));
  EXPECT_TRUE(once.Wants("bpf", "strict:1:1"));
  EXPECT_TRUE(always.Wants("bpf", "table"));
  EXPECT_TRUE(always.Wants("bpf", "table"));
  EXPECT_FALSE(Audit(Fd(), "c", true).Wants("bpf", "table"));
}

TEST(Audit, AFloodIsCountedAndDoesNotWait) {
  Pipe pipe;
  Audit audit(std::move(pipe.write_end), "c", true);
  for (int i = 0; i < 5 * Audit::kBurst; ++i) audit.Record(kRefusal, absl::UnixEpoch());
  std::string text;
  for (std::string part = pipe.Read(); !part.empty(); part = pipe.Read()) text += part;
  const auto lines = std::count(text.begin(), text.end(), '\n');
  EXPECT_LE(lines, Audit::kBurst);
  EXPECT_EQ(text.back(), '\n');
  audit.Record(kRefusal, absl::UnixEpoch() + absl::Seconds(1));
  EXPECT_THAT(pipe.Read(), HasSubstr(absl::StrCat("\"left_out\":", 5 * Audit::kBurst - lines)));
}

}  // namespace
}  // namespace moat::sentry
