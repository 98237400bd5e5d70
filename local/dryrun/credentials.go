package dryrun

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/workerkit/workerkit/internal/private"
	gce "github.com/workerkit/workerkit/local/clouds/gce/api"
)

// file is a file of the stand's.
func (s *Stand) file(name string) string { return filepath.Join(s.dir, name) }

// credentials writes what programs read of files: whom they trust, and Google's service account.
func (s *Stand) credentials() error {
	const bits = 2048
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return fmt.Errorf("make the key of a service account: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("write the key of a service account: %w", err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": projectID, "private_key_id": "1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": "packer@dry-run.iam.gserviceaccount.com", "client_id": "1",
		"token_uri": "https://" + gce.TokenHost + "/token",
	})
	if err != nil {
		return fmt.Errorf("write a service account: %w", err)
	}
	return errors.Join(
		private.Write(s.file("ca.pem"), s.proxy.Certificate()),
		private.Write(s.file("account.json"), account),
	)
}

// Env is what the environment of packer, or of another program that calls clouds, needs beside
// what it has, as NAME=value: everything goes through the stand's proxy, and nothing leaves this
// computer. The credentials are good for nothing else, and are no word that a log may need, because
// logs are masked. DRYRUN_URL is the URL.
func (s *Stand) Env() []string {
	env := []string{
		"HTTPS_PROXY=" + s.proxy.URL(), "https_proxy=" + s.proxy.URL(), "HTTP_PROXY=", "http_proxy=",
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"SSL_CERT_FILE=" + s.file("ca.pem"), "AWS_CA_BUNDLE=" + s.file("ca.pem"), "CHECKPOINT_DISABLE=1",
		"AWS_ACCESS_KEY_ID=AKIADRYRUN", "AWS_SECRET_ACCESS_KEY=good-for-nothing", "AWS_SESSION_TOKEN=", "AWS_PROFILE=",
		"AWS_EC2_METADATA_DISABLED=true",
		"GOOGLE_APPLICATION_CREDENTIALS=" + s.file("account.json"),
		"ARM_CLIENT_ID=" + clientID, "ARM_CLIENT_SECRET=good-for-nothing", "ARM_TENANT_ID=" + tenantID, "ARM_SUBSCRIPTION_ID=" + subscriptionID,
		"DRYRUN_URL=" + s.url,
	}
	for name, value := range s.Vars() {
		env = append(env, "PKR_VAR_"+name+"="+value)
	}
	slices.Sort(env)
	return env
}

// Vars are the variables by which the templates of worker-images find SSH and EC2, each of which is
// one of theirs. They are in Env as well, but a variable there gives way to one in a -var-file, as
// packer has it.
func (s *Stand) Vars() map[string]string {
	vars := map[string]string{
		"aws_endpoint": s.url, "aws_poll_seconds": "1", "gcp_project": projectID, "azure_resource_group": groupName,
	}
	if s.machine == nil {
		return vars
	}
	vars["ssh_port"] = strconv.Itoa(s.machine.Port())
	for _, cloud := range []string{"aws", "gcp", "azure"} {
		vars[cloud+"_ssh_user"] = s.machine.User()
	}
	return vars
}

// The project in Google, and the resource group in Azure that is there for images.
const (
	projectID = "dry-run"
	groupName = "dry-run"
)

// The names in Azure, of which there must be some.
const (
	clientID       = "00000000-0000-4000-8000-000000000001"
	tenantID       = "00000000-0000-4000-8000-000000000002"
	subscriptionID = "00000000-0000-4000-8000-000000000003"
)
