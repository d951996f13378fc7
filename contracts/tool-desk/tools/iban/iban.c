/* Checks an IBAN's check digits (ISO 13616, mod 97): a WASI preview 1 command in C, behind contracts/tool-desk.
 *
 * Standard input is the call's arguments, {"iban":"DE89370400440532013000"}. They are valid against the contract's
 * schema and canonical: one member, no space, no escapes in the value. Standard output is {"country":"DE","valid":true}.
 * For any other input the exit code is 1, and standard error has one line. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define BEFORE "{\"iban\":\""
#define AFTER "\"}"

/* 15 to 34 characters by the standard; the schema says the same. */
enum { SHORTEST = 15, LONGEST = 34, ROOM = 64 };

/* The remainder of the number spelled by the IBAN, with its first four characters moved to the end and A to Z read as 10 to 35. */
static int remainder_of(const char *iban, size_t length) {
    int rest = 0;
    for (size_t i = 0; i < length; i++) {
        char c = iban[(i + 4) % length];
        rest = isdigit((unsigned char)c) ? (rest * 10 + (c - '0')) % 97 : (rest * 100 + (c - 'A' + 10)) % 97;
    }
    return rest;
}

/* The value's length, or 0 if the schema would refuse the input. */
static size_t find(const char *input, const char **iban) {
    size_t before = strlen(BEFORE), length = 0;
    if (strncmp(input, BEFORE, before) != 0) return 0;
    *iban = input + before;
    while (isdigit((unsigned char)(*iban)[length]) || isupper((unsigned char)(*iban)[length])) length++;
    if (length < SHORTEST || length > LONGEST || strcmp(*iban + length, AFTER) != 0) return 0;
    return length;
}

int main(void) {
    char input[ROOM];
    const char *iban;
    size_t read = fread(input, 1, sizeof input - 1, stdin);
    input[read] = '\0';
    size_t length = find(input, &iban);
    if (length == 0) {
        fputs("expected one IBAN of 15 to 34 letters and digits, without spaces\n", stderr);
        return 1;
    }
    int valid = remainder_of(iban, length) == 1;
    printf("{\"country\":\"%.2s\",\"valid\":%s}\n", iban, valid ? "true" : "false");
    return 0;
}
