# The dashboard inside hone: build/web/page_data.cc, which `./dev build` makes of web/ with Node. Where it is not there,
# and under sanitizers, hone has a page that says how to get it.
file(GLOB page CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/build/web/page_data.cc)
if(HONE_SANITIZE OR NOT page)
  set(page ${CMAKE_BINARY_DIR}/generated/no_page.cc)
  file(CONFIGURE OUTPUT ${page} CONTENT "#include \"server/page/page_files.h\"

namespace hone::server {
std::span<const PageFile> PageFiles() { return {}; }
}  // namespace hone::server
")
endif()
target_sources(hone_server PRIVATE ${page})
