# ThreadSanitizer learns of a lock from the lock's own code: with the distribution's abseil, which is built without it, every field that an absl::Mutex guards looks like a race.
# So such builds make abseil themselves, of the version that Debian 12 has, from Debian's copy of its source.
function(moat_build_sanitized_abseil)
  include(FetchContent)
  FetchContent_Declare(abseil
    URL http://deb.debian.org/debian/pool/main/a/abseil/abseil_20220623.1.orig.tar.gz
    URL_HASH SHA256=abfe2897f3a30edaa74bc34365afe3c2a3cd012091a97dc7e008f7016adcd5fe
    DOWNLOAD_EXTRACT_TIMESTAMP ON)
  # Within this function alone, for the targets of abseil.
  set(CMAKE_CXX_FLAGS "${CMAKE_CXX_FLAGS} -fsanitize=${MOAT_SANITIZE} -g -w")
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  set(ABSL_PROPAGATE_CXX_STD ON)
  set(BUILD_TESTING OFF)
  FetchContent_Populate(abseil)
  add_subdirectory(${abseil_SOURCE_DIR} ${abseil_BINARY_DIR} EXCLUDE_FROM_ALL SYSTEM)
endfunction()
