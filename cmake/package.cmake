# What programs outside of this tree build against: libberth.so and libberth.a, each of which shows the names in engine/berth.map and nothing else,
# the two public headers, a CMake package and a pkg-config file; and the command's man pages and completions.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(layers berth_engine berth_tokenizer berth_loaders berth_kernels berth_base)
set(symbol_map ${CMAKE_SOURCE_DIR}/engine/berth.map)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${symbol_map})

# Before 1.0 a minor version may break the ABI, so it is part of the soname (docs/stability.md).
set(soversion ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(soversion 0.${PROJECT_VERSION_MINOR})
endif()

set(public_headers $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

add_library(berth_shared SHARED $<TARGET_OBJECTS:berth_engine>)
set_target_properties(berth_shared PROPERTIES OUTPUT_NAME berth EXPORT_NAME shared VERSION ${PROJECT_VERSION} SOVERSION ${soversion}
                      LINKER_LANGUAGE CXX LINK_DEPENDS ${symbol_map})
target_include_directories(berth_shared INTERFACE ${public_headers})
target_link_libraries(berth_shared PRIVATE berth_tokenizer berth_loaders berth_kernels berth_base utf8proc_external re2_external)
target_link_options(berth_shared PRIVATE -Wl,--version-script=${symbol_map} -Wl,--no-undefined-version -Wl,-z,defs)

# One archive with one object, in which all other names have become local: a host may have its own nlohmann/json or oneTBB headers, built with other
# flags, and never meets ours. Groups of templates are dissolved first: the linker would drop ours in favour of the host's of the same name.
file(STRINGS ${symbol_map} public_symbols REGEX "^ +berth_[a-z_]+;$")
list(TRANSFORM public_symbols REPLACE "[ ;]" "")
list(JOIN public_symbols "\n" symbol_list)
set(archive_object ${CMAKE_BINARY_DIR}/package/berth.o)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/package/symbols.txt CONTENT "${symbol_list}\n")
set(archives ${layers})
list(TRANSFORM archives REPLACE "(.+)" "$<TARGET_FILE:\\1>")
add_custom_command(OUTPUT ${archive_object}
  COMMAND ${CMAKE_CXX_COMPILER} -r -nostdlib -Wl,--force-group-allocation -o ${archive_object} -Wl,--whole-archive ${archives}
  # objcopy makes no symbol local that is to be unique in the process (GCC's static data of inline functions): weak ones first.
  COMMAND sh -c "\"$0\" \"$1\" | sed -n 's/.* u //p' > \"$1.unique\"" ${CMAKE_NM} ${archive_object}
  COMMAND ${CMAKE_OBJCOPY} --weaken-symbols=${archive_object}.unique ${archive_object}
  COMMAND ${CMAKE_OBJCOPY} --keep-global-symbols=${CMAKE_BINARY_DIR}/package/symbols.txt ${archive_object}
  DEPENDS ${layers} ${CMAKE_BINARY_DIR}/package/symbols.txt
  COMMENT "Putting the library into one object" COMMAND_EXPAND_LISTS VERBATIM)
add_library(berth_archive STATIC ${archive_object})
set_target_properties(berth_archive PROPERTIES OUTPUT_NAME berth EXPORT_NAME static LINKER_LANGUAGE CXX)
target_include_directories(berth_archive INTERFACE ${public_headers})
target_link_libraries(berth_archive INTERFACE TBB::tbb Threads::Threads utf8proc onig re2 stdc++ m)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/berth)
install(TARGETS berth_shared EXPORT berthShared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS berth_archive EXPORT berthStatic ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(kind Shared Static)
  install(EXPORT berth${kind} FILE berth${kind}.cmake NAMESPACE berth:: DESTINATION ${package_directory})
endforeach()
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/berthConfig.cmake.in ${CMAKE_BINARY_DIR}/package/berthConfig.cmake
                              INSTALL_DESTINATION ${package_directory} NO_SET_AND_CHECK_MACRO)
# As the soname has it: before 1.0 a minor version is a version of its own.
set(compatibility SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatibility SameMinorVersion)
endif()
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/berthConfigVersion.cmake COMPATIBILITY ${compatibility})
install(FILES ${CMAKE_BINARY_DIR}/package/berthConfig.cmake ${CMAKE_BINARY_DIR}/package/berthConfigVersion.cmake DESTINATION ${package_directory})

# The pkg-config file finds its prefix from where it lies, so that a tree may be moved.
file(RELATIVE_PATH prefix_from_pc ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" prefix_from_pc ${prefix_from_pc})
configure_file(${CMAKE_SOURCE_DIR}/cmake/berth.pc.in ${CMAKE_BINARY_DIR}/package/berth.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/berth.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/berth DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/docs/stability.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Man pages and completions, from the command's own tables of options.
set(documentation ${CMAKE_BINARY_DIR}/package/documentation)
add_custom_command(OUTPUT ${documentation}/done
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${documentation}
  COMMAND berth_documentation ${documentation}
  COMMAND ${CMAKE_COMMAND} -E touch ${documentation}/done
  DEPENDS berth_documentation COMMENT "Writing man pages and completions" VERBATIM)
add_custom_target(documentation ALL DEPENDS ${documentation}/done)
install(DIRECTORY ${documentation}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(FILES ${documentation}/berth.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME berth)
install(FILES ${documentation}/_berth DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${documentation}/berth.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# All that `cmake --install` takes.
add_custom_target(berth_package DEPENDS berth_cli berth_shared berth_archive documentation)
