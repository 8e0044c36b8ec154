# One static library per room of src/: hone_room(NAME LIBRARIES...) takes every .cc below src/NAME.
#   *_test.cc   go to the test program NAME_test
#   *_fuzz.cc   each becomes a fuzzer (Clang, HONE_FUZZERS), else a program that replays its corpus as a test
# No file gets the flags of an instruction set: its headers' inline functions would too (docs/adding_a_kernel.md).

add_library(hone_flags INTERFACE)
target_include_directories(hone_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(hone_flags INTERFACE -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers
                                            -fno-math-errno -ffp-contract=off)
if(HONE_LINKER)
  target_link_options(hone_flags INTERFACE -fuse-ld=${HONE_LINKER})
endif()
if(HONE_SANITIZE)
  # Null pointers are caught by ASan as well; the checks left out are half of UBSan's time to compile. These are not
  # options of hone_flags, since those come after a target's own, which leave out more.
  add_compile_options(-fsanitize=${HONE_SANITIZE} -fno-sanitize=null,object-size,vptr -fno-omit-frame-pointer -g1)
  target_link_options(hone_flags INTERFACE -fsanitize=${HONE_SANITIZE})
  if(EXISTS /proc/cpuinfo)
    file(STRINGS /proc/cpuinfo avx512 REGEX avx512f LIMIT_COUNT 1)
    if(avx512)
      target_compile_definitions(hone_flags INTERFACE HONE_FOR_AVX512_ONLY)
    endif()
  endif()
endif()
# Rooms that read what comes from outside. With HONE_COVERAGE they report which branches they take: fuzzers that explore
# steer by it. It makes objects twice as large and their compilation a third longer, so those of the tests go without.
set(HONE_FUZZED_ROOMS base model adapt text data hub chat infer eval train answer workflow platform server)
if(HONE_FUZZERS)
  add_custom_target(fuzzers)
else()
  add_custom_target(replays)  # of the corpora; not in `all`, since fuzzers begin with these inputs
endif()

# Rooms whose loops cost time are compiled as the build type says (-O3 in a release). All others decide and report: most
# of their compilation was the optimiser's, so they get HONE_PLAIN, and tests HONE_TEST.
set(HONE_FAST_ROOMS tensor kernels model infer)
set(HONE_PLAIN $<$<CONFIG:Release>:-O1>)
set(HONE_TEST -O0)
set(HONE_KERNELS_TEST -O1)  # whose comparisons count every number
if(HONE_SANITIZE)
  set(HONE_PLAIN -O0)
  if(HONE_SANITIZE MATCHES undefined AND NOT HONE_COVERAGE)
    # The check of each pointer's alignment is a sixth of their compilation. It is for the rooms that lay numbers out in
    # memory; the fuzzers that explore have it everywhere.
    list(APPEND HONE_PLAIN -fno-sanitize=alignment)
    list(APPEND HONE_TEST -fno-sanitize=alignment)
  endif()
endif()

# Gives a target the precompiled header HEADER of cmake/, which is compiled once for each set OPTIONS of flags.
function(hone_precompile target header options)
  string(MAKE_C_IDENTIFIER "${header}${options}" set)
  set(owner hone_precompiled_${set})
  if(NOT TARGET ${owner})
    file(WRITE ${CMAKE_BINARY_DIR}/generated/${owner}.cc "// What CMake wants to see in a target: the header is all.\n")
    add_library(${owner} STATIC ${CMAKE_BINARY_DIR}/generated/${owner}.cc)
    # The libraries are here for their definitions: a precompiled header serves only files with the same ones.
    target_link_libraries(${owner} PRIVATE hone_flags absl::statusor fmt::fmt spdlog::spdlog
                                           nlohmann_json::nlohmann_json)
    if(header MATCHES test)
      target_link_libraries(${owner} PRIVATE GTest::gtest GTest::gmock)
    endif()
    target_compile_options(${owner} PRIVATE ${options})
    target_precompile_headers(${owner} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/${header})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
  target_compile_options(${target} PRIVATE ${options})
endfunction()

# The .cc files of each folder directly below a room are compiled as one file, and so are the tests of a room: it takes
# half the time, since what they all include is read once. Names in anonymous namespaces are then shared by these files.
# Some are left out: the kernels, of which Highway compiles each several times over; the families, each of whose files
# has the same names; the network, whose files instantiate one template.
option(HONE_UNITY "compile the files of a folder together" ON)

# Puts the sources of a target, which all lie below src/ROOM, together by folder.
function(hone_unite target room)
  if(NOT HONE_UNITY OR target STREQUAL "hone_kernels")
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  foreach(source ${ARGN})
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR}/src/${room} ${source})
    if(source MATCHES "_test\\.cc$")
      set(group tests)
    elseif(path MATCHES "^(arch|network)/")
      continue()
    elseif(path MATCHES "^([^/]+)/")
      set(group ${CMAKE_MATCH_1})
    else()
      set(group ${room})
    endif()
    set_property(SOURCE ${source} PROPERTY UNITY_GROUP ${group})
  endforeach()
