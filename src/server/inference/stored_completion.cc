#include "server/inference/stored_completion.h"

#include <utility>

#include "platform/api/checks.h"
#include "server/api/answer.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;

class StoredForm : public AnswerForm {
  public:
    StoredForm(platform::Answers& answers, platform::Caller caller, const Json& messages,
               platform::Metadata metadata)
        : answers_(answers), caller_(std::move(caller)) {
        stored_.kind = "chat.completion";
        stored_.input = CompactJson(messages);
        stored_.metadata = std::move(metadata);
    }

    bool blocks() const override { return true; }
    absl::StatusOr<Whole> Done(const std::string& data) override {
        const Json completion = Json::parse(data);
        stored_.id = completion["id"];
        stored_.created_at = completion["created"];
        stored_.model = completion["model"];
        stored_.body = data;
        HONE_RETURN_IF_ERROR(answers_.Keep(caller_, stored_));
        return AnswerForm::Done(data);
    }

  private:
    platform::Answers& answers_;
    const platform::Caller caller_;
    platform::StoredAnswer stored_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AnswerForm>> StoredCompletionForm(platform::Answers& answers,
                                                                 const platform::Caller& caller,
                                                                 const Json& body) {
    platform::Metadata metadata;
    if (const auto given = body.find("metadata"); given != body.end() && given->is_object())
        metadata = given->get<platform::Metadata>();
    HONE_RETURN_IF_ERROR(platform::CheckMetadata(metadata));
    return std::make_unique<StoredForm>(answers, caller, body["messages"], std::move(metadata));
}

}  // namespace hone::server
