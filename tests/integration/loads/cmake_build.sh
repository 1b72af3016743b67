# root: loads
# long
# A C++ project of 20 files with a library, a program and tests, built by CMake with ninja and with make, incrementally too.
# limit: 900
set -eu
mkdir -p /tmp/c/src && cd /tmp/c
for i in $(seq 20); do
  printf '#include <map>\n#include <string>\n#include <vector>\nint f%d(int n) {\n  std::map<int, std::string> m;\n  for (int i = 0; i < n; ++i) m[i] = std::to_string(i * %d);\n  int s = 0;\n  for (auto& [k, v] : m) s += k + static_cast<int>(v.size());\n  return s;\n}\n' "$i" "$i" > src/f$i.cpp
done
{ for i in $(seq 20); do echo "int f$i(int);"; done; printf '#include <cstdio>\nint main() { long s = 0;\n'; for i in $(seq 20); do echo "s += f$i(100);"; done; printf 'std::printf("%%ld\\n", s); }\n'; } > src/main.cpp
cat > CMakeLists.txt <<'C'
cmake_minimum_required(VERSION 3.20)
project(made CXX)
set(CMAKE_CXX_STANDARD 17)
file(GLOB parts src/f*.cpp)
add_library(parts SHARED ${parts})
add_executable(program src/main.cpp)
target_link_libraries(program PRIVATE parts)
enable_testing()
foreach(i RANGE 1 20)
  add_test(NAME t${i} COMMAND program)
endforeach()
install(TARGETS program parts)
C
for generator in Ninja 'Unix Makefiles'; do
  cmake -S . -B "b$generator" -G "$generator" > config.log && cmake --build "b$generator" -j3 > build.log && echo "built by $generator"
  "b$generator/program"
  touch src/f7.cpp && cmake --build "b$generator" -j3 | grep -c f7.cpp.o
  (cd "b$generator" && ctest -j4 | grep 'tests passed')
  cmake --install "b$generator" --prefix /tmp/c/installed > /dev/null && LD_LIBRARY_PATH=/tmp/c/installed/lib /tmp/c/installed/bin/program
done
