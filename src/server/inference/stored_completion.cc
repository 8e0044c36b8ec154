#include "server/inference/stored_completion.h"

#include <utility>

#include "server/api/answer.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;

class StoredForm : public AnswerForm {
  public:
    StoredForm(platform::Answers& answers, platform::Caller caller, const Json& body)
        : answers_(answers), caller_(std::move(caller)) {
        stored_.kind = "chat.completion";
        stored_.input = CompactJson(body["messages"]);
        if (const auto metadata = body.find("metadata");
            metadata != body.end() && metadata->is_object())
            stored_.metadata = metadata->get<platform::Metadata>();
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

std::unique_ptr<AnswerForm> StoredCompletionForm(platform::Answers& answers,
                                                 const platform::Caller& caller, const Json& body) {
    return std::make_unique<StoredForm>(answers, caller, body);
}

}  // namespace hone::server
