package build

import (
	"strings"
	"unicode"
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
// words of each cloud's library; else it is empty.
func advice(line string) string {
	has := func(text string) bool { return strings.Contains(line, text) }
	switch {
	case has("NoCredentialProviders"), has("no valid credential sources"):
		return "there are no credentials for AWS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
	case has("could not find default credentials"):
		return "there are no credentials for Google: set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account"
	case has("for Managed Identity authentication"):
		return "there are no credentials for Azure: set ARM_SUBSCRIPTION_ID, ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET"
	}
	return ""
}
