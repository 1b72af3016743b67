// A dynamic program that does nothing, for what it costs to start one.
int main(void) { return 0; }
