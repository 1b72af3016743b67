#include "bench/moat_bench/security/spoiled_root.h"

#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"

namespace moat::bench {

namespace fs = std::filesystem;

SpoiledRoot::SpoiledRoot(Containers& containers) : folder_(containers.places().work + "/hostile") {
  fs::remove_all(folder_);
  fs::create_directories(outside());
  for (const char* name : {"bin", "dev", "proc", "sys", "tmp", "etc"})
    fs::create_directories(root() / name);
  fs::copy_file(containers.places().root + "/bin/guest", root() / "bin/guest");
  Write(outside() / "marker", kSecret);
}

SpoiledRoot::~SpoiledRoot() {
  std::error_code none;
  fs::remove_all(folder_, none);
}

void SpoiledRoot::Write(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

void SpoiledRoot::ReplaceByLink(const std::string& name, const fs::path& target) const {
  fs::remove_all(root() / name);
  fs::create_symlink(target, root() / name);
}

std::string SpoiledRoot::MadeOutside() const {
  std::string made;
  for (const auto& entry : fs::directory_iterator(outside())) {
    if (entry.path().filename() == "marker") continue;
    absl::StrAppend(&made, made.empty() ? "" : ", ", entry.path().filename().string());
  }
  if (ReadFile(outside() / "marker", 4096).value_or("") != kSecret)
    made += " and the marker changed";
  return made;
}

}  // namespace moat::bench
