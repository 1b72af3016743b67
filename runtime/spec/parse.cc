#include "runtime/spec/parse.h"

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/spec/json_reader.h"
#include "runtime/spec/parse_parts.h"
#include "runtime/spec/validate.h"

namespace moat::spec {
namespace {

// "line 3, column 7: what" out of nlohmann's "[json.exception.parse_error.101] parse error at line
// 3, column 7: what".
std::string SyntaxFault(const nlohmann::json::exception& error) {
  const absl::string_view text = error.what();
  const size_t line = text.find("line ");
  return std::string(line == absl::string_view::npos ? text : text.substr(line));
}

absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text) {
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("is not JSON: ", SyntaxFault(error)));
  }
}

}  // namespace

void Read(const JsonReader& at, Root& out) {
  at.Required("path", out.path);
  at.Member("readonly", out.readonly);
}

void Read(const JsonReader& at, IdMapping& out) {
  at.Required("containerID", out.container_id);
  at.Required("hostID", out.host_id);
  at.Required("size", out.size);
}

void Read(const JsonReader& at, Mount& out) {
  at.Required("destination", out.destination);
  at.Member("type", out.type);
  at.Member("source", out.source);
  at.Member("options", out.options);
  at.Member("uidMappings", out.uid_mappings);
  at.Member("gidMappings", out.gid_mappings);
}

void Read(const JsonReader& at, Hook& out) {
  at.Required("path", out.path);
  at.Member("args", out.args);
  at.Member("env", out.env);
  at.Member("timeout", out.timeout);
}

void Read(const JsonReader& at, Hooks& out) {
  at.Member("prestart", out.prestart);
  at.Member("createRuntime", out.create_runtime);
  at.Member("createContainer", out.create_container);
  at.Member("startContainer", out.start_container);
  at.Member("poststart", out.poststart);
  at.Member("poststop", out.poststop);
}

void Read(const JsonReader& at, Spec& out) {
  at.Required("ociVersion", out.oci_version);
  at.Required("root", out.root);
  at.Member("hostname", out.hostname);
  at.Member("domainname", out.domainname);
  at.Member("mounts", out.mounts);
  at.Member("process", out.process);
  at.Member("hooks", out.hooks);
  at.Member("annotations", out.annotations);
  at.Member("linux", out.linux_config);
}

namespace {

template <typename T>
absl::StatusOr<T> ParseAs(absl::string_view json, const std::string& path) {
  ASSIGN_OR_RETURN(const nlohmann::json document, ParseJson(json));
  T value;
  absl::Status fault;
  Read(JsonReader(document, path, fault), value);
  if (!fault.ok()) return fault;
  return value;
}

}  // namespace

absl::StatusOr<Spec> Parse(absl::string_view json) { return ParseAs<Spec>(json, ""); }

absl::StatusOr<Resources> ParseResources(absl::string_view json) {
  return ParseAs<Resources>(json, "resources");
}

absl::StatusOr<Hooks> ParseHooks(absl::string_view json) { return ParseAs<Hooks>(json, "hooks"); }

absl::StatusOr<Process> ParseProcess(absl::string_view json) {
  ASSIGN_OR_RETURN(Process process, ParseAs<Process>(json, "process"));
  RETURN_IF_ERROR(ValidateProcess(process));
  return process;
}

absl::StatusOr<Spec> Load(const std::string& file) {
  auto text = ReadFile(file, kMaxConfigSize);
  if (!text.ok()) {
    return Annotate(text.status(), StatusErrno(text.status()) == ENOENT
                                       ? "no bundle there (`moat spec` writes a config.json)"
                                       : "cannot read the bundle's configuration");
  }
  auto spec = Parse(*text);
  if (!spec.ok()) return Annotate(spec.status(), file);
  if (auto valid = Validate(*spec); !valid.ok()) return Annotate(valid, file);
  return spec;
}

}  // namespace moat::spec
