// What a person sees while it runs, and tables at the end. Colour only on a terminal (and never
// with NO_COLOR).
#ifndef MOAT_BENCH_MOAT_BENCH_REPORT_TERMINAL_H_
#define MOAT_BENCH_MOAT_BENCH_REPORT_TERMINAL_H_

#include <string>
#include <vector>

namespace moat::bench {

enum class Tone { kPlain, kGood, kBad, kWarning, kFaint, kStrong };

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

class Terminal {
 public:
  Terminal();

  // One line that the next one overwrites on a terminal: "[3/40] runc, defaults: matrix".
  void Progress(int done, int all, const std::string& what);
  void EndProgress();
  void Say(const std::string& text, Tone tone = Tone::kPlain);
  // The first row is the head; columns are as wide as their widest cell.
  void Table(const std::vector<std::vector<Cell>>& rows);

 private:
  std::string Painted(const std::string& text, Tone tone) const;
  bool colour_, live_;
  bool open_line_ = false;
};

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_REPORT_TERMINAL_H_
