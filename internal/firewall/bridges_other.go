//go:build !linux

package firewall

func findBridges(string, string) (bridgeRules, error) { return nil, ErrUnsupported }
