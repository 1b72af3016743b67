#include "bench/moat_bench/report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace moat::bench {
namespace {

constexpr int kBarWidth = 24;

const char* Code(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "\033[32m";
    case Tone::kBad:
      return "\033[31m";
    case Tone::kWarning:
      return "\033[33m";
    case Tone::kFaint:
      return "\033[2m";
    case Tone::kStrong:
      return "\033[1m";
    case Tone::kPlain:
      break;
  }
  return "";
}

size_t TerminalWidth() {
  winsize size;
  return ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
}

// UTF-8 characters, not bytes.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

Terminal::Terminal()
    : colour_(isatty(1) == 1 && getenv("NO_COLOR") == nullptr), live_(isatty(2) == 1) {}

std::string Terminal::Painted(const std::string& text, Tone tone) const {
  if (!colour_ || tone == Tone::kPlain) return text;
  return absl::StrCat(Code(tone), text, "\033[0m");
}

void Terminal::Progress(int done, int all, const std::string& what) {
  std::string line = absl::StrCat("[", done + 1, "/", all, "] ", what);
  if (!live_) {
    std::fprintf(stderr, "%s\n", line.c_str());
    return;
  }
  const int filled = all == 0 ? 0 : done * kBarWidth / all;
  std::string bar;
  for (int i = 0; i < kBarWidth; ++i) bar += i < filled ? "█" : "░";
  line.resize(std::min(line.size(), TerminalWidth() - kBarWidth - 2));
  std::fprintf(stderr, "\r\033[K%s %s", bar.c_str(), line.c_str());
  std::fflush(stderr);
  open_line_ = true;
}

void Terminal::EndProgress() {
  if (open_line_) std::fprintf(stderr, "\r\033[K");
  open_line_ = false;
}

void Terminal::Say(const std::string& text, Tone tone) {
  EndProgress();
  std::printf("%s\n", Painted(text, tone).c_str());
  std::fflush(stdout);
}

void Terminal::Table(const std::vector<std::vector<Cell>>& rows) {
  EndProgress();
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i].text));
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string gap(widths[i] - Width(row[i].text), ' ');
      const Tone tone = &row == &rows.front() ? Tone::kStrong : row[i].tone;
      line += absl::StrCat(i == 0 ? "" : "  ", i == 0 ? "" : gap, Painted(row[i].text, tone),
                           i == 0 ? gap : "");
    }
    std::printf("%s\n", line.c_str());
  }
  std::fflush(stdout);
}

}  // namespace moat::bench
