// A folder of one's own, and a model of it in memory: every errno and every content is compared.
// The folder's parent is renamed by nobody, but the process goes there by different ways.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include "base/fd.h"
#include "tests/storm/storm.h"

namespace moat::storm {
namespace {

enum class Type { kFile, kLink, kFolder };
struct Node {
  Type type;
  std::string text;  // content or target
  int names = 1;
};
using Model = std::map<std::string, std::shared_ptr<Node>>;

constexpr int kNames = 6;
constexpr int kSteps = 40;

class Folder {
 public:
  explicit Folder(Player& player) : player_(player), path_("own/" + std::to_string(player.number)) {
    Require(mkdir(path_.c_str(), 0755) == 0, "mkdir " + path_);
    base_.Reset(open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  void Step();
  void Compare();
  void Remove();

 private:
  // A base and a path for the same name, by one of several ways.
  struct Place {
    int base;
    std::string path;
  };
  Place PlaceOf(const std::string& name) {
    switch (player_.Below(4)) {
      case 0:
        return {base_.get(), name};
      case 1:
        return {base_.get(), "./../" + std::to_string(player_.number) + "/" + name};
      case 2:
        return {AT_FDCWD, "/proc/self/cwd/" + path_ + "/" + name};
      default:
        return {AT_FDCWD, path_ + "/" + name};
    }
  }
  std::string AnyName() { return std::string(1, static_cast<char>('a' + player_.Below(kNames))); }
  // The errno that the call should have given, 0 for none.
  void Expect(int expected, long result, const std::string& what) {
    const int got = result == -1 ? errno : 0;
    if (got == expected) return;
    const char* name = strerrorname_np(expected);
    errno = got;
    Require(false, what + ": not " + (expected == 0 ? "success" : name));
  }
  void Create(const std::string& name);
  void MakeLink(const std::string& name);
  void MakeFolder(const std::string& name);
  void Unlink(const std::string& name);
  void RemoveFolder(const std::string& name);
  void Rename(const std::string& from, const std::string& to);
  void HardLink(const std::string& from, const std::string& to);
  void Look(const std::string& name);

  Player& player_;
  std::string path_;
  Fd base_;
  Model model_;
  int counter_ = 0;
};

void Folder::Create(const std::string& name) {
  const Place at = PlaceOf(name);
  Fd file(openat(at.base, at.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (model_.count(name) != 0) return Expect(EEXIST, file.get(), "create " + name);
  Expect(0, file.get(), "create " + name);
  auto node = std::make_shared<Node>(Node{Type::kFile, "text " + std::to_string(++counter_)});
  const auto size = static_cast<ssize_t>(node->text.size());
  Require(write(file.get(), node->text.data(), node->text.size()) == size, "write");
  model_[name] = node;
}
void Folder::MakeLink(const std::string& name) {
  const Place at = PlaceOf(name);
  const std::string target = AnyName();
  const int result = symlinkat(target.c_str(), at.base, at.path.c_str());
  if (model_.count(name) != 0) return Expect(EEXIST, result, "symlink " + name);
  Expect(0, result, "symlink " + name);
  model_[name] = std::make_shared<Node>(Node{Type::kLink, target});
}
void Folder::MakeFolder(const std::string& name) {
  const Place at = PlaceOf(name);
  const int result = mkdirat(at.base, at.path.c_str(), 0755);
  if (model_.count(name) != 0) return Expect(EEXIST, result, "mkdir " + name);
  Expect(0, result, "mkdir " + name);
  model_[name] = std::make_shared<Node>(Node{Type::kFolder, ""});
}
void Folder::Unlink(const std::string& name) {
  const Place at = PlaceOf(name);
  const int result = unlinkat(at.base, at.path.c_str(), 0);
  const auto found = model_.find(name);
  if (found == model_.end()) return Expect(ENOENT, result, "unlink " + name);
  if (found->second->type == Type::kFolder) return Expect(EISDIR, result, "unlink " + name);
  Expect(0, result, "unlink " + name);
  --found->second->names;
  model_.erase(found);
}
void Folder::RemoveFolder(const std::string& name) {
  const Place at = PlaceOf(name);
  const int result = unlinkat(at.base, at.path.c_str(), AT_REMOVEDIR);
  const auto found = model_.find(name);
  if (found == model_.end()) return Expect(ENOENT, result, "rmdir " + name);
  if (found->second->type != Type::kFolder) return Expect(ENOTDIR, result, "rmdir " + name);
  Expect(0, result, "rmdir " + name);
  model_.erase(found);
}
void Folder::Rename(const std::string& from, const std::string& to) {
  const Place a = PlaceOf(from), b = PlaceOf(to);
  const int result = renameat(a.base, a.path.c_str(), b.base, b.path.c_str());
  const std::string what = "rename " + from + " to " + to;
  const auto source = model_.find(from), target = model_.find(to);
  if (source == model_.end()) return Expect(ENOENT, result, what);
  if (target != model_.end()) {
    if (source->second == target->second) return Expect(0, result, what);  // both names stay
    const bool folder = source->second->type == Type::kFolder;
    const bool over_folder = target->second->type == Type::kFolder;
    if (folder && !over_folder) return Expect(ENOTDIR, result, what);
    if (!folder && over_folder) return Expect(EISDIR, result, what);
    --target->second->names;
  }
  Expect(0, result, what);
  model_[to] = source->second;
  model_.erase(from);
}
void Folder::HardLink(const std::string& from, const std::string& to) {
  const Place a = PlaceOf(from), b = PlaceOf(to);
  const int result = linkat(a.base, a.path.c_str(), b.base, b.path.c_str(), 0);
  const std::string what = "link " + from + " to " + to;
  const auto source = model_.find(from);
  if (source == model_.end()) return Expect(ENOENT, result, what);
  if (model_.count(to) != 0) return Expect(EEXIST, result, what);
  if (source->second->type == Type::kFolder) return Expect(EPERM, result, what);
  Expect(0, result, what);
  ++source->second->names;
  model_[to] = source->second;
}
void Folder::Look(const std::string& name) {
  const Place at = PlaceOf(name);
  struct stat attributes {};
  const int result = fstatat(at.base, at.path.c_str(), &attributes, AT_SYMLINK_NOFOLLOW);
  const auto found = model_.find(name);
  if (found == model_.end()) return Expect(ENOENT, result, "stat " + name);
  Expect(0, result, "stat " + name);
  const Node& node = *found->second;
  errno = 0;
  const mode_t kind = node.type == Type::kFile   ? S_IFREG
                      : node.type == Type::kLink ? S_IFLNK
                                                 : S_IFDIR;
  Require((attributes.st_mode & S_IFMT) == kind, "the type of " + name);
  char text[64] = {};
  if (node.type == Type::kLink) {
    Require(readlinkat(at.base, at.path.c_str(), text, sizeof text - 1) > 0, "readlink " + name);
  } else if (node.type == Type::kFile) {
    Require(attributes.st_nlink == static_cast<nlink_t>(node.names), "the links of " + name);
    Fd file(openat(at.base, at.path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    Require(file.valid() && read(file.get(), text, sizeof text - 1) >= 0, "open " + name);
  }
  errno = 0;
  Require(node.text == text, "the content of " + name);
}

void Folder::Step() {
  const std::string name = AnyName();
  switch (player_.Below(9)) {
    case 0:
      return Create(name);
    case 1:
      return MakeLink(name);
    case 2:
      return MakeFolder(name);
    case 3:
      return Unlink(name);
    case 4:
      return RemoveFolder(name);
    case 5:
      return Rename(name, AnyName());
    case 6:
      return HardLink(name, AnyName());
    default:
      return Look(name);
  }
}

void Folder::Compare() {
  DIR* folder = opendir(path_.c_str());
  Require(folder != nullptr, "opendir " + path_);
  std::set<std::string> listed, known;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') listed.insert(entry->d_name);
  }
  closedir(folder);
  for (const auto& [name, node] : model_) known.insert(name);
  errno = 0;
  Require(listed == known, "the list of " + path_);
}

void Folder::Remove() {
  for (const auto& [name, node] : model_) {
    const int flags = node->type == Type::kFolder ? AT_REMOVEDIR : 0;
    Require(unlinkat(base_.get(), name.c_str(), flags) == 0, "removing " + name);
  }
  Require(rmdir(path_.c_str()) == 0, "rmdir " + path_);
}

}  // namespace

void ModelRound(Player& player) {
  Folder folder(player);
  for (int i = 0; i < kSteps; ++i) folder.Step();
  folder.Compare();
  folder.Remove();
}

}  // namespace moat::storm
