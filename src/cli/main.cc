#include "cli/baseline.h"
#include "cli/commands.h"

int main(int argc, char** argv) { return hone::RunHone({argv + 1, argv + argc}); }
