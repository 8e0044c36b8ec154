// Trains an adapter on a file of examples and asks the model a question with it: hone as a library.
#include "answer/answerer.h"
#include "train/finetune.h"

namespace {

absl::StatusOr<std::string> TrainAndAnswer(const std::string& model, const std::string& data,
                                           const std::string& output, const std::string& question) {
    hone::FinetuneOptions options;
    options.model_name_or_path = model;
    options.data.data_name = data;
    options.output_path = output;
    options.max_steps = 20;
    options.learning_rate = 5e-3;
    hone::EventStream events;  // tells whoever listens what happens
    hone::RunControl control;  // pauses, stops and cancels, from any thread
    HONE_RETURN_IF_ERROR(hone::Finetune(options, events, control));

    const hone::Context context;
    HONE_ASSIGN_OR_RETURN(auto answerer, hone::OpenAnswerer(model, output, {}, context));
    return answerer->Answer(question);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        fmt::print(stderr, "usage: train_and_answer MODEL DATA OUTPUT QUESTION\n");
        return 2;
    }
    const auto answer = TrainAndAnswer(argv[1], argv[2], argv[3], argv[4]);
    if (!answer.ok()) {
        fmt::print(stderr, "error: {}\n", std::string(answer.status().message()));
        return hone::ExitCode(answer.status());
    }
    fmt::print("{}\n", *answer);
}
