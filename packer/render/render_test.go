package render_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/render"
)

// full is an image that has one of everything.
func full() packer.Image {
	return packer.Image{
		Name: "linux-small", Description: "with {{a}}, ${b} and %{c}", OS: "debian-12", Arch: "amd64", Size: 20,
		Bases: map[packer.Target]packer.Base{
			packer.AWS:   {Owner: "136693071363", Filter: "debian-12-amd64-*", ID: "ami-1", Region: "eu-west-1", MachineType: "m7i.large"},
			packer.GCP:   {Project: "debian-cloud", Family: "debian-12", Zone: "europe-west1-b"},
			packer.Azure: {Publisher: "Debian", Offer: "debian-12", SKU: "12-gen2", ID: "0.20260101.1", Region: "westeurope"},
			packer.QEMU:  {Disk: "/bases/debian.qcow2", SHA256: strings.Repeat("a", 64)},
		},
		Worker: packer.Worker{Engine: "multiuser", Version: "1.0.0",
			Config: map[string]any{"capacity": 2, "workerkit": map[string]any{"killGraceSecs": 9}},
			Runner: map[string]any{"getSecrets": false}},
		Packages:  []string{"git", "python3"},
		Files:     []packer.File{{Path: "/etc/motd", Content: "hello\n"}, {Path: "/opt/tool", Mode: "0755", Owner: "daemon", Source: "files/tool"}},
		Downloads: []packer.Download{{URL: "https://example.com/a.tar.gz", SHA256: strings.Repeat("b", 64), Path: "/opt/a", Unpack: true}},
		Scripts: []packer.Script{{Name: "Set up", Content: "echo ${HOME} {{x}}\n", Environment: map[string]string{"A": "it's"},
			Secrets: map[string]packer.Secret{"TOKEN": "env:BUILD_TOKEN", "KEY": "file:/keys/a_b"}}},
		Services:    []packer.Service{{Name: "hello", Enabled: true, Unit: "[Service]\nExecStart=/bin/true\n"}, {Name: "cron", Enabled: false}},
		Environment: map[string]string{"B": "x \"$y\" `z` \\"},
		Storage:     packer.Storage{Use: true, FileSystem: "ext4", Mount: "/srv/tasks-disk", For: []string{"tasks", "caches"}},
		Hardening:   packer.Hardening{BlockMetadata: true, TimeSync: true},
		Tests:       []packer.Test{{Name: "git", Command: "git --version"}},
		Tags:        map[string]string{"Team": "Release Engineering", "Cost_Centre": "A_1"},
		Targets:     packer.Targets(),
	}
}

// published goes everywhere, and is built in networks of somebody's own.
func published() packer.Image {
	i := full()
	i.Publish = map[packer.Target]packer.Publish{
		packer.AWS: {
			Regions: []string{"us-west-2"}, Accounts: []string{"123456789012"}, Encrypt: true,
			KMSKey: "alias/images", RegionKMSKeys: map[string]string{"us-west-2": "alias/copies"},
		},
		packer.GCP:   {Locations: []string{"eu"}, KMSKey: "projects/p/locations/eu/keyRings/r/cryptoKeys/k"},
		packer.Azure: {ResourceGroup: "images", Gallery: "workers", Image: "linux", Regions: []string{"eastus"}},
	}
	for t, variables := range map[packer.Target]map[string]any{
		packer.AWS: {
			"aws_subnet": "subnet-1", "aws_public_ip": false, "aws_security_groups": []any{"sg-1"}, "aws_instance_profile": "builder",
			"aws_ssh_interface": "private_ip", "aws_ssh_user": "root",
		},
		packer.GCP:   {"gcp_subnetwork": "builds", "gcp_public_ip": false, "gcp_network_tags": []any{"builds"}, "gcp_service_account": "b@p.iam.gserviceaccount.com"},
		packer.Azure: {"azure_network": "n", "azure_subnet": "s", "azure_network_resource_group": "g"},
		packer.QEMU:  {"qemu_memory": int64(1024), "qemu_args": []any{[]any{"-cpu", "host"}}},
	} {
		base := i.Bases[t]
		base.Variables = variables
		i.Bases[t] = base
	}
	return i
}

func folder() fs.FS {
	return fstest.MapFS{"files/tool": {Data: []byte("#!/bin/sh\n")}}
}

