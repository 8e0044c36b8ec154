// A chat completion as a response: the object, and the events of its stream.
#pragma once

#include <string>

#include "platform/answers/answers.h"
#include "server/inference/model_answer.h"
#include "server/inference/response_request.h"

namespace hone::server {

// Begins as response.created and ends as response.completed, or response.incomplete where the
// answer was cut, or as an error. Between them each output item is added, told in pieces, and done:
// a message with one text, then the calls. What is to be stored is, before the end.
class ResponseForm : public AnswerForm {
  public:
    ResponseForm(platform::Answers& answers, platform::Caller caller, ResponseRequest request,
                 std::string model, int64_t now);

    std::string Begin() override;
    std::string Chunk(const std::string& data) override;
    bool blocks() const override { return request_.store; }
    absl::StatusOr<Whole> Done(const std::string& data) override;
    std::string Failed(const std::string& error) override;

  private:
    using Json = nlohmann::ordered_json;

    std::string Event(std::string type, Json fields);
    // With the place of an item: its number in the output, and its id.
    std::string ItemEvent(std::string type, size_t index, Json fields);
    std::string Hear(const Json& delta, const Json& logprobs);
    std::string OpenMessage();
    std::string CloseMessage(const std::string& status);
    std::string AddCall(const Json& call, const std::string& status);
    Json Object(const std::string& status) const;

    platform::Answers& answers_;
    const platform::Caller caller_;
    const ResponseRequest request_;
    const std::string id_, model_;
    const int64_t created_;
    int64_t events_ = 0;
    Json output_ = Json::array(), usage_, incomplete_;
    bool open_ = false;  // the last item of the output is a message that is not done
};

}  // namespace hone::server
