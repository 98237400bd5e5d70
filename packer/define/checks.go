package define

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/nearest"
)

// maxName leaves room for a dash and the 14 digits of a time within the 63 characters that GCP
// allows.
const maxName = 48

var (
	nameForm       = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	identifierForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	variableForm   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	packageForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._:~/-]*(=[A-Za-z0-9+._:~*-]+)?$`)
	labelForm      = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9@._ -]*$`)
	tagForm        = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	tagValueForm   = regexp.MustCompile(`^[a-z0-9_-]{0,63}$`)
	versionForm    = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	modeForm       = regexp.MustCompile(`^0?[0-7]{3,4}$`)
	sha256Form     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	drivePathForm  = regexp.MustCompile(`^[A-Za-z]:[\\/]`)
	accountForm    = regexp.MustCompile(`^[0-9]{12}$`)
	awsRegionForm  = regexp.MustCompile(`^[a-z]{2,5}(-[a-z]+)+-[0-9]+$`)
	awsKeyForm     = regexp.MustCompile(`^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/.+|alias/.+|mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	locationForm   = regexp.MustCompile(`^(us|eu|asia|[a-z]+-[a-z]+[0-9]+)$`)
	gcpKeyForm     = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$`)
	azureForm      = regexp.MustCompile(`^[a-z]+[0-9]*$`)
	resourceForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._()-]{0,89}$`)
)

// errUser is a URL with a user and password, whose line is not shown.
var errUser = errors.New("a URL holds no user and password")

func matches(form *regexp.Regexp, what string) func(string) error {
	return func(s string) error {
		if !form.MatchString(s) {
			return errors.New(what)
		}
		return nil
	}
}

func checkName(s string) error {
	if !nameForm.MatchString(s) || len(s) > maxName {
		return fmt.Errorf("%q: the name of an image has at most %d small letters, digits and dashes, and begins with a letter, as the clouds want it", s, maxName)
	}
	return nil
}

func checkIdentifier(s string) error {
	return matches(identifierForm, "a name has letters, digits, dashes and underscores")(s)
}

func checkVariable(s string) error {
	return matches(variableForm, "the name of an environment variable has letters, digits and underscores")(s)
}

func checkPackage(s string) error {
	return matches(packageForm, `a package is its name, perhaps with "=" and a version`)(s)
}

func checkLabel(s string) error {
	return matches(labelForm, "a name has letters, digits, blanks, and @ . _ -")(s)
}

func checkTag(s string) error {
	return matches(tagForm, "the name of a tag has at most 63 small letters, digits, dashes and underscores, and begins with a letter, as GCP wants it")(s)
}

func checkTagValue(s string) error {
	return matches(tagValueForm, "a tag has at most 63 small letters, digits, dashes and underscores, as GCP wants it")(s)
}

func checkVersion(s string) error {
	return matches(versionForm, `a version is three numbers, as in "1.2.3"`)(s)
}

func checkMode(s string) error {
	return matches(modeForm, `a mode is octal, as in "0644"`)(s)
}

func checkSHA256(s string) error {
	return matches(sha256Form, "a sha256 has 64 digits 0-9 and a-f")(s)
}

func checkAccount(s string) error {
	return matches(accountForm, fmt.Sprintf("%q: an account of AWS has 12 digits, in quotes", s))(s)
}

func checkAWSRegion(s string) error {
	return matches(awsRegionForm, fmt.Sprintf(`%q is no region of AWS, as in "eu-west-1"`, s))(s)
}

func checkAWSKey(s string) error {
	return matches(awsKeyForm, fmt.Sprintf(`%q: a key of AWS is its ARN, its id, or "alias/NAME"`, s))(s)
}

func checkLocation(s string) error {
	return matches(locationForm, fmt.Sprintf(`%q: a location of GCP is us, eu, asia or a region, as in "europe-west1"`, s))(s)
}

func checkGCPKey(s string) error {
	return matches(gcpKeyForm, fmt.Sprintf(`%q: a key of GCP is "projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY"`, s))(s)
}

func checkAzureRegion(s string) error {
	return matches(azureForm, fmt.Sprintf(`%q: a region of Azure is its short name, as in "westeurope"`, s))(s)
}

func checkResource(s string) error {
	return matches(resourceForm, fmt.Sprintf(`%q: a resource of Azure is named with letters, digits, dots, dashes and underscores`, s))(s)
}

func checkNotEmpty(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("it is empty")
	}
	return nil
}

// checkURL takes no user and password: they would be in logs and records.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("a URL begins with https:// or http:// and names a host")
	case u.User != nil:
		return errUser
	}
	return nil
}

// checkDisk takes the URL of a disk image, or a path.
func checkDisk(s string) error {
	if strings.Contains(s, "://") {
		return checkURL(s)
	}
	return checkNotEmpty(s)
}

// checkSource takes a path that stays in the folder of the definitions.
func checkSource(s string) error {
	if s == "" || s == "." || strings.Contains(s, `\`) || path.IsAbs(s) || path.Clean(s) != s || strings.HasPrefix(s+"/", "../") {
		return errors.New(`a source is a path in the folder of the definitions, as in "scripts/setup.sh"`)
	}
	return nil
}

// checkPath takes an absolute path of the image's operating system.
func checkPath(s string, windows bool) error {
	slashes := s
	if windows {
		slashes = strings.ReplaceAll(s, `\`, "/")
		if len(slashes) == len("C:/") {
			slashes = strings.TrimSuffix(slashes, "/") // the root of a drive
		}
	}
	switch {
	case windows && !drivePathForm.MatchString(s):
		return errors.New(`a path of Windows begins with a drive, as in "C:\\worker"`)
	case !windows && !path.IsAbs(s):
		return errors.New(`a path begins with "/"`)
	case path.Clean(slashes) != slashes || strings.ContainsAny(s, "\x00\n"):
		return fmt.Errorf("a path has no %q, no %q, and no slash twice or at its end", ".", "..")
	}
	return nil
}

// oneOf takes one of a few words.
func oneOf(what string, words []string) func(string) error {
	return func(s string) error {
		if slices.Contains(words, s) {
			return nil
		}
		return fmt.Errorf("%q is not %s; there are %s%s", s, what, strings.Join(words, ", "), perhaps(s, words))
	}
}

// perhaps suggests the word that was perhaps meant, or nothing.
func perhaps(misspelt string, words []string) string {
	if near, ok := nearest.Name(misspelt, words); ok {
		return fmt.Sprintf("; perhaps you meant %q", near)
	}
	return ""
}
