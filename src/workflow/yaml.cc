#include "workflow/yaml.h"

#include <sstream>
#include <string>

#include "workflow/tree_builder.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace hone {
namespace {

Place PlaceOf(const YAML::Mark& mark) {
    return {static_cast<size_t>(mark.line) + 1, static_cast<size_t>(mark.column) + 1};
}

// A plain scalar that YAML's core schema reads as null.
bool IsNull(const std::string& text) {
    return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

class Handler : public YAML::EventHandler {
  public:
    explicit Handler(TreeBuilder& builder) : builder_(builder) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        builder_.Null(PlaceOf(mark), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        builder_.Alias(PlaceOf(mark), anchor);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        // yaml-cpp's tags of scalars without one: "?" plain, "!" quoted or in a block.
        const bool plain = tag.empty() || tag == "?";
        if (!plain && tag != "!" && tag != "tag:yaml.org,2002:str") RefuseTag(mark, tag);
        if (plain && IsNull(value))
            builder_.Null(PlaceOf(mark), anchor);
        else
            builder_.Scalar(PlaceOf(mark), value, !plain, anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        if (!tag.empty() && tag != "?") RefuseTag(mark, tag);
        builder_.BeginList(PlaceOf(mark), anchor);
    }
    void OnSequenceEnd() override { builder_.End(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        if (!tag.empty() && tag != "?") RefuseTag(mark, tag);
        builder_.BeginMap(PlaceOf(mark), anchor);
    }
    void OnMapEnd() override { builder_.End(); }

  private:
    [[noreturn]] static void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
        throw DocumentError{PlaceOf(mark), fmt::format("the tag {} is not read", tag)};
    }
    TreeBuilder& builder_;
};

}  // namespace

Node ParseYaml(std::string_view text) {
    std::istringstream stream{std::string(text)};
    TreeBuilder builder;
    Handler handler(builder);
    try {
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(handler)) return Node();
        TreeBuilder another;
        Handler second(another);
        if (parser.HandleNextDocument(second))
            throw DocumentError{another.root() ? another.root()->place : Place(),
                                "a second document begins here; a configuration is one"};
    } catch (const YAML::Exception& error) {
        throw DocumentError{PlaceOf(error.mark), error.msg};
    }
    return builder.root() ? *std::move(builder.root()) : Node();
}

}  // namespace hone
