//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "imagetest: it needs Linux, root and QEMU")
	os.Exit(1)
}
