package commands

// nonBlocking is nothing: opening a file does not wait.
const nonBlocking = 0

func isDevice(error) bool { return false }
