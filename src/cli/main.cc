#include "cli/baseline.h"
#include "cli/commands/commands.h"
#include "cli/terminal/signals.h"

int main(int argc, char** argv) {
    hone::PrepareProcess();
    return hone::RunHone({argv + 1, argv + argc});
}
