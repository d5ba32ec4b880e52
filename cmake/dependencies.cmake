# Where the libraries come from: Debian 12 packages first, FetchContent by commit id elsewhere.
# docs/building.md says which of the two paths were tried, and where the commit ids come from.
include(FetchContent)

find_package(Threads REQUIRED)

set(oneTBB_release GIT_REPOSITORY https://github.com/oneapi-src/oneTBB.git GIT_TAG a00cc3b8b5fb4d8115e9de56bf713157073ed68c)  # v2021.9.0
if(BERTH_STATIC)
  FetchContent_Declare(oneTBB ${oneTBB_release} SOURCE_SUBDIR none)
  include(static_dependencies)
else()
  find_package(TBB QUIET)
  if(NOT TBB_FOUND)
    set(TBB_TEST OFF CACHE BOOL "" FORCE)
    FetchContent_Declare(oneTBB ${oneTBB_release} SYSTEM)
    FetchContent_MakeAvailable(oneTBB)
  endif()
endif()

find_package(nlohmann_json 3.11 QUIET)
if(NOT nlohmann_json_FOUND)
  FetchContent_Declare(nlohmann_json GIT_REPOSITORY https://github.com/nlohmann/json.git
                       GIT_TAG bc889afb4c5bf1c0d8ee29ef35eaaf4c8bef8a5d SYSTEM)  # v3.11.2
  FetchContent_MakeAvailable(nlohmann_json)
endif()

find_package(xsimd QUIET)
if(NOT xsimd_FOUND)
  FetchContent_Declare(xsimd GIT_REPOSITORY https://github.com/xtensor-stack/xsimd.git
                       GIT_TAG e12bf0a928bd6668ff701db55803a9e316cb386c SYSTEM)  # 10.0.0
  FetchContent_MakeAvailable(xsimd)
endif()

# Debian's libutf8proc-dev has a pkg-config file but no CMake package.
find_path(UTF8PROC_INCLUDE_DIR utf8proc.h)
find_library(UTF8PROC_LIBRARY utf8proc)
if(UTF8PROC_INCLUDE_DIR AND UTF8PROC_LIBRARY)
  add_library(utf8proc_external INTERFACE)
  target_include_directories(utf8proc_external SYSTEM INTERFACE ${UTF8PROC_INCLUDE_DIR})
  target_link_libraries(utf8proc_external INTERFACE ${UTF8PROC_LIBRARY})
else()
  FetchContent_Declare(utf8proc GIT_REPOSITORY https://github.com/JuliaStrings/utf8proc.git
                       GIT_TAG 1cb28a66ca79a0845e99433fd1056257456cef8b SYSTEM)  # v2.8.0
  FetchContent_MakeAvailable(utf8proc)
  add_library(utf8proc_external INTERFACE)
  target_link_libraries(utf8proc_external INTERFACE utf8proc)
endif()

# Debian's libonig-dev has a pkg-config file but no CMake package.
find_path(ONIGURUMA_INCLUDE_DIR oniguruma.h)
find_library(ONIGURUMA_LIBRARY onig)
add_library(oniguruma_external INTERFACE)
if(NOT ONIGURUMA_INCLUDE_DIR OR NOT ONIGURUMA_LIBRARY)
  message(FATAL_ERROR "Oniguruma is missing: install libonig-dev, or point CMAKE_PREFIX_PATH at it")
endif()
target_include_directories(oniguruma_external SYSTEM INTERFACE ${ONIGURUMA_INCLUDE_DIR})
target_link_libraries(oniguruma_external INTERFACE ${ONIGURUMA_LIBRARY})

# Debian's libre2-dev has a pkg-config file but no CMake package, and an archive for the static build.
find_path(RE2_INCLUDE_DIR re2/re2.h)
find_library(RE2_LIBRARY re2)
add_library(re2_external INTERFACE)
if(NOT RE2_INCLUDE_DIR OR NOT RE2_LIBRARY)
  message(FATAL_ERROR "RE2 is missing: install libre2-dev, or point CMAKE_PREFIX_PATH at it")
endif()
target_include_directories(re2_external SYSTEM INTERFACE ${RE2_INCLUDE_DIR})
target_link_libraries(re2_external INTERFACE ${RE2_LIBRARY} Threads::Threads)

# xxHash is used as a header alone.
find_path(XXHASH_INCLUDE_DIR xxhash.h)
add_library(xxhash_external INTERFACE)
if(NOT XXHASH_INCLUDE_DIR)
  message(FATAL_ERROR "xxHash is missing: install libxxhash-dev, or point CMAKE_PREFIX_PATH at it")
endif()
target_include_directories(xxhash_external SYSTEM INTERFACE ${XXHASH_INCLUDE_DIR})

# Headers only: Asio and Beast, for the server.
find_path(BOOST_INCLUDE_DIR boost/beast/version.hpp)
add_library(boost_external INTERFACE)
if(NOT BOOST_INCLUDE_DIR)
  message(FATAL_ERROR "Boost's headers are missing: install libboost-dev, or point CMAKE_PREFIX_PATH at them")
endif()
target_include_directories(boost_external SYSTEM INTERFACE ${BOOST_INCLUDE_DIR})
# Nothing of Boost is linked, and nothing of it throws where nobody looks for it.
target_compile_definitions(boost_external INTERFACE BOOST_ERROR_CODE_HEADER_ONLY BOOST_ASIO_DISABLE_CONCEPTS BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(boost_external INTERFACE Threads::Threads)

find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp)
add_library(cli11_external INTERFACE)
if(CLI11_INCLUDE_DIR)
  target_include_directories(cli11_external SYSTEM INTERFACE ${CLI11_INCLUDE_DIR})
else()
  FetchContent_Declare(cli11 GIT_REPOSITORY https://github.com/CLIUtils/CLI11.git
                       GIT_TAG b9be5b9444772324459989177108a6a65b8b2769 SYSTEM)  # v2.2.0
  FetchContent_MakeAvailable(cli11)
  target_link_libraries(cli11_external INTERFACE CLI11::CLI11)
endif()
