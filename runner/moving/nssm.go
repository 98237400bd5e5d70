package moving

// FromNSSM is a service whose program NSSM starts: value gives the texts of the service's key
// Parameters in the registry, "" for those that are not there.
func FromNSSM(key string, value func(name string) string) (Service, bool) {
	program := value("Application")
	if program == "" {
		return Service{}, false
	}
	return Service{
		File: key, Kind: "nssm", Dir: value("AppDirectory"), Keys: map[string]string{},
		Command: append([]string{program}, words(value("AppParameters"))...),
	}, true
}