endfunction()

function(hone_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|/main)\\.cc$")
  if(NOT sources)
    add_library(hone_${name} INTERFACE)
    target_link_libraries(hone_${name} INTERFACE hone_flags ${ARGN})
    return()
  endif()
  add_library(hone_${name} STATIC ${sources})
  target_link_libraries(hone_${name} PUBLIC hone_flags ${ARGN})
  hone_unite(hone_${name} ${name} ${sources})
  set(options "")
  if(NOT name IN_LIST HONE_FAST_ROOMS)
    list(APPEND options ${HONE_PLAIN})
  endif()
  if(HONE_COVERAGE AND name IN_LIST HONE_FUZZED_ROOMS)
    list(APPEND options -fsanitize=fuzzer-no-link)
  endif()
  if(NOT name STREQUAL kernels)  # which read little and are compiled for many instruction sets
    hone_precompile(hone_${name} precompiled.h "${options}")
  endif()
  if(HONE_TESTS AND tests)
    hone_test(${name}_test hone_${name} ${tests})
    hone_unite(${name}_test ${name} ${tests})
  endif()
  foreach(fuzzer ${fuzzers})
    hone_fuzzer(${fuzzer} hone_${name})
  endforeach()
endfunction()

# A program of the rooms: its link waits for the Rust crate, its compilation does not.
function(hone_program target)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${CMAKE_SOURCE_DIR}/build/rust/release/libhone_text.a)
endfunction()

# One GoogleTest program.
function(hone_test target library)
  if(NOT TARGET hone_no_sync)
    add_library(hone_no_sync OBJECT ${CMAKE_SOURCE_DIR}/tests/no_sync.cc)
  endif()
  add_executable(${target} ${ARGN} $<TARGET_OBJECTS:hone_no_sync>)
  target_link_libraries(${target} PRIVATE ${library} GTest::gtest GTest::gmock GTest::gtest_main)
  hone_program(${target})
  target_compile_definitions(${target} PRIVATE HONE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(target STREQUAL kernels_test)
    hone_precompile(${target} precompiled_test.h "${HONE_KERNELS_TEST}")
  else()
    hone_precompile(${target} precompiled_test.h "${HONE_TEST}")
  endif()
endfunction()

function(hone_fuzzer source library)
  get_filename_component(name ${source} NAME_WE)
  if(HONE_TESTS AND NOT HONE_FUZZERS)
    add_executable(${name}_replay EXCLUDE_FROM_ALL ${source} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    target_link_libraries(${name}_replay PRIVATE ${library})
    hone_program(${name}_replay)
    hone_precompile(${name}_replay precompiled.h "${HONE_PLAIN}")
    add_dependencies(replays ${name}_replay)
  endif()
  if(HONE_FUZZERS)
    add_executable(${name} ${source})
    hone_precompile(${name} precompiled.h "${HONE_PLAIN};-fsanitize=fuzzer-no-link")
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name} PRIVATE ${library})
    hone_program(${name})
    add_dependencies(fuzzers ${name})
  endif()
endfunction()
