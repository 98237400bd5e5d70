// Package templates holds packer's templates, the provisioning scripts, and what those install:
// plain files, of use to packer without this module.
package templates

import (
	"embed"
	"io/fs"
)

// scripts and root are folders by name, so that no stray file is taken along.
//
//go:embed *.pkr.hcl scripts/linux/*.sh scripts/windows root
var files embed.FS

// Files returns the files as they are in this folder. They never change.
func Files() fs.FS { return files }
