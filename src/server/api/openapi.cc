#include "server/api/openapi.h"

#include "base/machine/version.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;

Json Reference(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

Json Content(const std::string& type, const Json& schema) { return {{type, {{"schema", schema}}}}; }

std::vector<std::string> NamesIn(std::string_view pattern) {
    std::vector<std::string> names;
    for (size_t open = pattern.find('{'); open != std::string_view::npos;
         open = pattern.find('{', open + 1))
        names.emplace_back(pattern.substr(open + 1, pattern.find('}', open) - open - 1));
    return names;
}

Json DescribeParameters(const Route& route) {
    Json parameters = Json::array();
    for (const std::string& name : NamesIn(route.pattern))
        parameters.push_back({{"name", name},
                              {"in", "path"},
                              {"required", true},
                              {"schema", {{"type", "string"}, {"minLength", 1}}}});
    for (const QueryParameter& parameter : route.query) {
        Json described = {{"name", parameter.name},
                          {"in", "query"},
                          {"description", parameter.description},
                          {"schema", Json::parse(parameter.schema)}};
        if (described["schema"].value("type", "") == "object") {
            described["style"] = "deepObject";
            described["explode"] = true;
        }
        parameters.push_back(std::move(described));
    }
    return parameters;
}

Json DescribeResponses(const Route& route) {
    Json good = {{"description", "done"}};
    good["content"] = Content(route.response_type, route.response_schema.empty()
                                                       ? Json{{"type", "string"}}
                                                       : Reference(route.response_schema));
    const Json bad = {{"description", "an error, in its envelope"},
                      {"content", Content("application/json", Reference("ErrorResponse"))}};
    return {{"200", std::move(good)}, {"4XX", bad}, {"5XX", bad}};
}

Json Describe(const Route& route) {
    Json operation = {{"operationId", route.operation}, {"summary", route.summary}};
    const Json parameters = DescribeParameters(route);
    if (!parameters.empty()) operation["parameters"] = parameters;
    if (route.body != BodyKind::kNone)
        operation["requestBody"] = {
            {"required", true},
            {"content",
             Content(route.body == BodyKind::kJson ? "application/json" : "multipart/form-data",
                     Reference(route.request_schema))}};
    operation["responses"] = DescribeResponses(route);
    operation["security"] = Json::array();
    if (route.access != Access::kOpen) operation["security"].push_back({{"key", Json::array()}});
    return operation;
}

std::string LowerCase(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

}  // namespace

Json DescribeApi(const Router& router, const Schemas& schemas) {
    Json paths = Json::object();
    for (const auto& route : router.routes())
        paths[route->pattern][LowerCase(route->method)] = Describe(*route);
    return {
        {"openapi", "3.1.0"},
        {"info",
         {{"title", "hone"},
          {"version", kVersion},
          {"description", "Fine-tunes small language models and serves them, with OpenAI's API."}}},
        {"paths", std::move(paths)},
        {"components",
         {{"schemas", schemas.all()},
          {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace hone::server
