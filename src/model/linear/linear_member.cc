#include "model/linear/linear_member.h"

#include "model/files/model_tensors.h"
#include "model/linear/group_adapter.h"

namespace hone {

LinearMember MakeMember(const ModelFiles& files, const LinearSpec& spec, std::string name) {
    LinearMember member;
    member.name = name.empty() ? ModuleName(files, spec.weight) : std::move(name);
    member.weight = spec.weight;
    member.bias = spec.bias;
    member.out = FindModelTensor(files, spec.weight)->rows();
    return member;
}

std::vector<LinearMember> MakeMembers(const ModelFiles& files,
                                      const std::vector<LinearSpec>& specs) {
    std::vector<LinearMember> members;
    for (const LinearSpec& spec : specs) members.push_back(MakeMember(files, spec));
    return members;
}

int64_t DeltaColumns(const LowRankOptions& options) {
    return RankColumns(options.rank) * (options.fixed_pair ? 2 : 1);
}

std::vector<float> ScaledB(const LinearMember& member, const float* b) {
    const LowRankOptions& options = member.low_rank;
    std::vector<float> scaled = ScaledLowRank(options, member.out, b);
    if (!options.fixed_pair) return scaled;
    const std::vector<float> fixed = ScaledLowRank(options, member.out, member.fixed_b.data());
    const int64_t columns = RankColumns(options.rank);
    std::vector<float> both(2 * scaled.size());
    for (int64_t row = 0; row < member.out; ++row)
        for (int64_t i = 0; i < columns; ++i) {
            both[row * 2 * columns + i] = scaled[row * columns + i];
            both[row * 2 * columns + columns + i] = -fixed[row * columns + i];
        }
    return both;
}

}  // namespace hone
