// A root file system that a probe may spoil.
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_SPOILED_ROOT_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_SPOILED_ROOT_H_

#include <filesystem>
#include <string>

#include "bench/moat_bench/driver/containers.h"

namespace moat::bench {

// What the marker file outside of the root says.
inline constexpr char kSecret[] = "marker of the host";

// A copy of the guest's root, and a folder outside of it with one marker file; both vanish with the
// object.
class SpoiledRoot {
 public:
  explicit SpoiledRoot(Containers& containers);
  ~SpoiledRoot();
  SpoiledRoot(const SpoiledRoot&) = delete;
  SpoiledRoot& operator=(const SpoiledRoot&) = delete;

  std::filesystem::path root() const { return folder_ / "root"; }
  std::filesystem::path outside() const { return folder_ / "outside"; }
  static void Write(const std::filesystem::path& path, const std::string& text);
  void ReplaceByLink(const std::string& name, const std::filesystem::path& target) const;

  // What was made beside the marker, or done to it; empty when nothing.
  std::string MadeOutside() const;

 private:
  const std::filesystem::path folder_;
};

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_SPOILED_ROOT_H_
