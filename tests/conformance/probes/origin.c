// A library that is found only through $ORIGIN.
const char* origin_says(void) { return "found beside the program"; }
