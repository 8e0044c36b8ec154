#include "answer/serving/chat_task.h"

#include "answer/openai/api_error.h"
#include "infer/grammar/json_schema.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> Names(const std::vector<FunctionTool>& tools) {
    std::vector<std::string> names;
    for (const FunctionTool& tool : tools) names.push_back(tool.name);
    return names;
}

// The schemas that say "strict" must be so that an answer has no freedom.
absl::Status CheckStrict(const ChatRequest& request) {
    const auto check = [](const Json& schema, std::string_view what, const std::string& param,
                          std::string_view code) {
        const absl::Status status = CheckStrictSchema(schema);
        if (status.ok()) return status;
        return RequestError(
            fmt::format("Invalid schema for {}: {}", what, std::string(status.message())), param,
            code);
    };
    if (request.format.kind == ResponseFormat::Kind::kJsonSchema && request.format.strict)
        HONE_RETURN_IF_ERROR(check(request.format.schema,
                                   fmt::format("response_format '{}'", request.format.name),
                                   "response_format", "invalid_json_schema"));
    for (size_t i = 0; i < request.tools.size(); ++i)
        if (request.tools[i].strict)
            HONE_RETURN_IF_ERROR(check(
                request.tools[i].parameters, fmt::format("function '{}'", request.tools[i].name),
                fmt::format("tools[{}].function.parameters", i), "invalid_function_parameters"));
    return absl::OkStatus();
}

}  // namespace

ChatTask::ChatTask(TaskFrame frame, ChatRequest request, ServedModel& served, LineWriter& out)
    : Task(std::move(frame), served, out),
      request_(std::move(request)),
      parts_(static_cast<size_t>(request_.n)),
      call_ids_(parts_.size()) {
    answer_id_ = NewName("chatcmpl-");
    stream_ = request_.stream;
    include_usage_ = request_.include_usage;
    if (request_.tool_choice.kind == ToolChoice::Kind::kNone) return;
    for (Choice& part : parts_) part.calls.emplace(Names(request_.tools));
}

bool ChatTask::calls_forced() const {
    return request_.tool_choice.kind == ToolChoice::Kind::kRequired ||
           request_.tool_choice.kind == ToolChoice::Kind::kNamed;
}

absl::StatusOr<std::unique_ptr<Task>> ChatTask::Start(TaskFrame frame, const Json& body,
                                                      ServedModel& served, LineWriter& out) {
    HONE_ASSIGN_OR_RETURN(ChatRequest request, ReadChatRequest(body));
    HONE_RETURN_IF_ERROR(CheckStrict(request));
    HONE_RETURN_IF_ERROR(served.UseAdapter(frame.adapter));
    std::unique_ptr<ChatTask> task(new ChatTask(std::move(frame), std::move(request), served, out));
    HONE_ASSIGN_OR_RETURN(const GenerateRequest one, task->Prepare());
    task->prompt_tokens_ = static_cast<int64_t>(one.prompt.size());
    std::vector<GenerateRequest> requests;
    for (int64_t i = 0; i < task->request_.n; ++i) {
        GenerateRequest& next = requests.emplace_back(one);
        next.options.sampling.seed += static_cast<uint64_t>(i);
        if (next.constraint) {
            HONE_ASSIGN_OR_RETURN(next.constraint, task->NewConstraint());
        }
    }
    HONE_RETURN_IF_ERROR(task->Submit(std::move(requests)));
    return task;
}

absl::StatusOr<GenerateRequest> ChatTask::Prepare() {
    GenerateRequest request;
    request.adapter = frame_.adapter;
    request.options = DrawOptions(request_, served_);
    if (request_.logprobs) request.options.top_logprobs = request_.top_logprobs;
    Conversation& conversation = request_.conversation;
    if (request_.tool_choice.kind == ToolChoice::Kind::kNone) {
        conversation.tools = nullptr;
    } else if (!served_.tool_form().shows_tools) {
        AddToolsMessage(conversation);
    }
    auto prompt = served_.encoder().EncodePrompt(conversation);
    if (!prompt.ok()) return RequestError(std::string(prompt.status().message()), "messages");
    request.prompt = *std::move(prompt);
    const int64_t length = static_cast<int64_t>(request.prompt.size());
    if (length >= served_.context_length())
        return RequestError(
            fmt::format("This model's maximum context length is {} tokens. However, your messages "
                        "resulted in {} tokens. Please reduce the length of the messages.",
                        served_.context_length(), length),
            "messages", "context_length_exceeded");
    HONE_RETURN_IF_ERROR(Constrain(request));
    return request;
}

