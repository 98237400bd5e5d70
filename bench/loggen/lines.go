package main

import (
	"strconv"
	"strings"
)

// folder makes the path of a source folder, two to four deep.
func (t *text) folder() string {
	parts := []string{t.pick(t.tops)}
	for range 1 + t.random.IntN(3) {
		parts = append(parts, t.pick(t.words))
	}
	return strings.Join(parts, "/")
}

// file makes the name of a source file, without its suffix.
func (t *text) file() string {
	name := t.pick(t.words)
	return strings.ToUpper(name[:1]) + name[1:] + t.pick(t.roles)
}

func (t *text) stamp(level string) {
	t.add("[task 2026-11-22T")
	t.clock()
	t.add("Z] ", level, " ")
}

func (t *text) compile() {
	source := t.near(t.sources)
	t.step++
	t.add("[", strconv.FormatInt(t.step%9120, 10), "/9120] ")
	t.add("clang++ -std=gnu++20 -O2 -g -fPIC -pthread ")
	if t.random.IntN(3) == 0 {
		t.add("-DNDEBUG=1 -Wall -Wno-unused-parameter ")
	}
	t.add("-I", t.pick(t.tops), "/include -Iobj/dist/include -c ../../", source, ".cpp -o obj/", source, ".o")
}

func (t *text) test() {
	t.stamp("INFO")
	source := t.near(t.sources)
	switch t.random.IntN(8) {
	case 0:
		t.add("TEST-START | ", source, " | ", t.near(t.tests))
	case 1:
		t.add("TEST-UNEXPECTED-FAIL | ", source, " | ", t.near(t.tests), " - got ")
		t.number(1000)
		t.add(", expected ")
		t.number(1000)
	default:
		t.add("TEST-PASS | ", source, " | ", t.near(t.tests), " | took ")
		t.number(3000)
		t.add("ms")
	}
}

func (t *text) service() {
	t.stamp(t.pick(t.levels))
	t.add("[worker-")
	t.number(16)
	t.add("] ", t.pick(t.words), ".", t.pick(t.words), ": ", t.pick(t.verbs), " ", t.pick(t.words), " ", t.pick(t.words), " id=")
	t.hex(16)
	t.add(" in ")
	t.number(2000)
	t.add(".")
	t.number(100)
	t.add(" ms")
}

func (t *text) warning() {
	t.add("/builds/worker/checkouts/src/", t.near(t.sources), ".cpp:")
	t.number(4000)
	t.add(":")
	t.number(90)
	t.add(": warning: ", t.pick(t.warnings), " '", t.pick(t.words), t.pick(t.roles), "'")
}

func (t *text) frame() {
	t.add("    #")
	t.number(40)
	t.add(" 0x0000")
	t.hex(12)
	t.add(" in ", t.pick(t.tops), "::", t.pick(t.words), "::", t.pick(t.roles), "::", t.pick(t.verbs), "(", t.pick(t.types), ") ", t.near(t.sources), ".cpp:")
	t.number(4000)
}

func (t *text) fetch() {
	t.stamp("INFO")
	t.add("fetched https://artifacts.example.com/", t.pick(t.tops), "/", t.pick(t.words), "-")
	t.number(40)
	t.add(".")
	t.number(20)
	t.add(".tar.zst sha256:")
	t.hex(64)
	t.add(" (")
	t.number(90_000_000)
	t.add(" bytes)")
}

func (t *text) metrics() {
	t.stamp("INFO")
	t.add(`{"name":"`, t.pick(t.words), `_`, t.pick(t.words), `","value":`)
	t.number(1_000_000)
	t.add(`.`)
	t.number(1000)
	t.add(`,"unit":"ms","lowerIsBetter":true,"replicates":[`)
	for i := range 3 {
		if i > 0 {
			t.add(",")
		}
		t.number(100_000)
	}
	t.add("]}")
}
