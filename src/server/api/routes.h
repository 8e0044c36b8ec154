// The groups of routes, one file each, with their schemas. The API and the platform outlive them.
#pragma once

#include "platform/platform.h"

namespace hone::server {

class Api;

void AddFileRoutes(Api& api, platform::Platform& platform);
void AddUploadRoutes(Api& api, platform::Platform& platform);
void AddJobRoutes(Api& api, platform::Platform& platform);
void AddPermissionRoutes(Api& api, platform::Platform& platform);
void AddModelRoutes(Api& api, platform::Platform& platform);
void AddAdminRoutes(Api& api, platform::Platform& platform);
void AddPullRoutes(Api& api, platform::Platform& platform);
void AddAdviceRoutes(Api& api, platform::Platform& platform);

}  // namespace hone::server
