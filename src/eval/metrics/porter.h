// The stem of an English word (Porter, 1980, "An algorithm for suffix stripping"), with the changes
// of NLTK's PorterStemmer in its default mode, which rouge-score uses.
#pragma once

#include <string>

namespace hone {

// `word`: ASCII letters in lower case and digits. "relational" gives "relat", "skies" "sky".
std::string PorterStem(std::string word);

}  // namespace hone
