# Configuring and building a small C++ project of ten files.
. /mnt/lib.bash
needs cmake g++ make
mkdir project && cd project
echo 'cmake_minimum_required(VERSION 3.20)
project(p CXX)
file(GLOB sources *.cc)
add_executable(p ${sources})' >CMakeLists.txt
for i in $(seq 9); do printf '#include <string>\n#include <vector>\nstd::string f%s() { return std::string(%s, 0x61); }\n' $i $i >f$i.cc; done
echo 'int main() { return 0; }' >main.cc
work() { cmake -S . -B build && cmake --build build; }
measure work
