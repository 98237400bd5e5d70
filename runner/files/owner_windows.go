package files

// modesCount says that the mode of a new file decides who may use it; here access lists do.
const modesCount = false

// makeProgram does nothing: whoever has full access may run the file.
func makeProgram(string) error { return nil }
