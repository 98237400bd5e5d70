package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/define"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/plan"
	"github.com/workerkit/workerkit/packer/record"
)

// resolved is the image of a script's definitions, the first one when the name is of none.
func resolved(ts *testscript.TestScript, name string) packer.Image {
	images, err := define.Load(ts.MkAbs("images"), define.Options{})
	ts.Check(err)
	for _, i := range images {
		if i.Name == name {
			return i
		}
	}
	return images[0]
}

func definitionOf(ts *testscript.TestScript, name string, target packer.Target) plan.Definition {
	d, err := plan.NewDefinitions(os.DirFS(ts.MkAbs("images"))).Of(resolved(ts, name), target)
	ts.Check(err)
	return d
}

// noteBuild adds a build to the ledger as a build of what is defined now does: noteBuild NAME
// VERSION TARGET [BASE].
func noteBuild(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: noteBuild NAME VERSION TARGET [BASE]")
	}
	target, base := packer.Target(args[2]), "ami-base"
	artifact := record.Artifact{Region: "us-east-1", ID: "ami-1"}
	if len(args) > 3 {
		base, artifact.ID = args[3], "ami-upon-"+args[3]
	}
	path := ts.MkAbs(filepath.Join("images", ledger.FileName))
	l, err := ledger.Load(path)
	ts.Check(err)
	d := definitionOf(ts, args[0], target)
	ts.Check(l.Add(ledger.Build{
		Image: args[0], Version: args[1], Target: target, Made: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		Definition: d.Hash, Parts: d.Parts, Base: base, Artifacts: []record.Artifact{artifact},
	}))
	ts.Check(ledger.Save(path, l))
}

// noteRecord writes the record of a build in the ledger, of the definition as it was without
// what the script added since: noteRecord NAME VERSION TARGET.
func noteRecord(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: noteRecord NAME VERSION TARGET")
	}
	l, err := ledger.Load(ts.MkAbs(filepath.Join("images", ledger.FileName)))
	ts.Check(err)
	target := packer.Target(args[2])
	image := resolved(ts, args[0]).For(target)
	image.Packages = []string{"curl"}
	image.Scripts = []packer.Script{{Name: "setup", Content: "true"}}
	dir := record.Ref{Image: args[0], Version: args[1], Target: target}.Dir(ts.MkAbs("records"))
	ts.Check(os.MkdirAll(dir, 0o700))
	text, err := json.Marshal(record.Record{Definition: l.Find(args[0], args[1], target)[0].Definition, Resolved: image})
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, record.ManifestFile), text, 0o600))
}
