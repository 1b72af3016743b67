# Helpers that keep the folders' CMakeLists short: one library per folder, one unit-test program per top folder, static programs.

# moat_library(name SRCS a.cc ... DEPS target ...): links are PRIVATE to the folder's users only as far as their headers need: abseil is public.
function(moat_library name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS;PUBLIC_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SRCS})
  target_link_libraries(${name} PUBLIC moat_flags ${ARG_PUBLIC_DEPS} PRIVATE ${ARG_DEPS})
endfunction()

# moat_program(name SRCS ... DEPS ... [DIR install-dir]): static-pie unless a sanitizer or MOAT_STATIC=OFF forbids it.
function(moat_program name)
  cmake_parse_arguments(ARG "" "DESTINATION" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  target_link_libraries(${name} PRIVATE moat_flags ${ARG_DEPS})
  if(MOAT_STATIC AND NOT MOAT_SANITIZE)
    target_link_options(${name} PRIVATE -static-pie)
    # Seven thousand relocations in a few hundred bytes: a container's life starts five of these programs.
    if(MOAT_PACKS_RELOCATIONS)
      target_link_options(${name} PRIVATE -Wl,-z,pack-relative-relocs)
    endif()
  else()
    target_link_options(${name} PRIVATE -pie)
  endif()
  if(ARG_DESTINATION)
    install(TARGETS ${name} RUNTIME DESTINATION ${ARG_DESTINATION})
  endif()
endfunction()

# moat_unit_test(name SRCS ... DEPS ...): a GoogleTest program without privileges, known to ctest under label "unit".
function(moat_unit_test name)
  if(NOT MOAT_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  target_link_libraries(${name} PRIVATE moat_flags ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
