# loss_host.py inside hone, as a string.
set(host ${CMAKE_CURRENT_SOURCE_DIR}/train/custom/loss_host.py)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${host})
file(READ ${host} host_text)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/loss_host.cc @ONLY CONTENT "#include \"train/custom/python_loss.h\"

namespace hone {
const char* const kLossHost = R\"py(@host_text@)py\";
}  // namespace hone
")
target_sources(hone_train PRIVATE ${CMAKE_BINARY_DIR}/generated/loss_host.cc)