func options(version string) render.Options {
	return render.Options{PackerVersion: version, AllowIMDSv1: true, Folder: folder(), Version: "2026.01.02", Definition: "sha256:1", Programs: "/programs"}
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func rendered(t *testing.T, image packer.Image, targets []packer.Target, o render.Options) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if _, err := render.Render(dir, image, targets, o); err != nil {
		t.Fatal(err)
	}
	return tree(t, dir)
}

func TestContent(t *testing.T) {
	files := rendered(t, full(), packer.Targets(), options("1.6.6"))
	for name, want := range map[string]string{
		"image/packages":                      "git\npython3\n",
		"image/settings":                      "BLOCK_METADATA=yes\nSSH=no\nTIME_SYNC=yes\n",
		"image/storage.conf":                  "FILE_SYSTEM='ext4'\nMOUNT='/srv/tasks-disk'\nFOLDERS='tasks caches'\n",
		"image/files.list":                    "0644\troot\troot\t000-motd\t/etc/motd\n0755\tdaemon\troot\t001-tool\t/opt/tool\n",
		"image/files/001-tool":                "#!/bin/sh\n",
		"image/downloads":                     strings.Repeat("b", 64) + "\t0644\tyes\t/opt/a\thttps://example.com/a.tar.gz\n",
		"image/scripts/000-set-up.script":     "echo ${HOME} {{x}}\n",
		"image/scripts/000-set-up.script.env": "export A='it'\\''s'\n: \"${secret_file_3a_2fkeys_2fa_5fb?is not set: PKR_VAR_secrets lacks it}\"\nKEY=$(printf %s \"$secret_file_3a_2fkeys_2fa_5fb\" | base64 -d)\nexport KEY\n: \"${secret_env_3aBUILD_5fTOKEN?is not set: PKR_VAR_secrets lacks it}\"\nTOKEN=$(printf %s \"$secret_env_3aBUILD_5fTOKEN\" | base64 -d)\nexport TOKEN\n",
		"image/services":                      "yes hello\nno cron\n",
		"image/units/hello.service":           "[Service]\nExecStart=/bin/true\n",
		"image/environment":                   "B=\"x \\\"\\$y\\\" \\`z\\` \\\\\"\n",
		"image/tests/00-git.test":             "git --version\n",
		render.SecretsFile:                    "{\n  \"secret_env_3aBUILD_5fTOKEN\": \"env:BUILD_TOKEN\",\n  \"secret_file_3a_2fkeys_2fa_5fb\": \"file:/keys/a_b\"\n}\n",
		"image/start-worker/amazon-ebs.yml": `cacheOverRestarts: /var/lib/start-worker/state.json
getSecrets: false
provider:
  providerType: aws
worker:
  configPath: /etc/generic-worker/config
  implementation: generic-worker
  path: /usr/local/bin/generic-worker
workerConfig:
  cachesDir: /srv/tasks-disk/caches
  capacity: 2
  downloadsDir: /var/lib/generic-worker/downloads
  ed25519SigningKeyLocation: /etc/generic-worker/ed25519.key
  tasksDir: /srv/tasks-disk/tasks
  workerkit:
    engine: multiuser
    killGraceSecs: 9
`,
	} {
		if diff := cmp.Diff(want, files[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, name := range []string{"image/start-worker/googlecompute.yml", "image/start-worker/azure-arm.yml", "image/start-worker/default.yml", "scripts/linux/worker.sh", "root/start-worker.service"} {
		if files[name] == "" {
			t.Errorf("no %s", name)
		}
	}
	if strings.Contains(files["image/start-worker/default.yml"], "providerType: auto") == false {
		t.Error("a disk for anywhere does not find out where it is")
	}
}

func TestVariables(t *testing.T) {
	o := options("1.6.6")
	o.Variables = map[string]any{"aws_copy_to": []string{"us-west-2"}, "qemu_args": [][]string{{"-cpu", "max"}}, "aws_poll_seconds": 1, "aws_public_ip": false, "qemu_memory": 512}
	got := rendered(t, full(), packer.Targets(), o)[render.VariablesFile]
	for _, want := range []string{
		`name `, `"linux-small"`, `"2026-01-02"`, `"with {{` + "`{{`" + `}}a}}, $${b} and %%{c}"`, `"ami-1"`, `["us-west-2"]`,
		`[["-cpu", "max"]]`, `"m7i.large"`, `"europe-west1-b"`, `"0.20260101.1"`, `"sha256:aaaa`, `release-engineering`, `cost_centre`, `"a_1"`, `"Release Engineering"`, "= false",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if only := rendered(t, full(), []packer.Target{packer.GCP}, o); strings.Contains(only[render.VariablesFile], "aws_") || only["aws.pkr.hcl"] != "" {
		t.Errorf("what is of AWS is rendered for Google:\n%s", only[render.VariablesFile])
	}
}

// TestPublish: what a definition says of publishing, and its own variables, reach the templates.
func TestPublish(t *testing.T) {
	o := options("1.6.6")
	got := strings.Join(strings.Fields(rendered(t, published(), packer.Targets(), o)[render.VariablesFile]), " ")
	for _, want := range []string{
		`aws_copy_to = ["us-west-2"]`, `aws_share_with = ["123456789012"]`, `aws_encrypt = true`, `aws_kms_key = "alias/images"`,
		`aws_region_kms_keys = { us-west-2 = "alias/copies" }`, `gcp_locations = ["eu"]`, `gcp_kms_key = "projects/p/`,
		`azure_resource_group = "images"`, `azure_gallery = "workers"`, `azure_gallery_image = "linux"`, `azure_gallery_regions = ["eastus"]`,
		`azure_gallery_resource_group = "images"`, `azure_gallery_version = "2026.1.2"`,
		`aws_public_ip = false`, `aws_ssh_user = "root"`, `gcp_network_tags = ["builds"]`, `qemu_args = [["-cpu", "host"]]`, `qemu_memory = 1024`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	for version, want := range map[string]string{"20260102030405": "2026.1.2030405", "2026.01.02-rc": "", "": ""} {
		o.Version = version
		got := rendered(t, published(), []packer.Target{packer.Azure}, o)[render.VariablesFile]
		if strings.Contains(got, "azure_gallery_version") != (want != "") || !strings.Contains(got, want) {
			t.Errorf("version %q: no %q in\n%s", version, want, got)
		}
	}
	if plain := rendered(t, full(), packer.Targets(), options("1.6.6"))[render.VariablesFile]; strings.Contains(plain, "aws_encrypt") || strings.Contains(plain, "azure_gallery") {
		t.Errorf("what is not published has variables of it:\n%s", plain)
	}
}

// TestVersions: what a newer packer knows is there for it, and is named for an old one.
func TestVersions(t *testing.T) {
	one := []packer.Target{packer.AWS, packer.GCP}
	newer := rendered(t, full(), one, options("1.11.2"))
	for name, want := range map[string]string{"aws.pkr.hcl": `imds_support = "v2.0"`, "gcp.pkr.hcl": "image_architecture", "plugins.pkr.hcl": "github.com/hashicorp/amazon"} {
		if !strings.Contains(newer[name], want) {
			t.Errorf("%s lacks %s", name, want)
		}
	}
	if strings.Contains(newer["plugins.pkr.hcl"], "qemu") {
		t.Error("plugins of other targets are required")
	}
	dir := filepath.Join(t.TempDir(), "out")
	warnings, err := render.Render(dir, full(), one, options("1.6.6"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"aws: packer is too old for imds_support", "metadata_options", "gcp: packer is too old for image_architecture"} {
		if !strings.Contains(strings.Join(warnings, "\n"), name) {
			t.Errorf("no warning of %s in %q", name, warnings)
		}
	}
	old := tree(t, dir)
	if old["plugins.pkr.hcl"] != "" || strings.Contains(old["aws.pkr.hcl"], "imds_support") {
		t.Error("packer 1.6.6 takes the new fields for errors")
	}
	o := options("1.6.6")
	o.AllowIMDSv1 = false
	if _, err := render.Render(dir, full(), one, o); !errors.Is(err, render.ErrIMDSv1) {
		t.Errorf("an image without IMDSv2: %v", err)
	}
	if _, err := render.Render(dir, full(), one[1:], o); err != nil {
		t.Errorf("Google has no IMDSv1: %v", err)
	}
}

func TestBad(t *testing.T) {
	change := func(f func(*packer.Image)) packer.Image {
		i := full()
		f(&i)
		return i
	}
	all := packer.Targets()
	for name, c := range map[string]struct {
		image   packer.Image
		targets []packer.Target
		o       render.Options
		says    string
	}{
		"no target":      {full(), nil, options(""), "no target"},
		"unknown target": {full(), []packer.Target{"awz"}, options(""), `no target "awz"`},
		"no base":        {change(func(i *packer.Image) { delete(i.Bases, packer.GCP) }), all, options(""), "no base for gcp"},
		"Windows":        {change(func(i *packer.Image) { i.OS = "windows-2022" }), all, options(""), "Windows on qemu"},
		"version":        {full(), all, options("new"), `"new"`},
		"no digest":      {change(func(i *packer.Image) { i.Downloads[0].SHA256 = "" }), all, options(""), "no sha256"},
		"no source":      {change(func(i *packer.Image) { i.Files[1].Source = "files/tol" }), all, options(""), "files/tol"},
		"tab":            {change(func(i *packer.Image) { i.Files[0].Path = "/a\tb" }), all, options(""), "tab"},
		"variable":       {change(func(i *packer.Image) { i.Scripts[0].Environment = map[string]string{"A-B": ""} }), all, options(""), `"A-B"`},
		"environment":    {change(func(i *packer.Image) { i.Environment = map[string]string{"1A": ""} }), all, options(""), `"1A"`},
		"service":        {change(func(i *packer.Image) { i.Services[0].Name = "../x" }), all, options(""), "../x"},
		"gallery":        {change(func(i *packer.Image) { i.Bases[packer.Azure] = packer.Base{Gallery: "/subscriptions/x"} }), all, options(""), "lacks resourcegroups"},
		"long name":      {change(func(i *packer.Image) { i.Name = strings.Repeat("n", 60) }), all, options(""), "63"},
		"unknown option": {full(), all, render.Options{AllowIMDSv1: true, Folder: folder(), Variables: map[string]any{"aws_regoin": "x"}}, "aws_regoin"},
		"odd option":     {full(), all, render.Options{AllowIMDSv1: true, Folder: folder(), Variables: map[string]any{"aws_region": []int{1}}}, "[]int"},
		"odd variable": {change(func(i *packer.Image) {
			i.Bases[packer.QEMU] = packer.Base{Variables: map[string]any{"qemu_args": []any{nil}}}
		}), all, options(""), "<nil>"},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		_, err := render.Render(dir, c.image, c.targets, c.o)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: something is written", name)
		}
	}
}

func TestReplacesItsOwnFolderOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	again := func() error {
		_, err := render.Render(dir, full(), []packer.Target{packer.GCP}, options(""))
		return err
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	first := tree(t, dir)
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if now, err := os.Stat(dir); err != nil || !os.SameFile(info, now) {
		t.Errorf("the same is written again: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "image", "stale"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, tree(t, dir)); diff != "" {
		t.Errorf("the second time it differs:\n%s", diff)
	}
	// What somebody has put there, or plain packer has made, stays, and is no reason to write anew.
	for name, text := range map[string]string{"programs/start-worker": "x", "manifest.json": "{}"} {
		first[name] = text
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	info, err = os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if now, err := os.Stat(dir); err != nil || !os.SameFile(info, now) {
		t.Errorf("it is written again because of files of others: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "aws.pkr.hcl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, tree(t, dir)); diff != "" {
		t.Errorf("with files of others it differs:\n%s", diff)
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 {
		t.Errorf("left beside it: %v, %v", entries, err)
	}
	if err := os.Remove(filepath.Join(dir, render.VariablesFile)); err != nil {
		t.Fatal(err)
	}
	if err := again(); err == nil || !strings.Contains(err.Error(), "was not rendered") {
		t.Errorf("a folder of somebody's is replaced: %v", err)
	}
}

func TestWindows(t *testing.T) {
	i := full()
	i.OS, i.Storage, i.Services = "windows-2022", packer.Storage{}, nil
	files := rendered(t, i, []packer.Target{packer.AWS, packer.GCP, packer.Azure}, options("1.11.2"))
	if files["linux.pkr.hcl"] != "" || files["scripts/linux/worker.sh"] != "" || files["scripts/windows/sysprep.ps1"] == "" {
		t.Error("files of the wrong system")
	}
	if got := files["image/scripts/000-set-up.script.env.ps1"]; !strings.Contains(got, "$env:A = 'it''s'") {
		t.Errorf("got %s", got)
	}
	if strings.Contains(files["aws.pkr.hcl"], "ed25519") {
		t.Error("Windows needs an RSA key")
	}
}

func TestSecretsAreReferences(t *testing.T) {
	t.Setenv("BUILD_TOKEN", "hunter2hunter2")
	for name, text := range rendered(t, full(), packer.Targets(), options("1.11.2")) {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s holds the secret", name)
		}
	}
	var refs map[string]packer.Secret
	if err := json.Unmarshal([]byte(rendered(t, full(), packer.Targets(), options(""))[render.SecretsFile]), &refs); err != nil || len(refs) != 2 {
		t.Errorf("%v, %v", refs, err)
	}
}

// TestPackerTakesIt validates every target with the packer that is installed, whatever its
// version.
func TestPackerTakesIt(t *testing.T) {
	found, err := build.Find(t.Context(), "")
	if err != nil {
		t.Skip("packer is not installed (apt-get install packer): ", err)
	}
	gallery := full()
	gallery.Bases[packer.Azure] = packer.Base{Region: "westeurope", Gallery: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/a/images/b/versions/1.2.3"}
	windows := full()
	windows.OS, windows.Storage = "windows-2022", packer.Storage{}
	arm := full()
	arm.Arch = "arm64"
	published, sealed := published(), published()
	sealed.Publish[packer.AWS] = packer.Publish{Regions: []string{"us-west-2"}, Encrypt: true}
	for name, c := range map[string]struct {
		image   packer.Image
		targets []packer.Target
	}{
		"linux": {full(), packer.Targets()}, "gallery": {gallery, []packer.Target{packer.Azure}}, "arm": {arm, packer.Targets()},
		"published": {published, packer.Targets()}, "default key": {sealed, []packer.Target{packer.AWS}},
		"windows": {windows, []packer.Target{packer.AWS, packer.GCP, packer.Azure}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			o := options(found.Version)
			o.Programs = programs(t)
			o.Variables = map[string]any{"gcp_project": "p"}
			if _, err := render.Render(dir, c.image, c.targets, o); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), found.Path, "fmt", "-check", "-diff", dir).CombinedOutput(); err != nil {
				t.Errorf("packer fmt: %s", out)
			}
			validate(t, found, dir, c.image, c.targets)
		})
	}
}

func validate(t *testing.T, found build.Packer, dir string, image packer.Image, targets []packer.Target) {
	t.Helper()
	env := slices.Concat(os.Environ(), []string{"ARM_SUBSCRIPTION_ID=a", "ARM_TENANT_ID=b", "ARM_CLIENT_ID=c", "ARM_CLIENT_SECRET=hidden-value", "WORKER_IMAGES_SSH_PASSWORD=hidden-word", "BUILD_TOKEN=hidden-token"})
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("hidden-key"), 0o600); err != nil {
		t.Fatal(err)
	}
	refs := filepath.Join(dir, render.SecretsFile)
	data, err := os.ReadFile(refs)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(refs, []byte(strings.Replace(string(data), "/keys/a_b", key, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	o := build.Options{Packer: found, Image: image, Targets: targets, Dir: dir, Output: t.TempDir(), Env: env}
	if err := build.Validate(t.Context(), o); err != nil {
		if strings.Contains(err.Error(), "packer init") {
			t.Skip("this packer's plugins are not installed: ", err)
		}
		t.Error(err)
	}
	// A field that packer does not know must be found: else all of this proves nothing.
	system, _, _ := strings.Cut(render.Source(image, targets[0]), ".")
	spoilt := filepath.Join(dir, system+".pkr.hcl")
	data, err = os.ReadFile(spoilt)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(spoilt, []byte(strings.Replace(string(data), "strip_path", "strip_pth", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var failed *build.TargetError
	if err := build.Validate(t.Context(), o); !errors.As(err, &failed) || !strings.Contains(err.Error(), "strip_pth") {
		t.Errorf("a template with an unknown field is valid: %v", err)
	}
}

func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"start-worker", "generic-worker", "start-worker.exe", "generic-worker.exe"} {
		if err := os.WriteFile(filepath.Join(dir, program), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// BenchmarkHundred is 100 images for 4 targets, ready to be written. To write them costs what the
// file system takes for 55 files each, which BenchmarkHundredWritten shows.
func BenchmarkHundred(b *testing.B) {
	image, o := full(), options("1.11.2")
	for b.Loop() {
		for range 100 {
			if _, _, err := render.Files(image, packer.Targets(), o); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkHundredWritten(b *testing.B) {
	image, o := full(), options("1.11.2")
	for b.Loop() {
		dir := b.TempDir()
		for i := range 100 {
			if _, err := render.Render(filepath.Join(dir, strconv.Itoa(i)), image, packer.Targets(), o); err != nil {
				b.Fatal(err)
			}
		}
	}
}
