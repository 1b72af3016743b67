// Charts as inline SVG, which need nothing but a browser.
#ifndef MOAT_BENCH_MOAT_BENCH_REPORT_CHARTS_H_
#define MOAT_BENCH_MOAT_BENCH_REPORT_CHARTS_H_

#include <string>
#include <vector>

namespace moat::bench {

std::string EscapeXml(const std::string& text);

// Horizontal bars in groups: one group per label, one bar per series. A value below 0 is missing.
// With `logarithmic`, lengths are by the logarithm, from the decade below the smallest value.
struct BarChart {
  std::vector<std::string> series;
  std::vector<std::string> labels;
  std::vector<std::vector<double>> values;      // [label][series]
  std::vector<std::vector<std::string>> texts;  // what stands at the bar's end
  bool logarithmic = false;
};
std::string Draw(const BarChart& chart);

// Bars of several parts each, as shares of the whole.
struct StackChart {
  std::vector<std::string> parts;
  std::vector<std::string> labels;
  std::vector<std::vector<double>> values;  // [label][part]
};
std::string Draw(const StackChart& chart);

// A field of small squares, one per item and coloured by its class, for long lists: [row][item] =
// class index.
struct MosaicChart {
  std::vector<std::string> classes;
  std::vector<std::string> labels;
  std::vector<std::vector<int>> items;
  std::vector<std::vector<std::string>> hints;  // shown when the pointer rests on it
};
std::string Draw(const MosaicChart& chart);

// Lines over a logarithmic axis of sizes.
struct LineChart {
  std::vector<std::string> series;
  std::vector<double> sizes;
  std::vector<std::vector<double>> values;  // [series][size], relative to the first
};
std::string Draw(const LineChart& chart);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_REPORT_CHARTS_H_
