# The list of model families: every file of arch/ defines `extern const ArchSpec kArchNAME;`, NAME being
# the file's name in PascalCase (llama.cc: kArchLlama). From that, arch_list.cc is written, so that adding
# a family is adding its file.
file(GLOB arch_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/model/arch/*.cc)
list(FILTER arch_files EXCLUDE REGEX "_(test|fuzz)\\.cc$")
list(SORT arch_files)
set(arch_externs "")
set(arch_pointers "")
foreach(arch_file ${arch_files})
  get_filename_component(arch_stem ${arch_file} NAME_WE)
  string(REPLACE "_" ";" arch_words ${arch_stem})
  set(arch_name "")
  foreach(arch_word ${arch_words})
    string(SUBSTRING ${arch_word} 0 1 arch_first)
    string(SUBSTRING ${arch_word} 1 -1 arch_rest)
    string(TOUPPER ${arch_first} arch_first)
    string(APPEND arch_name ${arch_first}${arch_rest})
  endforeach()
  string(APPEND arch_externs "extern const ArchSpec kArch${arch_name};\n")
  string(APPEND arch_pointers "        &kArch${arch_name},\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/arch_list.cc CONTENT
"// Written by src/model/arch.cmake.
#include \"model/config/arch.h\"

namespace hone {

@arch_externs@
std::span<const ArchSpec* const> AllArchs() {
    static constexpr const ArchSpec* kAll[] = {
@arch_pointers@    };
    return kAll;
}

}  // namespace hone
" @ONLY)
target_sources(hone_model PRIVATE ${CMAKE_BINARY_DIR}/generated/arch_list.cc)
