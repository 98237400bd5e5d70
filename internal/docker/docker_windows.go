package docker

// usual are the pipes at which engines listen.
func usual(func(string) string) []string { return []string{"npipe:////./pipe/docker_engine"} }
