//go:build !freebsd

package commands

func eyesOf(c Config) eyes { return lent{c.as} }
