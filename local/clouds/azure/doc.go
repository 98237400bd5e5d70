// Package azure emulates Azure.
package azure

import _ "github.com/smallstep/pkcs7"
