// Package aws is the provider of EC2 instances.
package aws

import _ "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
