#include "cli/flags/trained_rows.h"

#include "fmt/ranges.h"

namespace hone {
namespace {

// As --columns takes them.
std::string ColumnsText(const std::vector<std::pair<std::string, std::string>>& columns) {
    std::string text;
    for (const auto& [field, column] : columns)
        text += fmt::format("{}{}={}", text.empty() ? "" : ",", field, column);
    return text;
}

}  // namespace

std::string ReadRowsAsTrained(const TrainedForm& form, const CLI::App& command, DataOptions& data) {
    std::string taken;
    const auto take = [&](const char* flag, auto DataOptions::*member, const std::string& shown) {
        if (WasGiven(command, flag) || data.*member == form.data.*member) return;
        data.*member = form.data.*member;
        taken += fmt::format("{}{} {}", taken.empty() ? "" : " ", flag, shown);
    };
    const auto truth = [](bool value) { return value ? "true" : "false"; };
    // Three ways to say one thing: one of them says it all. Other columns mean nothing to a text.
    const bool text = WasGiven(command, "--text_template") || WasGiven(command, "--text_field");
    const bool chat = WasGiven(command, "--use_chat_template");
    if (!text && !chat && !WasGiven(command, "--columns")) {
        take("--text_template", &DataOptions::text_template, ShownText(form.data.text_template));
        take("--text_field", &DataOptions::text_field, form.data.text_field);
    }
    if (!text && !chat)
        take("--use_chat_template", &DataOptions::use_chat_template,
             truth(form.data.use_chat_template.value_or(true)));
    if (!text) take("--columns", &DataOptions::columns, ColumnsText(form.data.columns));
    if (!text)
        take("--label_names", &DataOptions::label_names,
             fmt::format("{}", fmt::join(form.data.label_names, ",")));
    take("--csv_separator", &DataOptions::csv_separator, form.data.csv_separator);
    take("--add_special_tokens", &DataOptions::add_special_tokens,
         truth(form.data.add_special_tokens));
    take("--train_on_prompt", &DataOptions::train_on_prompt, truth(form.data.train_on_prompt));
    take("--template_date", &DataOptions::template_date, form.data.template_date);
    take("--max_seq_len", &DataOptions::max_seq_len, fmt::format("{}", form.data.max_seq_len));
    return taken;
}

}  // namespace hone
