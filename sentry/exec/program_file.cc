#include "sentry/exec/program_file.h"

#include <elf.h>
#include <linux/limits.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace moat::sentry {
namespace {

constexpr absl::string_view kBlanks = " \t";
constexpr size_t kMaxProgramHeaders = 65536 / sizeof(Elf64_Phdr);  // fs/binfmt_elf.c load_elf_phdrs

// An ELF file, of which the start has been read.
struct ElfFile {
  int fd;
  absl::string_view start;
};

// Exactly `size` bytes at `offset`, else ENOEXEC as Linux answers for a short file.
Result<std::string> ReadAt(const ElfFile& file, uint64_t offset, size_t size) {
  if (offset <= file.start.size() && size <= file.start.size() - offset) {
    return std::string(file.start.substr(offset, size));
  }
  std::string bytes(size, '\0');
  const ssize_t got = ::pread(file.fd, bytes.data(), size, static_cast<off_t>(offset));
  if (got < 0 || static_cast<size_t>(got) != size) return Errno(ENOEXEC);
  return bytes;
}

Result<std::optional<std::string>> ReadInterpreterSegment(const ElfFile& file,
                                                          const Elf64_Phdr& segment) {
  if (segment.p_filesz < 2 || segment.p_filesz > PATH_MAX) return Errno(ENOEXEC);
  TRY_ASSIGN(std::string name, ReadAt(file, segment.p_offset, segment.p_filesz));
  if (name.back() != '\0') return Errno(ENOEXEC);
  name.resize(std::strlen(name.c_str()));
  return std::optional<std::string>(std::move(name));
}

}  // namespace

Result<ScriptLine> ParseScriptLine(absl::string_view start_of_file) {
  const absl::string_view head = start_of_file.substr(0, kProgramHeadSize);
  absl::string_view line = head.substr(2);
  const size_t newline = line.find('\n');
  if (newline != absl::string_view::npos) {
    line = line.substr(0, newline);
  } else {
    // No end of line within the head: fine only if the interpreter's name ends before.
    const size_t start = line.find_first_not_of(kBlanks);
    if (start == absl::string_view::npos) return Errno(ENOEXEC);
    if (head.size() == kProgramHeadSize &&
        line.find_first_of(absl::string_view(" \t\0", 3), start) == absl::string_view::npos) {
      return Errno(ENOEXEC);
    }
  }
  line = line.substr(0, line.find('\0'));
  const size_t start = line.find_first_not_of(kBlanks);
  if (start == absl::string_view::npos) return Errno(ENOEXEC);
  line = line.substr(start, line.find_last_not_of(kBlanks) + 1 - start);
  const size_t blank = line.find_first_of(kBlanks);
  ScriptLine script{std::string(line.substr(0, blank)), std::nullopt};
  if (blank != absl::string_view::npos) {
    script.argument = std::string(line.substr(line.find_first_not_of(kBlanks, blank)));
  }
  return script;
}

bool IsNativeElf(absl::string_view start) {
  Elf64_Ehdr header;
  if (start.size() < sizeof(header)) return false;
  std::memcpy(&header, start.data(), sizeof(header));
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == EM_X86_64 &&
         (header.e_type == ET_EXEC || header.e_type == ET_DYN) &&
         header.e_phentsize == sizeof(Elf64_Phdr);
}

Result<std::optional<std::string>> ReadElfInterpreter(int fd, absl::string_view start) {
  const ElfFile file = {fd, start};
  TRY_ASSIGN(const std::string bytes, ReadAt(file, 0, sizeof(Elf64_Ehdr)));
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.e_phnum == 0 || header.e_phnum > kMaxProgramHeaders) return Errno(ENOEXEC);
  TRY_ASSIGN(const std::string table,
             ReadAt(file, header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr)));
  for (size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, &table[i * sizeof(segment)], sizeof(segment));
    if (segment.p_type == PT_INTERP) return ReadInterpreterSegment(file, segment);
  }
  return std::optional<std::string>();
}

Result<std::string> ReadProgramStart(int fd) {
  std::string start(kProgramStartSize, '\0');
  const ssize_t got = ::pread(fd, start.data(), start.size(), 0);
  if (got < 0) return Errno::Last();
  start.resize(static_cast<size_t>(got));
  return start;
}

}  // namespace moat::sentry
