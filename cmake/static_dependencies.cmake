# The libraries that a fully static berth needs as archives and Debian has only as shared objects: oneTBB and Oniguruma, built from source here.
# `./dev static` points FETCHCONTENT_SOURCE_DIR_ONETBB and FETCHCONTENT_SOURCE_DIR_ONIGURUMA at Debian's source packages.
set(BUILD_SHARED_LIBS OFF CACHE BOOL "" FORCE)
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)  # of utf8proc and RE2, which have archives in their -dev packages

# add_sources(NAME): brings the targets of a declared project, and none of its installed files, into the build.
function(add_sources name)
  string(TOLOWER ${name} lower)
  FetchContent_MakeAvailable(${name})  # its SOURCE_SUBDIR names nothing: this fetches, no more
  add_subdirectory(${${lower}_SOURCE_DIR} ${${lower}_BINARY_DIR} EXCLUDE_FROM_ALL SYSTEM)
endfunction()

set(TBB_TEST OFF CACHE BOOL "" FORCE)
set(TBB_STRICT OFF CACHE BOOL "" FORCE)
set(TBB_DISABLE_HWLOC_AUTOMATIC_SEARCH ON CACHE BOOL "" FORCE)
add_sources(oneTBB)
# In a static program dlopen() needs the very glibc it was linked with. A static oneTBB loads no tbbmalloc and no tbbbind; with what is changed
# below it does not look for libraries that might be there already, nor load a profiler's by the name in a variable, either.
get_target_property(definitions tbb COMPILE_DEFINITIONS)
list(REMOVE_ITEM definitions __TBB_USE_ITT_NOTIFY)
set_target_properties(tbb PROPERTIES COMPILE_DEFINITIONS "${definitions};__TBB_WEAK_SYMBOLS_PRESENT=0")

if(FETCHCONTENT_SOURCE_DIR_ONIGURUMA)
  FetchContent_Declare(oniguruma SOURCE_SUBDIR none)
  add_sources(oniguruma)
  set(ONIGURUMA_INCLUDE_DIR ${oniguruma_SOURCE_DIR}/src)
  set(ONIGURUMA_LIBRARY onig)
endif()
