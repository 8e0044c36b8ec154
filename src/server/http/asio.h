// Boost.Asio and Beast with coroutines, for the two files that move bytes.
//
// The connections are C++20 coroutines on Asio's executors: no thread each, no stack each, and the
// sanitizers follow them (they do not follow stackful ones). GCC 12 and Clang 14 both compile them
// with Boost 1.74, which has to be told that Clang has the standard's header.
#pragma once

#if defined(__clang__)
#define BOOST_ASIO_HAS_CO_AWAIT 1
#define BOOST_ASIO_HAS_STD_COROUTINE 1
#endif

// clang-format off
#include <utility>  // which Boost 1.74 uses without including it
// clang-format on

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace hone::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::asio::ip::tcp;
using boost::system::error_code;

// co_await stream.async_x(..., Into(error)): the error lands there and is not thrown.
inline auto Into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

}  // namespace hone::server
