package main

import "testing"

func TestChosen(t *testing.T) {
	for given, want := range map[string]int{"none": 0, "test": 1, "test,planted": 2} {
		if got, err := (options{only: given}).chosen(); err != nil || len(got) != want {
			t.Errorf("--only %s: %d parts, %v; want %d", given, len(got), err, want)
		}
	}
	if _, err := (options{only: "tset"}).chosen(); err == nil {
		t.Error("a part that is not there is no error")
	}
}
