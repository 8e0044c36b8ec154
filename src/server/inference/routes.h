// The routes that ask models, and those of what models answered and clients asked to keep. The API,
// the platform and the pool outlive them.
#pragma once

#include "platform/inference/inference_pool.h"
#include "platform/platform.h"

namespace hone::server {

class Api;

// Chat completions, completions, embeddings.
void AddInferenceRoutes(Api& api, platform::Platform& platform, InferencePool& pool);
void AddStoredCompletionRoutes(Api& api, platform::Platform& platform);
void AddGraderRoutes(Api& api, platform::Platform& platform, InferencePool& pool);
void AddResponseRoutes(Api& api, platform::Platform& platform, InferencePool& pool);
// Taking bases away that were fetched.
void AddBaseRoutes(Api& api, platform::Platform& platform, InferencePool& pool);
// What the server runs on, and its processes.
void AddSystemRoutes(Api& api, platform::Platform& platform, InferencePool& pool);

}  // namespace hone::server
