# The Rust crate of src/text, built by cargo once for every preset (its folder is build/rust), as the library hone_rust.
find_program(CARGO NAMES cargo HINTS $ENV{HOME}/.cargo/bin REQUIRED)
set(HONE_RUST_SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/text/rust)
set(HONE_RUST_TARGET ${CMAKE_SOURCE_DIR}/build/rust)
set(HONE_RUST_LIBRARY ${HONE_RUST_TARGET}/release/libhone_text.a)
file(GLOB HONE_RUST_FILES CONFIGURE_DEPENDS ${HONE_RUST_SOURCE}/src/*.rs)

# --locked: exactly the versions of Cargo.lock, whose checksums cargo verifies.
add_custom_command(
  OUTPUT ${HONE_RUST_LIBRARY}
  COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${HONE_RUST_TARGET} ${CARGO} build --release --locked
  # cargo leaves a library alone that is up to date: ninja must not ask again each time.
  COMMAND ${CMAKE_COMMAND} -E touch ${HONE_RUST_LIBRARY}
  DEPENDS ${HONE_RUST_FILES} ${HONE_RUST_SOURCE}/Cargo.toml ${HONE_RUST_SOURCE}/Cargo.lock
  WORKING_DIRECTORY ${HONE_RUST_SOURCE}
  COMMENT "cargo build (src/text/rust)"
  USES_TERMINAL
  VERBATIM)
add_custom_target(hone_rust_build DEPENDS ${HONE_RUST_LIBRARY})
# Only what is linked waits for cargo (hone_program): an imported target that depended on it would hold up every
# compiler.
add_library(hone_rust INTERFACE)
target_link_libraries(hone_rust INTERFACE ${HONE_RUST_LIBRARY} Threads::Threads ${CMAKE_DL_LIBS} m)
