#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "policies/container/builtin.h"
#include "runtime/cli/command.h"
#include "runtime/policy/choose.h"
#include "runtime/policy/explain.h"

namespace moat::cli {
namespace {

constexpr char kFooter[] = R"(
A policy is default, strict, compat, the name of a file in /etc/moat/policies, or a file.

Examples:
  moat policy check web.json
  moat policy show strict
  moat policy diff default web.json
  moat policy explain openat
  moat policy explain --policy web.json connect to 10.0.0.1:80
  moat policy explain --policy web.json listen on 0.0.0.0:80/tcp
  moat policy explain ioctl 0x5412
  moat policy schema > policy.schema.json)";

struct PolicyArguments {
  std::string policy = std::string(policies::kDefaultPolicy);
  std::string other;
  std::vector<std::string> words;
};

using Run = absl::StatusOr<int> (*)(const PolicyArguments& arguments);

absl::StatusOr<policies::Policy> Open(const std::string& name) { return policy::Choose(name, {}); }

absl::StatusOr<int> Print(absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

absl::StatusOr<int> Check(const PolicyArguments& arguments) {
  ASSIGN_OR_RETURN(const policies::Policy checked, Open(arguments.policy));
  for (const std::string& loosened : checked.Loosened()) {
    std::printf("loosened: %s\n", loosened.c_str());
  }
  return 0;
}

absl::StatusOr<int> ShowOne(const PolicyArguments& arguments) {
  ASSIGN_OR_RETURN(const policies::Policy shown, Open(arguments.policy));
  ASSIGN_OR_RETURN(const std::string text, policy::Show(shown));
  return Print(text);
}

absl::StatusOr<int> Compare(const PolicyArguments& arguments) {
  ASSIGN_OR_RETURN(const policies::Policy one, Open(arguments.policy));
  ASSIGN_OR_RETURN(const policies::Policy other, Open(arguments.other));
  ASSIGN_OR_RETURN(const std::string text, policy::Diff(one, other));
  RETURN_IF_ERROR(Print(text).status());
  return text.empty() ? 0 : 1;
}

absl::StatusOr<int> ExplainOne(const PolicyArguments& arguments) {
  ASSIGN_OR_RETURN(const policies::Policy asked, Open(arguments.policy));
  ASSIGN_OR_RETURN(const std::string text, policy::Explain(asked, arguments.words));
  return Print(text);
}

absl::StatusOr<int> Schema(const PolicyArguments&) { return Print(policies::PolicySchema()); }

}  // namespace

Action ConfigurePolicy(CLI::App& app) {
  auto arguments = std::make_shared<PolicyArguments>();
  auto run = std::make_shared<Run>();
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* summary, Run function) {
    return app.add_subcommand(name, summary)->callback([run, function] { *run = function; });
  };
  add("check", "say whether a policy is right, and what it loosens", Check)
      ->add_option("policy", arguments->policy, "name or file")
      ->required();
  add("show", "print a policy with all that it extends", ShowOne)
      ->add_option("policy", arguments->policy, "name or file");
  CLI::App* diff =
      add("diff", "print what a second policy does differently; code 1 if anything", Compare);
  diff->add_option("policy", arguments->policy, "name or file")->required();
  diff->add_option("other", arguments->other, "name or file")->required();
  CLI::App* explain =
      add("explain", "say what happens to something, and by which rule", ExplainOne);
  explain->add_option("--policy", arguments->policy, "name or file")->type_name("NAME|FILE");
  explain->add_option("question", arguments->words, "openat; ioctl 0x5412; connect to 10.0.0.1:80")
      ->required();
  add("schema", "print the JSON schema of policies", Schema);
  app.footer(kFooter);
  return [arguments, run](const Context&) { return (*run)(*arguments); };
}

}  // namespace moat::cli
