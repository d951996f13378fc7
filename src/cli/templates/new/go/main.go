// Adds two numbers. Arguments come on standard input, the result goes to standard output, and a person reads standard error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type arguments struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
}

type answer struct {
	Sum float64 `json:"sum"`
}

func run() error {
	var given arguments
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer{Sum: given.A + given.B})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "the sum cannot be computed:", err)
		os.Exit(1)
	}
}
