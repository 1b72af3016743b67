#include "bench/moat_bench/report/charts.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace moat::bench {
namespace {

// Told apart also by people who see few colours (after Okabe and Ito).
constexpr const char* kColours[] = {"#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                    "#56b4e9", "#d55e00", "#f0e442", "#999999"};
constexpr int kLabelWidth = 220, kBarWidth = 520, kTextWidth = 200, kBarHeight = 14, kGap = 10,
              kLegendHeight = 26;

const char* Colour(size_t index) { return kColours[index % std::size(kColours)]; }

std::string Open(double width, double height, const std::string& label) {
  return absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"%s\" viewBox=\"0 0 %.0f "
      "%.0f\" width=\"%.0f\" "
      "font-family=\"system-ui,sans-serif\" font-size=\"12\">\n",
      EscapeXml(label), width, height, width);
}

std::string Text(double x, double y, const std::string& text, const char* anchor = "start") {
  return absl::StrFormat(
      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"currentColor\">%s</text>\n", x, y,
      anchor, EscapeXml(text));
}

std::string Box(double x, double y, double width, double height, const char* colour,
                const std::string& hint = "") {
  return absl::StrFormat(
      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\">%s</rect>\n", x, y,
      width, height, colour,
      hint.empty() ? "" : absl::StrCat("<title>", EscapeXml(hint), "</title>"));
}

std::string Legend(const std::vector<std::string>& names) {
  std::string svg;
  double x = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    svg += Box(x, 4, 12, 12, Colour(i)) + Text(x + 17, 14, names[i]);
    x += 34 + 7.2 * static_cast<double>(names[i].size());
  }
  return svg;
}

}  // namespace

std::string EscapeXml(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += letter;
    }
  }
  return safe;
}

std::string Draw(const BarChart& chart) {
  double largest = 0, smallest = 1e300;
  for (const auto& row : chart.values) {
    for (const double value : row) {
      largest = std::max(largest, value);
      if (value > 0) smallest = std::min(smallest, value);
    }
  }
  const double low = chart.logarithmic ? std::floor(std::log10(std::max(smallest, 1e-9))) : 0;
  const double high = chart.logarithmic ? std::log10(std::max(largest, 1e-9)) : largest;
  const auto length = [&](double value) {
    const double place = chart.logarithmic ? std::log10(std::max(value, 1e-9)) - low : value;
    return high > low ? std::max(1.0, place / (high - low) * kBarWidth) : 1.0;
  };
  const double group = static_cast<double>(chart.series.size()) * kBarHeight + kGap;
  const double height = kLegendHeight + group * static_cast<double>(chart.labels.size());
  std::string svg =
      Open(kLabelWidth + kBarWidth + kTextWidth, height, "bar chart") + Legend(chart.series);
  for (size_t i = 0; i < chart.labels.size(); ++i) {
    const double top = kLegendHeight + group * static_cast<double>(i);
    svg += Text(kLabelWidth - 8, top + (group - kGap) / 2 + 4, chart.labels[i], "end");
    for (size_t j = 0; j < chart.series.size(); ++j) {
      const double y = top + static_cast<double>(j) * kBarHeight;
      const double value = chart.values[i][j];
      if (value < 0) {
        svg += Text(kLabelWidth + 4, y + 11, chart.texts[i][j]);
        continue;
      }
      svg += Box(kLabelWidth, y + 1, length(value), kBarHeight - 2, Colour(j),
                 absl::StrCat(chart.series[j], ": ", chart.texts[i][j]));
      svg += Text(kLabelWidth + length(value) + 5, y + 11, chart.texts[i][j]);
    }
  }
  return svg + "</svg>\n";
}

