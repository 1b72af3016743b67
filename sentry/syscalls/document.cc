#include "sentry/syscalls/document.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry {
namespace {

constexpr absl::string_view kIntroduction = R"(# System calls

What moat does with every system call of Linux 6.18 on x86-64. This page is made from the table in
[sentry/syscalls/table.cc](../sentry/syscalls/table.cc), from which the seccomp filter, the sentry's
dispatcher and the trace are made too; `ninja table_doc` writes it anew.

* **native**: the host's kernel runs every use of it, and the filter does not even look at the arguments; the note
  says what stands between the call and the host.
* **checked**: the filter looks at the arguments (never at what a pointer leads to) and lets only some uses run; the
  note says which. The word behind it is what happens to the others. Such a call is not counted as native, though
  those uses do reach the host's kernel: the last sentence below counts them.
* **sentry**: the call is stopped and answered by the sentry, for paths with the gofer's help.
* an **errno**: the call fails with it; *skipped*: it succeeds and does nothing.

Where the sentry may let a stopped call continue, *continued* says why that is harmless whatever the caller
changes in its memory meanwhile. Numbers that are not listed, and calls of the i386 and x32 ABIs, fail with ENOSYS.
)";

bool IsChecked(const Entry& entry) { return !entry.checks.empty(); }

// Whether some use of the call reaches the kernel without the sentry.
bool MayRunNatively(const Entry& entry) {
  const auto is_native = [](const Verdict& verdict) {
    return verdict.kind == Verdict::Kind::kNative;
  };
  return is_native(entry.otherwise) ||
         std::any_of(entry.checks.begin(), entry.checks.end(),
                     [&](const Check& check) { return is_native(check.verdict); });
}

std::string VerdictName(const Verdict& verdict) {
  switch (verdict.kind) {
    case Verdict::Kind::kNative:
      return "native";
    case Verdict::Kind::kNotify:
      return "sentry";
    case Verdict::Kind::kErrno:
      break;
  }
  return verdict.error == 0 ? "skipped" : ErrnoName(verdict.error);
}

std::string Disposition(const Entry& entry) {
  const std::string name = VerdictName(entry.otherwise);
  return IsChecked(entry) ? absl::StrCat("checked, ", name) : name;
}

std::string Line(const Entry& entry) {
  std::string note(entry.note);
  if (!entry.continue_reason.empty())
    absl::StrAppend(&note, " *continued:* ", entry.continue_reason);
  return absl::StrCat("| ", entry.nr, " | `", entry.name, "` | ", Disposition(entry), " | ", note,
                      " |\n");
}

std::string Counts() {
  const absl::Span<const Entry> table = SyscallTable();
  const auto count = [&](auto&& predicate) {
    return std::count_if(table.begin(), table.end(), predicate);
  };
  const auto plain = [](Verdict::Kind kind) {
    return [kind](const Entry& entry) { return !IsChecked(entry) && entry.otherwise.kind == kind; };
  };
  return absl::StrCat(
      "\n| calls | native | checked | sentry | errno |\n|---|---|---|---|---|\n| ", table.size(),
      " | ", count(plain(Verdict::Kind::kNative)), " | ", count(IsChecked), " | ",
      count(plain(Verdict::Kind::kNotify)), " | ", count(plain(Verdict::Kind::kErrno)), " |\n\n",
      count(MayRunNatively),
      " calls can reach the host's kernel without the sentry, in some or all of their uses.\n");
}

std::string Section(Group group) {
  std::string section =
      absl::StrCat("\n## ", GroupTitle(group),
                   "\n\n| number | call | disposition | note |\n|---|---|---|---|\n");
  for (const Entry& entry : SyscallTable()) {
    if (entry.group == group) absl::StrAppend(&section, Line(entry));
  }
  return section;
}

}  // namespace

std::string SyscallDocument() {
  std::string document = absl::StrCat(kIntroduction, Counts());
  for (int group = 0; group <= static_cast<int>(Group::kObsolete); ++group) {
    absl::StrAppend(&document, Section(static_cast<Group>(group)));
  }
  return document;
}

}  // namespace moat::sentry
