# Build options and the flags that every target of moat gets, as INTERFACE targets.
option(MOAT_BUILD_TESTS "Build the tests" ON)
option(MOAT_BUILD_BENCH "Build the benchmarks" ON)
option(MOAT_WERROR "Treat warnings as errors" ON)
option(MOAT_STATIC "Link programs statically (off for sanitizers)" ON)
option(MOAT_FUZZ "Link the fuzz targets with libFuzzer (clang)" OFF)
set(MOAT_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: address,undefined or thread; empty for none")

find_program(MOAT_CCACHE ccache)
if(MOAT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MOAT_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${MOAT_CCACHE})
endif()

# Of the programs that the tests run inside containers: static ones, which no sanitizer works in. All others get moat_flags.
add_library(moat_guest_flags INTERFACE)
target_include_directories(moat_guest_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(moat_guest_flags INTERFACE -Wall -Wextra -Wshadow -Wno-missing-field-initializers
  $<$<BOOL:${MOAT_WERROR}>:-Werror> -fstack-protector-strong -fPIE
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Werror=thread-safety>)
# GCC 12 warns of its own inlined std::string (GCC bugs 105651 and 105562) when it optimises without LTO.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(moat_guest_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
target_compile_definitions(moat_guest_flags INTERFACE MOAT_VERSION="${PROJECT_VERSION}"
  $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
target_link_options(moat_guest_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
include(CheckLinkerFlag)
check_linker_flag(CXX -Wl,-z,pack-relative-relocs MOAT_PACKS_RELOCATIONS)
add_library(moat_flags INTERFACE)
target_link_libraries(moat_flags INTERFACE moat_guest_flags)
if(MOAT_SANITIZE)
  add_library(moat_sanitizers INTERFACE)
  target_compile_options(moat_sanitizers INTERFACE -fsanitize=${MOAT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(moat_sanitizers INTERFACE -fsanitize=${MOAT_SANITIZE})
  target_link_libraries(moat_flags INTERFACE moat_sanitizers)
endif()
