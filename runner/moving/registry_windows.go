package moving

import "golang.org/x/sys/windows/registry"

// Registered are the services with the names that the guides of the public programs give them, as far
// as NSSM starts them.
func Registered() (all []Service) {
	for _, name := range serviceNames() {
		path := `SYSTEM\CurrentControlSet\Services\` + name + `\Parameters`
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
		if err != nil {
			continue
		}
		s, ok := FromNSSM(`HKLM\`+path, func(value string) string {
			text, _, err := key.GetStringValue(value)
			if err != nil {
				return ""
			}
			if expanded, err := registry.ExpandString(text); err == nil {
				return expanded
			}
			return text
		})
		_ = key.Close()
		if ok {
			all = append(all, s)
		}
	}
	return all
}
