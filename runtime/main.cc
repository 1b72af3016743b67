// moat: the OCI command line.
#include "runtime/cli/command_line.h"

int main(int argc, char** argv) { return moat::cli::Main(argc, argv); }
