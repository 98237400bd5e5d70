package main

import "fmt"

func enough(dir string, free, wanted uint64) error {
	if free < wanted {
		return fmt.Errorf("%s has %d MiB free, and requiredDiskSpaceMegabytes asks for %d", dir, free>>20, wanted>>20)
	}
	return nil
}
