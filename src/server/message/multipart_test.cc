#include "server/message/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/testing.h"

namespace hone::server {
namespace {

using testing::HasSubstr;

// What came, as text: "name(filename)=data;".
class Recorder : public MultipartSink {
  public:
    std::string seen;

    absl::Status OnPart(const MultipartPart& part) override {
        seen += part.name;
        if (part.is_file) seen += "(" + part.filename + ")";
        seen += "=";
        return absl::OkStatus();
    }
    absl::Status OnData(std::string_view bytes) override {
        EXPECT_FALSE(bytes.empty());
        seen += bytes;
        return absl::OkStatus();
    }
    absl::Status OnPartEnd() override {
        seen += ";";
        return absl::OkStatus();
    }
};

std::string PartText(std::string_view disposition, std::string_view data) {
    return fmt::format("--b\r\nContent-Disposition: form-data; {}\r\n\r\n{}\r\n", disposition,
                       data);
}

// Feeds `body` in pieces of `piece` bytes.
absl::StatusOr<std::string> Parse(std::string_view body, size_t piece = 1'000'000,
                                  MultipartLimits limits = {}) {
    Recorder recorder;
    MultipartParser parser("b", limits, recorder);
    for (size_t i = 0; i < body.size(); i += piece)
        HONE_RETURN_IF_ERROR(parser.Feed(body.substr(i, piece)));
    HONE_RETURN_IF_ERROR(parser.Finish());
    return recorder.seen;
}

std::string MultipartError(std::string_view body, MultipartLimits limits = {}) {
    const auto parsed = Parse(body, 1'000'000, limits);
    EXPECT_EQ(parsed.ok(), Parse(body, 1, limits).ok()) << "the pieces must not matter";
    return parsed.ok() ? "" : std::string(parsed.status().message());
}

TEST(Multipart, GivesEveryPartInPiecesOfAnySize) {
    const std::string body =
        PartText("name=\"purpose\"", "fine-tune") +
        PartText("name=\"file\"; filename=\"a \\\"b\\\".jsonl\"", "one\r\n--\r\n--c\r\n-") +
        PartText("name=\"empty\"", "") + "--b--";
    const std::string expected =
        "purpose=fine-tune;file(a \"b\".jsonl)=one\r\n--\r\n--c\r\n-;empty=;";
    for (size_t piece : {1, 2, 3, 7, 64, 10'000}) {
        EXPECT_EQ(*Parse(body, piece), expected) << piece;
        EXPECT_EQ(*Parse(body + "\r\n", piece), expected) << piece;
    }
}

TEST(Multipart, AnyBytesComeBackAsTheyWere) {
    for (uint64_t seed : TestSeeds(20)) {
        TestRandom random(seed);
        std::string data;
        for (int64_t i = random.Between(0, 3000); i > 0; --i)
            data.push_back("\r\n-bB\0x"[random.Between(0, 6)]);
        if (data.find("\r\n--b") != std::string::npos) continue;
        const std::string body = PartText("name=file; filename=x", data) + "--b--\r\n";
        const auto parsed = Parse(body, static_cast<size_t>(random.Between(1, 50)));
        ASSERT_TRUE(parsed.ok()) << parsed.status();
        EXPECT_EQ(*parsed, "file(x)=" + data + ";");
    }
}

TEST(Multipart, RefusesWhatCouldBeReadInTwoWays) {
    const std::string good = PartText("name=\"a\"", "1");
    EXPECT_THAT(MultipartError(""), HasSubstr("cut off"));
    EXPECT_THAT(MultipartError(good), HasSubstr("cut off"));
    EXPECT_THAT(MultipartError("preamble\r\n" + good + "--b--"), HasSubstr("does not begin"));
    EXPECT_THAT(MultipartError(good + "--b--\r\nmore"), HasSubstr("follow the last boundary"));
    EXPECT_THAT(MultipartError(good + good + "--b--"), HasSubstr("twice"));
    EXPECT_THAT(MultipartError(good + "--bx\r\n--b--"), HasSubstr("follow a boundary"));
    EXPECT_THAT(MultipartError("--b\r\nContent-Type: a/b\r\n\r\n1\r\n--b--"),
                HasSubstr("no Content-Disposition"));
    EXPECT_THAT(MultipartError("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n"
                               "Content-Type: multipart/mixed; boundary=c\r\n\r\n1\r\n--b--"),
                HasSubstr("itself multipart"));
    EXPECT_THAT(MultipartError("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n"
                               "Content-Transfer-Encoding: base64\r\n\r\n1\r\n--b--"),
                HasSubstr("encoded as base64"));
    EXPECT_THAT(MultipartError(PartText("name=\"a\"; name=\"b\"", "1") + "--b--"),
                HasSubstr("cannot be read"));
    EXPECT_THAT(MultipartError(PartText("filename=\"a\"", "1") + "--b--"), HasSubstr("no name"));
    EXPECT_THAT(
        MultipartError("--b\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\n1\r\n--b--"),
        HasSubstr("cannot be read"));
}

TEST(Multipart, LimitsHoldAndOneMoreIsAnError) {
    MultipartLimits limits{.parts = 2, .head_bytes = 60, .name_bytes = 5};
    const std::string a = PartText("name=a", "1"), b = PartText("name=b", "2"),
                      c = PartText("name=c", "3");
    EXPECT_EQ(MultipartError(a + b + "--b--", limits), "");
    EXPECT_THAT(MultipartError(a + b + c + "--b--", limits), HasSubstr("more than 2 parts"));
    EXPECT_EQ(MultipartError(PartText("name=abcde", "1") + "--b--", limits), "");
    EXPECT_THAT(MultipartError(PartText("name=abcdef", "1") + "--b--", limits),
                HasSubstr("longer than 5"));
    const auto padded = [](size_t bytes) {
        std::string head = "Content-Disposition: form-data; name=a\r\nX: ";
        head.resize(bytes, 'x');
        return "--b\r\n" + head + "\r\n\r\n1\r\n--b--";
    };
    EXPECT_EQ(MultipartError(padded(60), limits), "");
    EXPECT_THAT(MultipartError(padded(61), limits), HasSubstr("longer than 60"));
}

TEST(Multipart, TheBoundaryComesOutOfTheContentType) {
    EXPECT_EQ(*MultipartBoundary("multipart/form-data; boundary=abc"), "abc");
    EXPECT_EQ(*MultipartBoundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b:c\""),
              "a b:c");
    EXPECT_TRUE(MultipartBoundary("multipart/form-data; boundary=" + std::string(70, 'x')).ok());
    for (const std::string& type :
         {std::string("application/json"), std::string("multipart/form-data"), std::string(""),
          std::string("multipart/form-data; boundary="),
          std::string("multipart/form-data; boundary=a; boundary=b"),
          std::string("multipart/form-data; boundary=\"a"),
          std::string("multipart/form-data; boundary=a\x01"),
          "multipart/form-data; boundary=" + std::string(71, 'x')})
        EXPECT_FALSE(MultipartBoundary(type).ok()) << type;
}

}  // namespace
}  // namespace hone::server
