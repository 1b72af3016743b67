#include "policies/container/builtin.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/read_file.h"
#include "base/status.h"
#include "policies/container/parse_policy.h"

namespace moat::policies {

// Made by embed.cmake.
extern const char k_default_text[];
extern const char k_strict_text[];
extern const char k_compat_text[];
extern const char k_schema_text[];

namespace {

constexpr size_t kMaxFile = 1 << 20;

std::optional<absl::string_view> BuiltinText(absl::string_view name) {
  if (name == "default") return k_default_text;
  if (name == "strict") return k_strict_text;
  if (name == "compat") return k_compat_text;
  return std::nullopt;
}

bool IsPlainName(absl::string_view name) {
  const auto fits = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name[0] != '.' && std::all_of(name.begin(), name.end(), fits);
}

absl::StatusOr<Layer> LayerOfFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFile));
  return ParseLayer(path, text);
}

absl::StatusOr<Layer> LayerOfName(const std::string& name) {
  if (const auto text = BuiltinText(name)) return ParseLayer(name, *text);
  if (!IsPlainName(name)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is no name of a policy"));
  }
  const std::string path = absl::StrCat(kPolicyDirectory, "/", name, ".json");
  absl::StatusOr<Layer> layer = LayerOfFile(path);
  if (!layer.ok() && StatusErrno(layer.status()) == ENOENT) {
    return absl::NotFoundError(absl::StrCat("no policy \"", name, "\": there are ",
                                            absl::StrJoin(BuiltinNames(), ", "), " and what is in ",
                                            kPolicyDirectory));
  }
  return layer;
}

}  // namespace

std::vector<std::string> BuiltinNames() { return {"default", "strict", "compat"}; }

absl::string_view PolicySchema() { return k_schema_text; }

absl::StatusOr<Policy> PolicyOfName(const std::string& name) {
  ASSIGN_OR_RETURN(Layer layer, LayerOfName(name));
  return WithLayersBelow(std::move(layer), LayerOfName);
}

absl::StatusOr<Policy> PolicyOfFile(const std::string& path) {
  ASSIGN_OR_RETURN(Layer layer, LayerOfFile(path));
  return WithLayersBelow(std::move(layer), LayerOfName);
}

absl::StatusOr<Policy> PolicyOfNameOrFile(const std::string& name_or_path) {
  const bool is_file =
      absl::StrContains(name_or_path, "/") || absl::EndsWith(name_or_path, ".json");
  return is_file ? PolicyOfFile(name_or_path) : PolicyOfName(name_or_path);
}

}  // namespace moat::policies
