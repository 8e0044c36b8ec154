#include "platform/store/services.h"

#include "platform/store/ids.h"
#include "platform/store/sql.h"

namespace hone::platform {

std::shared_ptr<void> Bulletin::Listen(Listener listener) {
    auto entry = std::make_shared<Entry>();
    entry->listener = std::move(listener);
    const std::lock_guard lock(entries_->mutex);
    entries_->all.push_back(entry);
    // What is returned may outlive this.
    return std::shared_ptr<void>(nullptr, [entries = entries_, entry](void*) {
        {
            const std::lock_guard all_lock(entries->mutex);
            std::erase(entries->all, entry);
        }
        const std::lock_guard call_lock(entry->mutex);
        entry->listener = nullptr;
    });
}

void Bulletin::Post(const std::string& project, const std::string& job_id) const {
    std::vector<std::shared_ptr<Entry>> all;
    {
        const std::lock_guard lock(entries_->mutex);
        all = entries_->all;
    }
    for (const auto& entry : all) {
        const std::lock_guard lock(entry->mutex);
        if (entry->listener) entry->listener(project, job_id);
    }
}

void NoteAudit(Sql& sql, int64_t now, const Caller& caller, std::string_view action,
               std::string_view object) {
    sql.Run(
        "insert into audit (id, project, created_at, key_id, action, object) "
        "values (:id, :project, :created_at, :key_id, :action, :object)",
        NewId("audit_"), caller.project, now, caller.key_id, std::string(action),
        std::string(object));
}

}  // namespace hone::platform
