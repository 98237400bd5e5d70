package licence_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packaging/release/licence"
)

const mit = `The MIT License

Copyright (c) somebody

Permission is hereby granted, free of charge, to any person obtaining a
copy of this software and associated documentation files (the "Software"), to deal in it.

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.
`

const bsd2 = `Redistribution and use in source and binary forms, with or without
 * modification, are permitted provided that the following conditions are met:
 * 2. Redistributions in binary form must reproduce the above copyright notice
`

const bsd3 = bsd2 + `3. Neither the name of X nor the names of its contributors may be used to endorse or promote
 products derived from this software without specific prior written permission.
`

func TestIdentify(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"MIT", mit, "MIT"},
		{"in lower case and other lines", strings.ToLower(strings.Join(strings.Fields(mit), "\r\n")), "MIT"},
		{"two clauses", bsd2, "BSD-2-Clause"},
		{"three clauses", bsd3, "BSD-3-Clause"},
		{"four clauses", bsd3 + "All advertising materials mentioning features must say so", ""},
		{"two licences", mit + bsd3, "BSD-3-Clause MIT"},
		{"a title is no licence", "MIT License", ""},
		{"a mention", "This is under the Apache License, Version 2.0, January 2004", ""},
		{"the GPL", "GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007", ""},
		{"the GPL beside another", mit + "or the GNU Lesser General Public License, version 2.1", ""},
		{"nothing", "", ""},
	} {
		if got := strings.Join(licence.Identify(c.text), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	ours, err := os.ReadFile("../../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if got := licence.Identify(string(ours)); !slices.Equal(got, []string{"MPL-2.0"}) {
		t.Errorf("our own: %v", got)
	}
}

// tree makes a module's folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestCollect(t *testing.T) {
	root := tree(t, map[string]string{
		"LICENSE": mit, "NOTICE.txt": "thanks", "LICENSE.docs": "all mine", "licence.go": "package x",
		"a/b/LICENSE-BSD": bsd3, "a/b/c/c.go": "", "unused/LICENSE": "nobody may use this",
	})
	pkg := func(dir string) licence.Package {
		return licence.Package{Dir: filepath.Join(root, filepath.FromSlash(dir)), Module: "example.org/m", Version: "v1.0.0", ModuleDir: root}
	}
	all, err := licence.Collect([]licence.Package{pkg("a/b/c"), pkg("a"), pkg("")})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, text := range all[0].Texts {
		texts = append(texts, text.Name)
	}
	if got := strings.Join(all[0].IDs, " "); len(all) != 1 || got != "BSD-3-Clause MIT" {
		t.Errorf("got %s of %v", got, all)
	}
	if got := strings.Join(texts, " "); got != "LICENSE NOTICE.txt a/b/LICENSE-BSD" {
		t.Errorf("got the texts %s", got)
	}
	if _, err := licence.Collect([]licence.Package{pkg("unused")}); err == nil || !strings.Contains(err.Error(), "example.org/m@v1.0.0: unused/LICENSE is no licence") {
		t.Errorf("a linked part with a licence of its own: %v", err)
	}
}

func TestCollectNamesEachModuleWithoutLicence(t *testing.T) {
	var packages []licence.Package
	for name, files := range map[string]map[string]string{
		"none":    {"x.go": ""},
		"strange": {"LICENSE": "pay me"},
		"readme":  {"README.md": "# x\nFor people.\n\n## License\nPermission is mine\n"},
		"fine":    {"README.md": "# x\nFor people.\n\n- - -\n" + mit},
	} {
		root := tree(t, files)
		packages = append(packages, licence.Package{Dir: root, ModuleDir: root, Module: name, Version: "v1.0.0"})
	}
	all, err := licence.Collect(packages)
	if err == nil {
		t.Fatal("all is well")
	}
	for _, name := range []string{"none@", "strange@", "readme@"} {
		if !strings.Contains(err.Error(), "module "+name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "fine") || !strings.HasPrefix(all[0].Texts[0].Content, "The MIT License") {
		t.Errorf("a README's end is a licence: %v, %+v", err, all[0])
	}
}

func TestListHasEveryTextOnce(t *testing.T) {
	shared := licence.Text{Name: "LICENSE", Content: mit}
	got := licence.List([]licence.Module{
		{Path: "example.org/a", Version: "v1.0.0", IDs: []string{"MIT"}, Texts: []licence.Text{shared}},
		{Path: "example.org/b", Version: "v2.0.0", IDs: []string{"BSD-2-Clause", "MIT"}, Texts: []licence.Text{
			{Name: "LICENSE", Content: strings.ReplaceAll(mit, "\n", "\r\n")}, {Name: "NOTICE", Content: "thanks"},
		}},
	})
	if strings.Count(got, "Permission is hereby granted") != 1 || !strings.Contains(got, "example.org/a: LICENSE\nexample.org/b: LICENSE\n") {
		t.Errorf("got\n%s", got)
	}
	if !strings.Contains(got, "v2.0.0  BSD-2-Clause AND MIT\n") || !strings.Contains(got, "\nthanks\n") {
		t.Errorf("got\n%s", got)
	}
}
