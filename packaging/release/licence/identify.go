// Package licence finds the licences of the Go modules that are linked into a program and writes
// them into one list.
package licence

import (
	"regexp"
	"slices"
	"strings"
)

// mark is what a licence is recognised by: phrases that all stand in its text and in no other's
// that is told apart here. Texts are compared as words, so line breaks and case do not count.
type mark struct {
	id      string // of SPDX
	phrases []string
	without string // a phrase that makes it another licence
}

const (
	permission = "permission is hereby granted free of charge to any person obtaining a copy of this software and associated documentation files"
	twoClauses = "redistribution and use in source and binary forms with or without modification are permitted provided that the following conditions are met"
	third      = "neither the name"
	thirdToo   = "may be used to endorse or promote products derived from this software without specific prior written permission"
)

// marks are the licences that a release may contain. What is not among them needs a person's eye.
func marks() []mark {
	return []mark{
		{"Apache-2.0", []string{"apache license version 2 0 january 2004", "terms and conditions for use reproduction and distribution", "incurred by or claims asserted against such contributor by reason of your accepting any such warranty or additional liability"}, ""},
		{"BSD-2-Clause", []string{twoClauses, "redistributions in binary form must reproduce the above copyright notice"}, third},
		{"BSD-3-Clause", []string{twoClauses, third, thirdToo}, "all advertising materials"},
		{"ISC", []string{"permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted provided that the above copyright notice and this permission notice appear in all copies"}, ""},
		{"MIT", []string{permission, "the above copyright notice and this permission notice shall be included in all copies or substantial portions of the software"}, ""},
		{"MPL-2.0", []string{"mozilla public license version 2 0", "exhibit a source code form license notice"}, ""},
		{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}, ""},
	}
}

// refused are the titles of licences that ask more of us than a notice. A text that has one of
// them is not taken for the licence that it may hold beside it.
func refused() []string {
	return []string{
		"gnu general public license version", "gnu lesser general public license version",
		"gnu affero general public license version", "business source license 1 1", "server side public license version",
	}
}

var other = regexp.MustCompile(`[^a-z0-9]+`)

// Identify returns the SPDX identifiers of the licences whose whole text is in text, sorted; none
// when there is no such licence, or one that a release must not contain.
func Identify(text string) []string {
	words := " " + strings.TrimSpace(other.ReplaceAllString(strings.ToLower(text), " ")) + " "
	has := func(phrase string) bool { return strings.Contains(words, " "+phrase+" ") }
	// The MPL names the GPL family as secondary licences, each with "version" and a number.
	mozilla := has("mozilla public license version 2 0")
	if !mozilla && slices.ContainsFunc(refused(), has) {
		return nil
	}
	var found []string
	for _, m := range marks() {
		all := !slices.ContainsFunc(m.phrases, func(p string) bool { return !has(p) })
		if all && (m.without == "" || !has(m.without)) {
			found = append(found, m.id)
		}
	}
	slices.Sort(found)
	return found
}
