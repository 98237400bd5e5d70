// Package gce emulates GCE.
package gce

import _ "github.com/golang-jwt/jwt/v5"