absl::Status ChatTask::Constrain(GenerateRequest& request) {
    HONE_ASSIGN_OR_RETURN(request.constraint, NewConstraint());
    if (request_.tool_choice.kind == ToolChoice::Kind::kNone) return absl::OkStatus();
    const Tokenizer& tokenizer = served_.encoder().tokenizer();
    if (calls_forced()) {
        // The model begins a call as its template does; the grammar says how that goes on.
        HONE_ASSIGN_OR_RETURN(const std::vector<int32_t> open,
                              tokenizer.Encode(served_.tool_form().open, false));
        request.prompt.insert(request.prompt.end(), open.begin(), open.end());
        return absl::OkStatus();
    }
    // The mark of a call must be seen, also where it is a special token.
    for (const char* mark : {"<tool_call>", "[TOOL_CALLS]", "<|python_tag|>"}) {
        const auto token = tokenizer.TokenToId(mark);
        request.options.show_special_tokens |= token && tokenizer.IsSpecial(*token);
    }
    return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<TokenConstraint>> ChatTask::NewConstraint() {
    if (calls_forced()) {
        std::vector<FunctionTool> functions;
        for (const FunctionTool& tool : request_.tools)
            if (request_.tool_choice.name.empty() || tool.name == request_.tool_choice.name)
                functions.push_back(tool);
        return served_.FunctionCall(functions);
    }
    switch (request_.format.kind) {
        case ResponseFormat::Kind::kJsonObject:
            return served_.JsonObject();
        case ResponseFormat::Kind::kJsonSchema:
            return served_.JsonSchema(request_.format.schema, "response_format");
        case ResponseFormat::Kind::kText:
            break;
    }
    return std::shared_ptr<TokenConstraint>();
}

void ChatTask::ChoiceChunk(size_t index, Json delta, Json logprobs, Json finish_reason) {
    Json data = Head("chat.completion.chunk");
    data["choices"] = Json::array({{{"index", index},
                                    {"delta", std::move(delta)},
                                    {"logprobs", std::move(logprobs)},
                                    {"finish_reason", std::move(finish_reason)}}});
    if (include_usage_) data["usage"] = nullptr;
    Chunk(std::move(data));
}

void ChatTask::Say(size_t index, const std::string& text, const TokenUpdate* update) {
    Choice& part = parts_[index];
    part.content += text;
    Json logprobs;
    if (update != nullptr && update->logprob != nullptr && !IsEnd(update->token)) {
        const Json entry = LogprobJson(*update->logprob);
        part.logprobs.push_back(entry);
        logprobs = {{"content", Json::array({entry})}, {"refusal", nullptr}};
    }
    if (!stream_) return;
    if (!part.begun) {
        part.begun = true;
        ChoiceChunk(index, {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}, nullptr,
                    nullptr);
    }
    if (!text.empty() || !logprobs.is_null())
        ChoiceChunk(index, {{"content", text}}, std::move(logprobs), nullptr);
}

void ChatTask::OnChoiceToken(size_t choice, const TokenUpdate& update) {
    Choice& part = parts_[choice];
    Say(choice, part.calls ? part.calls->Push(update.text) : std::string(update.text), &update);
}

Json ChatTask::ToolCallsJson(const Choice& choice, bool indexed) const {
    const size_t index = static_cast<size_t>(&choice - parts_.data());
    Json calls = Json::array();
    for (size_t i = 0; i < choice.tool_calls.size(); ++i) {
        Json call = Json::object();
        if (indexed) call["index"] = i;
        call["id"] = call_ids_[index][i];
        call["type"] = "function";
        call["function"] = {{"name", choice.tool_calls[i].name},
                            {"arguments", choice.tool_calls[i].arguments}};
        calls.push_back(std::move(call));
    }
    return calls;
}

void ChatTask::OnChoiceEnd(size_t choice, GenerateResult result) {
    Choice& part = parts_[choice];
    if (part.calls) {
        Say(choice, part.calls->Finish(), nullptr);
        part.tool_calls = part.calls->calls();
        if (!request_.parallel_tool_calls && part.tool_calls.size() > 1) part.tool_calls.resize(1);
        for (size_t i = 0; i < part.tool_calls.size(); ++i)
            call_ids_[choice].push_back(NewName("call_"));
    }
    part.finish_reason = FinishReasonName(result.finish);
    // A call that was named is what was asked for, and the answer ended as any other.
    if (!part.tool_calls.empty() && result.finish == FinishReason::kStop &&
        request_.tool_choice.kind != ToolChoice::Kind::kNamed)
        part.finish_reason = "tool_calls";
    if (!stream_) return;
    if (!part.tool_calls.empty())
        ChoiceChunk(choice, {{"tool_calls", ToolCallsJson(part, true)}}, nullptr, nullptr);
    ChoiceChunk(choice, Json::object(), nullptr, part.finish_reason);
}

Json ChatTask::Whole() {
    Json data = Head("chat.completion");
    data["choices"] = Json::array();
    for (size_t i = 0; i < parts_.size(); ++i) {
        const Choice& part = parts_[i];
        Json message = {{"role", "assistant"}, {"content", part.content}, {"refusal", nullptr}};
        if (!part.tool_calls.empty()) {
            message["tool_calls"] = ToolCallsJson(part, false);
            if (part.content.empty()) message["content"] = nullptr;
        }
        message["annotations"] = Json::array();
        Json logprobs;
        if (request_.logprobs) logprobs = {{"content", part.logprobs}, {"refusal", nullptr}};
        data["choices"].push_back({{"index", i},
                                   {"message", std::move(message)},
                                   {"logprobs", std::move(logprobs)},
                                   {"finish_reason", part.finish_reason}});
    }
    data["usage"] = Usage();
    if (stream_ && include_usage_) {
        Json last = Head("chat.completion.chunk");
        last["choices"] = Json::array();
        last["usage"] = data["usage"];
        Chunk(std::move(last));
    }
    return data;
}

}  // namespace hone
