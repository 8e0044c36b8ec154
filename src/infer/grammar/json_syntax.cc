#include "infer/grammar/json_syntax.h"

namespace hone {

int JsonSyntax::Either(std::initializer_list<int> ends) {
    const int joined = automaton_.NewState();
    for (int end : ends) automaton_.Jump(end, joined);
    return joined;
}

int JsonSyntax::Space(int from) {
    Automaton& a = automaton_;
    const int end = a.NewState();
    a.Jump(from, end);
    a.RangeTo(from, ' ', ' ', end);
    int line = a.Range(from, '\n', '\n');
    a.Jump(line, end);
    for (int i = 0; i < kMostIndent; ++i) {
        line = a.Range(line, ' ', ' ');
        a.Jump(line, end);
    }
    return end;
}

int JsonSyntax::Rule(std::optional<int>& rule, void (JsonSyntax::*add)(int)) {
    if (!rule) {
        rule = automaton_.AddRule();  // before it is added: it may call itself
        (this->*add)(*rule);
    }
    return *rule;
}

int JsonSyntax::String(int from) {
    return automaton_.Call(from, Rule(string_, &JsonSyntax::AddString));
}
int JsonSyntax::Number(int from) {
    return automaton_.Call(from, Rule(number_, &JsonSyntax::AddNumber));
}
int JsonSyntax::Integer(int from) {
    return automaton_.Call(from, Rule(integer_, &JsonSyntax::AddInteger));
}
int JsonSyntax::Value(int from) {
    return automaton_.Call(from, Rule(value_, &JsonSyntax::AddValue));
}
int JsonSyntax::Object(int from) {
    return automaton_.Call(from, Rule(object_, &JsonSyntax::AddObject));
}
int JsonSyntax::Array(int from) {
    return automaton_.Call(from, Rule(array_, &JsonSyntax::AddArray));
}

int JsonSyntax::Hex(int from, int count) {
    for (int i = 0; i < count; ++i) {
        const int to = automaton_.NewState();
        for (const auto& [low, high] : {std::pair('0', '9'), {'a', 'f'}, {'A', 'F'}})
            automaton_.RangeTo(from, static_cast<uint8_t>(low), static_cast<uint8_t>(high), to);
        from = to;
    }
    return from;
}

// RFC 8259 with well-formed UTF-8 (Unicode, table 3-7) and only paired surrogates.
void JsonSyntax::AddString(int rule) {
    Automaton& a = automaton_;
    const int inside = a.Literal(a.Start(rule), "\"");
    a.Jump(a.Literal(inside, "\""), a.End(rule));
    a.RangeTo(inside, 0x20, 0x21, inside);
    a.RangeTo(inside, 0x23, 0x5b, inside);
    a.RangeTo(inside, 0x5d, 0x7f, inside);
    // Bytes that begin a character of several: the range of its second byte, and how many follow.
    struct Lead {
        uint8_t low, high, second_low, second_high;
        int more;
    };
    for (const Lead& lead : {Lead{0xc2, 0xdf, 0x80, 0xbf, 0}, Lead{0xe0, 0xe0, 0xa0, 0xbf, 1},
                             Lead{0xe1, 0xec, 0x80, 0xbf, 1}, Lead{0xed, 0xed, 0x80, 0x9f, 1},
                             Lead{0xee, 0xef, 0x80, 0xbf, 1}, Lead{0xf0, 0xf0, 0x90, 0xbf, 2},
                             Lead{0xf1, 0xf3, 0x80, 0xbf, 2}, Lead{0xf4, 0xf4, 0x80, 0x8f, 2}}) {
        int at = a.Range(inside, lead.low, lead.high);
        uint8_t low = lead.second_low, high = lead.second_high;
        for (int i = 0; i < lead.more; ++i) {
            at = a.Range(at, low, high);
            low = 0x80, high = 0xbf;
        }
        a.RangeTo(at, low, high, inside);
    }
    const int escape = a.Literal(inside, "\\");
    for (char c : std::string_view("\"\\/bfnrt"))
        a.RangeTo(escape, static_cast<uint8_t>(c), static_cast<uint8_t>(c), inside);
    const int u = a.Literal(escape, "u");
    const int other = a.NewState();  // not d, which may begin a surrogate
    for (const auto& [low, high] :
         {std::pair('0', '9'), {'a', 'c'}, {'e', 'f'}, {'A', 'C'}, {'E', 'F'}})
        a.RangeTo(u, static_cast<uint8_t>(low), static_cast<uint8_t>(high), other);
    a.Jump(Hex(other, 3), inside);
    const int d = a.NewState();
    for (char c : std::string_view("dD"))
        a.RangeTo(u, static_cast<uint8_t>(c), static_cast<uint8_t>(c), d);
    a.Jump(Hex(a.Range(d, '0', '7'), 2), inside);
    const int high_half = a.NewState(), low_half = a.NewState();
    for (const auto& [low, high] : {std::pair('8', '9'), {'a', 'b'}, {'A', 'B'}})
        a.RangeTo(d, static_cast<uint8_t>(low), static_cast<uint8_t>(high), high_half);
    const int second = a.Literal(Hex(high_half, 2), "\\u");
    const int second_d = a.NewState();
    for (char c : std::string_view("dD"))
        a.RangeTo(second, static_cast<uint8_t>(c), static_cast<uint8_t>(c), second_d);
    for (const auto& [low, high] : {std::pair('c', 'f'), {'C', 'F'}})
        a.RangeTo(second_d, static_cast<uint8_t>(low), static_cast<uint8_t>(high), low_half);
    a.Jump(Hex(low_half, 2), inside);
}

int JsonSyntax::Digits(int from, int least, int most) {
    const int end = automaton_.NewState();
    for (int i = 0; i <= most; ++i) {
        if (i >= least) automaton_.Jump(from, end);
        if (i < most) from = automaton_.Range(from, '0', '9');
    }
    return end;
}

// An optional minus sign and digits without a leading zero.
void JsonSyntax::AddInteger(int rule) {
    Automaton& a = automaton_;
    const int start = a.Start(rule), first = Either({start, a.Literal(start, "-")});
    a.Jump(a.Literal(first, "0"), a.End(rule));
    a.Jump(Digits(a.Range(first, '1', '9'), 0, 14), a.End(rule));
}

void JsonSyntax::AddNumber(int rule) {
    Automaton& a = automaton_;
    const int whole = Integer(a.Start(rule));
    const int fraction = Either({whole, Digits(a.Literal(whole, "."), 1, 15)});
    const int e = a.NewState();
    a.RangeTo(fraction, 'e', 'e', e);
    a.RangeTo(fraction, 'E', 'E', e);
    const int sign = Either({e, a.Literal(e, "+"), a.Literal(e, "-")});
    a.Jump(Digits(sign, 1, 2), a.End(rule));
    a.Jump(fraction, a.End(rule));
}

void JsonSyntax::AddValue(int rule) {
    Automaton& a = automaton_;
    const int start = a.Start(rule);
    for (int end : {String(start), Number(start), Object(start), Array(start),
                    a.Literal(start, "true"), a.Literal(start, "false"), a.Literal(start, "null")})
        a.Jump(end, a.End(rule));
}

void JsonSyntax::AddObject(int rule) {
    automaton_.Jump(Pairs(automaton_.Start(rule), [this](int from) { return Value(from); }),
                    automaton_.End(rule));
}

void JsonSyntax::AddArray(int rule) {
    Automaton& a = automaton_;
    const int open = Space(a.Literal(a.Start(rule), "["));
    const int item = a.NewState(), close = a.NewState();
    a.Jump(open, item);
    a.Jump(open, close);
    const int behind = Value(item);
    a.Jump(Space(a.Literal(behind, ",")), item);
    a.Jump(Space(behind), close);
    a.Jump(a.Literal(close, "]"), a.End(rule));
}

}  // namespace hone
