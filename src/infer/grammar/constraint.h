// Answers that keep to a grammar: which tokens of a vocabulary may come next, from where a text
// stands in it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "infer/grammar/automaton.h"
#include "infer/logit_processor.h"
#include "infer/token_bytes.h"

namespace hone {

// The texts of a vocabulary, each byte below the one before it: a grammar then follows the bytes
// that several tokens begin with once. Immutable and safe to use from many threads.
class TokenTrie {
  public:
    // end_ids: the tokens that end an answer; they are allowed where a text may end.
    TokenTrie(const TokenBytes& bytes, const std::vector<int32_t>& end_ids);

    struct Node {
        uint8_t byte;
        uint16_t depth;       // from 1
        int32_t first_token;  // in tokens(); those of the node end there
        int32_t end_token;
        int32_t behind;  // the next node that is not below this one
    };
    // In the order of their texts: what is below a node comes right behind it.
    const std::vector<Node>& nodes() const { return nodes_; }
    const std::vector<int32_t>& tokens() const { return tokens_; }
    const std::vector<int32_t>& end_ids() const { return end_ids_; }
    const TokenBytes& bytes() const { return bytes_; }
    size_t words() const { return (bytes_.size() + 63) / 64; }

  private:
    const TokenBytes& bytes_;
    std::vector<Node> nodes_;
    std::vector<int32_t> tokens_;
    std::vector<int32_t> end_ids_;
};

// A grammar made ready for a vocabulary. What was found out about a place in the grammar, the
// tokens that it allows above all, serves every answer that comes to it. Safe to use from many
// threads.
class Grammar : public std::enable_shared_from_this<Grammar> {
  public:
    // The trie must outlive it.
    Grammar(std::shared_ptr<const Automaton> automaton, const TokenTrie& trie);

    // Of one answer, from its beginning.
    std::shared_ptr<TokenConstraint> NewConstraint();

  private:
    friend class GrammarConstraint;
    using MaskBits = std::vector<uint64_t>;
    // Places and their masks; replaced by an empty one when it has become large.
    struct Table {
        explicit Table(const Automaton& automaton) : states(automaton) {}
        GrammarStates states;
        std::unordered_map<int32_t, std::shared_ptr<const MaskBits>> masks;
    };
    std::shared_ptr<const MaskBits> MaskOf(Table& table, int32_t state) const;
    // The place in the current table; moves it there.
    void Move(std::shared_ptr<Table>& table, int32_t& state);

    std::shared_ptr<const Automaton> automaton_;
    const TokenTrie& trie_;
    std::mutex mutex_;
    std::shared_ptr<Table> table_;
};

}  // namespace hone
