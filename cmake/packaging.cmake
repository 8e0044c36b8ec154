# `cmake --install` puts the program and its papers below a prefix; `cpack` in the build folder makes a .deb of the
# same, whose dependencies dpkg-shlibdeps reads off the program.
include(GNUInstallDirs)
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})  # where README.md points to
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs ${CMAKE_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_SOURCE_DIR}/src/train/custom/hone_loss.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_SOURCE_DIR}/packaging/hone.service DESTINATION lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/hone.sysusers DESTINATION lib/sysusers.d RENAME hone.conf)

# What the program says of itself: its manual page, and what completes its commands and flags in each shell.
if(NOT CMAKE_CROSSCOMPILING)
  set(papers ${CMAKE_BINARY_DIR}/papers)
  install(CODE "file(MAKE_DIRECTORY ${papers})")
  foreach(paper "help --man;hone.1" "completion bash;hone" "completion zsh;_hone" "completion fish;hone.fish")
    list(GET paper 0 arguments)
    list(GET paper 1 file)
    install(CODE "execute_process(COMMAND $<TARGET_FILE:hone> ${arguments} OUTPUT_FILE ${papers}/${file}
                                  COMMAND_ERROR_IS_FATAL ANY)")
  endforeach()
  install(FILES ${papers}/hone.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${papers}/hone DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${papers}/_hone DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${papers}/hone.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hone)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the hone authors <hone@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "fine-tunes small language models on the machine at hand")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, python3-pip")
include(CPack)
