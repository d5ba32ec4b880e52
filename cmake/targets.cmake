# Flags every target of ours shares, and the three kinds of target the folders declare.

add_library(berth_flags INTERFACE)
target_include_directories(berth_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
target_compile_options(berth_flags INTERFACE -Wall -Wextra -Wpedantic -Werror
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion>
  # GCC 12 sees overlapping copies in "literal" + std::string (its bug 105651, fixed in 13).
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  -ffp-contract=off)  # the compiler may not fuse a*b+c: results would depend on what it inlined
# What is never hot (command line, server, tests) has the property BERTH_COLD.
define_property(TARGET PROPERTY BERTH_COLD INHERITED BRIEF_DOCS "Compile for size, or under a sanitizer for a short build")
set(cold $<BOOL:$<TARGET_PROPERTY:BERTH_COLD>>)
target_compile_options(berth_flags INTERFACE $<$<AND:$<CONFIG:Release>,${cold}>:-Os>)
if(BERTH_SANITIZE)
  # Line numbers are enough for a report, and -O1 for the tests: full debug information takes the assembler as long as the compiler, -O2 half as long again.
  # Warnings are the other builds' matter: between the checks GCC guesses. Null and misaligned pointers matter where files are mapped and vectors loaded;
  # elsewhere AddressSanitizer sees the first, and the two checks double the build.
  target_compile_options(berth_flags INTERFACE -fsanitize=${BERTH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1 -Wno-error $<IF:${cold},-O0,-O1>)
  if(BERTH_SANITIZE MATCHES "undefined")
    target_compile_options(berth_flags INTERFACE $<${cold}:-fno-sanitize=null,alignment>)
  endif()
  target_link_options(berth_flags INTERFACE -fsanitize=${BERTH_SANITIZE})
endif()

# berth_library(NAME SOURCES a.cpp ... LINKS x y): one static library per folder.
function(berth_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${BERTH_UNITY} UNITY_BUILD_BATCH_SIZE 10)
  target_link_libraries(${name} PUBLIC berth_flags ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# What `./dev tsan` builds: the tests labelled "threads".
add_custom_target(thread_tests)

# test_properties(NAME TIMEOUT SECONDS LABELS ... ENVIRONMENT ...): sanitizers take several times as long.
function(test_properties name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;ENVIRONMENT" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(BERTH_SANITIZE)
    math(EXPR ARG_TIMEOUT "5 * ${ARG_TIMEOUT}")
    list(APPEND ARG_ENVIRONMENT BERTH_TEST_SLOWNESS=8)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" ENVIRONMENT "${ARG_ENVIRONMENT}" SKIP_RETURN_CODE 77)
endfunction()

# berth_test(NAME SOURCES a_test.cpp ... LINKS x y [HOT] [LABELS slow] [TIMEOUT SECONDS] [ENVIRONMENT K=V]): one GoogleTest binary, one CTest entry.
# Headers and templates cost more than what stands in a test, so its sources, too, are compiled together: what several of them need is shared or
# has its own name. HOT: it computes so much itself that it is worth optimising. EMULATED_AMX FILTER: a second entry, NAME_amx, that runs what the
# filter names on a CPU without AMX (tests/amx).
function(berth_test name)
  cmake_parse_arguments(ARG "HOT" "TIMEOUT;EMULATED_AMX" "SOURCES;LINKS;LABELS;ENVIRONMENT" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${BERTH_UNITY} UNITY_BUILD_BATCH_SIZE 5)
  if(NOT ARG_HOT)
    set_target_properties(${name} PROPERTIES BERTH_COLD ON)
  endif()
  target_link_libraries(${name} PRIVATE berth_flags ${ARG_LINKS} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE BERTH_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  if("threads" IN_LIST ARG_LABELS)
    add_dependencies(thread_tests ${name})
  endif()
  test_properties(${name} TIMEOUT "${ARG_TIMEOUT}" LABELS ${ARG_LABELS} ENVIRONMENT ${ARG_ENVIRONMENT})
  if(ARG_EMULATED_AMX)
    target_link_libraries(${name} PRIVATE berth_amx_emulator)
    add_test(NAME ${name}_amx COMMAND ${name} --gtest_filter=${ARG_EMULATED_AMX})
    test_properties(${name}_amx TIMEOUT "${ARG_TIMEOUT}" LABELS ${ARG_LABELS} ENVIRONMENT ${ARG_ENVIRONMENT} BERTH_TEST_EMULATE_AMX=1)
  endif()
endfunction()

# berth_script_test(NAME SCRIPT.py [LABELS slow] [TIMEOUT SECONDS] [ENVIRONMENT K=V]): a script that runs the built binary.
function(berth_script_test name script)
  add_test(NAME ${name} COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/${script} $<TARGET_FILE:berth_cli> ${CMAKE_SOURCE_DIR})
  test_properties(${name} ${ARGN})
endfunction()
