/* Adds two numbers. Arguments come on standard input, the result goes to standard output, and a person reads standard error.
 *
 * The arguments are canonical JSON and valid against parameters.json: {"a":1.5,"b":2} is the only way to write these. For
 * strings, lists or objects use a JSON library. */

#include <stdio.h>

int main(void) {
    char input[256];
    double a, b;
    size_t length = fread(input, 1, sizeof input - 1, stdin);
    input[length] = '\0';
    if (sscanf(input, "{\"a\":%lf,\"b\":%lf}", &a, &b) != 2) {
        fputs("expected two numbers, a and b\n", stderr);
        return 1;
    }
    printf("{\"sum\":%.17g}\n", a + b);
    return 0;
}
