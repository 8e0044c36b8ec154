// The passes of a workflow: what a kind of pass reads from its configuration, and what it does. A
// kind is a file beside this one and its line in PassKinds().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/options.h"
#include "train/control/run_control.h"
#include "train/events/event_stream.h"
#include "train/options/table.h"
#include "workflow/section_reader.h"

namespace hone {

// What a program lends to the passes that it runs.
struct PassHost {
    EventStream& events;  // of this pass alone
    const RunControl& control;
    std::function<absl::Status(const std::string& model)> fetch_model;
    HubFetcher fetch_dataset;
};

// One step of a workflow, read and checked.
class Pass {
  public:
    virtual ~Pass() = default;
    // The model that it starts from.
    virtual const std::string& model() const = 0;
    // Fetches what it needs, reads and checks it, and says what it found; makes and changes nothing
    // else.
    virtual absl::Status SetUp(const PassHost& host) = 0;
    virtual absl::Status Run(const PassHost& host) = 0;
};

// A pass as it stands in the file, and what it can refer to.
struct PassSource {
    const Node& config;  // its `config`, or the map that holds its keys beside `type`
    std::string path;    // "passes.lora.config"
    const std::map<std::string, const Node*>& data_configs;  // by their names
    const GivenOptions& stronger;                            // wins over the file
};

class PassKind {
  public:
    virtual ~PassKind() = default;
    virtual std::string_view type() const = 0;  // "LoRA"
    virtual std::string_view help() const = 0;
    // The options that its configuration can set.
    virtual std::vector<const OptionRow*> options() const = 0;
    // Reads its configuration over what other sections said, which are in `reader`. Notes go there
    // too.
    virtual absl::StatusOr<std::unique_ptr<Pass>> Read(const PassSource& source,
                                                       SectionReader& reader) const = 0;
};

std::span<const PassKind* const> PassKinds();

// For a person: each kind with what it does and the options that it takes.
std::string DescribePassKinds();

}  // namespace hone
