#include "model/network/hidden_states.h"

#include "model/network/typed_network.h"

namespace hone {

absl::Status HiddenStates(Model& model, const Context& context, const Batch& batch, float* hidden,
                          const std::vector<const Adapter*>& adapters) {
    if (auto* network = dynamic_cast<TypedNetwork<bf16>*>(&model))
        return network->Hidden(context, batch, hidden, adapters);
    return dynamic_cast<TypedNetwork<float>&>(model).Hidden(context, batch, hidden, adapters);
}

}  // namespace hone
