#include "infer/grammar/constraint.h"

#include <algorithm>
#include <numeric>

namespace hone {
namespace {

constexpr size_t kMaxTableBytes = size_t{32} << 20;
constexpr size_t kMaxTableMasks = 1024;  // an eighth of a byte for each token

}  // namespace

TokenTrie::TokenTrie(const TokenBytes& bytes, const std::vector<int32_t>& end_ids)
    : bytes_(bytes), end_ids_(end_ids) {
    std::vector<int32_t> order;
    for (int32_t id = 0; id < static_cast<int32_t>(bytes.size()); ++id)
        if (!bytes.text(id).empty() && bytes.text(id).size() <= UINT16_MAX &&
            std::find(end_ids.begin(), end_ids.end(), id) == end_ids.end())
            order.push_back(id);
    std::stable_sort(order.begin(), order.end(),
                     [&](int32_t a, int32_t b) { return bytes.text(a) < bytes.text(b); });
    std::vector<int32_t> path;  // the nodes of the text before
    std::string_view before;
    for (int32_t id : order) {
        const std::string_view text = bytes.text(id);
        const auto [differs, unused] =
            std::mismatch(before.begin(), before.end(), text.begin(), text.end());
        const auto common = static_cast<size_t>(differs - before.begin());
        for (; path.size() > common; path.pop_back())
            nodes_[path.back()].behind = static_cast<int32_t>(nodes_.size());
        for (size_t i = common; i < text.size(); ++i) {
            path.push_back(static_cast<int32_t>(nodes_.size()));
            const auto first = static_cast<int32_t>(tokens_.size());
            nodes_.push_back(
                {static_cast<uint8_t>(text[i]), static_cast<uint16_t>(i + 1), first, first, 0});
        }
        tokens_.push_back(id);
        nodes_[path.back()].end_token = static_cast<int32_t>(tokens_.size());
        before = text;
    }
    for (int32_t node : path) nodes_[node].behind = static_cast<int32_t>(nodes_.size());
}

// Where one answer stands.
class GrammarConstraint : public TokenConstraint {
  public:
    explicit GrammarConstraint(std::shared_ptr<Grammar> grammar)
        : grammar_(std::move(grammar)), table_(grammar_->table_) {
        state_ = table_->states.start();
    }

    std::span<const uint64_t> Allowed() override {
        const std::lock_guard lock(grammar_->mutex_);
        mask_ = grammar_->MaskOf(*table_, state_);
        return *mask_;
    }
    void Accept(int32_t token) override {
        const std::lock_guard lock(grammar_->mutex_);
        std::string_view text = grammar_->trie_.bytes().text(token);
        for (char byte : text) {
            state_ = table_->states.Next(state_, static_cast<uint8_t>(byte));
            HONE_CHECK(state_ != GrammarStates::kDead, "token {} was not allowed", token);
        }
        grammar_->Move(table_, state_);
        complete_ = !table_->states.MayGoOn(state_);
    }
    bool complete() const override { return complete_; }

  private:
    std::shared_ptr<Grammar> grammar_;
    std::shared_ptr<Grammar::Table> table_;
    int32_t state_ = 0;
    bool complete_ = false;
    std::shared_ptr<const Grammar::MaskBits> mask_;
};

Grammar::Grammar(std::shared_ptr<const Automaton> automaton, const TokenTrie& trie)
    : automaton_(std::move(automaton)), trie_(trie), table_(std::make_shared<Table>(*automaton_)) {}

std::shared_ptr<TokenConstraint> Grammar::NewConstraint() {
    const std::lock_guard lock(mutex_);
    return std::make_shared<GrammarConstraint>(shared_from_this());
}

void Grammar::Move(std::shared_ptr<Table>& table, int32_t& state) {
    if (table_->states.bytes() > kMaxTableBytes) table_ = std::make_shared<Table>(*automaton_);
    if (table == table_) return;
    state = table_->states.Import(table->states, state);
    table = table_;
}

std::shared_ptr<const Grammar::MaskBits> Grammar::MaskOf(Table& table, int32_t state) const {
    const auto known = table.masks.find(state);
    if (known != table.masks.end()) return known->second;
    auto mask = std::make_shared<MaskBits>(trie_.words());
    const auto allow = [&](int32_t token) { (*mask)[token / 64] |= uint64_t{1} << (token % 64); };
    if (table.states.MayEnd(state))
        for (int32_t token : trie_.end_ids()) allow(token);
    const std::vector<TokenTrie::Node>& nodes = trie_.nodes();
    std::vector<int32_t> path = {state};  // by depth
    for (size_t i = 0; i < nodes.size();) {
        const TokenTrie::Node& node = nodes[i];
        const int32_t next = table.states.Next(path[node.depth - 1], node.byte);
        if (next == GrammarStates::kDead) {
            i = static_cast<size_t>(node.behind);
            continue;
        }
        path.resize(node.depth);
        path.push_back(next);
        for (int32_t t = node.first_token; t < node.end_token; ++t) allow(trie_.tokens()[t]);
        ++i;
    }
    if (table.masks.size() >= kMaxTableMasks) table.masks.clear();
    table.masks[state] = mask;
    return mask;
}

}  // namespace hone
