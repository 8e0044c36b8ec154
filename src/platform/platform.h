// The fine-tuning platform without HTTP: projects, files, jobs, models, and what runs the jobs.
//
//   auto platform = Platform::Open(options);
//   auto first = platform->keys().CreateFirst();      // shown once
//   auto caller = platform->keys().Authenticate(secret);
//   auto writer = platform->files().Begin(*caller);   // Append ..., Finish
//   auto job = platform->jobs().Create(*caller, request);
//   platform->Start();                                // runs what is queued
//
// Every method of every part blocks and may be called from any thread. Errors are refusals
// (api/refusal.h). What another project owns is "not found". A change lasts through kill -9 and a
// power cut once its method returned.
//
// Several processes may open one data folder (`hone keys create` beside `hone serve`); one of them
// may run jobs.
#pragma once

#include <memory>

#include "platform/admin/admin.h"
#include "platform/advise/advisor.h"
#include "platform/advise/planner.h"
#include "platform/answers/answers.h"
#include "platform/api/caller.h"
#include "platform/api/options.h"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/api/refusal.h"
#include "platform/bases/bases.h"
#include "platform/bases/pulls.h"
#include "platform/execute/merging.h"
#include "platform/files/files.h"
#include "platform/files/uploads.h"
#include "platform/jobs/jobs.h"
#include "platform/keys/keys.h"
#include "platform/models/models.h"
#include "platform/notify/audit.h"
#include "platform/notify/webhooks.h"

namespace hone::platform {

class Platform {
  public:
    // Makes or updates what is in the data folder and the database. Runs nothing yet.
    static absl::StatusOr<std::unique_ptr<Platform>> Open(PlatformOptions options);
    // Stop, if it was started.
    ~Platform();
    Platform(const Platform&) = delete;
    Platform& operator=(const Platform&) = delete;

    // Runs jobs, delivers webhooks and clears away what expired, until Stop. Jobs that ran when an
    // earlier process ended go on from their checkpoints. An error where another process does this
    // for the data folder.
    absl::Status Start();
    // Returns once every worker has saved a checkpoint and left; their jobs stay running, and go
    // on at the next Start.
    void Stop();

    Keys& keys();
    const Bases& bases() const;
    Pulls& pulls();
    Files& files();
    Uploads& uploads();
    Jobs& jobs();
    Models& models();
    Answers& answers();
    Merging& merging();
    AuditLog& audit();
    Webhooks& webhooks();
    Admin& admin();
    Advisor& advisor();
    Planner& planner();
    const PlatformOptions& options() const;
    // OK where the store answers: for a readiness probe.
    absl::Status CheckReady();

  private:
    struct Parts;
    explicit Platform(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace hone::platform
