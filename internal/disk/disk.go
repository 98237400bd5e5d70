// Package disk tells how much space there is, and which directories share it.
package disk

// Free is how many bytes this user may still write where dir is.
func Free(dir string) (uint64, error) {
	free, _, err := Space(dir)
	return free, err
}