std::string Draw(const StackChart& chart) {
  const double row = kBarHeight * 2 + kGap;
  std::string svg = Open(kLabelWidth + kBarWidth + kTextWidth,
                         kLegendHeight + row * static_cast<double>(chart.labels.size()), "shares") +
                    Legend(chart.parts);
  for (size_t i = 0; i < chart.labels.size(); ++i) {
    const double y = kLegendHeight + row * static_cast<double>(i);
    svg += Text(kLabelWidth - 8, y + 18, chart.labels[i], "end");
    double whole = 0, x = kLabelWidth;
    for (const double value : chart.values[i]) whole += value;
    for (size_t j = 0; j < chart.parts.size() && whole > 0; ++j) {
      const double width = chart.values[i][j] / whole * (kBarWidth + kTextWidth - 10);
      if (width <= 0) continue;
      svg += Box(x, y, width, kBarHeight * 2, Colour(j),
                 absl::StrFormat("%s: %.5g", chart.parts[j], chart.values[i][j]));
      const std::string number = absl::StrFormat("%.4g", chart.values[i][j]);
      if (width > 8.0 * static_cast<double>(number.size())) {
        svg += absl::StrFormat(
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#fff\">%s</text>\n",
            x + width / 2, y + 18, number);
      }
      x += width;
    }
  }
  return svg + "</svg>\n";
}

std::string Draw(const MosaicChart& chart) {
  constexpr int kSquare = 9, kPerLine = 90;
  double height = kLegendHeight;
  for (const auto& items : chart.items)
    height += std::ceil(static_cast<double>(items.size()) / kPerLine) * kSquare + 26;
  std::string svg =
      Open(kPerLine * kSquare + 10, height, "one square per system call") + Legend(chart.classes);
  double top = kLegendHeight;
  for (size_t i = 0; i < chart.items.size(); ++i) {
    svg += Text(0, top + 12, chart.labels[i]);
    for (size_t j = 0; j < chart.items[i].size(); ++j) {
      const size_t column = j % kPerLine, row = j / kPerLine;
      const double x = static_cast<double>(column) * kSquare,
                   y = top + 17 + static_cast<double>(row) * kSquare;
      svg += Box(x, y, kSquare - 1, kSquare - 1, Colour(static_cast<size_t>(chart.items[i][j])),
                 chart.hints[i][j]);
    }
    top += std::ceil(static_cast<double>(chart.items[i].size()) / kPerLine) * kSquare + 26;
  }
  return svg + "</svg>\n";
}

std::string Draw(const LineChart& chart) {
  constexpr double kWidth = 420, kHeight = 180, kLeft = 50;
  double largest = 2;
  for (const auto& row : chart.values) {
    for (const double value : row) largest = std::max(largest, value);
  }
  const double steps = std::log10(largest);
  const auto x = [&](size_t i) {
    return kLeft + kWidth * static_cast<double>(i) /
                       static_cast<double>(std::max<size_t>(1, chart.sizes.size() - 1));
  };
  const auto y = [&](double value) {
    return kLegendHeight + kHeight -
           kHeight * std::log10(std::max(value, 0.5) / 0.5) / (steps + std::log10(2.0));
  };
  std::string svg =
      Open(kLeft + kWidth + 60, kLegendHeight + kHeight + 30, "growth") + Legend(chart.series);
  for (int power = 0; std::pow(10, power) <= largest; ++power) {
    const double grid = std::pow(10, power);
    svg += absl::StrFormat(
        "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#8886\"/>\n", kLeft,
        kLeft + kWidth, y(grid), y(grid));
    svg += Text(kLeft - 6, y(grid) + 4, absl::StrFormat("%gx", grid), "end");
  }
  for (size_t i = 0; i < chart.sizes.size(); ++i)
    svg +=
        Text(x(i), kLegendHeight + kHeight + 18, absl::StrFormat("%g", chart.sizes[i]), "middle");
  for (size_t j = 0; j < chart.series.size(); ++j) {
    std::string points;
    for (size_t i = 0; i < chart.values[j].size(); ++i) {
      if (chart.values[j][i] > 0)
        points += absl::StrFormat("%.1f,%.1f ", x(i), y(chart.values[j][i]));
    }
    svg += absl::StrFormat(
        "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", points,
        Colour(j));
  }
  return svg + "</svg>\n";
}

}  // namespace moat::bench
