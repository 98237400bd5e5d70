//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "machinetest: it needs Linux, root and QEMU")
	os.Exit(1)
}
