# The classes of event.proto, for hone_train alone.
protobuf_generate_cpp(HONE_EVENT_SOURCES HONE_EVENT_HEADERS ${CMAKE_CURRENT_LIST_DIR}/event.proto)
target_sources(hone_train PRIVATE ${HONE_EVENT_SOURCES} ${HONE_EVENT_HEADERS})
set_source_files_properties(${HONE_EVENT_SOURCES} PROPERTIES COMPILE_OPTIONS -w)
target_include_directories(hone_train SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
if(TARGET train_test)
  target_include_directories(train_test SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
  add_dependencies(train_test hone_train)
endif()
