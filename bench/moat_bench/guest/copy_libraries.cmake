# Copies the shared libraries of PROGRAM, and its loader, into ROOT at the places where they are looked for.
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${PROGRAM} RESOLVED_DEPENDENCIES_VAR libraries)
foreach(library ${libraries})
  if(library MATCHES "ld-linux")
    set(place ${ROOT}/lib64)
  else()
    set(place ${ROOT}/lib/x86_64-linux-gnu)
  endif()
  file(COPY ${library} DESTINATION ${place} FOLLOW_SYMLINK_CHAIN)
endforeach()
# The name that ELF files have for the loader, whatever link it was found behind.
file(COPY_FILE /lib64/ld-linux-x86-64.so.2 ${ROOT}/lib64/ld-linux-x86-64.so.2)
