// Any text as a formula, as a template and as a grader.
#include <cstdint>
#include <string_view>

#include "answer/grading/grader.h"
#include "answer/openai/api_error.h"
#include "base/files/json_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using Json = nlohmann::ordered_json;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto formula = hone::Formula::Parse(text); formula.ok()) {
        std::map<std::string, double> values;
        for (const std::string& name : formula->names()) values[name] = 0.5;
        formula->Evaluate(values);
    }
    const hone::GradedSample sample{R"({"a": [1, {"b": "c"}]})",
                                    Json::parse(R"({"a": ["x", "y"]})")};
    if (const auto filled = hone::TemplateText::Parse(text); filled.ok())
        (void)filled->Fill(sample).ok();
    const auto json = hone::ParseJson<Json>(text, "grader");
    if (!json.ok()) return 0;
    const auto grader = hone::Grader::Read(*json);
    if (!grader.ok()) {
        HONE_CHECK(hone::DescribeFailure(grader.status()).status == 400);
        return 0;
    }
    hone::GraderRun run(*grader, sample);
    for (size_t i = 0; i < run.questions().size(); ++i)
        run.Answer(i, absl::UnavailableError("nobody answers"));
    run.Finish(0);
    return 0;
}
