#include "server/api/job_stream.h"

#include <mutex>
#include <utility>

#include "server/api/answer.h"
#include "server/api/objects.h"
#include "server/message/sse.h"

namespace hone::server {
namespace {

constexpr int64_t kAtOnce = 100;  // events of one read

// Lives as long as its listener, which is until the job has ended or the client has gone; and as
// long as a call of it that runs.
class JobStream : public std::enable_shared_from_this<JobStream> {
  public:
    JobStream(platform::Platform& platform, platform::Caller caller, std::string job_id,
              std::string last_event, std::shared_ptr<Exchange> exchange)
        : platform_(platform),
          caller_(std::move(caller)),
          job_id_(std::move(job_id)),
          last_event_(std::move(last_event)),
          exchange_(std::move(exchange)) {}

    void Begin() {
        HttpResponse head;
        head.headers.Add("Content-Type", "text/event-stream");
        head.headers.Add("Cache-Control", "no-store");
        stream_ = exchange_->Stream(std::move(head), kSseSignOfLife);
        const std::weak_ptr<JobStream> weak = weak_from_this();
        exchange_->OnGone([weak] {
            if (const auto self = weak.lock()) self->End();
        });
        // What happens from here on is heard of, and what was before is read now.
        auto listening = platform_.jobs().Listen(
            [self = shared_from_this()](const std::string&, const std::string& id) {
                if (id == self->job_id_) self->Wake();
            });
        {
            const std::lock_guard lock(mutex_);
            if (!ended_) listening_ = std::move(listening);
        }
        Wake();
    }

  private:
    // One read at a time; a change during it makes another one follow.
    void Wake() {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        changed_ = true;
        if (reading_) return;
        reading_ = true;
        exchange_->Later([self = shared_from_this()] { self->Run(); });
    }

    void Run() {
        for (;;) {
            {
                const std::lock_guard lock(mutex_);
                if (!changed_ || ended_) {
                    reading_ = false;
                    return;
                }
                changed_ = false;
            }
            if (!SendNew()) return End();
        }
    }

    // False once there is nothing more to send.
    bool SendNew() {
        // Read first: an event of a job that has ended is stored with its end.
        const auto job = platform_.jobs().Get(caller_, job_id_);
        if (!job.ok()) return false;
        for (bool more = true; more;) {
            const auto page = platform_.jobs().Events(
                caller_, job_id_, {.after = last_event_, .limit = kAtOnce, .newest_first = false});
            if (!page.ok()) return false;
            for (const platform::JobEvent& event : page->data) {
                last_event_ = event.id;
                if (!stream_->Write(SseMessage(CompactJson(ToJson(event)), "", event.id)))
                    return false;
            }
            more = page->has_more;
        }
        if (!IsTerminal(job->status)) return true;
        stream_->Write(SseMessage(CompactJson(ToJson(*job)), "job"));
        return false;
    }

    void End() {
        std::shared_ptr<void> listening;
        {
            const std::lock_guard lock(mutex_);
            if (std::exchange(ended_, true)) return;
            listening = std::move(listening_);
        }
        // The listener goes here, without the lock. What then holds this is the call that runs;
        // the stream ends with it.
    }

    platform::Platform& platform_;
    const platform::Caller caller_;
    const std::string job_id_;
    std::string last_event_;
    const std::shared_ptr<Exchange> exchange_;
    std::shared_ptr<StreamWriter> stream_;

    std::mutex mutex_;
    std::shared_ptr<void> listening_;
    bool reading_ = false, changed_ = false, ended_ = false;
};

}  // namespace

void StreamJobEvents(platform::Platform& platform, const platform::Caller& caller,
                     const std::string& job_id, std::shared_ptr<Exchange> exchange) {
    const auto job = platform.jobs().Get(caller, job_id);
    if (!job.ok()) return exchange->Respond(ErrorResponse(job.status()));
    std::string last(exchange->request().headers.Get("last-event-id"));
    std::make_shared<JobStream>(platform, caller, job_id, std::move(last), std::move(exchange))
        ->Begin();
}

}  // namespace hone::server
