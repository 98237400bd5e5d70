package render

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
)

// environment adds the variables of the worker's service, in the form of its system.
func environment(files map[string]string, image packer.Image) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(image.Environment)) {
		if err := checkName(name); err != nil {
			return fmt.Errorf("environment: %w", err)
		}
		if image.Windows() {
			b.WriteString("$env:" + name + " = " + powershell(image.Environment[name]) + "\n")
		} else {
			b.WriteString(name + "=" + systemd(image.Environment[name]) + "\n")
		}
	}
	if image.Windows() {
		files["image/environment.ps1"] = b.String()
	} else {
		files["image/environment"] = b.String()
	}
	return nil
}

// addScripts adds the image's scripts, each with the file that sets its environment. A secret is
// in it as a variable of packer, which SecretsFile explains.
func addScripts(files map[string]string, image packer.Image, folder fs.FS) error {
	secrets := map[string]packer.Secret{}
	for i, s := range image.Scripts {
		text, err := text(s.Content, s.Source, folder)
		if err != nil {
			return fmt.Errorf("script %s: %w", s.Name, err)
		}
		name := fmt.Sprintf("image/scripts/%03d-%s.script", i, slug(s.Name))
		files[name] = text
		set, err := assignments(s, secrets, image.Windows())
		if err != nil {
			return fmt.Errorf("script %s: %w", s.Name, err)
		}
		switch {
		case set == "":
		case image.Windows():
			files[name+".env.ps1"] = set
		default:
			files[name+".env"] = set
		}
	}
	if len(secrets) == 0 {
		return nil
	}
	data, err := json.MarshalIndent(secrets, "", "  ")
	if err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	files[SecretsFile] = string(data) + "\n"
	return nil
}

func assignments(s packer.Script, secrets map[string]packer.Secret, windows bool) (string, error) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		if err := checkName(name); err != nil {
			return "", err
		}
		if windows {
			b.WriteString("$env:" + name + " = " + powershell(s.Environment[name]) + "\n")
		} else {
			b.WriteString("export " + name + "=" + shell(s.Environment[name]) + "\n")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		if err := checkName(name); err != nil {
			return "", err
		}
		given := variable(s.Secrets[name])
		secrets[given] = s.Secrets[name]
		if windows {
			fmt.Fprintf(&b, "$env:%s = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($env:%s))\n", name, given)
		} else {
			fmt.Fprintf(&b, ": \"${%s?is not set: PKR_VAR_secrets lacks it}\"\n", given)
			fmt.Fprintf(&b, "%s=$(printf %%s \"$%s\" | base64 -d)\nexport %s\n", name, given, name)
		}
	}
	return b.String(), nil
}

// variable is the name under which packer gives a secret to the scripts. Two references have
// two names.
func variable(s packer.Secret) string {
	var b strings.Builder
	b.WriteString("secret_")
	for _, c := range []byte(s) {
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// shell quotes for a POSIX shell.
func shell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// powershell quotes for PowerShell.
func powershell(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// systemd quotes for an EnvironmentFile.
func systemd(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`).Replace(text) + `"`
}
