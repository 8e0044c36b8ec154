// Why the platform does not do what a client asks: an absl::Status that carries what an answer
// needs.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace hone::platform {

enum class RefusalKind {
    kInvalid,          // the request itself is wrong
    kUnauthenticated,  // no key, or one that does not count
    kForbidden,        // the key's role does not allow it
    kNotFound,         // there is no such thing, or it is another project's
    kConflict,         // not in the state that the thing is in
    kLimit,            // a quota or a limit on numbers; the same request may succeed later
    kUnavailable,      // the store cannot be reached or is busy; the same request may succeed later
    kInternal,         // something of ours failed: a disk, the store
};

struct Refusal {
    RefusalKind kind = RefusalKind::kInternal;
    std::string param;  // the field that is meant: "hyperparameters.n_epochs"; empty: none
    std::string code;   // the API's word: "fine_tune_not_found"; empty: none
};

// The message is for the client: it holds no path, no SQL and no secret.
absl::Status Refuse(Refusal refusal, std::string message);

// kInvalid, about a field.
template <typename... Args>
absl::Status InvalidField(std::string_view param, fmt::format_string<Args...> format,
                          Args&&... args) {
    return Refuse({RefusalKind::kInvalid, std::string(param), ""},
                  fmt::format(format, std::forward<Args>(args)...));
}

// What Refuse stored; kInternal for an error made elsewhere, whose message is for the log alone.
Refusal RefusalOf(const absl::Status& status);

}  // namespace hone::platform
