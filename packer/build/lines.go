package build

import (
	"strings"
	"unicode"

	"github.com/workerkit/workerkit/packer"
)

// printable keeps what a machine printed from steering the terminal of whoever reads it. The log
// has it as it was.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// advice says what to do when a line tells that packer has no credentials, which it does in the
// words of each cloud's library, or cannot use the disk of a base; else it is empty.
func advice(t packer.Target, line string) string {
	has := func(text string) bool { return strings.Contains(line, text) }
	switch {
	case has("image: Error waiting for SSH: ") && t == packer.QEMU:
		return "packer cannot log in to the base's disk: one without cloud-init needs WORKER_IMAGES_SSH_PASSWORD or PKR_VAR_qemu_ssh_private_key_file"
	case has("Checksums did not match for") && t == packer.QEMU:
		return "the base's disk is not the one of its sha256"
	case has("NoCredentialProviders"), has("no valid credential sources"):
		return "there are no credentials for AWS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
	case has("could not find default credentials"):
		return "there are no credentials for Google: set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account"
	case has("for Managed Identity authentication"):
		return "there are no credentials for Azure: set ARM_SUBSCRIPTION_ID, ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET"
	}
	return ""
}
