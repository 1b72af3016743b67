# cmake -DOUTPUT=FILE.cc -P embed.cmake, in policies/: the texts of builtin.h as C++.
set(text "#include \"policies/container/builtin.h\"\n\nnamespace moat::policies {\n\n")
foreach(name default strict compat schema)
  file(READ ${name}.json content)
  string(APPEND text "extern const char k_${name}_text[];\nconst char k_${name}_text[] = R\"_policy_(${content})_policy_\";\n\n")
endforeach()
string(APPEND text "}  // namespace moat::policies\n")
file(WRITE ${OUTPUT} "${text}")
