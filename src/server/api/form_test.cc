#include "server/api/form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/api/refusal.h"

namespace hone::server {
namespace {

using testing::HasSubstr;

class TestForm : public Form {
  public:
    TestForm() : Form("b", "file", {"purpose"}) {}

  protected:
    absl::Status OnContent(std::string_view bytes) override {
        content_ += bytes;
        if (content_.find("refuse") == std::string::npos) return absl::OkStatus();
        return platform::Refuse({platform::RefusalKind::kLimit, "file", "too_much"}, "full");
    }
    absl::StatusOr<HttpResponse> OnComplete() override {
        return HttpResponse{.body = filename() + "|" + Field("purpose") + "|" + content_};
    }

  private:
    std::string content_;
};

std::string Part(std::string_view head, std::string_view content) {
    return fmt::format("--b\r\nContent-Disposition: form-data; {}\r\n\r\n{}\r\n", head, content);
}

// "STATUS BODY" of a form that comes in pieces.
std::string Send(const std::string& body) {
    TestForm form;
    for (size_t i = 0; i < body.size(); i += 7)
        if (!form.Take(std::string_view(body).substr(i, 7))) break;
    const HttpResponse response = form.Finish();
    return fmt::format("{} {}", response.status, response.body);
}

TEST(Form, TakesItsFileAndFieldsInAnyOrder) {
    const std::string file = Part("name=\"file\"; filename=\"a.jsonl\"", "content");
    const std::string purpose = Part("name=\"purpose\"", "fine-tune");
    EXPECT_EQ(Send(file + purpose + "--b--"), "200 a.jsonl|fine-tune|content");
    EXPECT_EQ(Send(purpose + file + "--b--"), "200 a.jsonl|fine-tune|content");
    EXPECT_EQ(Send(file + "--b--"), "200 a.jsonl||content");
}

TEST(Form, RefusesWhatItDoesNotKnow) {
    const std::string file = Part("name=\"file\"; filename=\"a\"", "x");
    EXPECT_THAT(Send("--b--"), HasSubstr("Missing required parameter: 'file'"));
    EXPECT_THAT(Send(file), HasSubstr("cut off"));
    EXPECT_THAT(Send(file + Part("name=\"other\"", "x") + "--b--"),
                HasSubstr("Unknown parameter: 'other'"));
    EXPECT_THAT(Send(Part("name=\"purpose\"", std::string(kMaxFormField, 'x')) + file + "--b--"),
                HasSubstr("200 "));
    EXPECT_THAT(
        Send(Part("name=\"purpose\"", std::string(kMaxFormField + 1, 'x')) + file + "--b--"),
        HasSubstr("400 "));
}

TEST(Form, ARefusalOfTheContentIsTheAnswer) {
    const std::string answer = Send(Part("name=\"file\"; filename=\"a\"", "refuse") +
                                    Part("name=\"other\"", "x") + "--b--");
    EXPECT_THAT(answer, HasSubstr("429 "));
    EXPECT_THAT(answer, HasSubstr("too_much"));
}

}  // namespace
}  // namespace hone::server
