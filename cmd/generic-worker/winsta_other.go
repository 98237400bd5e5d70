//go:build !windows

package main

import "errors"

func grantWinsta([]string) (string, error) { return "", errors.New("only Windows has window stations") }
