// Package azure is the provider of Azure virtual machines.
package azure

import (
	_ "github.com/Azure/azure-sdk-for-go/sdk/azcore"
	_ "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)
